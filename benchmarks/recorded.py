"""A recorded experiment: its plan and its rows; as a program, what planning and tables cost.

`python recorded.py NAME` prints, as JSON, the CPU seconds of this process for the plan, for reading
the rows of experiments/, and for all texts that are made of them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from suppression.experiment import files
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.rows import Row
from suppression.reporting.records import read_record
from suppression.reporting.summary import summarise
from suppression.reporting.tables import caption, markdown, terminal_table


def folder(name: str) -> Path:
    """Where the record of this experiment lies."""
    return files.find("experiments", name).parent


def rows_of(plan: Plan) -> list[Row]:
    """The recorded rows, each with its arm."""
    rows, _ = read_record(folder(plan.name), plan)
    return rows


def facts_of(name: str) -> list[dict[str, Any]]:
    """How each run of the laptop record was made; none where there is no record."""
    file = folder(name) / f"{name}.laptop.json"
    if not file.exists():
        return []
    made = json.loads(file.read_text())
    return made if isinstance(made, list) else [made]


def tables(plan: Plan, rows: list[Row]) -> list[str]:
    """Every table of an experiment's rows: for a page, its caption, for a terminal."""
    summary = summarise(plan, rows)
    return [markdown(summary), caption(summary), terminal_table(summary)]


def cpu_seconds(run: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    made = run()
    return made, time.process_time() - began


def main(name: str) -> None:
    plan, planning = cpu_seconds(lambda: make_plan(name, scale="laptop"))
    rows, reading = cpu_seconds(lambda: rows_of(plan))
    texts, drawing = cpu_seconds(lambda: tables(plan, rows))
    if not all(texts):
        raise RuntimeError(f"a table of {name} is empty")
    print(json.dumps({"plan": planning, "read": reading, "tables": drawing}))


if __name__ == "__main__":
    main(sys.argv[1])
