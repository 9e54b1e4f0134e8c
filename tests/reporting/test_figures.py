"""The figures: what is drawn, from rows that were made up."""

from __future__ import annotations

import pytest

from suppression.experiment.plan import make_plan
from suppression.metrics.retention import incentive
from suppression.reporting.figures import figure
from suppression.reporting.styles import styles
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
            values = drawn.setdefault(" ".join(ax.get_ylabel().split()), set())
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


def test_more_arms_than_colours_are_drawn_as_fields_with_their_values_written_in(row_of):
    plan = make_plan("who_suppresses", scale="laptop")
    rows = []
    for i, cell in enumerate(plan.cells):
        value = 0.9 - i / 200 if cell.parameters["bits"] < 6 else 0.15 + i / 1000
        rows.append(row_of(cell, value, low=value - 0.1, high=value + 0.1))
    panel, _ = figure(summarise(plan, rows)).axes
    written = [text.get_text() for text in panel.texts]
    assert len([text for text in written if "[" in text]) >= len(plan.cells)
    row = next(row for row in rows if row["method"] == "byol" and row["bits"] == 4)
    low, high = 100 * row["low"], 100 * row["high"]
    assert f"{100 * row['accuracy']:.1f} [{low:.0f}, {high:.0f}]†\n1 seed" in written
    order = [label.get_text() for label in panel.get_yticklabels()]
    sums = dict.fromkeys(order, 0.0)
    for row in rows:
        sums[row["method"]] += row["accuracy"]
    assert order == sorted(order, key=lambda method: -sums[method])
    assert len(order) == len(plan.arms) > 12


def test_a_matrix_that_is_the_same_both_ways_is_a_triangle_in_the_order_of_its_means(row_of):
    plan = make_plan("augmentation_pairs", scale="laptop")
    worth = {"cutout": 0.01, "jitter": 0.2, "sobel": 0.03, "blur": 0.1, "rotate": 0.04}
    rows = []
    for cell in plan.cells:
        value = 0.2
        if cell.arm.get("op1"):
            value += worth[cell.arm.get("op1")] + worth[cell.parameters["op2"]]
        rows.append(row_of(cell, value, low=value - 0.05, high=value + 0.05))
    panel, scale = figure(summarise(plan, rows)).axes
    best_first = sorted(worth, key=lambda name: -worth[name])
    assert [tick.get_text() for tick in panel.get_xticklabels()] == best_first
    assert [tick.get_text() for tick in panel.get_yticklabels()] == best_first
    fields = {}
    for text in panel.texts:
        fields[text.get_position()] = text.get_text()
    assert len(fields) == 5 * 6 / 2
    for (j, i), text in fields.items():
        value = 20 + 100 * (worth[best_first[i]] + worth[best_first[j]])
        assert text.startswith(f"{value:.1f} [")
        assert text.endswith("1 seed")
    assert scale.get_xlim() == pytest.approx((10, 60))  # from chance to the greatest
    assert any("untrained 20.0" in text.get_text() for text in scale.texts)


def test_a_matrix_that_is_not_the_same_both_ways_has_all_its_fields(row_of):
    plan = make_plan("augmentation_pairs", scale="laptop")
    rows = []
    for i, cell in enumerate(plan.cells):
        value = 0.3 + i / 100
        if cell.arm.get("op1") != "blur":
            rows.append(row_of(cell, value, low=value - 0.1, high=value + 0.1))
    panel, _ = figure(summarise(plan, rows)).axes
    operations = ["cutout", "jitter", "sobel", "rotate"]
    shown = [tick.get_text() for tick in panel.get_yticklabels()]
    assert shown[-4:] == [f"simclr, op1 {name}" for name in operations]


def test_one_seed_is_open_two_are_two_dots_and_only_three_have_a_bar(row_of):
    values = {0: [0.5], 2: [0.4, 0.6], 4: [0.5, 0.6, 0.7]}
    plan = make_plan("random_bits", seeds=3)
    rows = []
    for cell in plan.cells:
        at = cell.parameters["bits"]
        if cell.arm.label == "simclr, tau 0.2" and cell.seed < len(values.get(at, [])):
            rows.append(row_of(cell, values[at][cell.seed]))
    panel = figure(summarise(plan, rows)).axes[0]
    hollow = [line for line in panel.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_ydata().tolist() for line in hollow] == [[50.0]]
    dots = [line.get_ydata().tolist() for line in panel.lines if line.get_marker() == "."]
    assert dots == [[40.0, 60.0]]
    (bars,) = [each for each in panel.containers if each.get_label() == "simclr, tau 0.2"]
    (segments,) = [each.get_segments() for each in bars.lines[2]]
    drawn = [each for each in segments if len(each)]
    assert [each[:, 0] == pytest.approx(4.0, abs=0.3) for each in drawn] == [True]


def test_a_place_at_which_nothing_can_be_asked_says_so_below_the_axis_and_upright(
    planned, along_bits, curves
):
    rows = [row for row in along_bits(planned, curves, scenes="alone") if row["bits"]]
    made = figure(summarise(planned, rows + along_bits(planned, curves)))
    (panel,) = [ax for ax in made.axes if "hidden" in ax.get_title()]
    below = " ".join(panel.get_xlabel().split())
    assert below.endswith("(0: where there are no bits, nothing can be hidden)")
    for ax in made.axes:
        assert [text.get_rotation() for text in ax.texts if text.get_rotation()] == []


def test_published_values_of_other_pictures_have_axes_of_their_own(row_of):
    plan = make_plan("losses", seeds=1)
    rows = [row_of(cell, 0.6) for cell in plan.cells]
    *ours, theirs = figure(summarise(plan, rows)).axes
    assert "ImageNet" in theirs.get_title()
    values = sorted(line.get_ydata()[0] for line in theirs.lines)
    assert values == [50.9, 51.6, 57.5, 57.9, 63.9]
    for ax in ours:
        assert "x" not in {line.get_marker() for line in ax.lines}


def test_there_are_ticks_where_there_are_published_points(planned, along_bits, curves):
    panel = figure(summarise(planned, along_bits(planned, curves))).axes[0]
    ticks = {float(tick.get_text()) for tick in panel.get_xticklabels()}
    assert ticks >= {*BITS, 5, 10, 15, 20}


def test_a_place_that_repeats_another_one_is_not_drawn_twice(row_of):
    plan = make_plan("layers", seeds=1)
    heights = {"block1": 0.3, "block2": 0.4, "block3": 0.5, "block4": 0.6, "h": 0.6, "z": 0.2}
    rows = []
    for cell in plan.cells:
        for layer, height in heights.items():
            rows.append(row_of(cell, height, feature="first", layer=layer))
    (panel,) = figure(summarise(plan, rows)).axes
    ticks = [tick.get_text() for tick in panel.get_xticklabels()]
    assert ticks == ["block1", "block2", "block3", "block4 = h", "z"]
    for bars in panel.containers:
        assert bars.lines[0].get_ydata() == pytest.approx([30, 40, 50, 60, 20])


def test_who_suppresses_size_shows_the_reading_with_both_visible(row_of):
    plan = make_plan("who_suppresses_size")
    rows = []
    for cell in plan.cells:
        for scenes in ("alone", "together"):
            rows.append(row_of(cell, 0.5, feature="first", scenes=scenes))
    titles = [" ".join(ax.get_title().split()) for ax in figure(summarise(plan, rows)).axes]
    assert [title.split(";")[0] for title in titles if title] == [
        "first: only the probed digit visible",
        "first: both digits visible",
    ]
