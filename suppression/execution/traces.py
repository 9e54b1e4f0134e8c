"""Traces of trainings: JSON lines, appended one by one; what a kill cut short is no line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from suppression.experiment.keys import Record, dumps


def as_lines(rows: list[Record]) -> bytes:
    lines = [dumps(row) + "\n" for row in rows]
    return "".join(lines).encode()


def before(trace: list[Record], step: int) -> list[Record]:
    """The rows of the steps before this one."""
    return [row for row in trace if row.get("step", step) < step]


def read_lines(path: Path) -> list[Any]:
    """JSON lines up to one that is none: cut short by a kill, or damaged."""
    rows: list[Any] = []
    if not path.is_file():
        return rows
    for line in path.read_bytes().split(b"\n"):
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def read_trace(path: Path) -> list[Record]:
    """The lines of a trace up to one that is none of a trace."""
    rows: list[Record] = []
    for row in read_lines(path):
        if not isinstance(row, dict) or not isinstance(row.get("step", 0), int):
            break
        rows.append(row)
    return rows
