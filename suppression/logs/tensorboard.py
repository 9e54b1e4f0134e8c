"""TensorBoard: a folder of event files a cell, and its table of hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suppression.logs.base import Cell, Row, needed, scalars, writable
from suppression.writing import replace

DONE = "cell.json"  # in the folder of a cell of which all was logged


class TensorBoard:
    """Logs into DIR/EXPERIMENT.SCALE/CELL, as `tensorboard --logdir DIR` shows it.

    Args:
        folder: DIR.
    """

    def __init__(self, folder: str) -> None:
        self.tensorboard = needed("tensorboard", "torch.utils.tensorboard", "tensorboard")
        self.summary = needed("tensorboard", "torch.utils.tensorboard.summary", "tensorboard")
        self.folder = writable(f"tensorboard:{folder}", folder)
        self.writers: dict[str, Any] = {}

    def place(self, cell: Cell) -> Path:
        return self.folder / cell.experiment / cell.file_name

    def begin(self, cell: Cell) -> bool:
        if (self.place(cell) / DONE).is_file():
            return False
        # What an interrupted run wrote is told again from the first step on, so it is hidden.
        writer = self.tensorboard.SummaryWriter(str(self.place(cell)), purge_step=0)
        self.writers[cell.id] = writer
        return True

    def log(self, cell: Cell, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writers[cell.id].add_scalar(name, value, step)

    def end(self, cell: Cell, rows: Sequence[Row] | None) -> None:
        writer = self.writers.pop(cell.id)
        measured = scalars(rows)
        if rows is not None:
            # As `add_hparams` does, which would begin a run of its own for them.
            told = {name: plain(value) for name, value in cell.parameters.items()}
            for each in self.summary.hparams(told, dict.fromkeys(measured)):
                writer.file_writer.add_summary(each)
        for name, value in measured.items():
            writer.add_scalar(name, value, 0)
        writer.close()
        if rows is not None:
            about = {"name": cell.name, "key": cell.key, "parameters": dict(cell.parameters)}
            replace(self.place(cell) / DONE, (json.dumps(about, indent=1) + "\n").encode())


def plain(value: Any) -> bool | int | float | str:
    """A parameter as TensorBoard's table takes it."""
    return value if isinstance(value, bool | int | float | str) else str(value)
