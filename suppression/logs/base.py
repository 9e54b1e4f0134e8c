"""What a log is told, and the logs that have a name."""

from __future__ import annotations

import importlib
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from suppression import places
from suppression.errors import UserError, unknown
from suppression.evaluation.probes import AXES, MEASURES

Row = dict[str, Any]

EXTRA = 'pip install "suppression[logs]"'
METHODS = {"begin": "begin(cell)", "log": "log(cell, step, values)", "end": "end(cell, rows)"}

# By the word in front of the colon: the class, and what stands behind the colon.
LOGS = {
    "tensorboard": ("TensorBoard", "DIR"),
    "wandb": ("WandB", "PROJECT"),
    "mlflow": ("MLflow", "DIR or URI"),
}


@dataclass(frozen=True)
class Cell:
    """A cell as a log is told of it: one network, what it learns from, and how.

    Args:
        experiment: NAME.SCALE of its experiment.
        name: The cell by what sets it apart: arm, place on the axis, seed.
        key: Its name in the store.
        id: Equal for the same cell of the same experiment that is asked the same: by it a log
            knows what it has already.
        parameters: Its parameters, by name.
        stored: Whether it was trained before, so that all is told at once.

    Example:
        >>> Cell("digit_size.smoke", "simclr, seed 0", "1f6b9c", "02ab", {"tau": 0.2}).stored
        False
    """

    experiment: str
    name: str
    key: str
    id: str
    parameters: Mapping[str, Any]
    stored: bool = False

    @property
    def file_name(self) -> str:
        """Its name as a folder may be called; no two cells of an experiment share one."""
        plain = re.sub(r"[^A-Za-z0-9.]+", "_", self.name).strip("_.")
        return f"{plain[:100]}-{self.id[:8]}"


class Log(Protocol):
    """Three methods that are called in the process that was started, never in a worker.

    Several cells are trained side by side, so each call says of which one it is. What is raised
    costs no cell: it is told once, and the log is told no more.
    """

    def begin(self, cell: Cell) -> bool | None:
        """A cell begins; False declines it, and nothing more is told of it."""

    def log(self, cell: Cell, step: int, values: Mapping[str, float]) -> None:
        """The loss and other quantities of a training step; steps of a cell ascend."""

    def end(self, cell: Cell, rows: Sequence[Row] | None) -> None:
        """A cell has ended: the rows of its probes, none where nothing was asked.

        None where it failed or was interrupted.
        """


def named(word: str) -> Log:
    """The log of a name such as tensorboard:DIR, ready to be told.

    Raises:
        UserError: For a name that is not there (with the nearest one), a library that is not
            installed (with the line that brings it), and a place that cannot be written.
    """
    name, target = target_of(word)
    module = importlib.import_module(f"suppression.logs.{name}")
    return getattr(module, LOGS[name][0])(target)


def target_of(word: str) -> tuple[str, str]:
    """A log's name, and where it is kept; nothing is imported and nothing is written.

    Raises:
        UserError: For a name that is not there, or one without its place.

    Example:
        >>> target_of("tensorboard:runs")
        ('tensorboard', 'runs')
    """
    name, _, target = word.partition(":")
    if name not in LOGS:
        raise unknown("there is no log", name, [f"{each}:{LOGS[each][1]}" for each in LOGS])
    if not target.strip():
        raise UserError(f"{word} says not where: {name}:{LOGS[name][1]} is wanted")
    return name, target


def as_logs(given: Any) -> list[Log]:
    """What `run(log=...)` takes: a name, an object with the three methods, several, or none.

    Raises:
        UserError: As `named` does, and for an object that lacks a method.

    Example:
        >>> as_logs(None)
        []
    """
    if given is None:
        return []
    found = []
    for each in given if isinstance(given, list | tuple) else [given]:
        if isinstance(each, str):
            found.append(named(each))
            continue
        if isinstance(each, type):
            raise UserError(f"log: {each.__name__} is a class: make a log of it, {each.__name__}()")
        for name in METHODS:
            if not callable(getattr(each, name, None)):
                raise UserError(
                    f"log: {type(each).__name__} has no method '{name}'; a log has "
                    f"{', '.join(METHODS.values())}, or is a name such as tensorboard:DIR"
                )
        found.append(each)
    return found


def scalars(rows: Sequence[Row] | None) -> dict[str, float]:
    """What probes measured, as one number a name: MEASURE/FEATURE/SCENES/PROBE/LAYER.

    Example:
        >>> scalars([{"feature": "first", "scenes": "alone", "probe": "knn", "accuracy": 0.5}])
        {'accuracy/first/alone/knn': 0.5}
    """
    found = {}
    for row in rows or []:
        parts = [str(row[name]) for name in ("feature", "scenes", "probe") if row.get(name)]
        for axis in AXES:
            if row.get(axis) not in (None, ""):
                parts.append(str(row[axis]) if axis == "layer" else f"{axis} {row[axis]}")
        for measure in MEASURES:
            value = row.get(measure)
            if isinstance(value, int | float) and math.isfinite(value):
                found["/".join([measure, *parts])] = float(value)
    return found


def needed(log: str, module: str, package: str) -> ModuleType:
    """A module of a log's library; UserError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = getattr(error, "name", None) or package
        hint = "" if missing.partition(".")[0] == package else f" ({missing} is missing)"
        raise UserError(
            f"--log {log}: {package} is not installed{hint}: {EXTRA}, or pip install {package}"
        ) from error


def writable(word: str, place: str) -> Path:
    """The folder of this name, which is made; UserError where nothing can be written to it."""
    folder = places.named(place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--log {word} cannot be written: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UserError(f"--log {word} cannot be written: {folder} is read-only")
    return folder
