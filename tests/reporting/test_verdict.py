"""The verdict in words: its rules, on rows that were made up so that the truth is known."""

from __future__ import annotations

import random

import pytest
from scipy.stats import ttest_rel

from suppression.experiment.arms import Arm
from suppression.experiment.plan import make_plan
from suppression.reporting.summary import Line, Point, summarise
from suppression.reporting.verdict import outcome_of, verdict

FLAT, FALLING, RISING = [0.8] * 5, [0.9, 0.8, 0.7, 0.2, 0.1], [0.4, 0.5, 0.6, 0.7, 0.8]
FALLS = "simclr, tau 0.2 falls from 90 % to 10 % of 'class' (together), bits 0 to 8."
FLOOR = [0.1] * 5


def told(plan, along_bits, curves, failed=(), **more):
    return verdict(summarise(plan, along_bits(plan, curves, **more), failed))


def end(*by_seed, low=float("nan"), high=float("nan")):
    """A point with one value a seed, and an interval of its own where it has one seed."""
    from suppression.metrics.intervals import mean_interval

    mean, t_low, t_high = mean_interval(by_seed)
    if len(by_seed) > 1:
        low, high = t_low, t_high
    return Point(
        arm=Arm({"method": "simclr"}),
        line=Line("class", "together"),
        x=0,
        by_seed=dict(enumerate(by_seed)),
        mean=mean,
        low=low,
        high=high,
        cases=100,
        published=None,
        status="measured",
    )


# --- what an arm does ----------------------------------------------------------------------------


def test_outcomes_are_those_of_the_paired_t_test():
    draw = random.Random(0)
    seen = []
    for _ in range(300):
        n = draw.randint(3, 6)
        shift = draw.choice([-0.2, -0.05, 0.0, 0.05, 0.2])
        start = [draw.gauss(0.5, 0.1) for _ in range(n)]
        after = [value + draw.gauss(shift, 0.04) for value in start]
        oracle = "cannot tell"
        if ttest_rel(after, start).pvalue < 0.05:
            oracle = "higher" if sum(after) > sum(start) else "lower"
        assert outcome_of(end(*start), end(*after)) == oracle
        seen.append(oracle)
    assert min(seen.count(each) for each in ("lower", "higher", "cannot tell")) > 40


def test_a_fall_that_every_seed_shares_is_one_however_far_seeds_are_apart():
    start, after = end(0.50, 0.70, 0.90), end(0.45, 0.651, 0.849)
    assert after.high > start.low  # the two intervals overlap
    assert outcome_of(start, after) == "lower"
    assert outcome_of(after, start) == "higher"


@pytest.mark.parametrize(
    ("start", "after", "outcome"),
    [
        (end(0.8, low=0.7, high=0.9), end(0.5, low=0.4, high=0.6), "lower"),
        (end(0.5, low=0.4, high=0.6), end(0.8, low=0.7, high=0.9), "higher"),
        (end(0.8, low=0.6, high=0.9), end(0.5, low=0.4, high=0.6), "cannot tell"),  # they touch
        (end(0.8), end(0.1), "cannot tell"),  # without intervals
        (end(0.8, 0.82, 0.78), end(0.2, low=0.1, high=0.3), "lower"),  # one seed in common
    ],
)
def test_with_one_seed_the_two_intervals_must_not_touch(start, after, outcome):
    assert outcome_of(start, after) == outcome


# --- sentences -----------------------------------------------------------------------------------


def test_an_arm_falls_and_the_control_holds(planned, along_bits):
    curves = {"untrained": FLOOR, 0.2: FALLING, "supervised": [0.95] * 5}
    assert told(planned, along_bits, curves) == (
        f"{FALLS} The control holds: supervised training reads 95 % there."
    )


def test_an_arm_falls_and_the_control_falls_with_it(planned, along_bits):
    curves = {"untrained": FLOOR, 0.2: FALLING, "supervised": [0.95, 0.9, 0.5, 0.2, 0.11]}
    assert told(planned, along_bits, curves) == (
        f"{FALLS} The control does not hold: supervised training reads 11 % there, so nothing can "
        "be said of suppression."
    )


def test_an_arm_falls_and_there_is_no_control(planned, along_bits):
    words = told(planned, along_bits, {"untrained": FLOOR, 0.2: FALLING})
    assert words.startswith(FALLS)
    assert "No supervised control was trained there, so nothing can be said of suppression" in words


