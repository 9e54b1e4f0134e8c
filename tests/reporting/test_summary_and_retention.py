"""What is left of a feature, from rows that were made up so that the answer is known."""

import pytest

from suppression.experiment.plan import make_plan
from suppression.experiment.spec import Retention
from suppression.reporting.figures import figure
from suppression.reporting.retention import floor_of, gap_table, half_left, reference_of, retained, retention_tables
from suppression.reporting.summary import Line, arm_of, cell_name, lines
from suppression.reporting.tables import caption, layout, published_table

BITS = [0, 2, 4, 6, 8]


def rows_of(plan, *, curves, feature="class", scenes="together", probe="linear", guess=0.1):
    """Rows of arms (by tau, or by the method's name) at the given accuracies along the axis, three seeds 0.01 apart."""
    made = []
    for cell in plan.cells:
        curve = curves.get(cell.get("tau", cell["method"]))
        if curve is not None:
            value = curve[plan.axis.index(cell["bits"])] + 0.01 * (cell["seed"] - 1)
            made.append(
                {
                    "feature": feature,
                    "scenes": scenes,
                    "probe": probe,
                    "layer": "h",
                    "accuracy": value,
                    "low": value,
                    "high": value,
                    "guess": guess,
                    "cases": 100,
                }
                | cell
            )
    return made


@pytest.fixture
def planned():
    return make_plan("random_bits", seeds=3)


CURVES = {"untrained": [0.5, 0.4, 0.3, 0.2, 0.15], 0.2: [0.9, 0.8, 0.7, 0.2, 0.1], "supervised": [0.9] * 5}


def test_retention_is_that_of_the_formula_by_hand_paired_by_seed(planned):
    rows = rows_of(planned, curves=CURVES)
    found = retained(planned, rows, {"method": "simclr", "tau": 0.2}, planned.recipe.retention[0])
    for x, untrained, trained in zip(BITS, CURVES["untrained"], CURVES[0.2], strict=True):
        assert found[x] == pytest.approx([(trained - untrained) / (0.9 - untrained)] * 3)  # the seeds' shifts cancel
    assert found[8][0] < 0  # erased


def test_a_feature_that_competes_with_nothing_is_left_whole_and_has_no_threshold(planned):
    rows = rows_of(planned, curves=CURVES)
    ((title, header, body),) = retention_tables(planned, rows)
    told = {line[0]: line[1:] for line in body}
    assert "class" in title
    assert header[-1] == "bits at R = 0.5"
    assert told["supervised"] == ["1.00 [1.00, 1.00]"] * 5 + ["not within 0 to 8"]
    at = float(told["simclr, tau 0.2"][-1].split()[0])
    assert 4 < at < 6


def test_a_seed_without_its_untrained_network_is_left_out(planned):
    rows = [row for row in rows_of(planned, curves=CURVES) if not (row["method"] == "untrained" and row["seed"] == 2)]
    assert len(retained(planned, rows, {"method": "simclr", "tau": 0.2}, planned.recipe.retention[0])[4]) == 2


def test_the_threshold_of_digit_size_is_fitted_over_log2_and_told_in_px():
    planned = make_plan("digit_size_replace")
    asked = Retention(feature="first", reference="size1", scenes="alone", log2=True)
    assert reference_of(planned, {}, asked) == planned.cells[0]["size1"]
    assert reference_of(planned, {"size1": 12}, asked) == 12
    at, low, high, _ = half_left(asked, {9: [1.0], 18: [1.0], 23: [0.5], 27: [0.0], 32: [0.0]})
    assert low <= at <= high
    assert at == pytest.approx(23, abs=0.5)


def test_the_gap_between_readouts_is_paired_by_seed(planned):
    planned = planned.__class__(**{**planned.__dict__, "probe": planned.probe.model_copy(update={"mlp": 8})})
    rows = rows_of(planned, curves=CURVES) + rows_of(planned, curves={0.2: [0.95, 0.9, 0.9, 0.6, 0.4]}, probe="mlp")
    _, _, body = gap_table(planned, rows)
    (line,) = body
    assert [float(cell.split()[0]) for cell in line[3:]] == pytest.approx([5, 10, 20, 40, 30])


