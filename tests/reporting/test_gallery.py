"""The generated pages are current, and a recorded figure is drawn from its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suppression import report
from suppression.reporting.gallery import datasets_page, experiments_page, redraw, with_result

TOP = Path(__file__).parent.parent.parent


def test_the_page_of_data_sets_is_current():
    """Run `python -m suppression.report` if this or one of the next two fails."""
    page = (TOP / "datasets" / "README.md").read_text()
    assert page == datasets_page(TOP / "datasets")


def test_the_page_of_experiments_is_current():
    page = (TOP / "experiments" / "README.md").read_text()
    assert page == experiments_page(TOP / "experiments")


def test_the_result_in_the_readme_is_current():
    readme = (TOP / "README.md").read_text()
    assert "<!-- result:" in readme
    assert readme == with_result(readme, TOP / "experiments")


def test_a_recorded_figure_is_drawn_anew_from_its_rows(tmp_path):
    """In the same bytes each time."""
    for kind in ("toml", "laptop.csv", "laptop.json"):
        shutil.copy(TOP / "experiments" / f"augmentation_pairs.{kind}", tmp_path)
    (first,) = redraw(tmp_path)
    before = first.read_bytes()
    assert first.name == "augmentation_pairs.laptop.svg"
    assert b"op1 jitter" in before
    first.write_bytes(b"")
    redraw(tmp_path)
    assert first.read_bytes() == before


@pytest.mark.parametrize("argv", [["digit_size"], ["--help"]])
def test_the_command_takes_no_arguments(argv, capsys):
    assert report.main(argv) == 2
    assert "takes no arguments" in capsys.readouterr().err
