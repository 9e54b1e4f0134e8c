"""Runs cells on a Slurm cluster: an array job, looked after through `squeue` and the store.

Nothing else is needed of the site: no accounting, no package. The store stands where all machines
see it, and whoever watches may leave: cells go on, and their rows are in the store.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suppression.errors import UserError
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.context import Context
from suppression.execution.executor import Hear
from suppression.execution.queue import Queue, described
from suppression.execution.runner import Row
from suppression.execution.watch import Event, Watch
from suppression.experiment.run import Run

# What `--on slurm:NAME=VALUE,...` may name: options of sbatch, and how many cells run at a time.
OPTIONS = (
    "partition",
    "time",
    "gres",
    "array",
    "account",
    "qos",
    "constraint",
    "mem",
    "cpus-per-task",
)

POLL = 5.0  # seconds between looks at the queue
LOST = 3  # times that a cell is submitted again after it was lost
LONGEST = 1000  # cells of an array: Slurm's usual MaxArraySize is 1001
NOTICE = "B:TERM@60"  # a minute before the time limit the cell's process itself hears SIGTERM

Alive = set[tuple[str, int]]  # the scheduler's number of an array job, and the number in it


@dataclass
class Submitted:
    """A cell in the hands of Slurm.

    Args:
        queue: The queue that it is in.
        number: Its number there.
        heard: How many of its events were told.
        unseen: Looks in a row at which it was neither queued nor finished.
        lost: How often it was lost.
        stopped_at: The step of the last checkpoint that a SIGTERM left.
        excused: Whether it went on between two of them: then its end is no loss.
    """

    queue: Queue
    number: int
    heard: int = 0
    unseen: int = 0
    lost: int = 0
    stopped_at: int = -1
    excused: bool = False


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    options: Mapping[str, str],
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells; arguments, events and rows are those of `executor.run`.

    Cells that an earlier command has in the queue are taken up, not submitted again.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are kept; its device is that of the machine that runs a cell.
        hear: Told `(index, event)`.
        options: Names among `OPTIONS` and their values.
        unasked: The first so many cells are trained and not probed.

    Raises:
        UserError: if Slurm is not there, or refuses.
        KeyboardInterrupt: if the user leaves; cells go on unless it came twice.
    """
    watch = SlurmWatch(cells, probe, context, hear, options, unasked)
    try:
        watch.take_up()
        while watch.waiting or watch.submitted:
            watch.submit_ready()
            watch.look()
            if watch.submitted:
                time.sleep(POLL)
    except KeyboardInterrupt:
        jobs = watch.jobs()
        watch.leave(f"Slurm (job {', '.join(jobs)})", lambda: ask("scancel", *jobs))
        raise
    return watch.rows


