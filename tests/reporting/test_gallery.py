"""The generated pages are current, and a recorded figure is drawn from its rows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from suppression import report
from suppression.errors import UserError
from suppression.reporting.gallery import (
    CONTRASTS,
    RECORD,
    datasets_page,
    draw_slides,
    experiments_pages,
    redraw,
    with_part,
    with_result,
)

TOP = Path(__file__).parent.parent.parent


def test_the_page_of_data_sets_is_current():
    """Run `python -m suppression.report` if this or one of the next two fails."""
    page = (TOP / "datasets" / "README.md").read_text()
    assert page == datasets_page(TOP / "datasets")


def test_the_index_and_the_pages_of_experiments_are_current():
    pages = experiments_pages(TOP / "experiments")
    assert len(pages) == 1 + len(list((TOP / "experiments").glob("*.toml")))
    for path, page in pages.items():
        assert path.read_text() == page, path.name


def test_the_index_of_experiments_is_one_screen_and_its_links_lead_somewhere():
    page = (TOP / "experiments" / "README.md").read_text()
    assert page.count("\n| ") <= 8
    links = re.findall(r"\[\w+\]\((\w+\.md)\)<br>", page)
    recipes = sorted(path.stem for path in (TOP / "experiments").glob("*.toml"))
    assert [link.removesuffix(".md") for link in links] == recipes
    for link in [*links, *re.findall(r"\((slides/\w+\.svg)\)", page)]:
        assert (TOP / "experiments" / link).exists()


def test_what_people_wrote_stays_around_what_is_generated():
    page = with_part("# heads\n\nBefore.\n", RECORD, "old\n")
    assert page.startswith("# heads\n\nBefore.\n\n")
    page += "\nBehind.\n"
    anew = with_part(page, RECORD, "new\n")
    assert anew == page.replace("old\n", "new\n")
    assert with_part(anew, RECORD, "new\n") == anew


def test_the_result_in_the_readme_is_current():
    readme = (TOP / "README.md").read_text()
    assert "<!-- result:" in readme
    assert readme == with_result(readme, TOP / "experiments")


def test_a_page_without_places_for_contrasts_and_record_gets_them_at_its_end(tmp_path):
    for kind in ("toml", "laptop.csv", "laptop.json"):
        shutil.copy(TOP / "experiments" / f"losses.{kind}", tmp_path)
    own = tmp_path / "losses.md"
    own.write_text("# losses\n\nWhat was found.\n")
    page = experiments_pages(tmp_path)[own]
    assert page.startswith(f"# losses\n\nWhat was found.\n\n{CONTRASTS[0]}\n## Registered contr")
    assert page.index(CONTRASTS[1]) < page.index(RECORD[0])
    assert page.endswith(f"{RECORD[1]}\n")
    assert "- *margin or NT-Xent, 4 bits*: simclr, loss margin 73.4 %, simclr 80.3 %, of" in page
    own.write_text(page)
    assert experiments_pages(tmp_path)[own] == page


def test_a_fault_of_a_mark_is_told_with_its_page(tmp_path):
    shutil.copy(TOP / "experiments" / "losses.toml", tmp_path)
    (tmp_path / "losses.md").write_text("3<!--= losses.laptop simclr -->")
    with pytest.raises(UserError, match=r"losses.md, line 1, <!--= .* cannot be read"):
        experiments_pages(tmp_path)


def test_a_recorded_figure_is_drawn_anew_from_its_rows(tmp_path):
    """In the same bytes each time."""
    for kind in ("toml", "laptop.csv", "laptop.json"):
        shutil.copy(TOP / "experiments" / f"augmentation_pairs.{kind}", tmp_path)
    (first,) = redraw(tmp_path)
    before = first.read_bytes()
    assert first.name == "augmentation_pairs.laptop.svg"
    assert b"jitter" in before
    first.write_bytes(b"")
    redraw(tmp_path)
    assert first.read_bytes() == before


def test_a_slide_is_drawn_of_a_record_and_stands_in_the_index(tmp_path):
    for name in ("losses", "screening_bits"):
        for path in (TOP / "experiments").glob(f"{name}.*"):
            shutil.copy(path, tmp_path)
    assert "slides/losses.svg" not in experiments_pages(tmp_path)[tmp_path / "README.md"]
    drawn = draw_slides(tmp_path)
    assert drawn == [tmp_path / "slides" / "losses.svg"]  # no screening: its rows are too many
    assert b"<title>At bits 4" in drawn[0].read_bytes()
    index = experiments_pages(tmp_path)[tmp_path / "README.md"]
    assert index.count("![") == index.count("](slides/losses.svg)](slides/losses.svg)") == 1
    assert "[losses](losses.md)" in index
    assert "[screening_bits](screening_bits.md)" in index


def test_every_record_has_its_slide_in_the_checkout():
    kept = {path.stem for path in (TOP / "experiments" / "slides").glob("*.svg")}
    recorded = {path.name.split(".")[0] for path in (TOP / "experiments").glob("*.*.csv")}
    assert kept == {name for name in recorded if not name.startswith("screening_")}


@pytest.mark.parametrize("argv", [["digit_size"], ["--help"]])
def test_the_command_takes_no_arguments(argv, capsys):
    assert report.main(argv) == 2
    assert "takes no arguments" in capsys.readouterr().err
