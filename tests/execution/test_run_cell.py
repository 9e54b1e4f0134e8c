"""One cell, run in this process: layers on request, and a method of one's own."""

from __future__ import annotations

import torch

from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.experiment.plan import make_plan
from suppression.methods import METHODS, Method


def test_features_at_z_and_at_block_groups_are_probed_on_request(cell, plan, context):
    update = {"layers": ["h", "z", "block2"], "train": 60, "test": 30}
    rows = run_cell(cell, plan.probe.model_copy(update=update), context)
    assert {row["layer"] for row in rows} == {"h", "z", "block2"}


class Toy(Method):
    """Pulls features to a constant.

    Args:
        pull: The constant; any number.
    """

    def __init__(self, encoder, *, pull: float = 0.5) -> None:
        super().__init__(encoder)
        self.pull = pull

    def forward(self, x1, x2, y):
        return (self.encoder(torch.cat([x1, x2])) - self.pull).square().mean()


def test_a_toy_method_takes_one_class_and_one_dict_line(monkeypatch, tmp_path):
    monkeypatch.setitem(METHODS, "toy", Toy)
    pins = {"method": ["toy"], "pull": ["0.25"], "size2": ["12"]}
    plan = make_plan("digit_size", scale="smoke", pins=pins)
    (cell,) = plan.cells
    assert cell.method_parameters == {"pull": 0.25}
    rows = run_cell(cell, plan.probe, Context(store=tmp_path / "store"))
    assert {row["feature"] for row in rows} == {"first", "second"}
