"""The figures: what is drawn, from rows that were made up."""

from __future__ import annotations

import pytest

from suppression.experiment.plan import make_plan
from suppression.metrics.retention import incentive
from suppression.reporting.figures import figure, styles
from suppression.reporting.summary import summarise
from suppression.reporting.tables import layout

BITS = [0, 2, 4, 6, 8]


def test_the_figure_draws_the_rows_the_guess_the_published_points_and_the_incentive(
    planned, along_bits, curves
):
    made = figure(summarise(planned, along_bits(planned, curves)))
    panel, beside = made.axes
    drawn = {each.get_label(): each.lines[0].get_xydata() for each in panel.containers}
    in_percent = [100 * value for value in curves[0.2]]
    assert [y for _, y in drawn["simclr, tau 0.2"]] == pytest.approx(in_percent)
    assert [x for x, _ in drawn["untrained"]] == pytest.approx(BITS, abs=0.2)
    crosses = [line.get_ydata().tolist() for line in panel.lines if line.get_marker() == "x"]
    assert [90.0, 33.0, 10.4, 10.0, 9.9] in crosses
    assert any(list(line.get_ydata()) == [10.0, 10.0] for line in panel.lines)  # the guess
    left = [line.get_ydata()[0] for line in beside.lines]
    assert max(left) == pytest.approx(incentive(0, batch=128, tau=0.05))


def test_error_bars_are_the_points_intervals(planned, along_bits, curves, labelled):
    summary = summarise(planned, along_bits(planned, curves))
    panel = figure(summary).axes[0]
    (bars,) = [each for each in panel.containers if each.get_label() == "simclr, tau 0.2"]
    (segments,) = [each.get_segments() for each in bars.lines[2]]
    points = summary.along(labelled(planned, "simclr, tau 0.2"), summary.lines[0])
    for segment, point in zip(segments, points, strict=True):
        assert segment[:, 1] == pytest.approx([100 * point.low, 100 * point.high])


def test_a_recipe_may_have_panels_for_other_measures_in_their_own_units(row_of):
    planned = make_plan("simsiam_collapse", seeds=1)
    rows = [row_of(cell, 0.6, low=0.5, high=0.7, cases=9) for cell in planned.cells]
    of_pairs = {"feature": "pairs", "scenes": "views", "probe": "contrast", "layer": "output"}
    measures = {"entropy": 5.0, "spread": 0.25, "rank": 3.0}
    for row in list(rows):
        if row["method"] == "simsiam":
            rows.append({**row, **of_pairs, **measures})
    drawn = {}
    for ax in figure(summarise(planned, rows)).axes:
        if ax.get_ylabel():
            values = drawn.setdefault(ax.get_ylabel(), set())
            for container in ax.containers:
                values.update(y for _, y in container.lines[0].get_xydata())
    assert drawn["std of normalised outputs times sqrt(d)"] == {0.25}
    assert drawn["effective rank"] == {3.0}
    assert drawn["top-1 accuracy, %"] == {60.0}
    assert not any("entropy" in name for name in drawn)  # in the table alone


ROTATION = {
    "feature": "rotation",
    "scenes": "transformed",
    "low": 0.5,
    "high": 0.7,
    "guess": 0.25,
    "cases": 9,
}


def test_an_axis_of_words_is_drawn_one_after_another(row_of):
    planned = make_plan("h_vs_g", seeds=1)
    rows = []
    for cell in planned.cells:
        for layer in ("h", "z"):
            for probe in ("linear", "mlp"):
                rows.append(row_of(cell, 0.6, probe=probe, layer=layer, **ROTATION))
    summary = summarise(planned, rows)
    ticks = figure(summary).axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["h", "z"]
    _, blocks = layout(summary)
    (arm,) = [block for block in blocks if block[0][0] == "simclr, tau 0.2, quarter 1.0"]
    # Beside the mlp readout, which is what was published.
    assert arm[-1] == ["", "", "published", "67.6", "25.6"]


def test_layers_and_a_published_axis_of_words_that_are_not_all_asked_for_are_drawn(row_of):
    planned = make_plan("h_vs_g", seeds=1, layers=["z"])
    rows = [row_of(cell, 0.6, probe="mlp", layer="z", **ROTATION) for cell in planned.cells]
    both = rows + [{**row, "probe": "linear"} for row in rows]
    assert figure(summarise(planned, both)).axes
    assert all(block for block in layout(summarise(planned, rows))[1])


def test_the_legend_names_every_arm_also_one_that_the_first_panel_has_not(
    planned, along_bits, curves
):
    rows = along_bits(planned, {"untrained": curves["untrained"]}, scenes="alone")
    rows += along_bits(planned, curves)
    (legend,) = figure(summarise(planned, rows)).legends
    named = {text.get_text() for text in legend.get_texts()}
    assert {"untrained", "simclr, tau 0.2", "supervised"} <= named


def test_an_arm_looks_the_same_whichever_arms_were_asked_for():
    every = make_plan("random_bits").every_arm
    some = make_plan("random_bits", pins={"method": ["simclr"], "tau": ["0.2"]}).every_arm
    look = styles(every)
    assert {label: look[label] for label in styles(some)} == styles(some)
    many = make_plan("who_suppresses").every_arm
    first = list(styles(many).values())[:12]
    assert len(set(first)) == len(first)


def test_more_arms_than_colours_are_drawn_as_fields_with_their_values_written_in(row_of):
    plan = make_plan("who_suppresses", scale="laptop")
    rows = []
    for i, cell in enumerate(plan.cells):
        value = 0.9 - i / 200 if cell.parameters["bits"] < 6 else 0.15 + i / 1000
        rows.append(row_of(cell, value, low=value - 0.1, high=value + 0.1))
    (panel,) = figure(summarise(plan, rows)).axes
    written = [text.get_text() for text in panel.texts]
    assert len([text for text in written if "[" in text]) >= len(plan.cells)
    row = next(row for row in rows if row["method"] == "byol" and row["bits"] == 4)
    low, high = 100 * row["low"], 100 * row["high"]
    assert f"{100 * row['accuracy']:.1f} [{low:.0f}, {high:.0f}]" in written
    order = [label.get_text() for label in panel.get_yticklabels()]
    sums = dict.fromkeys(order, 0.0)
    for row in rows:
        sums[row["method"]] += row["accuracy"]
    assert order == sorted(order, key=lambda method: -sums[method])
    assert len(order) == len(plan.arms) > 12


def test_a_matrix_is_drawn_as_fields_in_the_order_of_the_recipe(row_of):
    plan = make_plan("augmentation_pairs", scale="laptop")
    rows = []
    for i, cell in enumerate(plan.cells):
        value = 0.3 + i / 100
        rows.append(row_of(cell, value, low=value - 0.1, high=value + 0.1))
    (panel,) = figure(summarise(plan, rows)).axes
    operations = [tick.get_text() for tick in panel.get_xticklabels()]
    arms = ["untrained", *(f"simclr, op1 {name}" for name in operations)]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == arms
    shades = [float(field.get_facecolor()[0].mean()) for field in panel.collections]
    texts = [text.get_text() for text in panel.texts if "[" in text.get_text()]
    values = [float(text.split()[0]) for text in texts]
    assert len(shades) == len(values) == 6 * 5
    assert shades.index(max(shades)) == values.index(max(values))
    assert shades.index(min(shades)) == values.index(min(values))
