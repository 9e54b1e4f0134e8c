"""The loop: golden traces, resumed runs that end in the same bits, trainings that must stop."""

import math
import multiprocessing
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from suppression.execution import workplace as workplace_room
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.execution.environment import peak_mb
from suppression.execution.runner import run_cell, stored_rows
from suppression.execution.store import Store
from suppression.experiment.builders import build_method
from suppression.methods import METHODS
from suppression.training.loop import LOG_POINTS, Training, TrainingStopped, train

GOLDEN = Path(__file__).parent.parent / "golden"
CPU = torch.device("cpu")


def losses_of(cell, context, steps=10):
    pool = load_pools(cell, context, CPU)[True]
    method, draw = build_method(cell), training_batches(cell, pool, CPU)
    seen = []

    class Keeper:
        def log(self, row):
            seen.append(row["loss"])

        def due(self):
            return False

        def load(self):
            return None

    train(
        method,
        draw,
        training=Training(
            samples=steps * cell.training.batch, batch=cell.training.batch, lr=cell.training.lr
        ),
        device=CPU,
        keeper=Keeper(),
    )
    return seen


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.trains])
def test_the_first_ten_losses_are_the_golden_ones(name, cell_with, context):
    """A trace that moves is a fault, or the method's `version` goes up.

    The trace is then recorded anew: delete the file and run this.
    """
    cell = cell_with(name)
    seen = losses_of(cell, context)
    path = GOLDEN / f"{name}.txt"
    if not path.exists():
        path.write_text("".join(f"{loss:.6f}\n" for loss in seen))
        pytest.fail(f"{path} was not there and has been recorded; look at it and commit it")
    assert seen == pytest.approx([float(line) for line in path.read_text().split()], rel=2e-3)


def test_a_scene_drawn_by_its_step_does_not_depend_on_what_was_drawn_before(cell, context):
    draw = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)
    draw(0)
    later = draw(7)
    assert all(torch.equal(a, b) for a, b in zip(draw(7), later, strict=True))
    assert not torch.equal(draw(8)[0], later[0])


def test_views_of_a_whole_canvas_differ_only_where_the_second_places_its_digits_anew(cell, context):
    cell = cell.replace(area_min=1.0, aspect=1.0)
    pool = load_pools(cell, context, CPU)[True]
    (x1, x2, _), (r1, r2, y) = (
        training_batches(cell.replace(replace=replace), pool, CPU)(0) for replace in (None, True)
    )
    assert torch.equal(x1, x2)
    assert torch.equal(r1, x1)
    assert not torch.equal(r2, r1)
    # The same ink elsewhere, but for what overlaps.
    torch.testing.assert_close(r2.sum((1, 2, 3)), r1.sum((1, 2, 3)), rtol=0.5, atol=5)
    assert y.sum(1).max() == 2


@pytest.mark.parametrize("net", [{}, {"net": "convnet"}])
def test_methods_start_from_the_same_encoder_at_the_same_seed(net, cell_with):
    # Cuts a view into patches, and a convnet sees one size only.
    # Floors switch blocks on, or take the pictures themselves.
    names = set(METHODS) - ({"cpc"} if net else set()) - {"random_features", "pixels"}
    encoders = {
        name: build_method(
            cell_with(name).replace(**net | {"stem": None, "view": None})
        ).encoder.state_dict()
        for name in names
    }
    assert all(
        torch.equal(encoders["simclr"][k], other[k]) for other in encoders.values() for k in other
    )


def weights_and_trace(store, cell):
    key = cell.key
    return store.weights(key), store.trace(key)


def killed_in_training(cell, probe, context):
    workplace_room.CHECKPOINT_SECONDS = 0.0

    def tell(*event):
        if event[0] == "step" and event[1] == 5:
            os.kill(os.getpid(), 9)

    torch.set_num_threads(1)
    run_cell(cell, probe, context, tell)


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "lars", "muon", "adam"])
def test_a_killed_cell_goes_on_and_ends_bit_identical(cell, plan, tmp_path, optimiser):
    cell = cell.replace(optimiser=optimiser)
    whole, broken = (Context(store=tmp_path / name, threads=1) for name in ("whole", "broken"))
    run_cell(cell, plan.probe, whole)
    process = multiprocessing.get_context("spawn").Process(
        target=killed_in_training, args=(cell, plan.probe, broken)
    )
    process.start()
    process.join()
    assert process.exitcode == -9
    assert Store(broken.store).keys() == []
    steps = []
    rows = run_cell(
        cell,
        plan.probe,
        broken,
        lambda *event: steps.append(event[1]) if event[0] == "step" else None,
    )
    assert min(steps) >= 5  # it went on; it did not start anew
    (w1, t1), (w2, t2) = (
        weights_and_trace(Store(whole.store), cell),
        weights_and_trace(Store(broken.store), cell),
    )
    assert t1 == t2
    assert all(torch.equal(w1[name], w2[name]) for name in w1)
    assert rows == stored_rows(Store(whole.store), cell, plan.probe)
    assert Store(broken.store).about(cell.key)["resumed_at"] >= 4


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.trains])
def test_every_method_goes_on_from_a_snapshot_and_ends_bit_identical(name, cell_with, context):
    """Queues, moving averages and schedules included: a snapshot has all that a step needs."""
    cell = cell_with(name)
    draw = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)
    training = Training(
        samples=6 * cell.training.batch, batch=cell.training.batch, lr=cell.training.lr
    )

    class Keeper:
        def __init__(self, saved=None):
            self.saved = saved

        def log(self, row):
            self.row = row

        def due(self):
            return self.row["step"] == 2

        def save(self, tensors, step):
            self.saved = (tensors, step)

        def load(self):
            return self.saved

    whole, again, keeper = build_method(cell), build_method(cell), Keeper()
    train(whole, draw, training=training, device=CPU, keeper=keeper)
    assert keeper.saved[1] == 3
    resumed = Keeper(keeper.saved)
    train(again, draw, training=training, device=CPU, keeper=resumed)
    assert resumed.row == keeper.row
    ends = whole.state_dict(), again.state_dict()
    assert all(torch.equal(ends[0][k], ends[1][k]) for k in ends[0])


