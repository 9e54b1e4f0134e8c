"""Every card: its data set draws batches, answers for its features, and waits for no device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from suppression.execution.batches import load_pools, training_batches
from suppression.experiment.builders import build_method
from suppression.experiment.files import names
from suppression.experiment.run import Run
from suppression.experiment.schema import cell_parameters
from suppression.experiment.spec import load_card
from suppression.seeding import torch_rng

SHELF = Path(__file__).parent.parent.parent / "datasets"
CPU = torch.device("cpu")


def card_cell(name, **given):
    """A cell on the data set of this card."""
    card = load_card(name)
    has = cell_parameters(card.kind, given["method"])
    of_card = {key: value for key, value in card.parameters.items() if key in has}
    if "batch" in has:
        of_card["batch"] = 4
    return card, Run.of({"data": card.kind, **of_card, **given})


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_draws_batches_with_its_features(name, context):
    card, cell = card_cell(name, method="supervised", width=4, view=16, jitter=0.5, gray=0.2)
    scenes = cell.dataset
    found = set()
    for feature in scenes.features:  # `bit` stands for bit1, bit2, ...
        found.add(feature if feature in card.features else feature.rstrip("0123456789"))
    assert found == set(card.features)
    pools = load_pools(cell, context, CPU)
    x1, x2, y = training_batches(cell, pools[True], CPU)(0)
    assert x1.shape == x2.shape == (4, scenes.channels, 16, 16)
    assert 0 <= min(x1.min(), x2.min()) <= max(x1.max(), x2.max()) <= 1
    assert not torch.equal(x1, x2)
    assert y.shape == (4, sum(scenes.spaces(pools[True])))
    assert torch.isfinite(build_method(cell, pools[True])(x1, x2, y))
    assert (SHELF / f"{name}.png").stat().st_size < 300_000


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_draws_its_batches_without_waiting_for_the_device(name, context, no_host_sync):
    _, cell = card_cell(name, method="simclr", view=16)
    pools = load_pools(cell, context, CPU)
    draw = training_batches(cell, pools[True], CPU)
    draw(0)  # what is computed once for a pool (hashes, sprites) is computed here
    with no_host_sync():
        draw(1)


@pytest.mark.parametrize("name", names("datasets"))
def test_every_card_answers_the_questions_about_its_features(name, context):
    _, cell = card_cell(name, method="untrained", width=4)
    pools = load_pools(cell, context, CPU)
    scenes = cell.dataset.probed()
    drawn = scenes.factors(5, torch_rng("test"), pools[False])
    labels, classes = scenes.labels(drawn), scenes.classes(pools[False])
    carriers = scenes.carriers(drawn)
    assert list(labels) == list(classes) == list(carriers) == list(scenes.features)
    for feature in scenes.features:
        assert labels[feature].shape == carriers[feature].shape == (5,)
        assert labels[feature].dtype == torch.int64
        assert labels[feature].max() < len(classes[feature])
    asked = set()
    for _, _, features in scenes.questions():
        asked.update(features)
    assert asked == set(scenes.features)
    assert len(scenes.captions(drawn, pools[False])) == 5
    state = torch.get_rng_state()
    for _, visible, _ in scenes.questions():
        x = scenes.render(drawn, pools[False], visible=visible)
        x = scenes.append(x, drawn, visible=visible)
        assert x.shape == (5, scenes.channels, scenes.canvas, scenes.canvas)
        assert 0 <= x.min() < x.max() <= 1
    assert torch.equal(torch.get_rng_state(), state)
    assert scenes.shared_bits is None or scenes.shared_bits >= 0
