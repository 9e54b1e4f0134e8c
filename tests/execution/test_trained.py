"""Encoders out of the store: the weights that were trained, of the one cell that is meant."""

from __future__ import annotations

import pytest
import torch

import suppression as sup
from suppression.errors import UserError
from suppression.execution.store import Store


@pytest.fixture
def result(smoke, monkeypatch):
    monkeypatch.setenv("SUPPRESSION_HOME", str(smoke))  # what is run is there already
    return sup.run("digit_size", scale="smoke", tau=0.2, store=smoke)


@pytest.mark.slow
def test_a_cell_of_a_result_gives_the_encoder_that_was_trained(result, smoke, tmp_path):
    which = {"method": "simclr", "size2": 12, "redraw": 1.0, "seed": 0}
    cells = []
    for run, _ in result.answers:
        if all(run.parameters[name] == value for name, value in which.items()):
            cells.append(run)
    encoder = sup.encoder(result, store=smoke, **which)
    weights = Store(smoke).weights(cells[0].key)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, weights[f"encoder.{name}"])
    assert encoder.made == cells[0].parameters
    by_key = sup.encoder(cells[0].key[:10], store=smoke)
    file = sup.save_encoder(by_key, tmp_path / "e.safetensors")
    x = torch.rand(2, 1, cells[0].dataset.canvas, cells[0].dataset.canvas)
    assert torch.equal(sup.load_encoder(file)(x), encoder(x))


@pytest.mark.slow
def test_what_tells_cells_apart_is_named(result, smoke):
    with pytest.raises(UserError, match=r"cells are so; tell them apart by .*size2 \("):
        sup.encoder(result, store=smoke)
    with pytest.raises(UserError, match="no cell has a parameter 'sise2'; did you mean 'size2'"):
        sup.encoder(result, store=smoke, sise2=3)
    with pytest.raises(UserError, match="no cell has size2 = 999; there is "):
        sup.encoder(result, store=smoke, size2=999)
    with pytest.raises(UserError, match="a key names one cell, so seed tells nothing"):
        sup.encoder(result.plan.cells[0].key, store=smoke, seed=0)


def test_what_is_not_stored_or_no_result_is_told(tmp_path):
    with pytest.raises(UserError, match="no cell whose key begins with 'abc'"):
        sup.encoder("abc", store=tmp_path)
    with pytest.raises(UserError, match="3 is neither a result"):
        sup.encoder(3)
    recorded = sup.record("digit_size")
    with pytest.raises(UserError, match=r"no cell has|cells are so|has no cell"):
        sup.encoder(recorded, store=tmp_path)