def test_lines_stand_in_the_cards_order_and_the_bits_that_are_held_have_one(planned):
    rows = rows_of(planned, curves=CURVES, scenes="together") + rows_of(planned, curves=CURVES, scenes="alone")
    bits = [row | {"feature": "bit", "decodable": 3} for row in rows if row["bits"]]
    each = [row | {"feature": "bit1"} for row in rows if row["bits"]]
    found = [(line.feature, line.scenes, line.measure) for line in lines(planned, rows + bits + each)]
    accuracy = [(feature, scenes, "accuracy") for feature in ("class", "bit") for scenes in ("alone", "together")]
    assert found == [*accuracy, ("bit", "together", "decodable")]


def test_published_values_stand_beside_the_scenes_that_they_are_of(planned):
    rows = rows_of(planned, curves=CURVES)
    _, blocks = layout(planned, rows)
    (simclr,) = [block for block in blocks if block[0][0] == "simclr, tau 0.2"]
    assert simclr[1] == ["", "", "published", "90.0", "", "", "", ""]
    assert "| simclr, tau 0.2 | class | 90.0 | 33.0 | 10.4 | 10.0 | 9.9 |" in published_table(planned)
    assert "guessing: class 10 %" in caption(planned, rows)


def test_the_figure_draws_the_rows_the_guess_the_published_points_and_the_incentive(planned):
    from suppression.metrics.retention import incentive

    made = figure(planned, rows_of(planned, curves=CURVES))
    panel, beside = made.axes
    drawn = {container.get_label(): container.lines[0].get_xydata() for container in panel.containers}
    assert [y for _, y in drawn["simclr, tau 0.2"]] == pytest.approx([100 * value for value in CURVES[0.2]])
    assert [x for x, _ in drawn["untrained"]] == pytest.approx(BITS, abs=0.2)
    crosses = [line.get_ydata().tolist() for line in panel.lines if line.get_marker() == "x"]
    assert [90.0, 33.0, 10.4, 10.0, 9.9] in crosses
    assert any(list(line.get_ydata()) == [10.0, 10.0] for line in panel.lines)  # the guess
    curves = [line.get_ydata()[0] for line in beside.lines]
    assert max(curves) == pytest.approx(incentive(0, batch=128, tau=0.05))


def test_a_recipe_may_have_panels_for_other_measures_in_their_own_units():
    planned = make_plan("simsiam_collapse", seeds=1)
    rows = [
        {"feature": "class", "scenes": "together", "probe": "linear", "layer": "h", "accuracy": 0.6, "low": 0.5, "high": 0.7, "guess": 0.1, "cases": 9} | cell
        for cell in planned.cells
    ]
    rows += [
        row | {"feature": "pairs", "scenes": "views", "probe": "contrast", "layer": "output", "entropy": 5.0, "spread": 0.25, "rank": 3.0}
        for row in rows
        if row["method"] == "simsiam"
    ]
    made = figure(planned, rows)
    drawn = {ax.get_ylabel(): {y for c in ax.containers for _, y in c.lines[0].get_xydata()} for ax in made.axes if ax.get_ylabel()}
    assert drawn["std of normalised outputs times sqrt(d)"] == {0.25}
    assert drawn["effective rank"] == {3.0}
    assert drawn["top-1 accuracy, %"] == {60.0}
    assert not any("entropy" in name for name in drawn)  # in the table alone


def test_an_axis_of_words_is_drawn_one_after_another():
    planned = make_plan("h_vs_g", seeds=1)
    rows = [
        {"feature": "rotation", "scenes": "transformed", "probe": probe, "layer": layer, "accuracy": 0.6, "low": 0.5, "high": 0.7, "guess": 0.25, "cases": 9}
        | cell
        for cell in planned.cells
        for layer in ("h", "z")
        for probe in ("linear", "mlp")
    ]
    made = figure(planned, rows)
    assert [tick.get_text() for tick in made.axes[0].get_xticklabels()] == ["h", "z"]
    _, blocks = layout(planned, rows)
    (arm,) = [block for block in blocks if block[0][0] == "simclr, tau 0.2, quarter 1.0"]
    assert arm[-1] == ["", "", "published", "67.6", "25.6"]  # beside the mlp readout, which is what was published


