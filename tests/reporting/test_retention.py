"""What is left of a feature, from rows that were made up so that the answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suppression.experiment.arms import Arm
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import Retention
from suppression.metrics.crossed import Crossed
from suppression.reporting.retention import (
    Left,
    gap_tables,
    half_left,
    reference_of,
    retained,
    retention_tables,
)
from suppression.reporting.summary import summarise
from suppression.reporting.tables import layout, retention_text

BITS = [0, 2, 4, 6, 8]


def asked(plan):
    return plan.recipe.retention[0]


def test_retention_is_that_of_the_formula_by_hand_paired_by_seed(
    planned, along_bits, curves, labelled
):
    summary = summarise(planned, along_bits(planned, curves))
    found = retained(summary, labelled(planned, "simclr, tau 0.2"), asked(planned))
    for x, trained in zip(BITS, curves[0.2], strict=True):
        by_hand = []
        for shift in (-0.01, 0, 0.01):  # of the seeds
            by_hand.append((trained + shift - 0.1) / (0.9 + shift - 0.1))
        assert found[x].values == pytest.approx(by_hand)
    assert found[8].values[0] < 0 < found[8].values[2]  # at chance: the seeds lie about 0


def test_what_nothing_learned_reads_does_not_move_retention(planned, along_bits, curves, labelled):
    """Chance is the floor: a record without an untrained network tells the same."""
    rows = along_bits(planned, curves)
    without = [row for row in rows if row["method"] != "untrained"]
    simclr = labelled(planned, "simclr, tau 0.2")
    found = retained(summarise(planned, rows), simclr, asked(planned))
    told = retained(summarise(planned, without), simclr, asked(planned))
    assert sorted(told) == BITS
    for x in BITS:
        assert told[x].values == pytest.approx(found[x].values)


def test_a_feature_that_competes_with_nothing_is_left_whole_and_has_no_threshold(
    planned, along_bits, curves
):
    summary = summarise(planned, along_bits(planned, curves))
    ((title, header, body),) = retention_tables(summary)
    told = {line[0]: line[1:] for line in body}
    assert "class" in title
    assert header[-1] == "bits at R = 0.5"
    assert told["supervised"] == ["1.00", *["1.00/1.00/1.00"] * 4, "not within 0 to 8"]
    assert told["simclr, tau 0.2"][-1] == "between 4 and 6"


def test_retention_in_words_is_that_of_the_table(planned, along_bits, curves):
    summary = summarise(planned, along_bits(planned, curves))
    ((_, _, body),) = retention_tables(summary)
    told = {line[0]: line[-1] for line in body}
    words = retention_text(summary)
    left = round(100 * (0.01 / 0.81 - 0.01 / 0.79) / 3)  # the mean over seeds
    half = told["simclr, tau 0.2"]
    assert words == [
        f"simclr, tau 0.2 keeps {left} % of 'class' (together) at bits 8; "
        f"half of it is left at bits {half}.",
        "supervised keeps 100 % of 'class' (together) at bits 8.",
    ]


def test_a_seed_without_its_reference_is_left_out(planned, along_bits, curves, labelled):
    rows = []
    for row in along_bits(planned, curves):
        if (row["bits"], row["seed"]) != (0, 2):
            rows.append(row)
    simclr = labelled(planned, "simclr, tau 0.2")
    assert retained(summarise(planned, rows), simclr, asked(planned))[4].seeds == [0, 1]


def test_the_threshold_of_digit_size_is_fitted_over_log2_and_told_in_px():
    planned = make_plan("digit_size_replace")
    of_first = Retention(feature="first", reference="size1", scenes="alone", log2=True)
    own = planned.cells[0].parameters["size1"]
    assert reference_of(planned, Arm({"method": "simclr"}), of_first) == own
    assert reference_of(planned, Arm({"method": "simclr", "size1": 12}), of_first) == 12
    curve = {9: 1.0, 18: 1.0, 24: 0.75, 27: 0.0, 32: 0.0}
    found = {x: Left([0], Crossed.of_seeds([value])) for x, value in curve.items()}
    at, low, high, kind = half_left(of_first, found)
    assert (low, high, kind) == (pytest.approx(24), pytest.approx(27), "bracket")
    assert at == pytest.approx(24 ** (2 / 3) * 27 ** (1 / 3))  # a third of the way, in log2


def test_the_gap_between_readouts_is_paired_by_seed(planned, along_bits, curves):
    probe = planned.probe.model_copy(update={"mlp": 8})
    with_mlp = replace(planned, probe=probe)
    rows = along_bits(planned, curves)
    rows += along_bits(planned, {0.2: [0.95, 0.9, 0.9, 0.6, 0.4]}, probe="mlp")
    ((title, _, body),) = gap_tables(summarise(with_mlp, rows))
    (line,) = body
    assert title == "accuracy (mlp) less that of the linear readout, points"
    assert [float(cell.split()[0]) for cell in line[3:]] == pytest.approx([5, 10, 20, 40, 30])


def test_what_another_readout_than_the_usual_one_reads_is_said_to_be_its(competing, by_size):
    readings = {
        "simclr, tau 0.2": {6: 0.8, 8: 0.7, 12: 0.5},
        "simclr, tau 0.2, competitor redrawn": {6: 0.8, 12: 0.65},
    }
    rows = by_size(competing, readings)
    rows += by_size(competing, {"simclr, tau 0.2": {6: 0.1, 12: 0.1}}, probe="linear")
    summary = summarise(competing, rows)
    ((title, _, body),) = retention_tables(summary)
    assert title.startswith("what is left of 'first' (together, named): R = ")
    told = []
    for label, *cells in body:
        told.append([label, *(cell.split(" ")[0] for cell in cells[:4])])
    assert told == [
        ["simclr, tau 0.2", "1.00", "0.83", "", "0.50"],  # 0.5 / 0.6 and 0.3 / 0.6 above 0.2
        ["simclr, tau 0.2, competitor redrawn", "1.00", "", "", "0.75"],
    ]
    assert retention_text(summary) == [
        "simclr, tau 0.2 keeps 50 % of 'first' (together, named) at size2 12.",
        "simclr, tau 0.2, competitor redrawn keeps 75 % of 'first' (together, named) at size2 12.",
    ]


def test_a_gap_is_of_accuracies_and_not_of_the_bits_that_are_held(planned, along_bits, curves):
    rows = along_bits(planned, curves, feature="bit", decodable=3)
    rows += along_bits(planned, {0.2: [1.0] * 5}, feature="bit", decodable=7, probe="mlp")
    ((_, _, body),) = gap_tables(summarise(planned, rows))
    (line,) = body
    gaps = [float(cell.split()[0]) for cell in line[3:]]
    assert gaps == pytest.approx([100 * (1 - value) for value in curves[0.2]])


def test_the_gap_of_statistics_taken_anew_has_a_table_that_says_so(competing, by_size):
    alone = {"scenes": "alone", "probe": "linear"}
    rows = by_size(competing, {"simclr, tau 0.2": {6: 0.8, 12: 0.3}}, **alone)
    rows += by_size(
        competing, {"simclr, tau 0.2": {6: 0.82, 12: 0.6}}, **{**alone, "probe": "anew"}
    )
    ((title, _, body),) = gap_tables(summarise(competing, rows))
    assert title == "accuracy (statistics anew) less that of the linear readout, points"
    assert body == [["simclr, tau 0.2", "first", "alone", "2.0 [-3, 7]", "", "", "30.0 [25, 35]"]]


def test_there_is_no_gap_where_only_one_readout_was_asked(planned, along_bits, curves):
    assert gap_tables(summarise(planned, along_bits(planned, curves))) == []


def test_retention_and_published_values_are_those_of_the_layer_that_is_shown(
    planned, along_bits, curves, labelled
):
    probe = planned.probe.model_copy(update={"layers": ["z", "h"]})
    of_z = replace(planned, probe=probe)
    rows = along_bits(planned, curves)  # of h alone
    simclr = labelled(planned, "simclr, tau 0.2")
    assert retained(summarise(of_z, rows), simclr, asked(planned)) == {}
    in_z = summarise(of_z, [{**row, "layer": "z"} for row in rows])
    by_hand = [-0.01 / 0.79, 0, 0.01 / 0.81]
    assert retained(in_z, simclr, asked(planned))[8].values == pytest.approx(by_hand)
    _, blocks = layout(in_z)
    assert "published" not in {line[2] for block in blocks for line in block}
