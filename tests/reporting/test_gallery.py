"""The generated pages are current, and a recorded figure is drawn from its rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suppression import report
from suppression.errors import UserError
from suppression.reporting.gallery import (
    CONTRASTS,
    datasets_page,
    experiments_page,
    recipe_page,
    redraw,
    with_result,
)

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


@pytest.mark.parametrize("path", sorted((TOP / "experiments").glob("*.md")), ids=lambda p: p.stem)
def test_the_contrasts_and_the_marked_numbers_of_a_page_are_current(path):
    if path.with_suffix(".toml").exists():
        page = path.read_text()
        assert page == recipe_page(page, path.parent, path.stem)


def test_a_page_without_a_place_for_its_contrasts_gets_them_at_its_end(tmp_path):
    for kind in ("toml", "laptop.csv", "laptop.json"):
        shutil.copy(TOP / "experiments" / f"losses.{kind}", tmp_path)
    page = recipe_page("# losses\n\nWhat was found.\n", tmp_path, "losses")
    assert page.startswith(f"# losses\n\nWhat was found.\n\n{CONTRASTS[0]}\n## Registered contr")
    assert page.endswith(f"{CONTRASTS[1]}\n")
    assert "- *margin or NT-Xent, 4 bits*: simclr, loss margin 73.4 %, simclr 80.3 %, of" in page
    assert recipe_page(page, tmp_path, "losses") == page


def test_a_fault_of_a_mark_is_told_with_its_page(tmp_path):
    shutil.copy(TOP / "experiments" / "losses.toml", tmp_path)
    with pytest.raises(UserError, match=r"losses.md, line 1, <!--= .* cannot be read"):
        recipe_page("3<!--= losses.laptop simclr -->", tmp_path, "losses")


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
