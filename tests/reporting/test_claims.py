"""Registered contrasts in words, from rows that were made up; SciPy says what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from suppression.experiment.plan import make_plan
from suppression.reporting.claims import claims, in_short, page_section, rows
from suppression.reporting.result import Result
from suppression.reporting.summary import summarise
from suppression.reporting.verdict import verdict

SMALL = Path(__file__).parent.parent / "competition.toml"
CONTRASTS = """
[[contrasts]]
name = "redrawn or shared"
a = { method = "simclr", redraw = 1.0, tau = 0.2 }
b = { method = "simclr", tau = 0.2 }
at = 12
feature = "first"
probe = "named"
margin = 3

[[contrasts]]
name = "large or equal"
a = { method = "simclr", tau = 0.2 }
at = "last"
at_b = "first"
feature = "first"
probe = "named"
margin = 3

[[contrasts]]
name = "supervised"
a = { method = "supervised" }
at = 12
at_b = 6
feature = "first"
probe = "named"
margin = 3
after_the_record = true

[[contrasts]]
name = "untrained or not"
a = { method = "simclr", tau = 0.2 }
b = { method = "untrained" }
at = 12
feature = "first"
probe = "named"
margin = 3
"""
SHARED, REDRAWN = "simclr, tau 0.2", "simclr, tau 0.2, competitor redrawn"
AT_12 = (0.40, 0.42, 0.41, 0.43)
REDRAWN_AT_12 = (0.70, 0.74, 0.72, 0.71)
READINGS = {
    SHARED: {6: (0.90, 0.91, 0.92, 0.90), 12: AT_12},
    REDRAWN: {12: REDRAWN_AT_12},
    "supervised": {6: (0.950, 0.951, 0.952, 0.953), 12: (0.951, 0.950, 0.953, 0.952)},
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    recipe = tmp_path_factory.mktemp("recipes") / "small.toml"
    recipe.write_text(SMALL.read_text().replace("[scale.smoke]", f"{CONTRASTS}\n[scale.smoke]"))
    return make_plan(str(recipe), scale="smoke", seeds=4)


@pytest.fixture(scope="module")
def summary(plan, by_size):
    return summarise(plan, by_size(plan, READINGS))


def test_differences_are_paired_by_seed_and_corrected_for_all_that_are_registered(summary):
    found = claims(summary)
    oracle = ttest_rel(REDRAWN_AT_12, AT_12)
    interval = oracle.confidence_interval(0.95)
    assert found[0].found.p == pytest.approx(oracle.pvalue)
    assert (found[0].found.low, found[0].found.high) == pytest.approx(
        (100 * interval.low, 100 * interval.high)
    )
    # Four are registered, one of which was not measured; one has a smaller p.
    assert found[1].found.p < found[0].found.p
    assert found[0].found.p_holm == pytest.approx(3 * oracle.pvalue)
    assert found[3].seeds == 0
    words = [claim.word for claim in found]
    assert words == ["higher", "lower", "no difference", "cannot tell"]


def test_a_page_says_what_was_read_the_word_and_its_numbers(summary):
    title, _, head, _, *lines = page_section(summary).splitlines()
    assert title == "## Registered contrasts, smoke scale"
    assert head.startswith("4 differences, paired by seed")
    assert head.endswith("Registered after the record was made, which they describe: 1 of them.")
    assert lines[0].startswith(
        "- *redrawn or shared*: simclr, tau 0.2, competitor redrawn 71.8 %, simclr, tau 0.2 "
        "41.5 %, of 'first' (together, named) at size2 12: **higher** by 30.2 points (27.5 to 33.0;"
    )
    assert lines[0].endswith("by sign flips 0.12; 4 seeds).")
    assert "**lower** by 49.2 points (" in lines[1]
    assert "simclr, tau 0.2 41.5 % at size2 12 and 90.8 % at 6, of 'first'" in lines[1]
    assert "**no difference within ±3**: 0.0 points (-0.2 to 0.2;" in lines[2]
    assert lines[3].endswith(
        "untrained not measured, of 'first' (together, named) at size2 12: "
        "**cannot tell**, not measured."
    )


def test_the_verdict_ends_in_the_same_words(plan, summary):
    short = in_short(summary)
    assert short == (
        "Registered contrasts. Higher: redrawn or shared (30.2 points, 27.5 to 33.0). "
        "Lower: large or equal (49.2 points, 46.5 to 52.0). "
        "No difference: supervised (0.0 points, -0.2 to 0.2, within ±3). Not measured: 1 of 4."
    )
    assert verdict(summary).endswith(short)


def test_a_small_difference_that_is_told_is_said_to_be_within_the_margin(plan, by_size):
    more = {**READINGS, "supervised": {6: (0.95,) * 4, 12: (0.960, 0.961, 0.959, 0.960)}}
    found = page_section(summarise(plan, by_size(plan, more))).splitlines()[6]
    assert "**higher** by 1.0 points (0.9 to 1.1;" in found
    assert found.endswith("4 seeds), within ±3.")


def test_two_seeds_and_seeds_that_do_not_differ_are_told_one_by_one(plan, by_size):
    same = {**READINGS, "supervised": {6: (0.9,) * 4, 12: (0.5,) * 4}}
    made = by_size(plan, same)
    made = [row for row in made if row["method"] == "supervised" or row["seed"] < 2]
    lines = page_section(summarise(plan, made)).splitlines()
    assert lines[4].endswith("**cannot tell**: 30.0/32.0 points (two seeds).")
    assert lines[6].endswith("**cannot tell**: -40.0 points (4 seeds that do not differ).")


def test_of_one_seed_it_is_said_once_that_nothing_can_be_told(plan, by_size):
    one = [row for row in by_size(plan, READINGS) if row["seed"] == 0]
    assert in_short(summarise(plan, one)) == "Registered contrasts: cannot tell from one seed."


def test_where_nothing_of_them_was_measured_nothing_is_said(plan, by_size):
    other = by_size(plan, {"untrained": {6: 0.2}})
    assert in_short(summarise(plan, other)) == ""


def test_what_has_no_seed_stands_beside_every_seed_of_the_other(tmp_path, by_size):
    """Raw pixels: no network, so one cell."""
    recipe = tmp_path / "small.toml"
    content = SMALL.read_text().replace("[scale.smoke]", f"{CONTRASTS}\n[scale.smoke]")
    recipe.write_text(content.replace("untrained", "pixels"))
    plan = make_plan(str(recipe), scale="smoke", seeds=4)
    made = by_size(plan, {**READINGS, "pixels": {12: (0.5,)}})
    found = claims(summarise(plan, made))[3]
    assert found.found.differences == pytest.approx([-10, -8, -9, -7])
    assert found.word == "lower"


def test_an_arm_that_is_not_asked_for_is_not_measured(plan, by_size):
    pinned = make_plan(plan.name_or_path, scale="smoke", seeds=4, pins={"tau": [0.1]})
    found = claims(summarise(pinned, by_size(pinned, {"supervised": READINGS["supervised"]})))
    assert [claim.seeds for claim in found] == [0, 0, 4, 0]


def test_a_notebook_gets_a_dict_a_contrast(plan, summary):
    cells = {id(cell): cell for cell in plan.cells}
    answers = []
    for cell in cells.values():
        own = [row for row in summary.rows if row["arm"] == cell.arm.label]
        own = [row for row in own if (row["seed"], row["size2"]) == (cell.seed, cell.get("size2"))]
        answers.append((cell, own))
    found = Result(plan, answers).contrasts()
    assert repr(found) == repr(rows(summary))  # some are NaN
    first = found[0]
    assert (first["name"], first["word"], first["seeds"]) == ("redrawn or shared", "higher", 4)
    assert (first["a"], first["b"], first["at"], first["at_b"]) == (REDRAWN, SHARED, 12, 12)
    assert first["difference"] == pytest.approx(30.25)
    assert not first["after_the_record"]
