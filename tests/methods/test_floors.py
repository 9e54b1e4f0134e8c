"""What is told where nothing was learned: three floors."""

from __future__ import annotations

import pytest
import torch

from suppression.evaluation import evaluate
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.runner import run_cell
from suppression.experiment.arms import Arm
from suppression.experiment.builders import build_method
from suppression.experiment.files import names
from suppression.experiment.plan import make_plan
from suppression.methods import METHODS


def test_random_features_are_the_untrained_network_with_every_block_switched_on(cell_with):
    untrained = build_method(cell_with("untrained")).eval()
    random = build_method(cell_with("random_features")).eval()
    x = torch.rand(4, 1, 16, 16)
    assert not torch.allclose(random.encoder(x), untrained.encoder(x))
    with torch.no_grad():
        for name, parameter in random.encoder.named_parameters():
            if name.startswith("layer") and name.endswith("bn2.weight"):
                parameter.zero_()
    assert torch.equal(random.encoder(x), untrained.encoder(x))


def test_pixels_are_probed_as_a_function_that_hands_pictures_on_is(cell_with, context):
    cell = cell_with("pixels")
    with_probes = {"train": 200, "test": 100}
    rows = run_cell(cell, ProbeSettings(**with_probes), context)
    oracle = evaluate(
        lambda x: x.flatten(1), cell.dataset, source=cell.source, seed=cell.seed, **with_probes
    )
    told = {(row["feature"], row["scenes"]): row["accuracy"] for row in rows}
    assert told == {(row["feature"], row["scenes"]): row["accuracy"] for row in oracle}


@pytest.mark.parametrize("name", METHODS)
def test_a_floor_is_what_neither_trains_nor_builds_on_what_was_trained(name):
    floors = {"untrained", "random_features", "pixels"}
    assert Arm({"method": name}).is_floor == (name in floors)


def test_one_cell_of_pixels_answers_for_all_seeds():
    """No seed moves them: three equal values would look like an interval of no width."""
    three = make_plan("random_bits", scale="smoke", seeds=3)
    last = make_plan("random_bits", scale="smoke", pins={"seed": [2]})

    def cells(plan, method):
        return [cell.key for cell in plan.cells if cell.method == method]

    assert len(cells(three, "random_features")) == 3 * len(three.axis)
    assert len(cells(three, "pixels")) == len(three.axis)
    assert set(cells(last, "pixels")) == set(cells(three, "pixels"))


@pytest.mark.parametrize("name", names("experiments"))
def test_a_recipe_with_an_untrained_network_has_one_of_which_every_block_works(name):
    plan = make_plan(name, scale="smoke")
    settings = {}
    for arm in plan.every_arm:
        others = {key: value for key, value in arm.settings.items() if key != "method"}
        settings.setdefault(arm.method, []).append(others)
    for of_untrained in settings.get("untrained", []):
        has_blocks = plan.cells[0].encoder.net is None  # that of the notebook has none
        if has_blocks and not plan.recipe.matrix:
            assert of_untrained in settings["random_features"]
