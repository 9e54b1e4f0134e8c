"""Tables on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from suppression.experiment.rows import Row
from suppression.reporting.retention import tables

if TYPE_CHECKING:
    from suppression.experiment.plan import Plan


def print_table(plan: Plan, rows: list[Row], failed: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    from suppression.reporting.tables import table

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(table(plan, rows, failed))
    for title, header, body in tables(plan, rows):
        made = Table(title=title, title_justify="left")
        for i, name in enumerate(header):
            made.add_column(name, justify="right" if i else "left")
        for line in body:
            made.add_row(*line)
        console.print(made)
