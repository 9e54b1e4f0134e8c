"""The one rule for intervals, on rows whose right and wrong pictures were made up."""

from __future__ import annotations

import math
import re
from zlib import crc32

import numpy as np
import pytest

from suppression.evaluation.probes import MEASURES
from suppression.metrics.crossed import crossed_interval
from suppression.metrics.intervals import mean_interval, wilson
from suppression.metrics.units import Units
from suppression.reporting.retention import half_left, retained, retention_tables
from suppression.reporting.summary import Line, difference, interval, of_accuracies, summarise
from suppression.reporting.tables import caption, cell_text, markdown, terminal_table
from suppression.reporting.verdict import outcome_of

CLASS = Line("class", "together")
PICTURES = np.random.default_rng(0).integers(0, 120, 240)
EASE = np.random.default_rng(1).random(120)[PICTURES]  # how hard each picture is, for all networks


def pictures_told(accuracy, seed, *, shown=PICTURES, noise=0.3):
    """Units of a network that tells the easier pictures, and some of the harder ones."""
    rng = np.random.default_rng(crc32(repr((round(accuracy, 6), seed)).encode()))
    hardness = (1 - noise) * EASE[: len(shown)] + noise * rng.random(len(shown))
    right = hardness <= np.quantile(hardness, accuracy)
    return Units.of(shown, right)


def share(units):
    return float(units.right.sum() / units.counts.sum())


@pytest.fixture
def with_units(along_bits):
    """Rows along the bits that bear their units."""

    def rows_of(plan, curves, **more):
        rows = along_bits(plan, curves, **more)
        for row in rows:
            row["units"] = pictures_told(row["accuracy"], (row["seed"], row["arm"]))
            row["accuracy"] = share(row["units"])
        return rows

    return rows_of


def row(units, seed=0):
    low, high = wilson(share(units), len(units.instances))
    return {"seed": seed, "accuracy": share(units), "low": low, "high": high, "units": units}


ACCURACY = MEASURES["accuracy"]


def test_three_seeds_have_the_interval_over_seeds_and_instances():
    units = [pictures_told(0.6 + 0.03 * seed, seed) for seed in range(3)]
    found = interval([row(each, seed) for seed, each in enumerate(units)], "accuracy", ACCURACY)
    expected = crossed_interval([each.right for each in units], units[0].counts)
    assert found[:3] == pytest.approx(expected)
    assert found.kind == "seeds and instances"


def test_it_is_over_seeds_alone_where_one_seed_has_no_units_or_was_asked_other_pictures():
    rows = [row(pictures_told(0.6 + 0.03 * seed, seed), seed) for seed in range(3)]
    over_seeds = mean_interval([each["accuracy"] for each in rows])
    without = [{**rows[0]}, *rows[1:]]
    del without[0]["units"]
    known = rows[0]["units"]
    other = Units.of(known.instances + 1, known.right, known.counts)
    for some in (without, [{**rows[0], "units": other}, *rows[1:]]):
        found = interval(some, "accuracy", ACCURACY)
        assert found[:3] == pytest.approx(over_seeds)
        assert found.kind == "seeds"


def test_one_seed_has_wilsons_interval_on_as_many_cases_as_its_instances_are_worth():
    """Where all pictures of an instance are told alike, these are the instances."""
    right = np.arange(100) < 70
    alike = Units.of(np.repeat(np.arange(100), 3), np.repeat(right, 3))
    found = interval([row(alike)], "accuracy", ACCURACY)
    assert found[:3] == pytest.approx((0.7, *wilson(0.7, 99, z=1.9842)), abs=1e-4)
    assert found.kind == "instances"


@pytest.mark.parametrize("seeds", [1, 3])
def test_where_everything_is_told_the_bound_is_that_of_so_many_instances(seeds):
    perfect = Units.of(range(100), np.ones(100))
    rows = [row(perfect, seed) for seed in range(seeds)]
    mean, low, high, kind = interval(rows, "accuracy", ACCURACY)
    assert (mean, high, kind) == (1, pytest.approx(1), "instances")
    assert low == pytest.approx(wilson(1.0, 100)[0], abs=2e-3)
    assert low < 1


