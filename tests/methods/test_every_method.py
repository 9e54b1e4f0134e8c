"""Every method that trains takes a step that changes its encoder."""

from __future__ import annotations

import pytest
import torch

from suppression.execution.batches import load_pools, training_batches
from suppression.experiment.builders import build_method
from suppression.methods import METHODS

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.trains])
def test_every_method_takes_a_step_that_changes_its_encoder(name, cell_with, context):
    cell = cell_with(name)
    method = build_method(cell)
    before = {key: value.clone() for key, value in method.encoder.state_dict().items()}
    method.train()
    draw = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)
    loss = method(*draw(0))
    loss.backward()
    assert loss.ndim == 0
    assert torch.isfinite(loss)
    assert all((p.grad is not None) is p.requires_grad for p in method.parameters())
    torch.optim.SGD(method.parameters(), lr=0.1).step()
    after = method.encoder.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before if "conv" in key)