def test_a_control_that_was_not_trained_at_the_far_end_is_none(planned, along_bits):
    rows = along_bits(planned, {0.2: FALLING, "supervised": [0.95] * 5})
    rows = [row for row in rows if row["method"] != "supervised" or row["bits"] != 8]
    assert "No supervised control" in verdict(summarise(planned, rows))


def test_an_arm_that_rises_needs_no_control(planned, along_bits):
    assert told(planned, along_bits, {"untrained": FLOOR, 0.2: RISING}) == (
        "simclr, tau 0.2 rises from 40 % to 80 % of 'class' (together), bits 0 to 8."
    )


def test_what_cannot_be_told_is_said_so(planned, along_bits):
    assert told(planned, along_bits, {"untrained": FLOOR, 0.2: FLAT}) == (
        "simclr, tau 0.2 reads 80 % of 'class' (together) at the first and 80 % at the last place "
        "of bits 0 to 8: cannot tell whether it falls."
    )


def test_one_seed_is_told(along_bits):
    plan = make_plan("random_bits", seeds=1)
    falling = [value + 0.01 for value in FALLING]  # seed 0 is 0.01 below
    words = told(plan, along_bits, {0.2: falling, "supervised": [0.9] * 5})
    assert words.startswith(f"{FALLS[:-1]} (one seed).")


def test_of_two_seeds_both_values_are_told_and_nothing_is_concluded(along_bits, without_contrasts):
    plan = without_contrasts(make_plan("random_bits", seeds=2))
    words = told(plan, along_bits, {"untrained": FLOOR, 0.2: FALLING, "supervised": [0.9] * 5})
    assert words == (
        "simclr, tau 0.2 reads 89/90 % of 'class' (together) at the first and 9/10 % at the last "
        "place of bits 0 to 8: cannot tell whether it falls (two seeds)."
    )


def test_a_control_of_two_seeds_cannot_be_told_to_hold(planned, along_bits):
    rows = along_bits(planned, {0.2: FALLING, "supervised": [0.95] * 5})
    rows = [row for row in rows if row["method"] != "supervised" or row["seed"] < 2]
    assert verdict(summarise(planned, rows)) == (
        f"{FALLS} Cannot tell whether the control holds: supervised training reads 94/95 % "
        "there, and not all of these values have an interval, so nothing can be said of "
        "suppression."
    )


def test_two_arms_have_a_clause_each_and_neither_floor_nor_control_is_one(planned, along_bits):
    curves = {"untrained": FALLING, 0.2: FALLING, 0.1: RISING, "supervised": FALLING}
    words = told(planned, along_bits, curves)
    assert words.startswith(f"{FALLS[:-1]}; simclr, tau 0.1 rises from 40 % to 80 % of 'class'")
    assert "untrained" not in words


def test_many_arms_are_counted_and_named(along_bits, without_contrasts):
    taus = [0.05, 0.1, 0.2, 0.5, 1.0]
    plan = make_plan("random_bits", seeds=3, pins={"tau": taus, "method": ["simclr", "supervised"]})
    plan = without_contrasts(plan)
    shapes = [FALLING, FALLING, RISING, FLAT, FALLING]
    curves = {**dict(zip(taus, shapes, strict=True)), "supervised": [0.95] * 5}
    assert told(plan, along_bits, curves) == (
        "Of 5 arms, read of 'class' (together) from bits 0 to 8: "
        "3 fall (simclr, tau 0.05; simclr, tau 0.1; simclr, tau 1.0), 1 rises (simclr, tau 0.2), "
        "cannot tell of 1 (simclr, tau 0.5). "
        "The control holds: supervised training reads 95 % there."
    )


def test_the_control_is_held_against_the_best_of_those_that_fall(along_bits):
    plan = make_plan("random_bits", seeds=3, pins={"tau": [0.1, 0.2]})
    curves = {0.1: [0.9, 0.9, 0.9, 0.9, 0.6], 0.2: FALLING, "supervised": [0.5] * 5}
    assert "The control does not hold: supervised training reads 50 %" in told(
        plan, along_bits, curves
    )


def test_only_the_recipes_feature_is_asked(planned, along_bits):
    rows = along_bits(planned, {0.2: FALLING}, feature="bit")
    rows += along_bits(planned, {0.2: RISING})
    assert verdict(summarise(planned, rows)).startswith("simclr, tau 0.2 rises")


