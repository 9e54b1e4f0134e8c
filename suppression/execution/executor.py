"""Runs cells side by side, one a process.

Two cells with one thread each are as fast as one with two, and a killed one takes no other with
it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from suppression import plugins
from suppression.errors import UserError, is_out_of_memory
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.context import Context
from suppression.execution.runner import Row, Tell, keys_built_on, run_cell
from suppression.experiment.run import Run
from suppression.training.loop import TrainingInterrupted, TrainingStopped

Hear = Callable[[int, tuple], None]

SMALLER = "a smaller batch, or fewer --workers, may fit"
PATIENCE = 3.0  # seconds that workers have to end
ENDS = ("done", "failed")  # the events that are a cell's last one


def cores() -> int:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def how_many(asked: int | None, device: str, cells: int) -> tuple[int, int | None]:
    """Workers, and threads each (None leaves them to torch).

    On a CPU there are as many workers as cores, but not more than cells; OMP_NUM_THREADS, where
    set, is what each one gets. A cell's threads do not depend on how many cells there are: the
    same command line ends in the same bits however much of it was stored.

    Args:
        asked: How many workers the user wants; None leaves it to this function.
        device: Where they train.
        cells: How many cells there are to run.
    """
    at_most = max(cells, 1)
    if device != "cpu":
        return min(asked or 1, at_most), None
    workers = asked or cores()
    return min(workers, at_most), told_threads() or max(1, cores() // workers)


def told_threads() -> int | None:
    """OMP_NUM_THREADS, of a list for nested regions ("4,2") the first; None where unset or 0.

    Raises:
        UserError: if it is no number of threads.
    """
    told = os.environ.get("OMP_NUM_THREADS", "").strip()
    first = told.split(",")[0].strip()
    if not told:
        return None
    if not re.fullmatch("[0-9]{1,4}", first):
        raise UserError(f"OMP_NUM_THREADS = {told} is no number of threads, 1 to 9999; unset it")
    return int(first) or None


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    workers: int | None = None,
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells, each in a worker.

    A cell waits for those that it builds on. A cell that fails is told and the others go on.
    KeyboardInterrupt ends all; what was finished, and each running cell's checkpoint, stay.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are run and kept.
        hear: Told `(index, event)`: ("start",), those of `run_cell`, ("done", rows),
            ("failed", message).
        workers: How many run side by side; None leaves it to `how_many`.
        unasked: The first so many cells are trained and not probed: others build on them.

    Returns:
        Rows by the cell's index, of the cells that did not fail.
    """
    number, threads = how_many(workers, context.device, len(cells))
    context = replace(context, threads=threads)
    at_home = AtHome(cells)
    crew = Crew(context)
    waiting = list(range(len(cells)))
    rows: dict[int, list[Row]] = {}

    def take(i: int, event: tuple) -> None:
        if event[0] == "done":
            rows[i] = event[1]
        hear(i, event)

    try:
        while waiting or crew.at_work:
            unfinished = {cells[i].key for i in [*waiting, *crew.at_work.values()]}
            ready = [i for i in waiting if unfinished.isdisjoint(keys_built_on(cells[i]))]
            for i in ready:
                if len(crew.at_work) < number and i not in at_home.indices:
                    waiting.remove(i)
                    crew.give(i, cells[i], None if i < unasked else probe)
                    hear(i, ("start",))
            if crew.at_work:
                for i, event in crew.events():
                    take(i, event)
            else:  # nothing is left to workers but what waits for a cell of this process
                waiting.remove(ready[0])
                at_home.run(ready[0], None if ready[0] < unasked else probe, context, take)
    finally:
        crew.dismiss()
    return rows


def run_here(
    cells: list[Run], probe: ProbeSettings, context: Context, hear: Hear, *, unasked: int = 0
) -> dict[int, list[Row]]:
    """Train and probe cells in this process, one after the other; `run` tells of the rest."""
    context = replace(context, threads=how_many(1, context.device, 1)[1])
    rows: dict[int, list[Row]] = {}
    for i, cell in enumerate(cells):
        hear(i, ("start",))
        asked = None if i < unasked else probe
        event = outcome(cell, asked, context, lambda *event, i=i: hear(i, event))  # type: ignore
        if event[0] == "done":
            rows[i] = event[1]
        hear(i, event)
    return rows


class AtHome:
    """The cells that no worker can run, which this process does: one at a time.

    Their method, data set or probe was registered in a notebook or a script: another process has
    no way to import it.
    """

    def __init__(self, cells: list[Run]) -> None:
        self.cells = cells
        self.classes: dict[int, type] = {}  # the class that keeps a cell here, by its index
        for outside in plugins.registered_outside():
            if plugins.is_importable(outside.cls):
                continue
            for i, cell in enumerate(cells):
                if uses(cell, outside):
                    self.classes[i] = outside.cls
        by_key = {cells[i].key: cls for i, cls in self.classes.items()}
        for i, cell in enumerate(cells):  # in the order in which they build on each other
            for key in keys_built_on(cell).intersection(by_key):
                self.classes.setdefault(i, by_key[key])
                by_key.setdefault(cell.key, by_key[key])
        self.told: set[type] = set()

    @property
    def indices(self) -> Collection[int]:
        return self.classes.keys()

    def run(self, i: int, probe: ProbeSettings | None, context: Context, hear: Hear) -> None:
        """Run the cell of this index, with as many threads as a worker has."""
        hear(i, ("start",))
        cls = self.classes[i]
        if cls not in self.told:
            self.told.add(cls)
            text = (
                f"{cls.__name__} is defined in {cls.__module__}, which a worker cannot import: "
                "its cells run one at a time"
            )
            hear(i, ("note", text))
        threads = torch.get_num_threads()
        try:
            with threadpool_limits(context.threads):
                event = outcome(self.cells[i], probe, context, lambda *event: hear(i, event))
        finally:
            torch.set_num_threads(threads)
        hear(i, event)


