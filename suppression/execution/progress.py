"""What a run tells while it works, on stderr: bars and a table that fills on a terminal, a line a finished cell elsewhere."""

from __future__ import annotations

import time
from typing import Any

from suppression.execution.context import Context
from suppression.execution.estimate import cost
from suppression.execution.store import Store
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell, Plan
from suppression.experiment.rows import long_rows, select
from suppression.reporting.summary import TOLD, cell_name, lines, readout
from suppression.reporting.tables import table, told

ETA_FROM = 0.03  # share of the work after which the pace is known well enough to be told


class Progress:
    """A context manager whose `hear(index, event)` is what `crew.run` calls; `index` counts the cells `before`, which are trained only, and the missing ones.

    The ETA is the work left (pixels through the network, probes included), each cell's at the pace of the finished cells of its method, as some methods take several times as long with as many
    pixels; where none has finished, at the pace of all cells so far.
    """

    def __init__(self, plan: Plan, stored: dict[int, list[dict]], missing: list[int], context: Context, before: list[Cell]) -> None:
        from rich.console import Console

        self.plan, self.cells = plan, [*before, *(plan.cells[i] for i in missing)]
        self.probes = [None] * len(before) + [plan.probe] * len(missing)
        self.known = [(plan.cells[i], rows) for i, rows in stored.items()]
        store = Store(context.store)
        self.costs = [cost(cell, probe, trained=store.has(full_key(cell))) for cell, probe in zip(self.cells, self.probes, strict=True)]
        self.shares = [0.0] * len(self.cells)
        self.began = time.monotonic()
        self.started: dict[int, float] = {}
        self.took: dict[int, float] = {}  # seconds of the cells that are done
        self.abreast = 1  # the most cells that were at work at a time
        self.finished = 0
        self.failed: list[Cell] = []
        self.bars: dict[int, Any] = {}
        self.console = Console(stderr=True, highlight=False)
        self.live: Any = None
        self.console.print(
            f"{plan.name}, {plan.scale} scale: {len(self.cells)} cells to run, {len(stored)} stored; device {context.device}, store {context.store}"
        )

    def __enter__(self) -> Progress:
        if self.console.is_terminal:
            from rich.live import Live
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bars

            self.display = Bars(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%  {task.fields[told]}"), console=self.console
            )
            self.overall = self.display.add_task("all cells", total=1.0, told="")
            self.live = Live(get_renderable=self.render, console=self.console, refresh_per_second=2, transient=True)
            self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.live is not None:
            self.live.__exit__(*error)
            self.note(f"{self.finished} of {len(self.cells)} cells in {(time.monotonic() - self.began) / 60:.1f} min")

    def render(self) -> Any:
        from rich.console import Group

        return Group(self.display, table(self.plan, long_rows(self.plan, self.known), self.failed))  # bars first: a low terminal cuts the end

    def hear(self, index: int, event: tuple) -> None:
        cell, (kind, *told) = self.cells[index], event
        if kind == "start":
            self.started[index] = time.monotonic()
            self.abreast = max(self.abreast, len(self.started) - self.finished)
            if self.live is not None:
                self.bars[index] = self.display.add_task(self.name(cell), total=1.0, told="starting")
        elif kind == "step":
            done, of, loss = told
            trained = 1 - cost(cell, self.probes[index], trained=True) / self.costs[index]
            self.move(index, trained * done / of, f"step {done}/{of}, loss {loss:.3f}")
        elif kind == "probe":
            self.move(index, self.shares[index], "probing")
        elif kind == "wait":
            self.note(f"{self.name(cell)}: another process is training this cell; waiting for its result")
        elif kind == "note":
            self.note(f"{self.name(cell)}: {told[0]}")
        elif kind == "done":
            self.known += [(cell, told[0])] if told[0] else []
            self.took[index] = time.monotonic() - self.started[index]
            self.end(index, self.said(told[0]) if self.probes[index] else "trained")
        elif kind == "failed":
            self.failed += [cell] if self.probes[index] else []
            self.end(index, f"failed: {told[0]}")

    def move(self, index: int, share: float, told: str) -> None:
        self.shares[index] = share
        if self.live is not None:
            self.display.update(self.bars[index], completed=share, told=told)
            self.display.update(self.overall, completed=self.share(), told=self.left())

    def end(self, index: int, told: str) -> None:
        self.finished += 1
        self.move(index, 1.0, "done")
        if self.live is not None:
            self.display.remove_task(self.bars.pop(index))
        seconds = time.monotonic() - self.started[index]
        if self.live is None or "failed" in told:
            self.note(f"[{self.finished}/{len(self.cells)}] {self.name(self.cells[index])}: {told} ({seconds:.0f} s; {self.left()})")

    def note(self, text: str) -> None:
        self.console.print(text, markup=False, soft_wrap=True)

    def share(self) -> float:
        return sum(share * cost for share, cost in zip(self.shares, self.costs, strict=True)) / sum(self.costs)

    def left(self) -> str:
        now = time.monotonic()
        if (share := self.share()) >= 1:
            return f"all done in {(now - self.began) / 60:.1f} min"
        if share <= ETA_FROM:  # the workers' own start and the first cells' short probes would be taken for the pace of training
            return "time left not known yet"
        overall = self.pace({i: self.took.get(i, now - began) for i, began in self.started.items() if i in self.took or self.shares[i] < 1})  # none that failed
        ahead = []
        for cell, done, work in zip(self.cells, self.shares, self.costs, strict=True):
            like = {i: seconds for i, seconds in self.took.items() if self.cells[i]["method"] == cell["method"]}
            ahead.append((1 - done) * work * (self.pace(like) or overall))
        return f"about {max(sum(ahead) / self.abreast, *ahead) / 60:.1f} min left"

    def pace(self, seconds: dict[int, float]) -> float:
        """Seconds that a unit of work took in these cells; 0 where none was done."""
        work = sum(self.shares[i] * self.costs[i] for i in seconds)
        return sum(seconds.values()) / work if work else 0.0

    def name(self, cell: Cell) -> str:
        return cell_name(self.plan, cell)

    def said(self, rows: list[dict]) -> str:
        measure, parts = self.plan.recipe.measure, []
        for line in (line for line in lines(self.plan, rows) if line.measure == measure):
            layer = {} if self.plan.recipe.axis == "layer" else {"layer": line.layer}
            found = [row for row in select(rows, feature=line.feature, scenes=line.scenes, **layer) if readout(row) == line.probe]
            parts.append(f"{line.feature} {told(self.plan, line)} {' '.join(f'{100 * row[measure]:.1f}' for row in found)}")
        return f"{'; '.join(parts)} ({TOLD[measure]})"
