"""What cannot fit in memory is refused before work starts, and what runs out is told."""

from __future__ import annotations

import math

import pytest
import torch

from suppression.errors import UserError
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import memory
from suppression.execution.executor import outcome
from suppression.exp import main
from suppression.experiment.builders import build_method


@pytest.mark.parametrize(
    "flags",
    [
        ["--batch", "1000000", "--samples", "1000000", "--view", "16"],
        ["--canvas", "1000000", "--view", "900000"],
        ["--width", "1000000"],
        ["--local", "1000000"],
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry"]])
def test_a_cell_that_cannot_fit_is_refused_with_the_figures(flags, dry, monkeypatch, capsys):
    monkeypatch.setattr(memory, "free_bytes", lambda: 8e9)
    command = ["digit_size", "--scale", "smoke", "--method", "simclr", "--tau", "0.2"]
    assert main([*command, *flags, *dry]) == 2
    told = capsys.readouterr().err
    assert "GB of memory at least, and 8.0 GB are free" in told
    assert told.count("\n") == 1


def test_a_probe_that_cannot_fit_is_refused(cell):
    with pytest.raises(UserError, match=r"train = 1000000000, test = 100: a probe of simclr"):
        memory.check_memory([cell], ProbeSettings(train=10**9, test=100))


def test_what_is_said_to_be_needed_is_less_than_what_a_step_really_keeps(cell):
    """The maps that autograd keeps, counted on the graph of a real step."""
    kept = {}

    def keep(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    method = build_method(cell).train()
    side = cell.view_side
    views = torch.rand(2, cell.training.batch, 1, side, side)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        method(*views, torch.zeros(cell.training.batch, 10))
    needed = memory.bytes_of_a_step(cell)
    assert 0.2 * sum(kept.values()) < needed < sum(kept.values())


def test_free_memory_is_the_least_of_machine_container_and_limit(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.free_bytes() == 4e6
    (tmp_path / "memory.max").write_text("max\n")
    assert 4e6 < memory.free_bytes() < math.inf


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_memory_that_runs_out_is_one_line(error, cell, plan, context, monkeypatch):
    def run_cell(*_):
        raise error

    monkeypatch.setattr("suppression.execution.executor.run_cell", run_cell)
    ended, why = outcome(cell, plan.probe, context, print)
    assert (ended, why.count("\n")) == ("failed", 0)
    assert "out of memory" in why
