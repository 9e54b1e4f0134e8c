"""Rows: a dict for each answer of a probe, with every parameter of its cell; to csv and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from suppression.evaluation.probes import COLUMNS
from suppression.experiment.arms import arm_of
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run
from suppression.experiment.schema import Parameter, coerce

Row = dict[str, Any]
LEADING = (
    "experiment",
    "method",
    "seed",
    "feature",
    "probe",
    "layer",
    "scenes",
    "accuracy",
    "low",
    "high",
)
# What rows bear while they are at work: the arm, which follows from the parameters, and the
# correctness behind an accuracy (`metrics.units`), which has a file of its own.
INSIDE = ("arm", "units")


def long_rows(plan: Plan, found: Iterable[tuple[Run, list[Row]]]) -> list[Row]:
    """A probe's rows with all that a table needs, in long form.

    Added are the experiment's name, the cell's arm, every parameter of the cell (what it builds
    on by its name), and the strength of its discrete competitor in bits, the axis that all
    kinds of data share (`Scenes.shared_bits`).
    """
    made = []
    for run, rows in found:
        leading = {"experiment": plan.name, "method": run.method, "seed": run.seed}
        trailing = {**run.named_parameters, "shared_bits": run.dataset.shared_bits}
        if run.arm is not None:
            trailing["arm"] = run.arm.label
        made += [{**leading, **row, **trailing} for row in rows]
    return made


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def columns(rows: list[Row]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return [*LEADING, *(name for name in names if name not in (*LEADING, *INSIDE))]


def without_inside(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in INSIDE}


def to_csv(rows: list[Row]) -> str:
    """The long-form rows, one a line, columns as in `--json`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(rows), lineterminator="\n", restval="")
    writer.writeheader()
    for row in rows:
        line = {}
        for name, value in without_inside(row).items():
            several = isinstance(value, (list, tuple))
            line[name] = ",".join(map(str, value)) if several else value
        writer.writerow(line)
    return out.getvalue()


def from_csv(text: str, known: Mapping[str, Parameter]) -> list[Row]:
    """Rows as they were before `to_csv`, but for the arm.

    Args:
        text: The csv.
        known: The parameters (`schema.schema`), which give their columns' types.
    """
    numbers = {**COLUMNS, "shared_bits": float}
    words = {"True": True, "False": False}
    typed: dict[tuple[str, str], Any] = {}  # most values stand in many rows
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        made: Row = {}
        for name, value in row.items():
            if (name, value) not in typed:
                typed[name, value] = words.get(value, value)
                if name in known:
                    empty = value == ""
                    typed[name, value] = None if empty else coerce(known[name], value, "csv")
                elif name in numbers:
                    typed[name, value] = None if value == "" else numbers[name](value)
            made[name] = typed[name, value]
        rows.append(made)
    return rows


def with_arms(plan: Plan, rows: list[Row]) -> list[Row]:
    """Rows that were read from a file, each with the arm that it belongs to."""
    set_by_arms: dict[str, None] = {}
    for arm in plan.every_arm:
        set_by_arms.update(dict.fromkeys(arm.settings))
    labels: dict[tuple[Any, ...], str | None] = {}
    made = []
    for row in rows:
        settings = tuple(str(row.get(name)) for name in set_by_arms)
        if settings not in labels:
            found = arm_of(row, plan.every_arm)
            labels[settings] = found.label if found else None
        made.append({**row, "arm": labels[settings]})
    return made