def test_cells_that_failed_are_counted(planned, along_bits):
    words = told(planned, along_bits, {0.2: RISING}, failed=planned.cells[:2])
    assert words.endswith(" 2 cells failed.")


def test_nothing_is_said_of_nothing(planned):
    assert verdict(summarise(planned, [])) == "Nothing was measured."


def test_only_the_floor_was_run_and_its_highest_and_lowest_are_told(along_bits):
    plan = make_plan("random_bits", seeds=3, pins={"method": ["untrained"]})
    words = told(plan, along_bits, {"untrained": FALLING})
    assert words == (
        "Highest of 'class' (together): 90 %, untrained, bits 0; lowest: 10 %, untrained, bits 8."
    )


def test_places_that_are_words_are_ranked(row_of):
    plan = make_plan("h_vs_g", seeds=1, pins={"method": ["untrained", "simclr"]})
    rows = []
    for cell in plan.cells:
        value = 0.3 if cell.method == "untrained" else 0.6
        for layer in ("h", "z"):
            one = row_of(cell, value, layer=layer, low=value - 0.05, high=value + 0.05)
            if (cell.method, layer) != ("untrained", "z"):
                rows.append(one)
    words = verdict(summarise(plan, rows))
    assert words.startswith("Highest of 'class' (together): 60 %, simclr")
    assert "lowest: 30 %, untrained, layer h." in words
    close = [{**row, "low": 0.0, "high": 1.0} for row in rows]
    assert verdict(summarise(plan, close)).endswith("; cannot tell which of the two is more.")


def test_an_axis_without_a_competitor_says_nothing_of_suppression(row_of):
    plan = make_plan("masking", seeds=1, pins={"method": ["simclr"]})
    assert not plan.recipe.retention
    last = plan.axis[-1]
    rows = []
    for cell in plan.cells:
        value = 0.2 if cell.get("mask") == last else 0.8
        rows.append(row_of(cell, value, scenes="alone", low=value - 0.05, high=value + 0.05))
    words = verdict(summarise(plan, rows))
    assert "from mask 0.0 to 0.75: 4 fall (" in words
    assert "control" not in words
    assert "suppression" not in words


def test_without_a_retention_the_reading_beside_what_competes_is_told(row_of):
    plan = make_plan("masking", seeds=1, pins={"method": ["simclr"]})
    alone, together = [], []
    for cell in plan.cells:
        low = cell.get("mask") == plan.axis[-1]
        alone.append(row_of(cell, 0.8, scenes="alone", low=0.75, high=0.85))
        value = 0.2 if low else 0.8
        together.append(row_of(cell, value, low=value - 0.05, high=value + 0.05))
    assert "4 fall (" in verdict(summarise(plan, alone + together))
    assert "(together)" in verdict(summarise(plan, alone + together))
    assert "cannot tell of 4 (" in verdict(summarise(plan, alone))


# --- with the competitor redrawn -----------------------------------------------------------------

FALLEN = "simclr, tau 0.2 falls from 90 % to 40 % of 'first' (together, named), size2 6 to 12"
HOLDS = "The control holds: supervised training reads 90 % there."
REDRAWN = "With the competitor redrawn for the second view simclr, tau 0.2 reads"
SHARED = "what is shared suppresses."
NOTHING = "nothing can be said of suppression."
CANNOT_TELL = "cannot tell whether that is more"
CONTROL = "simclr, tau 0.2, competitor redrawn"
USUAL = {
    "simclr, tau 0.2": {6: 0.9, 8: 0.8, 10: 0.6, 12: 0.4},
    "supervised": {6: 0.95, 12: 0.9},
    "untrained": {6: 0.3, 12: 0.25},
}


@pytest.mark.parametrize(
    ("redrawn", "sentence"),
    [
        ({6: 0.9, 12: 0.8}, f"{REDRAWN} 80 % there: {SHARED}"),
        # Each seed is above its own, though by less than seeds are apart.
        ({6: 0.9, 12: (0.41, 0.42, 0.435)}, f"{REDRAWN} 42 % there: {SHARED}"),
        (
            {6: 0.9, 12: (0.36, 0.45, 0.54)},
            f"{REDRAWN} 45 % there, {CANNOT_TELL}: {NOTHING}",
        ),
        ({6: 0.9, 12: 0.2}, f"{REDRAWN} 20 % there, which is less: {NOTHING}"),
        (
            {6: 0.9},
            f"{CONTROL} was not trained there: cannot tell whether {SHARED}",
        ),
    ],
)
def test_the_competitor_redrawn_decides_whether_what_is_shared_suppresses(
    competing, by_size, redrawn, sentence
):
    rows = by_size(competing, {**USUAL, CONTROL: redrawn})
    assert verdict(summarise(competing, rows)) == f"{FALLEN}. {HOLDS} {sentence}"


