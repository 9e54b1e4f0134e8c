"""The summary: its points against a loop over the rows, its lines, and why a point is empty."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from scipy import stats

from suppression.errors import UserError
from suppression.evaluation.probes import MEASURES
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import long_rows
from suppression.reporting.summary import Line, interval, published_at, summarise
from suppression.reporting.tables import guesses

# --- points against a loop over rows -------------------------------------------------------------

SCENES = ("alone", "together")
FEATURES = ("class", "bit")


def random_rows(plan, row_of, draw):
    """Rows of a part of the cells, of some features and scenes each."""
    rows = []
    for cell in plan.cells:
        for feature in FEATURES:
            for scenes in SCENES:
                if draw.random() < 0.5:
                    continue
                value = draw.random()
                row = row_of(cell, value, feature=feature, scenes=scenes)
                row["low"], row["high"] = max(value - 0.05, 0.0), min(value + 0.05, 1.0)
                row["cases"] = draw.randint(50, 200)
                if feature == "bit":
                    row["decodable"] = draw.randint(0, 8)
                rows.append(row)
    draw.shuffle(rows)
    return rows


def rows_at(rows, arm, line, x, axis):
    """The oracle: every row is looked at."""
    found = []
    for row in rows:
        same_place = row[axis] == x or row[axis] is None
        same_arm = all(row.get(name) == value for name, value in arm.settings.items())
        where = (row["feature"], row["scenes"], row["probe"], row["layer"])
        wanted = (line.feature, line.scenes, line.probe, line.layer)
        if same_place and same_arm and where == wanted and row.get(line.measure) is not None:
            found.append(row)
    return found


def by_hand(rows, line):
    """Mean and bounds: of scipy's t-interval over three seeds, none of two, or the one's own."""
    values = [row[line.measure] for row in rows]
    if not values:
        return math.nan, math.nan, math.nan
    if len(values) == 1:
        row = rows[0]
        bounds = (row["low"], row["high"]) if line.measure == "accuracy" else (math.nan, math.nan)
        return values[0], *bounds
    mean = statistics.fmean(values)
    if len(values) == 2:
        return mean, math.nan, math.nan
    low, high = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=stats.sem(values))
    if line.measure == "accuracy":
        low, high = max(low, 0), min(high, 1)
        if (low, high) == (0, 1):
            return mean, math.nan, math.nan
    return mean, low, high


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_points_are_those_of_a_loop_over_rows(planned, row_of, seed):
    rows = random_rows(planned, row_of, random.Random(seed))
    summary = summarise(planned, rows)
    assert len(summary.lines) == 5  # two features on two kinds of scenes, and the bits held
    number_of_seeds = set()
    for point in summary.points:
        found = rows_at(rows, point.arm, point.line, point.x, "bits")
        number_of_seeds.add(len(found))
        assert point.by_seed == {row["seed"]: row[point.line.measure] for row in found}
        assert point.n == len(found)
        if len({row[point.line.measure] for row in found}) != 1 or len(found) == 1:
            expected = by_hand(found, point.line)
            told = (point.mean, point.low, point.high)
            assert told == pytest.approx(expected, nan_ok=True)
        assert point.cases == min((row["cases"] for row in found), default=0)
        assert (point.status == "measured") is bool(found)
        assert point.unit == (100 if point.line.measure == "accuracy" else 1)
    assert number_of_seeds == {0, 1, 2, 3}
    arms, lines, places = len(planned.every_arm), len(summary.lines), len(planned.axis)
    assert len(summary.points) == arms * lines * places


def test_a_point_is_made_once(planned, along_bits, curves, labelled):
    summary = summarise(planned, along_bits(planned, curves))
    arm = labelled(planned, "simclr, tau 0.2")
    assert summary.point(arm, summary.lines[0], 4) is summary.point(arm, summary.lines[0], 4)
    assert summary.point(arm, summary.lines[0], 4) in summary.points


def test_seeds_that_agree_have_the_interval_of_their_pictures_and_none_without_a_width(
    planned, row_of
):
    rows = [row_of(cell, 0.5) for cell in planned.cells if cell.parameters["bits"] == 4]
    points = [point for point in summarise(planned, rows).points if point.n]
    told = {(point.mean, point.low, point.high, point.interval) for point in points}
    assert told == {(0.5, 0.48, 0.52, "instances")}


NONE = (math.nan, math.nan, "none")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5], (0.4, 0.6, "instances")),
        ([0.5, 0.6], NONE),
        ([0.1, 0.9, 0.5], NONE),  # from 0 to 100 %
        ([0.5, 0.51, 0.52], (0.51 - 4.303 * 0.01 / 3**0.5, 0.51 + 4.303 * 0.01 / 3**0.5, "seeds")),
        ([], NONE),
    ],
)
def test_the_rule_for_intervals_by_the_number_of_seeds(values, expected):
    rows = [{"accuracy": value, "low": value - 0.1, "high": value + 0.1} for value in values]
    found = interval(rows, "accuracy", MEASURES["accuracy"])
    assert found[1:3] == pytest.approx(expected[:2], abs=1e-4, nan_ok=True)
    assert found.kind == expected[2]


def test_the_interval_of_one_seed_is_that_of_its_measure():
    row = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "nmi": 0.2, "nmi_low": 0.1, "nmi_high": 0.3}
    assert interval([row], "nmi", MEASURES["nmi"]) == (0.2, 0.1, 0.3, "instances")
    mean, *bounds = interval([{**row, "entropy": 5.0}], "entropy", MEASURES["entropy"])
    assert mean == 5.0
    assert tuple(bounds) == pytest.approx(NONE, nan_ok=True)


def test_two_rows_of_one_seed_are_no_statistics(planned, along_bits, curves, labelled):
    rows = along_bits(planned, curves)
    twice = next(row for row in rows if row["arm"] == "simclr, tau 0.2" and row["bits"] == 4)
    summary = summarise(planned, [*rows, dict(twice)])
    with pytest.raises(UserError) as told:
        _ = summary.points
    assert (
        "simclr, tau 0.2: the rows of class (together, linear, h) at bits 4 are of seeds 0, 1, 2, 0"
    ) in str(told.value)
    # Elsewhere the points are there.
    assert summary.point(labelled(planned, "simclr, tau 0.2"), summary.lines[0], 2).n == 3


def test_rows_without_the_measure_are_no_seeds(planned, along_bits, curves, labelled):
    rows = along_bits(planned, curves)
    for row in rows:
        if row["seed"] == 1:
            row["accuracy"] = None
    point = summarise(planned, rows).along(
        labelled(planned, "supervised"), Line("class", "together")
    )
    assert [sorted(each.by_seed) for each in point] == [[0, 2]] * 5


# --- why there is no value -----------------------------------------------------------------------


def test_why_a_point_is_empty(along_bits, row_of, labelled):
    plan = make_plan("random_bits", seeds=1, pins={"tau": [0.1, 0.2]})
    first, second = labelled(plan, "simclr, tau 0.1"), labelled(plan, "simclr, tau 0.2")
    class_, bit = Line("class", "together"), Line("bit", "together")
    rows = [
        row_of(cell, 0.5)
        for cell in plan.cells
        if cell.arm == first and cell.parameters["bits"] in (0, 8)
    ]
    bits = [{**row, "feature": "bit"} for row in rows if row["bits"] == 8]
    lost = [cell for cell in plan.cells if cell.arm == first and cell.parameters["bits"] == 2]
    summary = summarise(plan, rows + bits, lost)

    def statuses(arm, line):
        return [point.status for point in summary.along(arm, line)]

    there, to_come = "measured", "missing"
    assert statuses(first, class_) == [there, "failed", to_come, to_come, there]
    # Without bits there is no question of them, once the cell has answered.
    assert statuses(first, bit) == ["not applicable", "failed", to_come, to_come, there]
    assert statuses(second, class_) == [to_come] * 5
    (other,) = [arm for arm in plan.unasked if arm.label == "simclr, tau 0.05"]
    assert statuses(other, class_) == ["not asked for"] * 5


def test_an_arm_that_stands_at_one_place_is_not_expected_elsewhere():
    plan = make_plan("heads", scale="laptop")
    (arm,) = [arm for arm in plan.arms if arm.get("head") == "identity" and arm.get("bits") == 0]
    summary = summarise(plan, [])
    found = {point.x: point.status for point in summary.along(arm, summary.lines[0])}
    at = arm.settings[plan.recipe.axis]
    assert found.pop(at) == "missing"
    assert set(found.values()) == {"not applicable"}


def test_a_layer_that_a_method_has_not_is_not_applicable(row_of, labelled):
    plan = make_plan("h_vs_g", seeds=1)
    done = [cell for cell in plan.cells if cell.method == "untrained"]
    summary = summarise(plan, [row_of(cell, 0.5) for cell in done])
    line = Line("class", "together")
    untrained = labelled(plan, "untrained")
    assert [point.status for point in summary.along(untrained, line)] == [
        "measured",
        "not applicable",
    ]
    other = next(arm for arm in plan.arms if arm.method == "simclr")
    assert {point.status for point in summary.along(other, line)} == {"missing"}


# --- lines and arms ------------------------------------------------------------------------------


def test_lines_stand_in_the_cards_order_and_the_bits_that_are_held_have_one(
    planned, along_bits, curves
):
    rows = along_bits(planned, curves) + along_bits(planned, curves, scenes="alone")
    of_bits = [row for row in rows if row["bits"]]
    bits = [{**row, "feature": "bit", "decodable": 3} for row in of_bits]
    each = [{**row, "feature": "bit1"} for row in of_bits]
    lines = summarise(planned, rows + bits + each).lines
    found = [(line.feature, line.scenes, line.measure) for line in lines]
    assert found == [
        ("class", "alone", "accuracy"),
        ("class", "together", "accuracy"),
        ("bit", "alone", "accuracy"),
        ("bit", "together", "accuracy"),
        ("bit", "together", "decodable"),
    ]


def test_without_rows_every_feature_has_a_line(planned):
    summary = summarise(planned, [])
    assert [line.feature for line in summary.lines] == list(planned.card.features)
    assert summary.arms == []
    assert {point.status for point in summary.points if point.arm in planned.arms} == {"missing"}


def test_a_line_knows_its_rows_by_layer_and_place(planned, along_bits, curves, labelled):
    rows = along_bits(planned, curves)
    other = [{**row, "layer": "z", "accuracy": 0.0} for row in rows]
    summary = summarise(planned, rows + other)
    point = summary.point(labelled(planned, "untrained"), Line("class", "together"), 4)
    assert point.by_seed == pytest.approx({0: 0.29, 1: 0.3, 2: 0.31})
    of_z = Line("class", "together", layer="z")
    assert summary.point(labelled(planned, "untrained"), of_z, 4).by_seed == {0: 0, 1: 0, 2: 0}


def test_an_arm_that_is_another_with_a_parameter_more_keeps_its_own_rows(row_of):
    planned = make_plan("h_vs_g", seeds=2)
    rows = [row_of(cell, number / 100) for number, cell in enumerate(planned.cells)]
    summary = summarise(planned, rows)
    for arm in planned.arms:
        point = summary.point(arm, Line("class", "together"), "h")
        assert sorted(point.by_seed) == ([0] if arm.method == "pixels" else [0, 1])
        own = [row["accuracy"] for row in rows if row["arm"] == arm.label]
        assert sorted(point.by_seed.values()) == own
    names = {planned.cell_name(cell) for cell in planned.cells}
    assert len(names) == len(planned.cells)


def test_a_method_without_the_parameter_of_the_axis_is_one_cell_that_stands_at_every_place(
    row_of, labelled
):
    plan = make_plan("temperature", scale="smoke")
    untrained = [cell for cell in plan.cells if cell.method == "untrained"]
    assert len(untrained) == 2  # without and with bits, whatever the temperature
    line = Line("class", "together")
    (cell,) = [cell for cell in untrained if cell.parameters["bits"] == 4]
    summary = summarise(plan, [row_of(cell, 0.2)])
    found = summary.along(labelled(plan, "untrained, bits 4"), line)
    assert [point.by_seed for point in found] == [{0: 0.2}] * len(plan.axis) == [{0: 0.2}] * 2
    (other,) = [
        cell
        for cell in plan.cells
        if cell.arm.label == "simclr, bits 4" and cell.get("tau") == plan.axis[0]
    ]
    summary = summarise(plan, [row_of(other, 0.2)])
    assert [point.n for point in summary.along(other.arm, line)] == [1, 0]


def test_seeds_and_guesses_are_those_of_all_rows(planned, along_bits, curves):
    rows = along_bits(planned, curves)
    summary = summarise(planned, rows)
    assert summary.seeds == [0, 1, 2]
    assert summary.seeds_a_place == [3]
    ends = [row for row in rows if row["seed"] == 0 or row["bits"] in (0, 8)]
    assert summarise(planned, ends).seeds_a_place == [1, 3]
    for row in rows[:10]:
        row["guess"] = 0.2
    share = 10 / len(rows)
    assert summarise(planned, rows).guess("class") == pytest.approx(0.1 + 0.1 * share)
    assert math.isnan(summary.guess("bit"))


def test_probes_that_measure_something_else_guess_for_themselves(planned, along_bits, curves):
    rows = along_bits(planned, curves)
    named = [{**row, "probe": "named", "guess": 0.2} for row in rows]
    knn = [{**row, "probe": "knn", "guess": 0.3} for row in rows]
    summary = summarise(planned, rows + named + knn)
    for probe in ("linear", "knn", "named"):
        assert summary.guess("class", probe) == pytest.approx(0.2)  # knn's is pooled with linear's
    summary = summarise(planned, rows + named)
    assert summary.guess("class") == pytest.approx(0.1)
    assert guesses(summary) == "class 10 %, class named 20 %"


def test_a_row_bears_its_arm_from_the_cell_on(planned):
    """`arm` follows from the parameters; rows have it inside the program."""
    answers = [(cell, [{"feature": "class", "accuracy": 0.5}]) for cell in planned.cells]
    rows = long_rows(planned, answers)
    assert [row["arm"] for row in rows] == [cell.arm.label for cell in planned.cells]
    for row, cell in zip(rows, planned.cells, strict=True):
        assert list(row)[:3] == ["experiment", "method", "seed"]
        assert {name: row[name] for name in cell.named_parameters} == cell.named_parameters
        assert row["shared_bits"] == cell.parameters["bits"]


def test_a_probe_without_the_recipes_measure_has_a_line_of_its_own_measure(
    planned, along_bits, curves, labelled
):
    """RankMe tells a rank and no accuracy: no line, and no panel, is empty for that."""
    from dataclasses import replace

    from suppression.reporting.console import cell_text
    from suppression.reporting.figures import figure
    from suppression.reporting.tables import terminal_table

    probe = planned.probe.model_copy(update={"rankme": True})
    asked = replace(planned, probe=probe)
    rows = along_bits(planned, curves)
    ranks = []
    for row in rows:
        about = {"feature": "representation", "scenes": "held out", "probe": "rankme"}
        no_score = dict.fromkeys(("accuracy", "low", "high", "guess"))
        ranks.append({**row, **no_score, **about, "rank": 3.0 + row["seed"]})
    summary = summarise(asked, rows + ranks)
    assert [(line.feature, line.probe, line.measure) for line in summary.lines] == [
        ("class", "linear", "accuracy"),
        ("representation", "rankme", "rank"),
    ]
    point = summary.point(labelled(planned, "supervised"), summary.lines[1], 4)
    assert point.by_seed == {0: 3.0, 1: 4.0, 2: 5.0}
    assert (point.mean, point.unit) == (4.0, 1)
    table = terminal_table(summary, width=100)
    assert table.count("representation, held out") == len(planned.arms)
    assert len([ax for ax in figure(summary).axes if ax.get_title()]) == 1
    of_first = [row for row in rows + ranks if row["arm"] == "untrained" and row["bits"] == 0]
    first = next(cell for cell in planned.cells if cell.arm.label == "untrained")
    assert cell_text(asked, first, of_first[:1]).count("class together") == 1
    assert "representation" not in cell_text(asked, first, of_first)


def test_a_place_of_ours_may_stand_between_two_published_ones():
    plan = make_plan("digit_size", scale="laptop", pins={"tau": [0.2]})
    assert [published_at(plan, x) for x in plan.axis] == [20, None, 30, 40]
    arm, line = plan.arms[0], Line("first", "alone")
    shown = [summarise(plan, []).point(arm, line, x).published for x in plan.axis]
    assert shown == [98.7, None, 98.8, 98.3]  # the talk, Table 2
