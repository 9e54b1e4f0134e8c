"""The section `live`: what the display of a run takes while its cells train."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any
from unittest.mock import patch

from paired import Found, Row
from recorded import facts_of, rows_of

from suppression import running
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.schema import schema
from suppression.training.loop import LOG_POINTS

EXPERIMENTS = ("digit_size", "random_bits", "who_suppresses")
ABREAST = 2  # cells that train side by side
GOAL = ("≤", 1.0)  # %

Hear = Callable[[int, tuple[Any, ...]], None]
Answers = list[dict[str, Any]]


class Screen(io.StringIO):
    """A terminal that nobody looks at."""

    def isatty(self) -> bool:
        return True


class Paced:
    """Stands in for the crew: tells of cells at work at an even pace, and trains nothing.

    Args:
        answers: The rows of each cell, which it gives when it is done.
        seconds: How long to go on; in this time one cell ends, half way.
    """

    def __init__(self, answers: list[Answers], seconds: float) -> None:
        self.answers, self.seconds = answers, seconds
        self.cpu, self.wall = 0.0, 0.0

    def run(self, cells: Any, probe: Any, context: Any, hear: Hear, **options: Any) -> dict:
        """As `executor.run`: tells `hear`, and returns the rows of the cells that are done."""
        waiting, found = deque(range(len(self.answers))), {}
        at_work: deque[tuple[int, int]] = deque()  # cell, steps done
        # A cell tells of so many steps, whatever it takes; all workers together tell of as many
        # from one cell's end to the next one's.
        whole, steps = LOG_POINTS, 0
        for i in range(ABREAST):  # which end in turn
            at_work.append((waiting.popleft(), round((i + 0.5) * whole / ABREAST)))
            hear(i, ("start",))
        began, cpu_began, asleep = time.monotonic(), time.process_time(), 0.0
        while steps < whole:
            i, done = at_work.popleft()
            if done < whole:
                hear(i, ("step", done + 1, whole, 4.0 - done / whole))
                at_work.append((i, done + 1))
            else:
                hear(i, ("probe",))
                hear(i, ("done", self.answers[i]))
                found[i] = self.answers[i]
                at_work.append((waiting.popleft(), 0))
                hear(at_work[-1][0], ("start",))
            steps += 1
            asleep += sleep_until(began + steps * self.seconds / whole)
        self.cpu = time.process_time() - cpu_began - asleep
        self.wall = time.monotonic() - began
        return found


def sleep_until(moment: float) -> float:
    """Wait; the CPU seconds of this thread that waiting itself takes."""
    began = time.thread_time()
    time.sleep(max(0.0, moment - time.monotonic()))
    return time.thread_time() - began


def live(repetitions: int) -> Found:
    """The CPU time of the live display while cells train, as a share of one core.

    `train_missing` runs as in the command, its display on a terminal of 80 x 50, but cells do
    not train: two at a time, they tell of their steps as the training loop does, 100 times a cell,
    and one ends, with the rows that are recorded for it, as often as two side by side did when they
    were recorded. The
    rows of all other recorded cells are known from the start. What is measured is the time from
    one such end to the next, half before the end and half after it; what waiting between the steps
    takes is not counted.
    """
    rows, notes = [], []
    for name in EXPERIMENTS:
        plan = recorded_plan(name)
        answers = by_cell(plan)
        seconds = between_ends(name)
        watched(plan, answers, seconds=1.0)  # whatever is imported late
        shares, drawn = [], ""
        for _ in range(repetitions):
            share, drawn = watched(plan, answers, seconds=seconds)
            shares.append(100 * share)
        number = sum(len(each) for each in answers.values())
        rows.append(Row(f"{name}: the live display, of a core", shares, "{:.2f} %", GOAL))
        notes.append(
            f"{name}: {number:,} rows of {len(answers)} cells, of which one ends every "
            f"{seconds:.0f} s; {len(drawn) / seconds / 1000:.1f} kB a second to the terminal."
        )
    return Found(rows, notes)


def watched(plan: Plan, answers: dict[int, Answers], *, seconds: float) -> tuple[float, str]:
    """The share of a core that the display takes, and all that it writes."""
    numbers = list(answers)
    missing, known = numbers[: 2 * ABREAST], numbers[2 * ABREAST :]
    paced = Paced([answers[i] for i in missing], seconds)
    screen = Screen()
    terminal = {"COLUMNS": "80", "LINES": "50", "TERM": "xterm-256color"}
    with (
        tempfile.TemporaryDirectory() as room,
        patch.dict(os.environ, terminal),
        patch.object(running.executor, "run", paced.run),
        redirect_stderr(screen),
    ):
        stored = {i: answers[i] for i in known}
        work = running.Work(plan, Store(room), stored, missing)
        running.train_missing(work, Context(store=Path(room)), None, {})
    text = screen.getvalue()
    if "\x1b[" not in text:
        raise RuntimeError("the display took its terminal for a file, so it was not measured")
    return paced.cpu / paced.wall, text


def between_ends(name: str) -> float:
    """The mean seconds from one cell's end to the next one's, when they were recorded."""
    seconds, cells = 0.0, 0
    for made in facts_of(name):
        seconds += made["training_seconds"]["sum"]
        cells += made["cells"]
    return seconds / cells / ABREAST


def recorded_plan(name: str) -> Plan:
    """The recipe at its laptop scale with all seeds that any recorded cell has."""
    plan = make_plan(name, scale="laptop")
    seeds = max(row["seed"] for row in rows_of(plan)) + 1
    return make_plan(name, scale="laptop", seeds=seeds)


def by_cell(plan: Plan) -> dict[int, Answers]:
    """The recorded answers of the plan's cells, as the store has them, by the cell's index."""
    axis = plan.recipe.axis
    not_answers = {*schema(plan.card.kind), "arm", "data", "shared_bits"}
    found: dict[tuple[Any, ...], Answers] = {}
    for row in rows_of(plan):
        key = (row["arm"], row.get(axis), row["seed"])
        own = {name: row[name] for name in row if name not in not_answers}
        found.setdefault(key, []).append(own)
    answers = {}
    for i, cell in enumerate(plan.cells):
        assert cell.arm is not None
        key = (cell.arm.label, cell.parameters.get(axis), cell.seed)
        if key in found:
            answers[i] = found[key]
    return answers