def test_a_line_knows_its_rows_by_layer_and_place(planned):
    rows = rows_of(planned, curves=CURVES)
    other = [row | {"layer": "z"} for row in rows]
    assert len(Line("class", "together").rows(planned, rows + other, {"method": "untrained"}, 4)) == 3


def test_an_arm_that_is_another_with_a_parameter_more_keeps_its_own_rows():
    planned = make_plan("h_vs_g", seeds=2)
    rows = [{"feature": "class", "scenes": "together", "probe": "linear", "layer": "h", "accuracy": 0.5} | cell for cell in planned.cells]
    for arm in planned.arms:
        found = Line("class", "together").rows(planned, rows, arm, "h")
        assert sorted(row["seed"] for row in found) == [0, 1]
        assert len({arm_of(planned, row)["method"] for row in found}) == 1
    assert len({cell_name(planned, cell) for cell in planned.cells}) == len(planned.cells)


def test_rows_come_back_from_a_csv_as_they_were_lists_and_scores_too():
    from suppression.experiment.rows import from_csv, to_csv
    from suppression.experiment.schema import schema

    planned = make_plan("multidigits", scale="smoke")
    named = dict.fromkeys(("experiment", "probe", "layer", "scenes"), "x")
    rows = [named | {"feature": "digit", "accuracy": 0.5, "nmi": None, "k": 4, "converged": True} | cell | {"sizes": [12, 8]} for cell in planned.cells]
    for back, row in zip(from_csv(to_csv(rows), schema("multi_digits")), rows, strict=True):
        assert {name: value for name, value in back.items() if value is not None} == {name: value for name, value in row.items() if value is not None}


def test_an_arm_of_another_width_is_held_against_the_untrained_network_of_its_own_width():
    planned = make_plan("random_bits_size", seeds=1)
    assert floor_of(planned, {"method": "simclr", "tau": 0.2, "width": 32}) == {"method": "untrained", "width": 32}
    assert floor_of(planned, {"method": "simclr", "tau": 0.2}) == {"method": "untrained"}


def test_retention_and_published_values_are_those_of_the_layer_that_is_shown(planned):
    planned = planned.__class__(**{**planned.__dict__, "probe": planned.probe.model_copy(update={"layers": ["z", "h"]})})
    rows = rows_of(planned, curves=CURVES)  # of h alone
    assert retained(planned, rows, {"method": "simclr", "tau": 0.2}, planned.recipe.retention[0]) == {}
    in_z = [row | {"layer": "z"} for row in rows]
    assert retained(planned, in_z, {"method": "simclr", "tau": 0.2}, planned.recipe.retention[0])[8] == pytest.approx([(0.1 - 0.15) / 0.75] * 3)
    _, blocks = layout(planned, in_z)
    assert "published" not in {line[2] for block in blocks for line in block}


def test_layers_and_a_published_axis_of_words_that_are_not_all_asked_for_are_drawn():
    planned = make_plan("h_vs_g", seeds=1, layers=["z"])
    rows = [
        {"feature": "rotation", "scenes": "transformed", "probe": "mlp", "layer": "z", "accuracy": 0.6, "low": 0.5, "high": 0.7, "guess": 0.25, "cases": 9}
        | cell
        for cell in planned.cells
    ]
    assert figure(planned, rows + [row | {"probe": "linear"} for row in rows]).axes
    assert all(block for block in layout(planned, rows)[1])


def test_a_pin_on_a_parameter_that_some_arms_set_doubles_no_cell_and_renames_no_other_arm():
    planned = make_plan("trifeature", seeds=1, pins={"jitter": ["1.0"]})
    assert not [cell for cell in planned.other_cells if cell in planned.cells]
    assert {"method": "untrained"} in planned.arms
    assert make_plan("digit_size", pins={"source": ["mnist"]}).arms == make_plan("digit_size").arms


