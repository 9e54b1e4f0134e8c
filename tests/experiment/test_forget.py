"""digit_size_forget: one network that holds both digits, going on beside each size."""

from __future__ import annotations

import pytest
import torch

from suppression.execution.batches import load_pools
from suppression.execution.context import Context
from suppression.execution.runner import assemble
from suppression.execution.store import Store
from suppression.exp import main
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_recipe

NAME = "digit_size_forget"
SCALES = list(load_recipe(NAME).scale)
CPU = torch.device("cpu")
FLOORS = ("untrained", "random_features", "pixels")


def keys_of(cells):
    return {cell.key for cell in cells}


@pytest.mark.parametrize("scale", SCALES)
def test_all_sizes_and_arms_start_from_one_network_a_seed(scale):
    plan = make_plan(NAME, scale=scale, seeds=3)
    assert sorted(both.seed for both in plan.before.values()) == [0, 1, 2]
    size1 = load_recipe(NAME).scale[scale]["size1"]
    for key, both in plan.before.items():
        assert (both.method, both.get("tau"), both.get("redraw")) == ("simclr", 0.2, 0.0)
        assert both.get("size1") == both.get("size2") == size1
        starting = [cell for cell in plan.cells if "start" in cell.parameters]
        of_seed = [cell for cell in starting if cell.seed == both.seed]
        assert len(of_seed) == 3 * len(plan.axis)  # shared, redrawn, frozen
        assert {cell.get("start") for cell in of_seed} == {key}


@pytest.mark.parametrize("scale", SCALES)
def test_what_does_not_go_on_are_the_cells_of_digit_size(scale):
    """Who has run digit_size has the long training, too."""
    mine, theirs = make_plan(NAME, scale=scale), make_plan("digit_size", scale=scale)
    assert set(mine.before) <= set(theirs.keys)
    others = [cell for cell in mine.cells if "start" not in cell.parameters]
    ends = [cell for cell in others if cell.get("size2") in (mine.axis[0], mine.axis[-1])]
    assert {cell.method for cell in ends} == {*FLOORS, "supervised"}
    assert keys_of(ends) <= set(theirs.keys)


def test_the_two_continued_arms_differ_in_what_the_second_view_shows_alone():
    plan = make_plan(NAME, scale="laptop")
    continued = [cell for cell in plan.cells if cell.method == "continued"]
    shared = [cell for cell in continued if cell.get("redraw") == 0.0]
    redrawn = [cell for cell in continued if cell.get("redraw") == 1.0]
    assert len(shared) == len(redrawn) == len(plan.axis)
    assert keys_of(cell.replace(redraw=0.0) for cell in redrawn) == keys_of(shared)
    samples = {cell.training.samples for cell in continued}
    assert samples == {80_000}
    assert {both.training.samples for both in plan.before.values()} == {160_000}


@pytest.mark.slow
def test_the_recipe_runs_and_before_its_first_step_each_cell_has_the_features_of_the_start(
    tmp_path,
):
    argv = [NAME, "--scale", "smoke", "--samples", "64", "--store", str(tmp_path)]
    assert main([*argv, "--workers", "1"]) == 0
    plan = make_plan(NAME, scale="smoke", pins={"samples": [64]})
    store, context = Store(tmp_path), Context(store=tmp_path, threads=1)
    (start,) = plan.before
    x = torch.rand(4, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    features = []
    for cell in plan.cells:
        assert store.has(cell.key)
        if "start" not in cell.parameters:
            continue
        before = assemble(cell, load_pools(cell, context, CPU)[True], context).eval()
        with torch.no_grad():
            features.append(before.encoder(x))
        trained, held = store.weights(cell.key), store.weights(start)
        moved = [
            name for name in held if not torch.equal(trained.get(name, held[name]), held[name])
        ]
        assert bool(moved) == (cell.method == "continued")
    assert len(features) == 6
    assert all(torch.equal(found, features[0]) for found in features)
