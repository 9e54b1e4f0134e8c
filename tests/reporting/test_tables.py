"""The tables: published values beside the right line, and every width of a terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suppression.evaluation.probes import AXES
from suppression.experiment.plan import make_plan
from suppression.reporting.console import cell_text, live_table, result_text
from suppression.reporting.gallery import recorded
from suppression.reporting.leaderboard import leaderboard
from suppression.reporting.leaderboard_text import terminal
from suppression.reporting.numbers import plus_minus, value_text
from suppression.reporting.result import Result
from suppression.reporting.summary import summarise
from suppression.reporting.tables import (
    arm_block,
    caption,
    layout,
    not_asked_text,
    published_table,
    terminal_arms,
    terminal_table,
)

FOLDER = Path(__file__).parent.parent.parent / "experiments"
RECORDS = [path.name.removesuffix(".csv") for path in sorted(FOLDER.glob("*.*.csv"))]


def test_published_values_stand_beside_the_scenes_that_they_are_of(planned, along_bits, curves):
    summary = summarise(planned, along_bits(planned, curves))
    _, blocks = layout(summary)
    (simclr,) = [block for block in blocks if block[0][0] == "simclr, tau 0.2"]
    assert simclr[1] == ["", "", "published", "90.0", "", "", "", ""]
    row = "| simclr, tau 0.2 | class | 90.0 | 33.0 | 10.4 | 10.0 | 9.9 |"
    assert row in published_table(planned)
    assert "guessing: class 10 %" in caption(summary)


def test_a_seed_of_the_ends_only_is_told_in_the_caption(planned, along_bits, curves):
    rows = along_bits(planned, curves)
    assert "seeds 0, 1, 2;" in caption(summarise(planned, rows))
    fewer = [row for row in rows if row["seed"] == 0 or row["bits"] in (0, 8)]
    told = caption(summarise(planned, fewer))
    assert "seeds 0, 1, 2 (not everywhere on the axis);" in told


@pytest.mark.parametrize(
    ("mean", "low", "high", "bounds", "half"),
    [
        (0.4904, 0.44, 0.541, "49.0 [44, 54]", "49±5"),
        (0.132, 0.128, 0.136, "13.2 [12.8, 13.6]", "13.2±0.4"),
        (0.997, 0.990, 1.0, "99.7 [99.0, 100.0]", "99.7±0.5"),
        (0.5, 0.4998, 0.5002, "50.00 [49.98, 50.02]", "50.00±0.02"),
        (0.5, float("nan"), float("nan"), "50.0", "50.0"),
        (0.1, 0.1, 0.1, "10.0 [10.0, 10.0]", "10.0±0.0"),
        (0.0, 0.0, 0.3, "0.0 [0, 30]", "0±15"),
    ],
)
def test_a_value_in_a_cell(mean, low, high, bounds, half):
    assert value_text(mean, low, high) == bounds
    assert plus_minus(mean, low, high) == half


@pytest.mark.parametrize("name", RECORDS)
def test_a_caption_explains_the_words_that_the_page_has_in_place_of_values(name):
    summary, _ = recorded(FOLDER, *name.split("."))
    _, blocks = layout(summary)
    words = {cell for block in blocks for line in block for cell in line[3:]}
    lines = caption(summary).splitlines()
    absent = summary.plan.card.absent
    if absent and summary.plan.recipe.axis not in AXES:
        assert (f"{absent}." in lines) is ("n/a" in words)
    assert any(line.startswith("-: controls") for line in lines) is ("-" in words)


# --- for a terminal ------------------------------------------------------------------------------


def tables_of(text):
    """The table of the line that the claim is about, and that of all others, where there is one."""
    return re.split(r"\n\n(?=other readings, )", text)


def columns_of(text):
    """The titles of the columns in the parts of a terminal's table, in their order."""
    found = []
    for part in text.split("\n\n"):
        titles = next(line for line in part.splitlines() if line.startswith(" "))
        found += titles.split()
    return found


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", RECORDS)
def test_every_recorded_table_fits_a_terminal_with_names_whole(name, width):
    summary, _ = recorded(FOLDER, *name.split("."))
    if summary.plan.baselines:  # a terminal shows the leaderboard in its place
        lines = terminal(leaderboard(summary)).splitlines()
        assert max(map(len, lines)) <= 80
        assert sum("[" in line for line in lines[1:]) == len(leaderboard(summary).entries)
        return
    for intervals in (False, True):
        text = terminal_table(summary, width=width, intervals=intervals)
        lines = text.splitlines()
        assert max(map(len, lines)) <= width
        first, *rest = tables_of(text)
        assert len(rest) == (summary.headline is not None and len(summary.lines) > 1)
        for table in (first, *rest):
            assert columns_of(table) == [str(x) for x in summary.plan.axis]
        for arm in terminal_arms(summary):
            if summary.headline is not None:
                assert re.search(rf"^{re.escape(arm.label)}  ", first, re.M)
            for line in summary.lines:
                if line != summary.headline and summary.measured(arm, line):
                    assert arm.label in lines  # a line of its own, whole
                    pattern = rf"^  {re.escape(line.feature)}, {re.escape(line.scenes)}\b"
                    assert re.search(pattern, text, re.M)


def told_in(table, label, number):
    """The values of the line that is so many below an arm's own, in all parts of the table."""
    told = []
    for part in table.split("\n\n"):
        lines = part.splitlines()
        (at,) = [i for i, line in enumerate(lines) if re.match(rf"{re.escape(label)}(  |$)", line)]
        told += re.split(r" {2,}", lines[at + number].strip())[1:]
    return told