def test_seeds_that_agree_to_less_than_a_picture_have_the_interval_of_their_pictures():
    """Without units, five seeds of 1,000 pictures: an interval of 0.03 points says too much."""
    values = [1.0, 1.0, 0.9998, 1.0, 1.0]
    rows = [{"seed": i, "accuracy": a, "low": 0.991, "high": 1.0} for i, a in enumerate(values)]
    found = interval(rows, "accuracy", ACCURACY)
    assert found[1:] == (pytest.approx(0.991), 1.0, "instances")


def test_two_seeds_are_two_values():
    rows = [row(pictures_told(0.6 + 0.1 * seed, seed), seed) for seed in range(2)]
    mean, *bounds, kind = interval(rows, "accuracy", ACCURACY)
    assert mean == pytest.approx(0.65, abs=0.01)
    assert all(math.isnan(bound) for bound in bounds)
    assert kind == "none"


# --- differences ---------------------------------------------------------------------------------


def point_of(planned, units):
    """The first place of an arm of which these are the seeds."""
    cells = [cell for cell in planned.cells if cell.method == "supervised"]
    at_first = [cell for cell in cells if cell.parameters["bits"] == 0]
    rows = []
    for cell, each in zip(at_first, units, strict=False):
        about = {"feature": "class", "scenes": "together", "probe": "linear", "layer": "h"}
        own = {**row(each, cell.seed), **cell.named_parameters, "arm": cell.arm.label}
        rows.append({**own, **about, "cases": 120, "guess": 0.1})
    return summarise(planned, rows).point(at_first[0].arm, CLASS, 0)


def test_a_difference_is_paired_by_seed_and_instance(planned):
    """The same pictures are hard for both: the difference is known better than either."""
    less = [pictures_told(0.5, (seed, "less"), noise=0.1) for seed in range(3)]
    more = [pictures_told(0.56, (seed, "more"), noise=0.1) for seed in range(3)]
    start, end = point_of(planned, less), point_of(planned, more)
    found = difference(end, start)
    assert found.kind == "seeds and instances"
    assert found.mean == pytest.approx(end.mean - start.mean)
    assert found.high - found.low < 0.6 * (end.high - end.low)
    assert start.high > end.low  # the points' own intervals overlap
    assert outcome_of(start, end) == "higher"
    assert difference(start, end).high == pytest.approx(-found.low)


def test_the_interval_of_a_difference_is_that_of_the_differences_picture_by_picture(planned):
    """Right less wrong by picture, plus one, is a count out of two: the known interval's halves."""
    more = [pictures_told(0.7, (seed, "more")) for seed in range(3)]
    less = [pictures_told(0.5, (seed, "less")) for seed in range(3)]
    found = difference(point_of(planned, more), point_of(planned, less))
    counts = 2 * more[0].counts.astype(int)
    apart = [a.right.astype(int) - b.right + a.counts for a, b in zip(more, less, strict=True)]
    mean, low, high = crossed_interval(apart, counts)
    expected = (2 * mean - 1, 2 * low - 1, 2 * high - 1)
    assert found[:3] == pytest.approx(expected)


def test_two_seeds_tell_no_difference_and_one_seed_tells_that_of_its_instances(planned):
    more = [pictures_told(0.8, (seed, "more")) for seed in range(2)]
    less = [pictures_told(0.4, (seed, "less")) for seed in range(2)]
    both = point_of(planned, less), point_of(planned, more)
    assert outcome_of(*both) == "cannot tell"
    one = point_of(planned, less[:1]), point_of(planned, more[:1])
    assert difference(one[1], one[0]).kind == "instances"
    assert outcome_of(*one) == "higher"


# --- what is left --------------------------------------------------------------------------------