@pytest.mark.parametrize(
    ("redrawn", "sentence"),
    [
        ({6: 0.9, 12: 0.51}, f"{REDRAWN} 51 % there: {SHARED[:-1]} (one seed)."),  # 46 is above 45
        ({6: 0.9, 12: 0.49}, f"{REDRAWN} 49 % there, {CANNOT_TELL} (one seed): {NOTHING}"),
        ({6: 0.9, 12: 0.31}, f"{REDRAWN} 31 % there, {CANNOT_TELL} (one seed): {NOTHING}"),
        ({6: 0.9, 12: 0.2}, f"{REDRAWN} 20 % there, which is less: {NOTHING}"),
        (
            {6: 0.9},
            f"{CONTROL} was not trained there: cannot tell whether {SHARED}",
        ),
    ],
)
def test_with_one_seed_the_two_intervals_decide_about_the_competitor_redrawn(
    competition, by_size, redrawn, sentence
):
    plan = make_plan(competition, scale="smoke", seeds=1)
    rows = by_size(plan, {**USUAL, CONTROL: redrawn})
    assert verdict(summarise(plan, rows)) == f"{FALLEN} (one seed). {HOLDS} {sentence}"


@pytest.mark.parametrize(
    ("supervised", "beside"),
    [
        ({6: 0.95, 12: 0.3}, "The control does not hold: supervised training reads 30 % there."),
        ({}, "No supervised control was trained there."),
    ],
)
def test_where_the_competitor_redrawn_decides_nothing_follows_from_supervised_training(
    competing, by_size, supervised, beside
):
    """The sentences do not contradict one another."""
    readings = {**USUAL, "supervised": supervised, CONTROL: {6: 0.9, 12: 0.8}}
    told = verdict(summarise(competing, by_size(competing, readings)))
    assert told == f"{FALLEN}. {beside} {REDRAWN} 80 % there: {SHARED}"


def test_each_arm_that_falls_is_held_against_its_own_control(competing, by_size):
    readings = {
        **USUAL,
        "simclr, tau 0.05": {6: 0.9, 12: 0.6},
        CONTROL: {6: 0.9, 12: 0.3},
        "simclr, tau 0.05, competitor redrawn": {6: 0.9, 12: 0.8},
    }
    told = verdict(summarise(competing, by_size(competing, readings)))
    assert told.startswith(f"{FALLEN}; simclr, tau 0.05 falls from 90 % to 60 % of")
    other = REDRAWN.replace("0.2", "0.05")
    assert told.endswith(
        f"{HOLDS} {REDRAWN} 30 % there, which is less: {NOTHING} {other} 80 % there: {SHARED}"
    )


def test_controls_are_no_arms_that_fall(competing, by_size):
    falling = {6: 0.9, 12: 0.1}
    readings = {CONTROL: falling, "supervised": falling, "untrained": falling}
    rising = {"simclr, tau 0.2": {6: 0.4, 12: 0.9}}
    told = verdict(summarise(competing, by_size(competing, {**readings, **rising})))
    assert told == (
        "simclr, tau 0.2 rises from 40 % to 90 % of 'first' (together, named), size2 6 to 12."
    )
    alone = verdict(summarise(competing, by_size(competing, readings)))
    assert alone.startswith("Highest of 'first' (together, named): 90 %, ")


def test_a_temperature_of_ones_own_has_its_control(competition, by_size):
    plan = make_plan(competition, scale="smoke", seeds=3, pins={"tau": [0.7]})
    readings = {
        "simclr, tau 0.7": {6: 0.9, 12: 0.4},
        "simclr, tau 0.7, competitor redrawn": {6: 0.9, 12: 0.8},
    }
    assert verdict(summarise(plan, by_size(plan, readings))).endswith(
        f"{REDRAWN.replace('0.2', '0.7')} 80 % there: {SHARED}"
    )


def test_a_recipe_without_such_a_control_is_not_asked(planned, along_bits):
    words = told(planned, along_bits, {"untrained": FLOOR, 0.2: FALLING, "supervised": FLAT})
    assert "redrawn" not in words
