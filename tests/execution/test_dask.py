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


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="ports are read of Linux")
def test_a_cluster_here_opens_no_port_to_other_machines():
    before = listening()
    with dask.connected(None, 1):
        opened = listening() - before
    assert opened
    assert {address for address, _ in opened} == {"127.0.0.1"}


def listening():
    """The addresses and ports at which this process listens."""
    own = {os.readlink(path) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            place, state, number = [line.split()[i] for i in (1, 3, 9)]
            if state == "0A" and f"socket:[{number}]" in own:
                address, _, port = place.partition(":")
                bytes_ = bytes.fromhex(address)
                text = ".".join(map(str, bytes_[::-1])) if table == "tcp" else address
                found.add((text, int(port, 16)))
    return found


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


def test_a_cell_whose_process_always_dies_is_named_after_three_tries(
    plan, cell, context, monkeypatch
):
    command = ("sh", "-c", "echo the card has fallen off >&2; kill -9 $$")
    monkeypatch.setattr(dask_worker, "COMMAND", command)
    heard = []
    rows = run_on(
        [cell],
        plan.probe,
        context,
        lambda i, event: heard.append(event),
        target=Target.named("dask"),
    )
    assert rows == {}
    assert [event[0] for event in heard] == ["start", "note", "note", "failed"]
    assert "died 3 times" in heard[-1][1]
    assert "SIGKILL" in heard[-1][1]
    assert heard[-1][1].endswith("the card has fallen off")


def test_ctrl_c_ends_a_cluster_here_with_its_cells(plan, cell, context, monkeypatch):
    pid = context.store.parent / "pid"
    command = ("sh", "-c", f"echo $$ > {pid}; exec sleep 60")
    monkeypatch.setattr(dask_worker, "COMMAND", command)

    def hear(i, event):
        while not pid.exists() or not pid.read_text():
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_on([cell], plan.probe, context, hear, target=Target.named("dask"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_no_scheduler_is_told_in_one_line(plan, cell, context, monkeypatch):
    monkeypatch.setattr(dask, "ANSWER", 0.5)
    with pytest.raises(UserError, match="no Dask scheduler answers at tcp"):
        run_on([cell], plan.probe, context, print, target=Target.named("dask://127.0.0.1:9"))


def test_a_machine_that_does_not_see_the_store_says_so(plan, cell, context):
    work = work_of(cell, plan.probe, context)
    assert received(work)[0].key == cell.key
    (context.store / "mark").write_text("another store at the same path")
    with pytest.raises(UserError, match="does not see the store"):
        received(work)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("dask", None),
        ("dask://host:8786", "tcp://host:8786"),
        ("tls://host:1", "tls://host:1"),
        ("dask://[::1]:8786", "tcp://[::1]:8786"),
    ],
)
def test_an_address_is_that_of_dask(text, address):
    assert Target.named(text) == Target("dask", address=address)


@pytest.mark.parametrize("text", ["dask://host", "tls", "tls://:1", "dask://host:99999"])
def test_what_is_no_address_is_told(text):
    with pytest.raises(UserError, match="://HOST:PORT is wanted"):
        Target.named(text)


def test_the_number_of_workers_is_of_a_cluster_here_alone(cell):
    check_for_cluster([cell], 2, Target.named("dask"))
    with pytest.raises(UserError, match="the cluster's workers say"):
        check_for_cluster([cell], 2, Target.named("dask://host:1"))
