"""The command under torchrun: two processes, one cell at a time."""

import subprocess
import sys

import pytest

from suppression.execution.runner import run_cell
from suppression.execution.store import Store

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
SMOKE = ["-m", "suppression.exp", "digit_size", "--scale", "smoke", "--tau", "0.2"]


@pytest.mark.slow  # 15 s
def test_a_cell_of_two_processes_has_the_losses_of_one(plan, cell, context):
    command = [*TORCHRUN, *SMOKE, "--method", "simclr", "--store", str(context.store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("verdict:") == 1  # the others say nothing
    store, alone = Store(context.store), Store(context.store / "alone")
    run_cell(cell, plan.probe, type(context)(store=alone.root, threads=1))
    losses = [row["loss"] for row in store.trace(cell.key)]
    assert losses == pytest.approx([row["loss"] for row in alone.trace(cell.key)], rel=1e-3)
    assert store.about(cell.key)["processes"] == 2
    assert "processes" not in alone.about(cell.key)


@pytest.mark.slow  # 10 s
def test_a_method_that_cannot_be_split_is_refused_before_any_work(tmp_path):
    command = [*TORCHRUN, *SMOKE, "--method", "swav", "--store", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "error: SwAV is trained in one process" in done.stderr
    assert "Traceback" not in done.stderr.split("error: SwAV")[0]
    assert Store(tmp_path).keys() == []
