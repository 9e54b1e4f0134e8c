"""Tells logs of cells: while they are trained, and, of those that are stored, what is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from suppression.evaluation.evaluator import record_name
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.store import Store
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run
from suppression.logs import Cell, Log
from suppression.metrics.units import Row, without_units
from suppression.notes import Note
from suppression.writing import sha256


class Open:
    """A cell that has begun: who is told of it, and the last step that was told."""

    def __init__(self, cell: Cell, logs: list[Log]) -> None:
        self.cell, self.logs, self.step = cell, logs, -1


class Logs:
    """Several logs, of which one that raises an error costs itself alone.

    Args:
        logs: Who is told.
        kept: What the note of an error says of the trainings.
    """

    def __init__(self, logs: Sequence[Log], kept: str) -> None:
        self.logs, self.kept = list(logs), kept

    def begin(self, cell: Cell, note: Note) -> Open:
        begun = Open(cell, list(self.logs))

        def asked(log: Log, cell: Cell) -> None:
            if log.begin(cell) is False:
                begun.logs.remove(log)

        self.tell(begun, note, asked)
        return begun

    def row(self, begun: Open, row: Row, note: Note) -> None:
        """Tell of a step of the trace, if that was not done."""
        step = row.get("step", -1)
        if step <= begun.step:
            return
        begun.step, values = step, numbers(row)
        self.tell(begun, note, lambda log, cell: log.log(cell, step, values))

    def end(self, begun: Open, rows: list[Row] | None, note: Note) -> None:
        plain = None if rows is None else [without_units(row) for row in rows]
        self.tell(begun, note, lambda log, cell: log.end(cell, plain))

    def tell(self, begun: Open, note: Note, call: Callable[[Log, Cell], object]) -> None:
        """Call a method of every log that is told of a cell; an error costs nothing but the log."""
        for log in list(begun.logs):
            if log not in self.logs:
                continue
            try:
                call(log, begun.cell)
            except Exception as error:
                self.logs.remove(log)
                note(
                    f"the log {type(log).__name__} failed and is told no more "
                    f"({type(error).__name__}: {error}); {self.kept}"
                )


class Telling:
    """Tells logs of a plan's cells, in this process: workers know nothing of logs.

    Curves are those of the store: the trace of a training under way, which grows, and of one that
    is done. So what a log has not is told by the next run, from the store.

    Args:
        plan: The cells.
        store: Where they are kept.
        logs: Who is told. One that raises an error is told no more.
    """

    def __init__(self, plan: Plan, store: Store, logs: Sequence[Log]) -> None:
        self.plan, self.store = plan, store
        self.logs = Logs(
            logs,
            "cells are trained and kept without it, and the same command tells it the rest later",
        )
        self.open: dict[str, Open] = {}
        self.told: set[str] = set()  # keys of cells that have ended

    def hear(self, run: Run, probe: ProbeSettings | None, event: tuple, note: Note) -> None:
        """An event of `executor.run`.

        Args:
            run: The cell that it is of.
            probe: What the cell is asked; None where others only build on it.
            event: It.
            note: Told of a log that failed.
        """
        if not self.logs.logs:
            return
        kind = event[0]
        if kind == "start":
            self.begin(run, probe, note, stored=False)
        elif kind == "step":
            self.curve(run, self.store.trace_under_way(run.key), note)
        elif kind == "done":
            self.curve(run, self.store.trace(run.key), note)
            self.end(run, event[1], note)
        elif kind == "failed":
            self.curve(run, self.store.trace_under_way(run.key), note)
            self.end(run, None, note)

    def of_stored(self, run: Run, probe: ProbeSettings | None, rows: list[Row], note: Note) -> None:
        """Tell of a cell that was answered from the store, unless that was done."""
        if self.logs.logs and run.key not in self.told:
            self.begin(run, probe, note, stored=True)
            self.curve(run, self.store.trace(run.key), note)
            self.end(run, rows, note)

    def close(self, note: Note) -> None:
        """End what was interrupted."""
        for begun in self.open.values():
            self.logs.end(begun, None, note)
        self.open.clear()

    def begin(self, run: Run, probe: ProbeSettings | None, note: Note, *, stored: bool) -> None:
        cell = as_cell(self.plan, run, probe, stored=stored)
        self.open[run.key] = self.logs.begin(cell, note)

    def curve(self, run: Run, trace: list[Row], note: Note) -> None:
        """Tell what is new in a trace."""
        for row in trace:
            self.logs.row(self.open[run.key], row, note)

    def end(self, run: Run, rows: list[Row] | None, note: Note) -> None:
        self.logs.end(self.open.pop(run.key), rows, note)
        self.told.add(run.key)


def as_cell(plan: Plan, run: Run, probe: ProbeSettings | None, *, stored: bool) -> Cell:
    """A cell as logs are told of it."""
    asked = record_name(probe) if probe else ""
    name = plan.cell_name(run)
    return named(plan.result_name, name, run, asked=asked, stored=stored)


def named(experiment: str, name: str, run: Run, *, asked: str = "", stored: bool = False) -> Cell:
    """A training as logs are told of it.

    Args:
        experiment: Of which it is one.
        name: What sets it apart there.
        run: What is trained.
        asked: Which probe, by the name of its record.
        stored: Whether it was trained before.
    """
    return Cell(
        experiment=experiment,
        name=name,
        key=run.key,
        id=sha256(f"{experiment} {run.key} {asked}".encode())[:16],
        parameters=run.named_parameters,
        stored=stored,
    )


def numbers(row: Row) -> dict[str, float]:
    """What a trace says of a step."""
    found = {}
    for name, value in row.items():
        if name != "step" and isinstance(value, int | float) and math.isfinite(value):
            found[name] = float(value)
    return found