@pytest.mark.parametrize(
    ("name", "optimiser"),
    [("simclr", optimiser) for optimiser in ("adamw", "sgd", "lars", "adam")]
    + [(name, "muon") for name, method in METHODS.items() if method.trains],
)
def test_a_step_between_logged_ones_never_waits_for_the_device(
    name, optimiser, cell_with, context, no_host_sync
):
    """On a GPU the host then runs ahead, and the card is never idle between two steps."""
    cell = cell_with(name).replace(optimiser=optimiser)
    draw = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)

    def steps(done):
        if done == 1:
            # From the end of the first step, which is logged, to the beginning of the last one.
            watching.enter_context(no_host_sync())

    class Watched(Training):
        steps = 2 * LOG_POINTS  # so that every second step is logged

    class Seen(Exception):
        """The step was watched; the others are not needed."""

    def draw_and_stop(step):
        if step == 2:
            watching.close()
            raise Seen
        return draw(step)

    with pytest.raises(Seen), ExitStack() as watching:
        train(
            build_method(cell),
            draw_and_stop,
            training=Watched(optimiser=optimiser),
            device=CPU,
            on_step=lambda done, loss: steps(done),
        )


def test_a_cell_tells_the_most_memory_that_its_process_held(cell, plan, context):
    before = peak_mb(CPU)
    ballast = torch.ones(100_000_000)  # 400 MB; float32
    run_cell(cell, plan.probe, context)
    told = Store(context.store).about(cell.key)["peak_mb"]
    assert max(before, ballast.nbytes / 1e6) <= told <= peak_mb(CPU)


class Broken(torch.nn.Module):
    """A method whose loss, or whose projections, go wrong at step 3."""

    trains = True
    watch = False

    def __init__(self, loss=1.0, spread=1.0):
        super().__init__()
        self.w = torch.nn.Parameter(torch.ones(2, 2))
        self.wrong, self.metrics, self.calls = (loss, spread), {}, 0

    def forward(self, x1, x2, y):
        loss, spread = self.wrong if self.calls >= 3 else (1.0, 1.0)
        self.calls += 1
        self.metrics = {"spread": torch.tensor(spread)}
        return self.w.sum() * 0 + loss

    def after_step(self, progress):
        pass


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"loss": math.nan}, "loss is nan at step 3"),
        ({"spread": 0.0}, "collapsed to one point by step 3"),
    ],
)
def test_nan_and_collapse_stop_the_training_with_the_step(wrong, told):
    x = torch.zeros(2, 1, 4, 4)
    with pytest.raises(TrainingStopped, match=told):
        train(
            Broken(**wrong),
            lambda step: (x, x, x),
            training=Training(samples=20, batch=2),
            device=CPU,
        )


@pytest.mark.parametrize("optimiser", ["sgd", "adamw", "adam", "muon"])
def test_a_last_update_that_ends_in_no_number_is_not_published(optimiser, cell, plan, context):
    """One step: its loss is finite, and what it leaves is not."""
    one = cell.replace(lr=1e30, weight_decay=1e30, optimiser=optimiser, samples=32, warmup=0.0)
    with pytest.raises(TrainingStopped, match="not finite after 1 steps: the training diverged"):
        run_cell(one, plan.probe, context)
    assert Store(context.store).keys() == []


def test_a_training_that_diverges_publishes_nothing_and_keeps_its_trace(cell, plan, context):
    with pytest.raises(TrainingStopped, match=r"nan|inf"):
        run_cell(cell.replace(lr=1e30, optimiser="sgd"), plan.probe, context)
    assert Store(context.store).keys() == []
    (work,) = (context.store / "work").iterdir()
    assert (work / "trace.jsonl").read_text().count("\n") >= 1


def test_one_batch_repeated_is_learned(cell, context):
    """The supervised loss falls towards its least possible value, the entropy of the targets."""
    cell = cell.replace(method="supervised")
    x1, x2, y = training_batches(cell, load_pools(cell, context, CPU)[True], CPU)(0)
    method = build_method(cell)
    train(
        method,
        lambda step: (x1, x2, y),
        training=Training(samples=32 * 60, batch=32, lr=1e-2),
        device=CPU,
    )
    p = y / y.sum(1, keepdim=True)
    least = -(p * p.clamp(min=1e-9).log()).sum(1).mean().item()
    method.train()
    assert least <= method(x1, x2, y).item() < least + 0.6
