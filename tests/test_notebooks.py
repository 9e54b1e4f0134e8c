"""Every notebook runs from top to bottom, and is the pair of its text twin."""

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parent.parent / "notebooks"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
# The kernel's own sockets warn when they are closed; that is not ours to mend.
@pytest.mark.filterwarnings("default")
def test_the_notebook_runs_and_draws(path, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    drawn = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(drawn) >= 2
    assert len(notebook.cells) <= 14


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_the_notebook_and_its_text_twin_say_the_same(path):
    sources = [[(cell.cell_type, cell.source) for cell in jupytext.read(twin).cells] for twin in (path, path.with_suffix(".py"))]
    assert sources[0] == sources[1]


def test_a_committed_notebook_carries_no_output():
    for path in FOLDER.glob("*.ipynb"):
        assert all(not cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells)