CURVES = {"untrained": [0.3] * 5, 0.2: [0.9, 0.8, 0.65, 0.45, 0.35]}


def test_r_has_an_interval_over_seeds_and_instances_that_is_that_of_small_changes(
    planned, with_units, labelled
):
    """By the jackknife: each instance left out in turn, R made anew from what is left."""
    summary = summarise(planned, with_units(planned, CURVES))
    arm, asked = labelled(planned, "simclr, tau 0.2"), planned.recipe.retention[0]
    at = retained(summary, arm, asked)[4]
    points = [summary.point(arm, CLASS, x) for x in (4, 0)]
    seed, chance, left_out = 1, 0.1, []
    for i in range(len(points[0].units[seed].instances)):
        rest = []
        for point in points:
            units = point.units[seed]
            right, counts = units.right.astype(int), units.counts.astype(int)
            rest.append((right.sum() - right[i]) / (counts.sum() - counts[i]))
        together, alone = rest
        left_out.append((together - chance) / (alone - chance))
    moves = at.values[seed] - np.array(left_out)
    assert at.crossed.moves[seed] == pytest.approx(moves, rel=0.05, abs=6e-4)
    assert at.interval.kind == "seeds and instances"


def test_a_threshold_of_three_seeds_is_a_bracket_and_of_six_an_interval(along_bits, with_units):
    from suppression.experiment.plan import make_plan

    for seeds, kind in ((3, "bracket"), (6, "interval")):
        plan = make_plan("random_bits", seeds=seeds)
        summary = summarise(plan, with_units(plan, CURVES))
        (arm,) = [arm for arm in plan.every_arm if arm.label == "simclr, tau 0.2"]
        at = half_left(plan.recipe.retention[0], retained(summary, arm, plan.recipe.retention[0]))
        assert at.kind == kind
        assert at.low < at.value < at.high
        ((_, _, body),) = retention_tables(summary)
        told = {line[0]: line[-1] for line in body}["simclr, tau 0.2"]
        pattern = r"between [24] and [68]" if kind == "bracket" else r"\d\.\d \[.*\]"
        assert re.fullmatch(pattern, told)


# --- what a reader sees --------------------------------------------------------------------------


def seeds_of(rows, number):
    return [row for row in rows if row["seed"] < number]


@pytest.mark.parametrize(
    ("seeds", "kept", "words", "cell"),
    [
        (1, True, "over held-out instances (†: nothing is said of other seeds)", r"\d+±\d+†"),
        (2, True, "without one, the values of seeds", r"\d+/\d+"),
        (3, True, "over seeds and held-out instances]", r"\d+±\d+"),
        (3, False, "over seeds alone (t)]", r"\d+±\d+"),
    ],
)
def test_the_caption_says_what_the_intervals_are_over_and_cells_are_marked(
    planned, with_units, labelled, seeds, kept, words, cell
):
    rows = seeds_of(with_units(planned, CURVES), seeds)
    if not kept:
        rows = [{name: row[name] for name in row if name != "units"} for row in rows]
    summary = summarise(planned, rows)
    assert words in caption(summary)
    assert ("†" in caption(summary)) is (seeds == 1)
    (line,) = [
        line
        for line in terminal_table(summary, width=120).splitlines()
        if line.startswith("simclr, tau 0.2 ")
    ]
    for text in line.removeprefix("simclr, tau 0.2").split():
        assert re.fullmatch(cell, text)
    point = summary.point(labelled(planned, "simclr, tau 0.2"), CLASS, 4)
    assert cell_text(point) in markdown(summary)
    assert ("†" in markdown(summary)) is (seeds == 1)


def test_a_table_that_is_drawn_again_counts_no_instances_again(planned, with_units):
    rows = with_units(planned, CURVES)
    terminal_table(summarise(planned, rows), width=80)
    before = of_accuracies.cache_info()
    terminal_table(summarise(planned, [dict(row) for row in rows]), width=80)
    after = of_accuracies.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits
