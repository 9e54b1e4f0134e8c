"""The line that the claim is about leads: in the table, in the figure, in a cell's one line."""

from __future__ import annotations

import re

import pytest

from suppression.experiment.plan import make_plan
from suppression.reporting.console import cell_text
from suppression.reporting.figures import figure, panel_lines
from suppression.reporting.summary import Line, summarise
from suppression.reporting.tables import (
    caption,
    headline_markdown,
    not_asked_text,
    terminal_table,
    words_in,
)

# Readings of the first digit beside a second one of 6, 8, 10 and 12 px; controls at the two ends.
NAMED = {
    "simclr, tau 0.2": {6: 0.9, 8: 0.8, 10: 0.6, 12: 0.4},
    "simclr, tau 0.05": {6: 0.9, 8: 0.85, 10: 0.7, 12: 0.5},
    "simclr, tau 0.2, competitor redrawn": {6: 0.9, 12: 0.8},
    "simclr, tau 0.05, competitor redrawn": {6: 0.9, 12: 0.7},
    "supervised": {6: 0.95, 12: 0.9},
    "untrained": {6: 0.3, 12: 0.25},
}
ALONE = {label: {x: value - 0.1 for x, value in of.items()} for label, of in NAMED.items()}
ANEW = {label: {x: value - 0.05 for x, value in of.items()} for label, of in NAMED.items()}
CLAIM = Line("first", "together", "named")


@pytest.fixture
def rows(competing, by_size):
    """Of both features named, of the first one alone, and, where digits differ, together."""
    first = {"feature": "first", "probe": "linear", "guess": 0.1}
    differ = {label: {x: v for x, v in of.items() if x > 6} for label, of in ALONE.items()}
    return [
        *by_size(competing, NAMED),
        *by_size(competing, ALONE, feature="second"),
        *by_size(competing, differ, **first),
        *by_size(competing, ALONE, **{**first, "scenes": "alone"}),
        *by_size(competing, ANEW, **{**first, "scenes": "alone", "probe": "anew"}),
    ]


@pytest.fixture
def summary(competing, rows):
    return summarise(competing, rows)


def test_the_claims_line_is_the_first_whose_retention_is_asked_for(summary, competing):
    assert summary.headline == CLAIM
    assert CLAIM in summary.lines
    assert summarise(competing, []).headline is None  # before anything is known


# --- the table -----------------------------------------------------------------------------------


def told(text):
    """The name of each line of a table that has values, and these."""
    lines = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    return [line for line in lines if len(line) > 1]


def test_the_first_table_has_one_line_an_arm_controls_at_the_ends_and_what_guessing_scores(summary):
    first, *_ = terminal_table(summary, width=80).split("\n\n")
    title, columns, *_ = re.split(r"\n(?=  )", first)
    assert " ".join(title.split()) == (
        "first, together, named: recall of the object's class, %; "
        "columns: size of the second digit, px"
    )
    assert columns.split() == ["6", "8", "10", "12"]
    # Seeds 0.01 apart: half of the t-interval of three is 4.303 * 0.01 / sqrt(3), 2.5 points.
    assert told(first)[1:] == [
        ["published at", "20", "30", "40", "50"],
        ["simclr, tau 0.2", "90±2", "80±2", "60±2", "40±2"],
        ["published, alone", "98.7", "98.8", "98.3", "87.5"],
        ["simclr, tau 0.05", "90±2", "85±2", "70±2", "50±2"],
        ["simclr, tau 0.2, competitor redrawn", "90±2", "-", "-", "80±2"],
        ["simclr, tau 0.05, competitor redrawn", "90±2", "-", "-", "70±2"],
        ["supervised", "95±2", "-", "-", "90±2"],
        ["published, alone", "99.1", "99.2", "99.2", "99.2"],
        ["untrained", "30±2", "-", "-", "25±2"],
        ["guessing", "20", "20", "20", "20"],
    ]


def test_all_of_it_fits_80_columns_with_three_seeds(summary):
    text = terminal_table(summary, width=80)
    assert max(map(len, text.splitlines())) <= 80
    first, others = text.split("\n\n")  # neither is split
    assert others.startswith("other readings, top-1 accuracy, %\n")
    assert CLAIM.probe in first.splitlines()[0]


def test_the_other_readings_are_below_each_arm_and_the_claims_line_is_not_told_twice(summary):
    _, others = terminal_table(summary, width=80).split("\n\n")
    for label in NAMED:
        after = others.split(f"\n{label}\n")[1].split("\n")
        names = [re.split(r" {2,}", line.strip())[0] for line in after]
        below = ["first, alone", "first, alone, statistics anew", "first, together"]
        with_published = label in ("simclr, tau 0.2", "supervised")
        expected = [
            below[0],
            *["published"] * with_published,
            *below[1:],
            "second, together, named",
        ]
        assert names[: len(expected)] == expected
    assert "first, together, named" not in others


def test_the_published_line_is_just_published_where_it_is_of_the_claims_own_scenes(
    planned, along_bits, curves
):
    text = terminal_table(summarise(planned, along_bits(planned, curves)), width=80)
    assert "\n  published  " in text
    assert "published, " not in text


def test_a_control_that_was_not_asked_for_but_is_stored_stands_at_the_ends_only_too(
    competition, by_size
):
    plan = make_plan(competition, scale="smoke", pins={"method": ["simclr"], "tau": [0.2]})
    whole = make_plan(competition, scale="smoke")
    summary = summarise(plan, by_size(whole, {"supervised": {6: 0.95, 12: 0.9}}))
    lines = told(terminal_table(summary, width=80))
    assert ["supervised", "95±5†", "-", "-", "90±5†"] in lines
    assert ["simclr, tau 0.2, competitor redrawn", "...", "-", "-", "..."] in lines
    assert "supervised" not in not_asked_text(summary)
    assert "simclr, tau 0.05, competitor redrawn" in not_asked_text(summary)


def test_a_control_that_failed_or_is_to_come_is_told_apart_from_one_that_stands_elsewhere(
    competing, by_size, labelled
):
    lost = [
        cell
        for cell in competing.cells
        if cell.method == "supervised" and cell.parameters["size2"] == 12
    ]
    found = summarise(competing, by_size(competing, {"simclr, tau 0.2": {6: 0.9}}), lost)
    statuses = [point.status for point in found.along(labelled(competing, "supervised"), CLAIM)]
    assert statuses == ["missing", "at the ends only", "at the ends only", "failed"]


# --- its caption ---------------------------------------------------------------------------------

ONE_SIZE = "n/a: of two digits of one size neither can be told to be the first."
AT_ENDS = "-: controls stand at the ends of the axis only."


def test_the_caption_explains_the_words_that_the_table_has(summary):
    assert words_in(summary) == {"n/a", "-"}
    lines = caption(summary).splitlines()
    assert lines.count(ONE_SIZE) == lines.count(AT_ENDS) == 1


def test_the_caption_explains_no_word_that_the_table_has_not(competing, by_size, competition):
    everything = [
        *by_size(competing, NAMED),
        *by_size(competing, ALONE, scenes="alone", probe="linear"),
    ]
    lines = caption(summarise(competing, everything)).splitlines()
    assert ONE_SIZE not in lines  # every reading is there
    assert AT_ENDS in lines
    ends = make_plan(competition, scale="smoke", pins={"size2": [6, 12]})
    lines = caption(summarise(ends, by_size(ends, NAMED))).splitlines()
    assert AT_ENDS not in lines


def test_a_page_has_the_arms_that_were_measured(competing, by_size):
    some = {label: NAMED[label] for label in list(NAMED)[:1]}
    text = headline_markdown(summarise(competing, by_size(competing, some)))
    names = [line.split("|")[1].strip() for line in text.splitlines()[2:]]
    assert names == [*some, "published, alone", "guessing"]


# --- the figure ----------------------------------------------------------------------------------


def panels(made):
    return {" ".join(ax.get_title().split()): ax for ax in made.axes if ax.get_title()}


FIRST = "first: both digits visible, named"
SECOND = "second: both digits visible, named"
BY_ITSELF = "first: only the probed digit visible"


def test_there_are_panels_of_the_claims_readout_and_of_its_feature_alone(summary):
    assert panel_lines(summary) == [
        CLAIM,
        Line("second", "together", "named"),
        Line("first", "alone", "linear"),
    ]
    assert set(panels(figure(summary))) == {FIRST, SECOND, BY_ITSELF}


def test_a_panel_says_at_its_axis_what_it_measures(summary):
    drawn = panels(figure(summary))
    named, alone = "recall of the object's class, %", "top-1 accuracy, %"
    assert drawn[FIRST].get_ylabel() == named
    assert drawn[SECOND].get_ylabel() in ("", named)  # beside the first one
    assert drawn[BY_ITSELF].get_ylabel() == alone


