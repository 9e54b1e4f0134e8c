"""How long cells take, counted on the fingers: with passes of a second, or stored paces."""

from __future__ import annotations

import pytest
import torch

from suppression.execution import estimate, runner
from suppression.execution.context import Context
from suppression.execution.estimate import PASSES, expected_seconds, pace_name, probe_pace_name
from suppression.execution.runner import Pace, run_cell
from suppression.execution.store import Store
from suppression.methods import METHODS

CPU = torch.device("cpu")


@pytest.fixture
def a_second(monkeypatch):
    """A pass takes a second, whatever is shown, and an update half a second."""
    monkeypatch.setattr(estimate, "timed_pass", lambda *_: 1.0)
    monkeypatch.setattr(estimate, "timed", lambda *_: 0.5)


@pytest.fixture
def no_timing(monkeypatch):
    for name in ("timed_pass", "timed"):
        monkeypatch.setattr(estimate, name, lambda *_: pytest.fail("a pass was timed"))


def probe_seconds(cell, plan):
    """A pass is of 16 views, and a probe's pictures only go forward, a third of a pass, 4 times."""
    larger = (cell.dataset.canvas / cell.view_side) ** 2  # they are whole canvases
    return larger * 4 / 3 * (plan.probe.train + plan.probe.test) / 16


def test_updates_are_counted_by_the_step_and_pixels_by_the_scene(cell, plan, context, a_second):
    cell = cell.replace(samples=640, batch=64, optimiser="muon")
    found = expected_seconds([cell], plan.probe, context)
    assert found.seconds == pytest.approx([640 / 8 + 10 * 0.5 + probe_seconds(cell, plan)])
    assert (found.measured, found.timed) == (0, 1)


def test_an_untrained_network_is_only_probed(plan, context, a_second):
    untrained = next(cell for cell in plan.cells if cell.method == "untrained")
    found = expected_seconds([untrained], plan.probe, context)
    assert found.seconds == pytest.approx([probe_seconds(untrained, plan)])


def test_what_others_build_on_is_only_trained(cell, plan, context, a_second):
    found = expected_seconds([], plan.probe, context, [cell])
    assert found.seconds == pytest.approx([cell.training.samples / 8])


def test_local_crops_count_by_their_pixels(cell, plan, context, a_second):
    none, four = (cell.replace(local=n, local_view=n and cell.view_side // 2) for n in (None, 4))
    few, many = expected_seconds([none, four], plan.probe, context).seconds
    assert many - few == pytest.approx(4 * 0.25 * cell.training.samples / 16)


def test_a_method_takes_its_passes_more(cell_with, context, a_second):
    plain, more = (cell_with(name) for name in ("simclr", "byol"))
    seconds = expected_seconds([], None, context, [plain, more]).seconds
    assert seconds[1] / seconds[0] == pytest.approx(PASSES["byol"])
    assert set(PASSES) <= set(METHODS)


def test_each_network_is_timed_once_and_nothing_is_written(plan, context, monkeypatch):
    passes = []
    monkeypatch.setattr(estimate, "timed_pass", lambda *_: passes.append(1) or 1.0)
    monkeypatch.setattr(estimate, "has_bf16", lambda device: False)
    found = expected_seconds(plan.cells, plan.probe, context)
    assert found.timed == len(plan.cells) > 2
    assert len(passes) == 2  # of all cells together: they have one network
    assert not context.store.exists()
    assert "timed now" in str(found)


def test_what_was_measured_is_not_timed_again(cell, plan, context, no_timing):
    store = Store(context.store)
    store.put_machine(pace_name(cell, CPU, 1), 0.25)
    store.put_machine(probe_pace_name(cell, plan.probe, CPU, 1), 3.0)
    found = expected_seconds([cell, cell.replace(seed=5)], plan.probe, context)
    assert found.seconds == pytest.approx([0.25 * cell.training.samples + 3] * 2)
    assert (found.measured, found.timed) == (2, 0)
    assert str(found) == "measured in earlier runs"


def test_both_kinds_are_told_where_there_are_both(cell, plan, context, a_second):
    store = Store(context.store)
    store.put_machine(pace_name(cell, CPU, 1), 0.25)
    store.put_machine(probe_pace_name(cell, plan.probe, CPU, 1), 3.0)
    found = expected_seconds([cell, cell.replace(batch=16)], plan.probe, context)
    assert (found.measured, found.timed) == (1, 1)
    assert str(found) == "measured in earlier runs for 1 cell, from a pass timed now for 1"


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 16},
        {"width": 3},
        {"canvas": 40},
        {"view": 14},
        {"local": 2},
        {"method": "byol"},
        {"optimiser": "sgd"},
        {"depth": 10},
        {"precision": "bf16"},
    ],
)
def test_a_pace_is_of_one_shape_and_one_way_to_train(cell, change):
    assert pace_name(cell.replace(**change), CPU, 1) != pace_name(cell, CPU, 1)


def test_a_pace_does_not_depend_on_seed_length_or_temperature(cell):
    other = cell.replace(seed=9, samples=6400, tau=0.5, lr=0.1)
    assert pace_name(other, CPU, 1) == pace_name(cell, CPU, 1)
    assert pace_name(cell, CPU, 2) != pace_name(cell, CPU, 1)


def test_a_training_leaves_its_pace_and_its_probe_s(cell, plan, context, no_timing):
    run_cell(cell, plan.probe, context)
    other = cell.replace(seed=7)
    found = expected_seconds([other], plan.probe, context)
    assert (found.measured, found.timed) == (1, 0)
    about = Store(context.store).about(cell.key)
    training = expected_seconds([], None, context, [other]).seconds[0]
    assert 0 < training < about["seconds"] + 0.1  # the first step, which warms up, is left out
    assert found.seconds[0] > training


def test_the_pace_is_taken_from_the_first_logged_step_to_the_last(monkeypatch):
    times = iter([5.0, 6.0, 7.0])
    monkeypatch.setattr(runner.time, "perf_counter", lambda: next(times))
    pace = Pace()
    pace.lap(1)
    assert pace.seconds is None
    pace.lap(4)
    pace.lap(11)
    assert pace.seconds == pytest.approx(0.2)


def test_a_probe_is_asked_for_by_its_settings(cell, plan):
    other = plan.probe.model_copy(update={"train": plan.probe.train + 1})
    names = {probe_pace_name(cell, probe, CPU, 1) for probe in (plan.probe, other)}
    assert len(names) == 2


def test_several_processes_measure_side_by_side_and_lose_nothing(tmp_path):
    import threading

    store = Store(tmp_path)
    threads = [
        threading.Thread(target=Store(tmp_path).put_machine, args=(f"pace {i}", i))
        for i in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.machine() == {f"pace {i}": i for i in range(12)}


def test_threads_of_a_worker_are_those_of_the_pace(cell, plan, tmp_path, no_timing):
    context = Context(store=tmp_path, threads=3)
    Store(tmp_path).put_machine(pace_name(cell, CPU, 3), 0.5)
    assert expected_seconds([], None, context, [cell]).measured == 1
