"""Cells over Dask: a cluster of this process, and one whose workers are processes to be killed."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from suppression.errors import UserError
from suppression.execution import dask, dask_worker, watch
from suppression.execution.queue import received, work_of
from suppression.execution.runner import run_cell
from suppression.execution.scheduler import Target, check_for_cluster
from suppression.execution.scheduler import run as run_on
from suppression.execution.store import Store

distributed = pytest.importorskip("distributed", reason="Dask is not installed: extra `cluster`")

pytestmark = [
    pytest.mark.slow,  # each cell is a process that starts
    pytest.mark.filterwarnings("default"),  # Dask's own are not ours
]


@pytest.fixture
def cluster(monkeypatch):
    """A scheduler on a port of this machine, and a worker that is a process."""
    monkeypatch.setattr(watch, "SECOND_THOUGHTS", 0.2)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as there:
        yield there


def weights_of(store, cell):
    return (store.root / "cells" / cell.key / "weights.safetensors").read_bytes()


def worker_of(cluster):
    """The process number of the only worker."""
    with distributed.Client(cluster, set_as_default=False) as client:
        (number,) = client.run(os.getpid).values()
    return number


def on(cluster):
    return Target.named(cluster.scheduler_address.replace("tcp://", "dask://"))


def test_cells_of_a_cluster_here_end_in_the_same_rows_and_bits(plan, cell, context):
    cells = [cell, cell.replace(tau=0.5)]
    heard = []
    rows = run_on(
        cells,
        plan.probe,
        context,
        lambda i, event: heard.append((i, event)),
        target=Target.named("dask"),
        workers=2,
    )
    store, alone = Store(context.store), Store(context.store / "alone")
    for i, each in enumerate(cells):
        assert rows[i] == run_cell(each, plan.probe, replace(context, store=alone.root))
        assert weights_of(store, each) == weights_of(alone, each)
        kinds = [event[0] for which, event in heard if which == i]
        assert kinds[0] == "start"
        assert kinds[-1] == "done"
        assert {"step", "probe"} <= set(kinds)


def test_a_killed_worker_loses_its_cell_alone_and_is_told(plan, cell, context, cluster, capsys):
    cells, notes, killed = [cell, cell.replace(tau=0.5)], [], []
    pid = worker_of(cluster)

    def hear(i, event):
        if event[0] == "note":
            notes.append((i, event[1]))
        if event[0] == "start" and not killed:
            killed.append(i)
            os.kill(pid, signal.SIGKILL)

    rows = run_on(cells, plan.probe, context, hear, target=on(cluster))
    alone = replace(context, store=context.store / "alone")
    for i, each in enumerate(cells):
        assert rows[i] == run_cell(each, plan.probe, alone)
    assert notes == [(killed[0], "its worker died; started again (1 of 3 tries lost)")]
    assert "is not encrypted and asks for no password" in capsys.readouterr().err
