"""Every cell of every recipe can be built, and two cells are one training only if they are."""

from __future__ import annotations

import pytest

from suppression.experiment.files import names
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_recipe
from suppression.experiment.validation import check_cell


def recipes():
    return [(name, scale) for name in names("experiments") for scale in load_recipe(name).scale]


def as_trained(cell):
    """What makes the training: a pair of operations has two names."""
    pair = frozenset([cell.parameters.get("op1"), cell.parameters.get("op2")])
    rest = {key: value for key, value in cell.parameters.items() if key not in ("op1", "op2")}
    return repr(sorted(rest.items())), pair


@pytest.mark.parametrize(("name", "scale"), recipes())
def test_every_cell_of_every_recipe_can_be_built(name, scale):
    plan = make_plan(name, scale=scale)
    for cell in plan.cells:
        if cell.encoder.width <= 16:
            check_cell(cell, plan.probe, plan.before)
    assert len(set(plan.keys)) == len({as_trained(cell) for cell in plan.cells})


@pytest.mark.parametrize(("name", "scale"), recipes())
def test_every_cell_has_an_arm_that_agrees_with_it(name, scale):
    plan = make_plan(name, scale=scale)
    for cell in plan.cells:
        assert cell.arm in plan.arms
        assert cell.arm.agrees_with(cell.named_parameters)
    labels = [arm.label for arm in plan.every_arm]
    assert len(set(labels)) == len(labels)
    assert len({plan.cell_name(cell) for cell in plan.cells}) == len(plan.cells)