@pytest.mark.parametrize(
    "name",
    ["digit_size.laptop", "temperature.laptop", "randbits_mnist.laptop", "random_bits.laptop"],
)
def test_every_value_of_the_page_is_in_the_terminals_table(name):
    """Line by line, in the same order: nothing is lost where the table is split."""
    summary, _ = recorded(FOLDER, *name.split("."))
    text = terminal_table(summary, width=80, intervals=True)
    first, *rest = tables_of(text)
    assert "\n\n" in text
    others = [line for line in summary.lines if line != summary.headline]
    for arm in terminal_arms(summary):
        if summary.headline is not None:
            for number, line in enumerate(arm_block(summary, arm, [summary.headline])):
                assert told_in(first, arm.label, number) == [cell for cell in line[3:] if cell]
        for number, line in enumerate(arm_block(summary, arm, others), start=1):
            told = told_in(rest[0] if rest else first, arm.label, number)
            assert told == [cell for cell in line[3:] if cell]


def test_a_table_that_fits_is_one_part_and_a_narrow_one_several(planned, along_bits, curves):
    summary = summarise(planned, along_bits(planned, curves))
    whole = terminal_table(summary, width=120)
    assert "\n\n" not in whole
    narrow = terminal_table(summary, width=40)
    assert narrow.count("\n\n") >= 1
    assert max(map(len, narrow.splitlines())) <= 40
    assert columns_of(whole) == columns_of(narrow) == ["0", "2", "4", "6", "8"]
    # However narrow, a column stands beside the names.
    least = terminal_table(summary, width=10)
    assert columns_of(least) == columns_of(whole)


def test_the_cells_of_a_terminal_are_the_points(planned, along_bits, curves):
    rows = along_bits(planned, curves)
    summary = summarise(planned, rows)
    lines = terminal_table(summary, width=100).splitlines()
    measured = "class, together: top-1 accuracy, %"
    assert lines[0] == f"{measured}; columns: bits that the two views share"
    assert lines[1].split() == ["0", "2", "4", "6", "8"]
    # Seeds 0.01 apart: half of the t-interval of three is 4.303 * 0.01 / sqrt(3), 2.5 points.
    label = "simclr, tau 0.2"
    (at,) = [i for i, line in enumerate(lines) if line.startswith(label)]
    values = lines[at].removeprefix(label).split()
    assert values == ["90±2", "80±2", "70±2", "20±2", "10±2"]
    assert lines[at + 1].split() == ["published", "90.0"]


def test_arms_that_were_not_asked_for_are_named_below_and_are_no_lines(along_bits, curves):
    plan = make_plan("random_bits", seeds=1, pins={"tau": [0.2], "method": ["simclr"]})
    summary = summarise(plan, along_bits(plan, curves))
    text = terminal_table(summary, width=80)
    others = [arm.label for arm in plan.unasked]
    assert len(others) >= 2
    assert not [label for label in others if label in text]
    assert not_asked_text(summary) == f"not asked for: {'; '.join(others)}"


def test_an_arm_that_was_not_asked_for_but_is_stored_is_a_line(along_bits, row_of, curves):
    plan = make_plan("random_bits", seeds=1, pins={"tau": [0.2], "method": ["simclr"]})
    rows = along_bits(plan, curves)
    beside = [row_of(cell, 0.5) for cell in plan.other_cells if cell.method == "supervised"]
    summary = summarise(plan, rows + beside)
    table = terminal_table(summary, width=80)
    (line,) = [line for line in table.splitlines() if line.startswith("supervised ")]
    assert line.split() == ["supervised", *["50±2†"] * 5]
    assert "supervised" not in not_asked_text(summary)
    assert "untrained" in not_asked_text(summary)


def test_a_terminal_shows_title_table_words_caption_and_the_verdict_last(
    planned, row_of, curves, along_bits
):
    rows = along_bits(planned, curves)
    answers = [(planned.cells[0], [])]
    result = Result(planned, answers)
    object.__setattr__(result, "own_rows", rows)  # as if the cells had answered so
    for width in (60, 80, 120):
        text = result_text(result, width=width)
        assert max(map(len, text.splitlines())) <= width
        assert text.startswith(planned.recipe.title)
        assert "simclr, tau 0.2 keeps 0 % of 'class'" in " ".join(text.split())
        assert text.split("\n\n")[0] == planned.recipe.title
        last = text.split("\n\n")[-1]
        assert " ".join(last.split()) == f"verdict: {result.verdict()}"


def test_the_live_table_is_the_table_of_what_is_known(planned, row_of):
    known = [(cell, [row_of(cell, 0.5)]) for cell in planned.cells[:3]]
    failed = [planned.cells[5]]
    live = live_table(planned, known, failed, width=80)
    summary = summarise(planned, [row for _, rows in known for row in rows], failed)
    assert live.plain == terminal_table(summary, width=80)
    assert live.plain.count("failed") == 1
    assert "..." in live.plain
    assert live.no_wrap


def test_before_anything_is_known_the_live_table_has_every_arm_and_dots(planned):
    live = live_table(planned, [], [], width=80).plain
    for arm in planned.arms:
        assert arm.label in live.splitlines()
    assert live.count("...") >= len(planned.arms) * len(planned.axis)


def test_a_finished_cells_values_stand_in_one_line(planned, row_of):
    cell = planned.cells[0]
    rows = [row_of(cell, 0.25), row_of(cell, 0.5, scenes="alone")]
    told = cell_text(planned, cell, rows)
    assert told == "class alone 50.0; class together 25.0 (top-1 accuracy, %)"
