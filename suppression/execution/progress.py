"""What a run tells while it works, on stderr.

On a terminal: bars, and a table that fills. In a notebook: one bar. Elsewhere: a line for each
finished cell.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection
from typing import Any

from suppression.execution.context import Context
from suppression.execution.displays import Display, display_for
from suppression.execution.estimate import cost
from suppression.execution.store import Store
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run

Row = dict[str, Any]
Answers = list[tuple[Run, list[Row]]]
RenderTable = Callable[[Answers, list[Run]], Any]
DescribeRows = Callable[[Run, list[Row]], str]

ETA_FROM = 0.03  # share of the work after which the pace is known well enough to be told


class Progress:
    """A context manager whose `hear(index, event)` is what `executor.run` calls.

    Args:
        plan: What is run; it names the cells.
        stored: Rows that were there before, by the index of their cell in the plan.
        missing: The indices of the plan's cells that are run.
        context: Where they are run and kept.
        before: Cells that are trained only, as others build on them; `index` counts these first,
            then the missing ones.
        anew: The keys of stored cells that are trained again.
        render_table: Makes something that rich can print of the rows that are known, each cell's
            with its cell, and of the cells that failed. Without it there is no table.
        describe_rows: A finished cell's rows in words.
        display: Where it is shown; none finds out what stderr is.
    """

    def __init__(
        self,
        plan: Plan,
        stored: dict[int, list[Row]],
        missing: list[int],
        context: Context,
        before: list[Run],
        anew: Collection[str] = (),
        *,
        render_table: RenderTable | None = None,
        describe_rows: DescribeRows | None = None,
        display: Display | None = None,
    ) -> None:
        self.plan, self.cells = plan, [*before, *(plan.cells[i] for i in missing)]
        self.probes = [None] * len(before) + [plan.probe] * len(missing)
        self.render_table, self.describe_rows = render_table, describe_rows
        self.known: Answers = [(plan.cells[i], rows) for i, rows in stored.items()]
        self.failed: list[Run] = []
        store = Store(context.store)
        costs = []
        for cell, probe in zip(self.cells, self.probes, strict=True):
            is_trained = store.has(cell.key) and cell.key not in anew
            costs.append(cost(cell, probe, trained=is_trained))
        self.work = WorkLeft(costs, [cell.method for cell in self.cells])
        self.display = display or display_for(sys.stderr)
        self.display.say(
            f"{plan.name}, {plan.scale} scale: {len(self.cells)} cells to run, "
            f"{len(stored)} stored; device {context.device}, store {store.place}"
        )

    def __enter__(self) -> Progress:
        self.display.begin(lambda: (self.work.share(), self.left()), self.table)
        return self

    def __exit__(self, *error: Any) -> None:
        self.display.close()
        if self.display.is_live:
            minutes = (time.monotonic() - self.work.began) / 60
            self.display.say(f"{self.work.ended} of {len(self.cells)} cells in {minutes:.1f} min")

    def table(self) -> Any:
        if self.render_table is None:
            return None
        return self.render_table(list(self.known), list(self.failed))

    def hear(self, index: int, event: tuple) -> None:
        cell, (kind, *told) = self.cells[index], event
        probe, work = self.probes[index], self.work
        if kind == "start":
            work.start(index)
            self.display.start(index, self.plan.cell_name(cell))
        elif kind == "step":
            done, of, loss = told
            trained = 1 - cost(cell, probe, trained=True) / work.costs[index]
            work.move(index, trained * done / of)
            self.display.move(index, work.shares[index], f"step {done}/{of}, loss {loss:.3f}")
        elif kind == "probe":
            self.display.move(index, work.shares[index], "probing")
        elif kind == "wait":
            name = self.plan.cell_name(cell)
            self.display.say(f"{name}: {told[0]} trains this cell; waiting for its result")
        elif kind == "note":
            self.display.say(f"{self.plan.cell_name(cell)}: {told[0]}")
        elif kind == "done":
            work.end(index)
            if told[0]:
                self.known.append((cell, told[0]))
            self.end(index, self.described(cell, told[0]))
        elif kind == "failed":
            work.fail(index)
            if probe:
                self.failed.append(cell)
            self.end(index, f"failed: {told[0]}", failed=True)

    def end(self, index: int, text: str, *, failed: bool = False) -> None:
        name, seconds = self.plan.cell_name(self.cells[index]), self.work.seconds_of(index)
        count = f"[{self.work.ended}/{len(self.cells)}]"
        line = f"{count} {name}: {text} ({seconds:.0f} s; {self.left()})"
        self.display.end(index, line, failed=failed)

    def left(self) -> str:
        """How long the rest will take, in words."""
        share = self.work.share()
        if share >= 1:
            return f"all done in {(time.monotonic() - self.work.began) / 60:.1f} min"
        if share <= ETA_FROM:
            # The workers' own start and the first cells' short probes would be taken for the
            # pace of training.
            return "time left not known yet"
        return f"about {self.work.seconds_left() / 60:.1f} min left"

    def described(self, cell: Run, rows: list[Row]) -> str:
        if not rows:
            return "trained"
        return self.describe_rows(cell, rows) if self.describe_rows else "done"


class WorkLeft:
    """How much of the work is done, and how long the rest takes.

    The rest of each cell goes at the pace of the finished cells of its method, as some methods
    take several times as long with as many pixels; where none has finished, at the pace of all
    cells so far.

    Args:
        costs: The work of each cell (`estimate.cost`).
        methods: The method of each cell.
    """

    def __init__(self, costs: list[float], methods: list[str]) -> None:
        self.costs, self.methods = costs, methods
        self.shares = [0.0] * len(costs)
        self.began = time.monotonic()
        self.started: dict[int, float] = {}
        self.took: dict[int, float] = {}  # seconds of the cells that are done
        self.abreast = 1  # the most cells that were at work at a time
        self.ended = 0

    def start(self, index: int) -> None:
        self.started[index] = time.monotonic()
        self.abreast = max(self.abreast, len(self.started) - self.ended)

    def move(self, index: int, share: float) -> None:
        self.shares[index] = share

    def end(self, index: int) -> None:
        self.took[index] = self.seconds_of(index)
        self.fail(index)

    def fail(self, index: int) -> None:
        self.shares[index] = 1.0
        self.ended += 1

    def seconds_of(self, index: int) -> float:
        return time.monotonic() - self.started[index]

    def share(self) -> float:
        """How much of all work is done, 0 to 1."""
        done = [share * cost for share, cost in zip(self.shares, self.costs, strict=True)]
        return sum(done) / sum(self.costs)

    def seconds_left(self) -> float:
        at_work = {}
        for i in self.started:
            if i in self.took or self.shares[i] < 1:  # none that failed
                at_work[i] = self.took.get(i, self.seconds_of(i))
        overall = self.pace(at_work)
        by_method: dict[str, dict[int, float]] = {}
        for i, seconds in self.took.items():
            by_method.setdefault(self.methods[i], {})[i] = seconds
        paces = {method: self.pace(took) for method, took in by_method.items()}
        left = []
        for method, done, work in zip(self.methods, self.shares, self.costs, strict=True):
            left.append((1 - done) * work * (paces.get(method) or overall))
        return max(sum(left) / self.abreast, *left)

    def pace(self, seconds: dict[int, float]) -> float:
        """Seconds that a unit of work took in these cells; 0 where none was done."""
        work = sum(self.shares[i] * self.costs[i] for i in seconds)
        return sum(seconds.values()) / work if work else 0.0
