"""What a command knows of the cells that other machines run for it: which wait, which are out.

Rows come from the store, so whoever watches may leave and come back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from suppression.evaluation.spec import ProbeSettings
from suppression.execution.context import Context
from suppression.execution.executor import Hear
from suppression.execution.runner import Row, keys_built_on, stored_rows
from suppression.execution.store import Store
from suppression.experiment.run import Run
from suppression.notes import tell

SECOND_THOUGHTS = 5.0  # seconds in which another Ctrl-C cancels

Event = tuple[Any, ...]


class Watch:
    """The cells of a command, each waiting, submitted or ended; a scheduler's own adds the rest.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are kept; its device is that of the machine that runs a cell.
        hear: Told `(index, event)`.
        unasked: The first so many cells are trained and not probed.
    """

    def __init__(
        self, cells: list[Run], probe: ProbeSettings, context: Context, hear: Hear, unasked: int
    ) -> None:
        self.cells, self.context, self.hear = cells, context, hear
        self.probes = [None if i < unasked else probe for i in range(len(cells))]
        self.store = Store(context.store)
        self.waiting = list(range(len(cells)))
        self.submitted: dict[int, Any] = {}  # what its scheduler knows a cell by
        self.started: set[int] = set()
        self.rows: dict[int, list[Row]] = {}

    def ready(self) -> list[int]:
        """The waiting cells whose prerequisites have ended."""
        unfinished = {self.cells[i].key for i in [*self.waiting, *self.submitted]}
        found = []
        for i in self.waiting:
            if unfinished.isdisjoint(keys_built_on(self.cells[i])):
                found.append(i)
        return found

    def is_out(self, i: int, known_by: Any) -> None:
        """Note that a cell that waited was submitted."""
        self.waiting.remove(i)
        self.submitted[i] = known_by

    def finished(self, i: int) -> Event | None:
        """The last event of a cell whose results are in the store."""
        probe = self.probes[i]
        if probe is None:
            return ("done", []) if self.store.has(self.cells[i].key) else None
        rows = stored_rows(self.store, self.cells[i], probe)
        return None if rows is None else ("done", rows)

    def end(self, i: int, event: Event) -> None:
        """Tell a cell's last event."""
        self.tell(i, event)
        del self.submitted[i]
        if event[0] == "done":
            self.rows[i] = event[1]

    def tell(self, i: int, event: Event) -> None:
        """Hand an event on, after the one that says that the cell started, which comes once."""
        if i not in self.started:
            self.started.add(i)
            self.hear(i, ("start",))
        if event[0] != "start":
            self.hear(i, event)

    def leave(self, where: str, cancel: Callable[[], object]) -> None:
        """Say what goes on without us; another Ctrl-C within some seconds cancels it.

        Args:
            where: What the cells go on in.
            cancel: Called if they are not to.
        """
        if not self.submitted:
            return
        later = ""
        if self.waiting:
            later = f" ({len(self.waiting)} that build on others are submitted then)"
        tell(
            f"no longer watched: {len(self.submitted)} cells go on in {where}; the same command "
            f"comes back to them{later}. Ctrl-C again within {SECOND_THOUGHTS:.0f} s cancels them"
        )
        try:
            time.sleep(SECOND_THOUGHTS)
        except KeyboardInterrupt:
            cancel()
            tell(f"cancelled: {where}; running cells leave a checkpoint")
