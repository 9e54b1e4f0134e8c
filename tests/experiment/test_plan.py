"""A plan: which cells it has, in which order, and that one value is one cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from suppression.experiment.keys import FIRST
from suppression.experiment.plan import make_plan

GOLDEN = Path(__file__).parent.parent / "golden"


def keys(**pins):
    usual = {"method": ["simclr"], "size2": [12], "tau": [0.2], "redraw": [0]}
    return make_plan("digit_size", scale="smoke", pins={**usual, **pins}).keys


def test_a_label_does_not_change_the_key_and_one_value_is_one_key():
    one = keys(tau=["1"], size2=["12"])
    same = keys(tau=[1.0], size2=[12])
    assert one == same
    assert len(one) == 1


def test_parameters_that_came_later_are_in_no_key_of_a_cell_that_does_not_use_them():
    """A recorded csv has a column for every parameter of its cells when they were trained.

    What none of them had is None or at its default, which is in no key.
    """
    first_line, *_ = (GOLDEN / "digit_size.laptop.csv").read_text().splitlines()
    cells = make_plan(str(GOLDEN / "digit_size.toml")).cells
    for cell in cells:
        there = {name for name, value in cell.parameters.items() if value is not None}
        for name in there - {"data", *first_line.split(",")}:
            assert cell.parameters[name] == cell.schema[name].default
            assert name not in FIRST
    assert "replace" in cells[0].parameters


def test_a_pair_of_operations_is_one_training_whichever_is_named_first():
    # Five operations by two of them, and the untrained network.
    plan = make_plan("augmentation_pairs", scale="smoke")
    found = {}
    for cell in plan.cells:
        found[cell.parameters.get("op1"), cell.parameters.get("op2")] = cell.key
    assert found["cutout", "jitter"] == found["jitter", "cutout"]
    assert len(found) == 5 * 2 + 1
    assert len(set(found.values())) == len(found) - 1


def test_a_switch_that_is_off_is_one_that_nobody_touched():
    assert keys(replace=["false"]) == keys(replace=[False]) == keys(replace=["none"]) == keys()
    on = keys(replace=["true"])
    assert on == keys(replace=[True]) == keys(replace=["True"]) != keys()
    assert keys(replace=["true", "false"]) == [*on, *keys()]
    assert keys(replace=["false", "true"]) == [*keys(), *on]


def test_a_switch_that_the_scale_has_on_is_an_arm_on_and_an_arm_off():
    """No other arm bears the label of one of them."""
    plan = make_plan("digit_size", pins={"replace": ["false", "true"], "redraw": [0]})
    assert plan.recipe.scale["laptop"]["replace"] is True
    labels = [arm.label for arm in plan.every_arm]
    assert len(set(labels)) == len(labels)
    for cell in plan.cells:
        assert cell.get("replace", False) is cell.arm.label.endswith(", replace")


def test_the_usual_depth_may_be_named_and_is_the_same_cell():
    plans = []
    for depth in (None, "18"):
        pins = {"method": ["simclr"], "depth": [depth]}
        plans.append(make_plan("model_size", scale="smoke", pins=pins))
    usual, named = plans
    assert usual.cells == named.cells != []
    assert usual.keys == named.keys


def test_pins_and_lists_make_their_product_and_the_two_ends_come_first():
    pins = {"tau": [0.1, 0.5], "method": ["simclr"], "redraw": [0]}
    plan = make_plan("digit_size", pins=pins, seeds=2)
    asked = []
    for cell in plan.cells:
        asked.append((cell.seed, cell.parameters["size2"], cell.parameters["tau"]))
    assert len(set(asked)) == len(asked) == len(plan.axis) * 2 * 2
    assert {size2 for _, size2, _ in asked[:4]} == {plan.axis[0], plan.axis[-1]}
    assert all(seed == 0 for seed, _, _ in asked[: len(asked) // 2])


def test_a_pin_on_a_parameter_that_some_arms_set_doubles_no_cell_and_renames_no_other_arm():
    planned = make_plan("trifeature", seeds=1, pins={"jitter": ["1.0"]})
    assert not [cell for cell in planned.other_cells if cell in planned.cells]
    assert {"method": "untrained"} in [arm.settings for arm in planned.arms]
    pinned = make_plan("digit_size", pins={"source": ["mnist"]})
    assert pinned.arms == make_plan("digit_size").arms


def test_an_arm_that_sets_the_parameter_of_the_axis_stands_at_that_place_only():
    cells = make_plan("heads", scale="laptop").cells
    widths = {"identity": set(), "linear": set()}
    for cell in cells:
        if cell.get("head") in widths:
            widths[cell.get("head")].add(cell.parameters["z_dim"])
    assert widths == {"identity": {128}, "linear": {16, 64, 128}}
    smoke = make_plan("heads", scale="smoke")  # whose axis has no 128
    assert not [arm for arm in smoke.arms if arm.get("head") == "identity"]


@pytest.mark.parametrize("scale", ["smoke", "laptop"])
def test_a_cell_with_one_parameter_replaced_is_another_cell_of_the_same_arm(scale):
    cell = next(c for c in make_plan("digit_size", scale=scale).cells if c.method == "simclr")
    other = cell.replace(tau=0.7)
    assert (other.arm, other.seed, other.dataset) == (cell.arm, cell.seed, cell.dataset)
    assert other.key != cell.key
    assert other.replace(tau=cell.parameters["tau"]) == cell