def crosses(ax):
    """Heights of the published crosses of a panel, without where they stand."""
    return [line.get_ydata().tolist() for line in ax.lines if line.get_marker() == "x"]


def test_published_crosses_stand_in_the_panel_of_the_claim_though_they_are_of_digits_alone(summary):
    drawn = panels(figure(summary))
    published = [[98.7, 98.8, 98.3, 87.5], [99.1, 99.2, 99.2, 99.2]]
    assert sorted(crosses(drawn[FIRST])) == sorted(crosses(drawn[BY_ITSELF])) == published
    assert crosses(drawn[SECOND]) == []


def plus_signs(ax, own):
    """The lines of a probe that stands beside, in an arm's colour."""
    lines = [each.lines[0] for each in ax.containers]
    return [each for each in lines if (each.get_color(), each.get_marker()) == (looks(own)[0], "+")]


def looks(container):
    """Colour and marker of an arm: a control has the colour of its arm, and another marker."""
    line = container.lines[0]
    return line.get_color(), line.get_marker()


def test_a_control_has_the_colour_of_its_arm_and_another_marker(summary):
    look = {each.get_label(): looks(each) for each in panels(figure(summary))[FIRST].containers}
    for tau in (0.2, 0.05):
        shared = look[f"simclr, tau {tau}"]
        redrawn = look[f"simclr, tau {tau}, competitor redrawn"]
        assert shared[0] == redrawn[0]
        assert shared[1] != redrawn[1]
    assert look["simclr, tau 0.2"][0] != look["simclr, tau 0.05"][0]


@pytest.mark.parametrize("label", NAMED)
def test_statistics_anew_are_plus_signs_in_the_panel_of_digits_alone_and_nowhere_else(
    summary, label
):
    drawn = panels(figure(summary))
    (own,) = [each for each in drawn[BY_ITSELF].containers if each.get_label() == label]
    filled = own.lines[0].get_xydata()
    assert filled[:, 1] == pytest.approx([100 * value for value in ALONE[label].values()])
    wanted = [100 * value for value in ANEW[label].values()]
    beside = [line.get_xydata() for line in plus_signs(drawn[BY_ITSELF], own)]
    (anew,) = [each for each in beside if each[:, 1] == pytest.approx(wanted)]
    assert anew[:, 0] == pytest.approx(list(NAMED[label]), abs=0.3)
    for title in (FIRST, SECOND):
        assert plus_signs(drawn[title], own) == []
    (named,) = [each for each in drawn[FIRST].containers if each.get_label() == label]
    points = named.lines[0].get_xydata()
    assert points[:, 1] == pytest.approx([100 * value for value in NAMED[label].values()])


def test_the_legend_names_arms_and_says_what_else_is_drawn(summary):
    (legend,) = figure(summary).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *NAMED,
        "guessing",
        "published (alone), in the arm's colour",
        "batch-norm statistics taken anew",
        "half is left; band: 95 % interval or bracket",
    ]


def test_a_claim_about_the_usual_readout_has_all_panels_and_published_crosses_of_its_own(
    planned, along_bits, curves
):
    rows = along_bits(planned, curves) + along_bits(planned, curves, scenes="alone")
    summary = summarise(planned, rows)
    assert panel_lines(summary) == summary.lines
    assert len(summary.lines) == 2
    (legend,) = figure(summary).legends
    assert "published, in the arm's colour" in {text.get_text() for text in legend.get_texts()}


# --- a finished cell -----------------------------------------------------------------------------


def test_a_finished_cell_tells_what_the_claims_readout_reads(competing, rows, labelled):
    arm = labelled(competing, "simclr, tau 0.2")
    (cell,) = [
        cell
        for cell in competing.cells
        if (cell.arm, cell.seed, cell.parameters["size2"]) == (arm, 1, 12)
    ]
    own = [row for row in rows if (row["arm"], row["seed"], row["size2"]) == (arm.label, 1, 12)]
    assert len(own) == 5
    assert cell_text(competing, cell, own) == (
        "first together, named 40.0; second together, named 30.0 (recall of the object's class, %)"
    )
    without = [row for row in own if row["probe"] != "named"]
    assert cell_text(competing, cell, without) == (
        "first alone 30.0; first alone, statistics anew 35.0; first together 30.0 "
        "(top-1 accuracy, %)"
    )