def test_the_legend_names_every_arm_also_one_that_the_first_panel_has_not(planned):
    rows = rows_of(planned, curves={"untrained": CURVES["untrained"]}, scenes="alone") + rows_of(planned, curves=CURVES)
    (legend,) = figure(planned, rows).legends
    assert {"untrained", "simclr, tau 0.2", "supervised"} <= {text.get_text() for text in legend.get_texts()}


def test_a_method_without_the_parameter_of_the_axis_is_one_cell_that_stands_at_every_place():
    plan = make_plan("temperature", scale="smoke")
    assert sum(cell["method"] == "untrained" for cell in plan.cells) == 2  # without and with bits, whatever the temperature
    arm = {"method": "untrained", "bits": 4}
    row = {"method": "untrained", "bits": 4, "seed": 0, "feature": "class", "scenes": "together", "probe": "linear", "layer": "h", "accuracy": 0.2}
    line = Line("class", "together")
    assert [line.rows(plan, [row], arm, tau) for tau in plan.axis] == [[row]] * 2
    simclr = row | {"method": "simclr", "tau": 0.1}
    assert [len(line.rows(plan, [simclr], {"method": "simclr", "bits": 4}, tau)) for tau in plan.axis] == [1, 0]


def test_an_arm_that_sets_the_parameter_of_the_axis_stands_at_that_place_only():
    plan = make_plan("heads", scale="laptop")
    assert {cell["z_dim"] for cell in plan.cells if cell.get("head") == "identity"} == {128}
    assert {cell["z_dim"] for cell in plan.cells if cell.get("head") == "linear"} == {16, 64, 128}
    assert not [arm for arm in make_plan("heads", scale="smoke").arms if arm.get("head") == "identity"]  # whose axis has no 128


def test_more_arms_than_colours_are_drawn_as_fields_with_their_values_written_in():
    plan = make_plan("who_suppresses", scale="laptop")
    rows = [
        {"feature": "class", "scenes": "together", "probe": "linear", "layer": "h", "guess": 0.1, "low": accuracy - 0.1, "high": accuracy + 0.1}
        | cell
        | {"accuracy": accuracy}
        for i, cell in enumerate(plan.cells)
        for accuracy in [0.9 - i / 200 if cell["bits"] < 6 else 0.15 + i / 1000]
    ]
    made = figure(plan, rows)
    (panel,) = made.axes
    written = [text.get_text() for text in panel.texts]
    assert len([text for text in written if "[" in text]) >= len(plan.cells)
    row = next(row for row in rows if row["method"] == "byol" and row["bits"] == 4)
    assert f"{100 * row['accuracy']:.1f} [{100 * row['low']:.0f}, {100 * row['high']:.0f}]" in written
    order = [label.get_text() for label in panel.get_yticklabels()]
    means = {arm: sum(row["accuracy"] for row in rows if row["method"] == arm) for arm in order}
    assert order == sorted(order, key=lambda arm: -means[arm])
    assert len(order) == len(plan.arms) > 12


def test_a_matrix_is_drawn_as_fields_in_the_order_of_the_recipe():
    plan = make_plan("augmentation_pairs", scale="laptop")
    asked = {"feature": "class", "scenes": "together", "probe": "linear", "layer": "h", "guess": 0.1}
    rows = [asked | cell | {"accuracy": value, "low": value - 0.1, "high": value + 0.1} for i, cell in enumerate(plan.cells) for value in [0.3 + i / 100]]
    (panel,) = figure(plan, rows).axes
    operations = [tick.get_text() for tick in panel.get_xticklabels()]
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["untrained", *(f"simclr, op1 {name}" for name in operations)]
    shades = [float(field.get_facecolor()[0].mean()) for field in panel.collections]
    values = [float(text.get_text().split()[0]) for text in panel.texts if "[" in text.get_text()]
    assert len(shades) == len(values) == 6 * 5
    assert shades.index(max(shades)) == values.index(max(values))
    assert shades.index(min(shades)) == values.index(min(values))
