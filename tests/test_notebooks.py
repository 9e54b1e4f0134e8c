"""Every notebook runs from top to bottom, and is the pair of its text twin."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


def pictures_in(notebook):
    """How many pictures its cells show, be they bytes or drawn in a page."""
    number = 0
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            number += "image/png" in data or "<svg" in data.get("text/html", "")
    return number


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
# The kernel's own sockets warn when they are closed; that is not ours to mend.
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert pictures_in(notebook) >= 2
    assert len(notebook.cells) <= 14


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_and_its_text_twin_say_the_same(path):
    sources = []
    for twin in (path, path.with_suffix(".py")):
        sources.append([(cell.cell_type, cell.source) for cell in jupytext.read(twin).cells])
    assert sources[0] == sources[1]


def test_a_committed_notebook_carries_no_output():
    for path in FOLDER.glob("*.ipynb"):
        assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
