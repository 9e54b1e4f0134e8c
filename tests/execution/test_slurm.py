"""Cells over Slurm: a stand-in that runs jobs as processes, with kills; a real one where it is."""

import importlib.util
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from suppression.errors import UserError
from suppression.execution import slurm, watch
from suppression.execution.provenance import mixed_machines, unlike
from suppression.execution.queue import Queue
from suppression.execution.runner import run_cell
from suppression.execution.scheduler import Target, check_for_cluster
from suppression.execution.store import Store


def beside(name):
    """A module of this folder."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REAL = "SUPPRESSION_TEST_SLURM"  # asks for the test on a real Slurm
fake_slurm, real_slurm = beside("fake_slurm"), beside("real_slurm")


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """The stand-in's folder of jobs."""
    monkeypatch.setattr(slurm, "POLL", 0.2)
    monkeypatch.setattr(watch, "SECOND_THOUGHTS", 0.2)
    folder = tmp_path / "slurm"
    folder.mkdir()
    return fake_slurm.put_on_path(folder, monkeypatch)


def pid_of(jobs, job, number):
    return int((jobs / f"{job}_{number}.pid").read_text())


def weights_of(store, cell):
    return (store.root / "cells" / cell.key / "weights.safetensors").read_bytes()


@pytest.mark.slow  # 30 s: five processes start
def test_killed_and_stopped_cells_are_submitted_again_and_end_in_the_same_bits(
    plan, cell, context, jobs
):
    cells = [cell, cell.replace(tau=0.5)]
    heard = []

    def hear(i, event):
        heard.append((i, event))
        if event == ("start",):  # told before the first step
            os.kill(pid_of(jobs, 100, i), [signal.SIGKILL, signal.SIGTERM][i])

    rows = slurm.run(cells, plan.probe, context, hear, options={"array": "2", "mem": "1G"})
    store, alone = Store(context.store), Store(context.store / "alone")
    for i, each in enumerate(cells):
        assert rows[i] == run_cell(each, plan.probe, replace(context, store=alone.root))
        assert weights_of(store, each) == weights_of(alone, each)
    notes = {i: event[1] for i, event in heard if event[0] == "note"}
    assert notes == {
        0: "lost by Slurm (1 of at most 3 times); submitted again",
        1: "stopped by Slurm before step 1; submitted again",
    }
    assert store.about(cells[1].key)["resumed_at"] == 1
    assert [event[0] for i, event in heard if i == 0].count("start") == 1
    options = (jobs / "100.options").read_text()
    assert "--array=0,1%2" in options
    assert "--mem=1G" in options
    assert "--requeue" in options


def test_a_cell_that_is_always_lost_is_told_with_the_end_of_its_log(plan, cell, context, jobs):
    (jobs / "broken").touch()
    heard = []
    rows = slurm.run(
        [cell], plan.probe, context, lambda i, event: heard.append(event), options={}
    )  # 4 s
    assert rows == {}
    assert heard[-1][0] == "failed"
    assert heard[-1][1].startswith("lost 4 times by Slurm; the end of ")
    assert heard[-1][1].endswith("the disk of this machine is full")
    assert len(list(jobs.glob("*.options"))) == 4


def test_a_scheduler_that_is_busy_when_a_cell_is_submitted_again_is_asked_once_more(
    plan, cell, context, jobs
):
    (jobs / "broken").touch()
    heard = []

    def hear(i, event):
        heard.append(event)
        (jobs / "busy").unlink(missing_ok=True)  # from the first note on it answers

    for path in jobs.parent.glob("sbatch"):
        real = path.read_text()
        is_busy = f"[ -e {jobs}/100.options ] && [ -e {jobs}/busy ]"
        check = f"if {is_busy}; then echo timed out >&2; exit 1; fi"
        path.write_text(real.replace("exec", f"{check}\nexec", 1))
    (jobs / "busy").touch()
    slurm.run([cell], plan.probe, context, hear, options={})
    notes = [event[1] for event in heard if event[0] == "note"]
    assert notes[0] == "lost by Slurm (1 of at most 3 times); sbatch refuses: timed out"
    assert notes[1] == "lost by Slurm (2 of at most 3 times); submitted again"
    assert heard[-1][0] == "failed"
    assert len(list(jobs.glob("*.options"))) == 3  # of the four times it refused one