def uses(cell: Run, outside: plugins.Outside) -> bool:
    """Whether a cell needs a class that was registered; of probes all are taken to be needed."""
    if outside.kind == "method":
        return cell.method == outside.name
    if outside.kind == "dataset":
        return cell.kind == outside.name
    if outside.kind == "remedy":
        return cell.get("remedy") == outside.name
    return True


@dataclass
class Crew:
    """The workers: each a process that takes cells from its pipe, one after the other.

    Args:
        context: Where they run and keep cells.
        workers: The processes, by our end of their pipes.
        at_work: The index of the cell that each one runs, of those that run one.
    """

    context: Context
    workers: dict[Connection, BaseProcess] = field(default_factory=dict)
    at_work: dict[Connection, int] = field(default_factory=dict)

    def give(self, i: int, cell: Run, probe: ProbeSettings | None) -> None:
        """Hand a cell to a worker that is idle, or to a new one."""
        pipe = self.idle() or self.hire()
        self.at_work[pipe] = i
        classes = [each for each in plugins.registered_outside() if plugins.is_importable(each.cls)]
        # Apart, as the cell can be unpickled only where the classes are registered.
        pipe.send((pickle.dumps(classes), pickle.dumps((cell, probe))))

    def idle(self) -> Connection | None:
        for pipe, process in self.workers.items():
            if pipe not in self.at_work and process.is_alive():
                return pipe
        return None

    def hire(self) -> Connection:
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe()
        with no_main_module():
            process = spawning.Process(target=work, args=(theirs, self.context), daemon=True)
            process.start()
        theirs.close()
        self.workers[ours] = process
        return ours

    def events(self) -> Iterator[tuple[int, tuple]]:
        """What the workers have said by now, each with its cell's index; waits a second for it."""
        heard = wait(list(self.at_work), timeout=1.0)
        for pipe in [pipe for pipe in self.at_work if pipe in heard]:
            i = self.at_work[pipe]
            try:
                event = pipe.recv()
            except EOFError:
                event = ("failed", self.bury(pipe))
            if event[0] in ENDS:
                del self.at_work[pipe]
            yield i, event

    def bury(self, pipe: Connection) -> str:
        """Take a worker that died off the list; how it ended, in words."""
        process = self.workers.pop(pipe)
        process.join()
        how = f"ended without a word (exit {process.exitcode})"
        if process.exitcode == -getattr(signal, "SIGKILL", 9):
            how = f"was killed, as systems do where memory runs out; {SMALLER}"
        return f"its process {how}; the same command goes on from its last checkpoint"

    def dismiss(self) -> None:
        """End all workers: by a signal that they obey, or, if one does not, by the other."""
        for process in self.workers.values():
            process.terminate()
        last = time.monotonic() + PATIENCE
        for process in self.workers.values():
            process.join(max(0.0, last - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


@contextmanager
def no_main_module() -> Iterator[None]:
    """Keeps a spawned process from importing the caller's `__main__` again.

    A worker has no use for it, and it fails where that is a notebook's or a script without guard.
    """
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {}
    for name in ("__file__", "__spec__"):
        if name in main.__dict__:
            kept[name] = main.__dict__.pop(name)
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(kept)


def work(pipe: Connection, context: Context) -> None:
    """What a worker does: it runs the cells that it is sent, until its pipe is closed."""
    # The user's Ctrl-C reaches every process of the terminal; the parent decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_the_parent, daemon=True).start()

    def tell(*event: Any) -> None:
        try:
            pipe.send(event)
        except BrokenPipeError:  # the parent was killed: nobody waits for this cell
            os._exit(1)

    while True:
        try:
            event = outcome(*received(*pipe.recv()), context, tell)
        except EOFError:
            return
        except Exception as error:
            event = ("failed", f"a worker cannot take this cell: {error}")
        tell(*event)


def end_with_the_parent() -> None:
    """A worker whose parent was killed has nobody to train for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def received(classes: bytes, work: bytes) -> tuple[Run, ProbeSettings | None]:
    """A cell and its probe, once all plug-ins are there."""
    plugins.load()
    for kind, name, cls in pickle.loads(classes):
        plugins.register(kind, name, cls)
    return pickle.loads(work)


def outcome(
    cell: Run, probe: ProbeSettings | None, context: Context, tell: Tell
) -> tuple[Any, ...]:
    """A cell's last event."""
    try:
        return "done", run_cell(cell, probe, context, tell)
    except TrainingInterrupted as error:
        return "stopped", error.step
    except (UserError, TrainingStopped) as error:
        return "failed", str(error)
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            return "failed", f"out of memory; {SMALLER}"
        return "failed", f"{error!r}\n{traceback.format_exc()}"
    except Exception as error:
        # A fault of ours in one cell must not cost the others their results.
        return "failed", f"{error!r}\n{traceback.format_exc()}"
