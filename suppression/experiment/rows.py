"""Long-form rows, what every probe's answer is kept as: a dict a row with every parameter of its cell, to csv and back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from suppression.experiment.plan import Cell, Plan
from suppression.experiment.plan import named as with_names

Row = dict[str, Any]
LEADING = ("experiment", "method", "seed", "feature", "probe", "layer", "scenes", "accuracy", "low", "high")
SCORES = ("nmi", "nmi_low", "nmi_high", "purity", "entropy", "spread", "rank", "distance", "uniformity", "directions")  # of clusters, of pairs


def long_rows(plan: Plan, found: Iterable[tuple[Cell, list[Row]]]) -> list[Row]:
    """Probe rows with the experiment's name, every parameter of their cell (what it builds on by its name), and the strength of its discrete competitor in bits, the axis that all kinds of scenes
    share (`scenes.base.Scenes.shared_bits`): the long form of `--json` and of the csv files."""
    from suppression.experiment.builders import scenes_of

    made = []
    for cell, rows in found:
        named = {"experiment": plan.name, "method": cell["method"], "seed": cell["seed"]}
        made += [named | row | with_names(plan, cell) | {"shared_bits": scenes_of(cell).shared_bits} for row in rows]
    return made


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def at(rows: Iterable[Row], axis: str, x: Any) -> list[Row]:
    """The rows at place x of the axis; a method without that parameter is the same everywhere."""
    return [row for row in rows if row.get(axis) in (x, None)]


def columns(rows: list[Row]) -> list[str]:
    names = {name: None for row in rows for name in row}
    return [*LEADING, *(name for name in names if name not in LEADING)]


def to_csv(rows: list[Row]) -> str:
    """The long-form rows, one a line, columns as in `--json`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(rows), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({name: ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value for name, value in row.items()} for row in rows)
    return out.getvalue()


def from_csv(text: str, parameters: dict[str, Any]) -> list[Row]:
    """Rows as they were before `to_csv`; `parameters` (a `parameters.schema`) gives the types."""
    from suppression.experiment.schema import coerce

    numbers = dict.fromkeys(("accuracy", "low", "high", "guess", "shared_bits", *SCORES), float) | {"cases": int, "decodable": int, "k": int}
    told = {"True": True, "False": False}
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        typed: Row = {}
        for name, value in row.items():
            if name in parameters:
                typed[name] = None if value == "" else coerce(parameters[name], value, "csv")
            elif name in numbers:
                typed[name] = None if value == "" else numbers[name](value)
            else:
                typed[name] = told.get(value, value)
        rows.append(typed)
    return rows