class SlurmWatch(Watch):
    """What is known of the cells of a command; arguments are those of `run`."""

    submitted: dict[int, Submitted]

    def __init__(
        self,
        cells: list[Run],
        probe: ProbeSettings,
        context: Context,
        hear: Hear,
        options: Mapping[str, str],
        unasked: int,
    ) -> None:
        super().__init__(cells, probe, context, hear, unasked)
        self.options = options

    # --- submitting ---------------------------------------------------------------------------

    def take_up(self) -> None:
        """Find the cells that an earlier command has submitted and that are still queued."""
        alive = queued()
        if alive is None:  # what is there cannot be told, and would be submitted twice
            raise UserError("squeue does not answer, so nothing is submitted; try again later")
        for queue in Queue.all(self.store):
            jobs = queue.jobs()
            told = queue.contents()["tasks"]
            for i in list(self.waiting):
                asked = described(self.cells[i], self.probes[i])
                number = told.index(asked) if asked in told else None
                if number is not None and any((job, number) in alive for job in jobs):
                    self.is_out(i, Submitted(queue, number))

    def submit_ready(self) -> None:
        """Submit the cells whose prerequisites are trained, in one array."""
        ready = self.ready()[:LONGEST]
        if not ready:
            return
        asked = [(self.cells[i], self.probes[i]) for i in ready]
        queue = Queue.of(asked, self.context)
        submit(queue, range(len(ready)), self.options)
        for number, i in enumerate(ready):
            self.is_out(i, Submitted(queue, number))

    # --- watching -----------------------------------------------------------------------------

    def look(self) -> None:
        """Tell what is new, and submit again what was lost."""
        alive = queued()
        for i, cell in list(self.submitted.items()):
            event = self.news(i, cell) or self.finished(i)
            if event is None and alive is not None:
                event = self.care(i, cell, alive)
            if event is not None:
                self.end(i, event)

    def news(self, i: int, cell: Submitted) -> Event | None:
        """Tell a cell's new events; the one that says it failed comes back."""
        events = cell.queue.events(cell.number)
        new, cell.heard = events[cell.heard :], len(events)
        for event in new:
            if event[0] == "failed":
                return event
            if event[0] == "stopped":  # to be gone on with: by Slurm, or when it is not seen
                cell.excused = event[1] > cell.stopped_at
                cell.stopped_at = event[1]
            elif event[0] != "done":
                self.tell(i, event)
        return None

    def care(self, i: int, cell: Submitted, alive: Alive) -> Event | None:
        """Submit a cell again that is in no queue and not finished, or give it up."""
        if any((job, cell.number) in alive for job in cell.queue.jobs()):
            cell.unseen = 0
            return None
        cell.unseen += 1
        if cell.unseen < 2:  # its results may be on their way over a network disk
            return None
        cell.unseen = 0
        cell.lost += not cell.excused
        if cell.lost > LOST:
            return "failed", f"lost {cell.lost} times by Slurm; {cell.queue.log(cell.number)}"
        how = f"lost by Slurm ({cell.lost} of at most {LOST} times)"
        if cell.excused:
            how = f"stopped by Slurm before step {cell.stopped_at}"
        cell.excused = False
        try:
            submit(cell.queue, [cell.number], self.options)
            how = f"{how}; submitted again"
        except Silent as error:  # when it is busy; asked again two looks later
            how = f"{how}; {error}"
        self.tell(i, ("note", how))
        return None

    def jobs(self) -> list[str]:
        """Slurm's numbers of what is out."""
        return sorted({job for cell in self.submitted.values() for job in cell.queue.jobs()})


# --- Slurm's commands ---------------------------------------------------------------------------


def submit(queue: Queue, numbers: Any, options: Mapping[str, str]) -> None:
    """Submit cells of a queue as one array."""
    rest = dict(options)
    at_a_time = rest.pop("array", None)
    array = ",".join(str(number) for number in numbers)
    if at_a_time:
        array = f"{array}%{at_a_time}"
    words = [sys.executable, "-m", "suppression.execution.task", str(queue.folder)]
    told = ask(
        "sbatch",
        "--parsable",
        f"--array={array}",
        "--requeue",
        f"--signal={NOTICE}",
        "--open-mode=append",
        f"--output={queue.folder / '%a.log'}",
        "--job-name=suppression",
        *[f"--{name}={value}" for name, value in rest.items()],
        f"--wrap=exec {shlex.join(words)}",  # the signal is the cell's, not a shell's
    )
    queue.add_job(told.strip().split(";")[0])


def queued() -> Alive | None:
    """The array tasks of ours that Slurm has not ended; None where it does not answer now."""
    try:
        told = ask("squeue", "--noheader", "--array", "--format=%F %K", f"--user={os.getuid()}")
    except Silent:
        return None
    alive = set()
    for line in told.splitlines():
        job, number = line.split()
        if number.isdigit():  # other jobs than arrays say N/A
            alive.add((job, int(number)))
    return alive


class Silent(UserError):
    """Slurm refuses, or does not answer."""


def ask(*words: str) -> str:
    """What one of Slurm's commands says.

    Raises:
        UserError: if it is not there.
        Silent: if it fails.
    """
    try:
        # In a session of its own: the terminal's Ctrl-C is for us.
        done = subprocess.run(words, capture_output=True, text=True, start_new_session=True)
    except FileNotFoundError as error:
        raise UserError(
            f"{words[0]} is not on PATH: --on slurm is for a machine that submits to Slurm"
        ) from error
    if done.returncode:
        raise Silent(f"{words[0]} refuses: {done.stderr.strip() or done.returncode}")
    return done.stdout
