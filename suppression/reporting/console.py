"""A result on a terminal, in plain text that fits its width."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import Any

from suppression.experiment.plan import Plan
from suppression.experiment.rows import Row, long_rows
from suppression.experiment.run import Run
from suppression.reporting.result import Result
from suppression.reporting.summary import Summary, readout, summarise
from suppression.reporting.tables import (
    measure_text,
    not_asked_text,
    retention_text,
    scenes_text,
    terminal_table,
    terminal_tables,
)

ELSEWHERE = 100  # columns where the output is no terminal


def terminal_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else ELSEWHERE


def result_text(result: Result, *, width: int, intervals: bool = False) -> str:
    """Title, table, what is left, what a reader must know, and the verdict last.

    A leaderboard stands in place of the table of all its arms.
    The line that the claim is about stands with the verdict, where a terminal shows it.
    """
    claim, others = terminal_tables(result.summary, width=width, intervals=intervals)
    if result.plan.baselines:
        claim, others = "", result.table()
    parts = [
        result.plan.recipe.title,
        others,
        wrapped(not_asked_text(result.summary), width),
        wrapped("\n".join(retention_text(result.summary)), width),
        wrapped(result.caption(), width),
        claim,
        wrapped(f"verdict: {result.verdict()}", width),
    ]
    return "\n\n".join(part for part in parts if part)


def wrapped(text: str, width: int) -> str:
    lines = [textwrap.fill(line, width, subsequent_indent="  ") for line in text.splitlines()]
    return "\n".join(lines)


def live_table(
    plan: Plan, known: list[tuple[Run, list[Row]]], failed: list[Run], *, width: int
) -> Any:
    """The table as it fills while cells are trained."""
    from rich.text import Text

    summary = summarise(plan, long_rows(plan, known), failed)
    return Text(terminal_table(summary, width=width), no_wrap=True, overflow="crop")


def cell_text(plan: Plan, cell: Run, rows: list[Row]) -> str:
    """A finished cell's values in one line: those of the claim's readout, if it has its own."""
    measure = plan.recipe.measure
    summary = Summary(plan, long_rows(plan, [(cell, rows)]))
    headline, parts = summary.headline, []
    for line in summary.lines:
        if line.measure != measure:
            continue
        if headline is not None and headline.probe not in ("linear", line.probe):
            continue
        values = []
        for row in summary.rows:
            where = (row["feature"], row["scenes"], readout(row))
            same_layer = plan.recipe.axis == "layer" or row["layer"] == line.layer
            is_line = where == (line.feature, line.scenes, line.probe) and same_layer
            if is_line and row.get(measure) is not None:
                unit = 100 if line.of.percent else 1
                values.append(f"{unit * row[measure]:.1f}")
        parts.append(f"{line.feature} {scenes_text(summary, line)} {' '.join(values)}")
    label = measure_text(summary) if headline is None else headline.of.label
    return f"{'; '.join(parts)} ({label})"
