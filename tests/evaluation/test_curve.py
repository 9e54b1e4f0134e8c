"""Learning curves: weights kept along training, and what readouts make of them."""

from __future__ import annotations

import pytest
import torch

from suppression.data import TwoDigits
from suppression.errors import UserError
from suppression.evaluation import evaluate
from suppression.execution.archive import export_cells, import_cells
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.runner import run_cell
from suppression.execution.store import SNAPSHOTS, Store
from suppression.experiment.builders import build_method
from suppression.experiment.validation import check_cell
from suppression.training.loop import Training, TrainingInterrupted, train

CPU = torch.device("cpu")


@pytest.fixture
def kept(cell):
    """A cell of 8 steps of 32 scenes that keeps its weights after 2 and 4 of them."""
    return cell.replace(snapshots=2)


def asked(plan, **settings):
    update = {"train": 80, "test": 40, "named": None, "anew": None, **settings}
    return plan.probe.model_copy(update=update)


def stopped_after(cell, context, steps, keeper=None):
    """The weights of a training that ended after so many steps, by the loop itself."""
    pools, method = load_pools(cell, context, CPU), build_method(cell)
    draw = training_batches(cell, pools[True], CPU, method)
    left = iter(range(steps - 1))
    with pytest.raises(TrainingInterrupted):
        train(
            method,
            draw,
            training=cell.training,
            device=CPU,
            keeper=keeper,
            stop=lambda: next(left, None) is None,
        )
    return method.state_dict()


def same(some, others):
    return set(some) == set(others) and all(torch.equal(some[k], others[k]) for k in some)


def test_halvings_are_rounded_down_and_bounded():
    assert Training(samples=1500, batch=10, snapshots=4).kept_after == [9, 18, 37, 75]
    assert Training(samples=1500, batch=10).kept_after == []
    for wrong in (0, 8):
        with pytest.raises(ValueError, match="150 steps can be halved 7 times"):
            Training(samples=1500, batch=10, snapshots=wrong)


def test_what_is_kept_are_the_weights_of_a_training_that_ends_there(kept, plan, context):
    run_cell(kept, None, context)
    found = Store(context.store).snapshots(kept.key)
    assert list(found) == [2, 4]
    for step, weights in found.items():
        assert same(weights, stopped_after(kept, context, step))


def test_keeping_changes_neither_the_training_nor_the_name_of_one_that_keeps_nothing(
    cell, kept, context
):
    for each in (cell, kept):
        run_cell(each, None, context)
    store = Store(context.store)
    assert same(store.weights(cell.key), store.weights(kept.key))
    assert store.snapshots(cell.key) == {}
    assert cell.replace(snapshots=None).key == cell.key != kept.key


def test_a_training_that_is_resumed_behind_them_still_has_them(kept, context):
    store = Store(context.store)
    stopped_after(kept, context, 5, keeper=store.workplace(kept.key))
    run_cell(kept, None, context)
    assert store.about(kept.key)["resumed_at"] == 5
    assert list(store.snapshots(kept.key)) == [2, 4]
    assert same(store.snapshots(kept.key)[2], stopped_after(kept, context, 2))


def test_every_place_reads_what_a_readout_reads_of_the_weights_there(kept, plan, context):
    rows = run_cell(kept, asked(plan, curve=[64, 256]), context)
    assert {row["seen"] for row in rows} == {64, 256}
    method = build_method(kept)
    pools = load_pools(kept, context, CPU)
    for seen, weights in ((64, stopped_after(kept, context, 2)), (256, None)):
        method.load_state_dict(weights or Store(context.store).weights(kept.key))
        expected = {}
        for row in evaluate(method, kept.dataset, source="digits", train=80, test=40):
            expected[row["feature"], row["scenes"]] = row["accuracy"]
        read = [row for row in rows if row["seen"] == seen]
        assert {(r["feature"], r["scenes"]): r["accuracy"] for r in read} == expected
    assert len(pools[False]) > 0


def test_a_network_that_was_not_trained_reads_the_same_everywhere(cell_with, plan, context):
    rows = run_cell(cell_with("untrained"), asked(plan, curve=[64, 256]), context)
    by_place = [[r["accuracy"] for r in rows if r["seen"] == seen] for seen in (64, 256)]
    assert by_place[0] == by_place[1] != []


def test_a_place_at_which_nothing_was_kept_has_no_row_and_only_such_places_are_refused(
    kept, plan, context
):
    rows = run_cell(kept, asked(plan, curve=[100, 128]), context)
    assert {row["seen"] for row in rows} == {128}
    check_cell(kept, asked(plan, curve=[100, 128]))
    with pytest.raises(UserError, match=r"keeps its weights after 64, 128, 256 scenes"):
        check_cell(kept, asked(plan, curve=[100]))
    with pytest.raises(UserError, match="this network is one"):
        evaluate(lambda x: x.flatten(1), TwoDigits(canvas=8, size1=3, size2=5), curve=[64])


def test_a_flipped_byte_is_found_and_they_are_carried_to_another_store(kept, context, tmp_path):
    run_cell(kept, None, context)
    store, other = Store(context.store), Store(tmp_path / "other")
    export_cells(store, [kept.key], tmp_path / "cells.zip")
    assert import_cells(other, tmp_path / "cells.zip").new == [kept.key]
    assert same(other.snapshots(kept.key)[4], store.snapshots(kept.key)[4])
    path = store.root / "cells" / kept.key / SNAPSHOTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert SNAPSHOTS in store.damage(kept.key)
    assert other.damage(kept.key) is None