def test_a_scheduler_that_does_not_answer_loses_nothing(plan, cell, context, jobs, monkeypatch):
    (jobs / "broken").touch()
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        (jobs / "silent").touch()
        if len(looks) == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(slurm.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        slurm.run([cell], plan.probe, context, lambda i, event: None, options={})
    assert len(list(jobs.glob("*.options"))) == 1


@pytest.fixture
def node(tmp_path, monkeypatch):
    """A real Slurm of one node, if asked for; skips, with the reason, where it cannot be had."""
    if not os.environ.get(REAL):
        pytest.skip(f"it takes three minutes: {REAL}=1 asks for it")
    monkeypatch.setattr(slurm, "POLL", 1.0)
    environ = {}
    with ExitStack() as stack:
        try:
            stack.enter_context(real_slurm.one_node(tmp_path / "node", environ))
        except real_slurm.Unavailable as reason:
            pytest.skip(f"no Slurm: {reason}")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield tmp_path / "node"


@pytest.mark.slow  # 3 minutes, of which Slurm waits 2 before it starts a requeued job
def test_on_a_real_slurm_killed_stopped_and_requeued_cells_end_in_the_same_bits(
    plan, cell, context, node
):
    cells = [cell, cell.replace(tau=0.5), cell.replace(tau=1.0)]
    signals = {0: "KILL", 1: "TERM"}
    heard = []

    def hear(i, event):
        heard.append((i, event[0]))
        if event == ("start",) and i in signals:
            slurm.ask("scancel", "--batch", f"--signal={signals[i]}", f"1_{i}")
        elif event == ("start",):
            slurm.ask("scontrol", "requeue", f"1_{i}")

    rows = slurm.run(cells, plan.probe, context, hear, options={"array": "3", "time": "10"})
    store, alone = Store(context.store), Store(context.store / "alone")
    for i, each in enumerate(cells):
        assert rows[i] == run_cell(each, plan.probe, replace(context, store=alone.root))
        assert weights_of(store, each) == weights_of(alone, each)
    assert store.about(cells[1].key)["resumed_at"] == 1
    (queue,) = Queue.all(store)
    assert len(queue.jobs()) == 3  # Slurm itself starts again what it has requeued
    starts = [[event[0] for event in queue.events(i)].count("start") for i in range(3)]
    assert starts == [2, 2, 2]


def test_nothing_is_submitted_where_the_queue_cannot_be_seen(plan, cell, context, jobs):
    (jobs / "silent").touch()
    with pytest.raises(UserError, match="squeue does not answer"):
        slurm.run([cell], plan.probe, context, lambda i, event: None, options={})
    assert list(jobs.glob("*.options")) == []


@pytest.mark.slow  # 15 s
def test_ctrl_c_leaves_cells_to_go_on_and_the_same_command_takes_them_up(
    plan, cell, context, jobs, monkeypatch, capsys
):
    with monkeypatch.context() as patch:
        patch.setattr(slurm, "SlurmWatch", leaving_at_once(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            slurm.run([cell], plan.probe, context, lambda i, event: None, options={})
    told = capsys.readouterr().err
    assert "1 cells go on in Slurm (job 100); the same command comes back to them" in told
    assert "cancelled" not in told
    rows = slurm.run([cell], plan.probe, context, lambda i, event: None, options={})
    assert rows[0] == Store(context.store).rows(cell.key, record_name_of(plan))
    assert len(list(jobs.glob("*.options"))) == 1  # submitted once


def test_ctrl_c_twice_cancels(plan, cell, context, jobs, monkeypatch, capsys):
    def interrupted(seconds):
        raise KeyboardInterrupt

    real_sleep = time.sleep
    monkeypatch.setattr(slurm.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        slurm.run([cell], plan.probe, context, lambda i, event: None, options={})
    assert "cancelled: Slurm (job 100)" in capsys.readouterr().err
    for _ in range(300):  # its process ends
        if (jobs / "100_0.end").exists():
            break
        real_sleep(0.1)
    assert (jobs / "100_0.end").exists()


def leaving_at_once(error):
    class Leaving(slurm.SlurmWatch):
        def look(self):
            raise error

    return Leaving


def record_name_of(plan):
    from suppression.evaluation.evaluator import record_name

    return record_name(plan.probe)


def test_a_queued_cell_comes_back_as_it_was(plan, cell, context):
    queue = Queue.of([(cell, plan.probe), (cell, None)], replace(context, root=Path("data")))
    came, probe, where = queue.task(0)
    assert came.key == cell.key
    assert probe == plan.probe
    assert where.root == Path("data").absolute()
    assert queue.task(1)[1] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slum", "--on knows no 'slum'; did you mean 'slurm'"),
        ("slurm:partitoin=gpu", "has no option 'partitoin'; did you mean 'partition'"),
        ("slurm:time", "time has no value; time=VALUE is wanted"),
        ("slurm:array=0", "array is how many cells run at a time, 1 or more"),
    ],
)
def test_a_mistake_in_on_is_told_with_what_is_right(text, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        Target.named(text)


def test_what_each_machine_would_decide_for_itself_is_refused(cell):
    with pytest.raises(UserError, match="--precision fp32"):
        check_for_cluster([cell.replace(precision="auto")], None, Target("slurm"))
    with pytest.raises(UserError, match="slurm:array=N"):
        check_for_cluster([cell], 2, Target("slurm"))


def test_without_slurm_the_missing_command_is_named(plan, cell, context, monkeypatch):
    monkeypatch.setenv("PATH", str(context.store))
    with pytest.raises(UserError, match="squeue is not on PATH"):
        slurm.run([cell], plan.probe, context, lambda i, event: None, options={})


def test_a_seed_whose_cells_come_from_unlike_machines_is_told(plan, context, monkeypatch):
    trained = [cell for cell in plan.cells if cell.training is not None]
    machines = {cell.key: {"machine": "one", "libraries": {"torch": "2"}} for cell in trained}
    monkeypatch.setattr(Store, "has", lambda self, key: key in machines)
    monkeypatch.setattr(Store, "about", lambda self, key: machines[key])
    assert mixed_machines(plan, Store(context.store)) is None
    machines[trained[0].key]["machine"] = "another"
    told = mixed_machines(plan, Store(context.store))
    assert "seed 0 were trained on unlike machines (" in told
    assert "another, torch 2" in told
    about = list(machines.values())
    assert unlike(plan, Store(context.store), about) == {
        "machines": ["another, torch 2", "one, torch 2"],
        "mixed_machines": told,
    }
