"""Runs cells side by side, one a process: two cells with one thread each are as fast as one with two, and a killed one takes no other with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from suppression.errors import UserError
from suppression.evaluation.spec import Probe
from suppression.execution.context import Context
from suppression.execution.runner import Row, run_cell
from suppression.experiment.builders import built_on
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell
from suppression.training.loop import TrainingStopped

Hear = Callable[[int, tuple], None]


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def how_many(asked: int | None, device: str, cells: int) -> tuple[int, int | None]:
    """Workers and threads each. On a CPU as many workers as cores, but not more than cells; OMP_NUM_THREADS, where set, is what each one gets.

    A cell's threads do not depend on how many cells there are: the same command line ends in the same bits however much of it was stored.
    """
    if device != "cpu":
        return min(asked or 1, max(cells, 1)), None
    workers = asked or cores()
    threads = int(os.environ.get("OMP_NUM_THREADS") or 0) or max(1, cores() // workers)
    return min(workers, max(cells, 1)), threads


def run(cells: list[Cell], probe: Probe, context: Context, hear: Hear, *, workers: int | None = None, unasked: int = 0) -> dict[int, list[Row]]:
    """Rows by the cell's index. `hear(index, event)` is told: ("start",), lab's events, ("done", rows), ("failed", message).

    The first `unasked` cells are trained and not probed: others build on them. A cell waits for those that it builds on. A cell that fails is told and the others go on. KeyboardInterrupt ends all; what was finished, and each running cell's checkpoint, stay.
    """
    number, threads = how_many(workers, context.device, len(cells))
    context = replace(context, threads=threads)
    waiting, rows = list(range(len(cells))), {}
    keys = [full_key(cell) for cell in cells]
    crew: dict[Connection, BaseProcess] = {}
    at_work: dict[Connection, int] = {}
    try:
        while waiting or at_work:
            while len(at_work) < number and (ready := next_of(waiting, cells, {keys[i] for i in [*waiting, *at_work.values()]})) is not None:
                idle = [pipe for pipe, process in crew.items() if pipe not in at_work and process.is_alive()]
                pipe = idle[0] if idle else hire(crew, context)
                waiting.remove(ready)
                at_work[pipe] = ready
                pipe.send((cells[ready], None if ready < unasked else probe))
                hear(at_work[pipe], ("start",))
            heard = wait(list(at_work), timeout=1.0)
            for pipe in [pipe for pipe in at_work if pipe in heard]:
                i = at_work[pipe]
                try:
                    event = pipe.recv()
                except EOFError:
                    process = crew.pop(pipe)
                    process.join()
                    event = ("failed", f"its process ended without a word (exit {process.exitcode}); the same command goes on from its last checkpoint")
                if event[0] == "done":
                    rows[i] = event[1]
                if event[0] in ("done", "failed"):
                    del at_work[pipe]
                hear(i, event)
    finally:
        for process in crew.values():
            process.terminate()
        for process in crew.values():
            process.join()
    return rows


def next_of(waiting: list[int], cells: list[Cell], unfinished: set[str]) -> int | None:
    """The first cell in line that builds on none of the unfinished ones."""
    return next((i for i in waiting if unfinished.isdisjoint(built_on(cells[i]).values())), None)


def hire(crew: dict[Connection, BaseProcess], context: Context) -> Connection:
    """Start a worker; it takes cells from its pipe until it is sent away."""
    spawning = multiprocessing.get_context("spawn")
    mine, theirs = spawning.Pipe()
    with no_main_module():
        process = spawning.Process(target=work, args=(theirs, context), daemon=True)
        process.start()
    theirs.close()
    crew[mine] = process
    return mine


@contextmanager
def no_main_module() -> Iterator[None]:
    """A spawned process imports the caller's `__main__` again, which a worker has no use for, and which fails where that is a notebook's or a script without guard."""
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: main.__dict__.pop(name) for name in ("__file__", "__spec__") if name in main.__dict__}
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(kept)


def work(pipe: Connection, context: Context) -> None:
    """What a worker does. The user's Ctrl-C reaches every process of the terminal; the parent decides, the worker only leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def tell(*event: Any) -> None:
        try:
            pipe.send(event)
        except BrokenPipeError:  # the parent was killed: nobody waits for this cell
            os._exit(1)

    while True:
        try:
            cell, probe = pipe.recv()
        except EOFError:
            return
        try:
            tell("done", run_cell(cell, probe, context, tell))
        except (UserError, TrainingStopped) as error:
            tell("failed", str(error))
        except Exception as error:  # a fault of ours in one cell must not cost the others their results; it is told with its place
            import traceback

            tell("failed", f"{error!r}\n{traceback.format_exc()}")
