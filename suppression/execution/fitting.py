"""A small training in place: for a notebook's cell, without store and workers."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suppression.data import DATASETS, Scenes
from suppression.data.pool import Pool
from suppression.errors import UserError, unknown
from suppression.execution.batches import load_pool, training_batches
from suppression.execution.context import Context
from suppression.execution.displays import display_for
from suppression.execution.telling import Logs, named
from suppression.experiment.builders import build_method
from suppression.experiment.run import Run
from suppression.experiment.schema import REMEDY, cell_parameters, coerce
from suppression.experiment.validation import check_cell
from suppression.logs import Log
from suppression.methods import METHODS, Method
from suppression.metrics.units import Row
from suppression.notes import warn
from suppression.training.loop import train

MEMBERS = ("factors", "render", "features", "labels", "canvas")  # what a data set must have


class Trace:
    """Keeps what the loop logs, in memory, and tells logs of it (a `training.loop.Keeper`).

    Args:
        run: What is trained.
        logs: Who is told besides.
    """

    def __init__(self, run: Run, logs: Sequence[Log]) -> None:
        self.rows: list[Row] = []
        self.logs = Logs(logs, "the training goes on without it")
        name = ", ".join([run.method, *(f"remedy {each}" for each in run.remedies)])
        cell = named(f"fit.{run.kind}", f"{name}, seed {run.parameters['seed']}", run)
        self.begun = self.logs.begin(cell, warn)

    def log(self, row: Row) -> None:
        self.rows.append(row)
        self.logs.row(self.begun, row, warn)

    def end(self, *, whole: bool) -> None:
        self.logs.end(self.begun, [] if whole else None, warn)

    def keep(self, weights: dict[str, Any], step: int) -> None:
        """Nothing is kept beyond the call."""

    def due(self) -> bool:
        return False

    def save(self, tensors: dict[str, Any], step: int) -> None:
        """Nothing is kept beyond the call."""

    def load(self) -> None:
        return None


def fit(
    dataset: Scenes,
    *,
    method: str,
    steps: int,
    batch: int,
    seed: int,
    source: str,
    root: Path | None,
    device: str,
    progress: bool,
    logs: Sequence[Log],
    parameters: dict[str, Any],
) -> nn.Module:
    """Train a network on a data set; see `suppression.fit`."""
    run = as_run(dataset, method, steps, batch, seed, source, parameters)
    check_cell(run)
    place = torch.device(device)
    context = Context(store=Path(), device=device, root=root)
    pool = load_pool(run, True, context, warn).to(place)
    trained = build_method(run, pool).to(place)
    trace = Trace(run, logs)
    whole = False
    try:
        if run.training is not None:
            train_here(trained, run, pool, place, trace, progress=progress)
        whole = True
    finally:
        trace.end(whole=whole)
    encoder = trained.encoder.eval()
    encoder.trace = trace.rows  # type: ignore[assignment]
    encoder.made = run.parameters  # type: ignore[assignment]
    return encoder


def train_here(
    trained: Method, run: Run, pool: Pool, device: torch.device, trace: Trace, *, progress: bool
) -> None:
    """The training of a cell that has one, with a bar where it is wanted."""
    training = run.training
    assert training is not None
    bar = ProgressLine(training.steps) if progress else None
    try:
        train(
            trained,
            training_batches(run, pool, device, trained),
            training=training,
            device=device,
            bf16=training.precision == "bf16",
            keeper=trace,
            on_step=bar.step if bar else lambda step, loss: None,
        )
    finally:
        if bar:
            bar.end()


def as_run(
    dataset: Scenes,
    method: str,
    steps: int,
    batch: int,
    seed: int,
    source: str,
    parameters: dict[str, Any],
) -> Run:
    """The cell that a training in place is."""
    kind = kind_of(dataset)
    if method not in METHODS:
        raise unknown("there is no method", method, METHODS)
    given = dict(parameters)
    remedy = coerce(REMEDY, given.pop("remedy", None), "fit")
    known = cell_parameters(kind, method, remedy)
    values: dict[str, Any] = {"data": kind, "method": method, "seed": seed, "remedy": remedy}
    for each in dataclasses.fields(dataset):  # type: ignore[arg-type]
        values[each.name] = getattr(dataset, each.name)
    if "source" in known and "source" not in values:
        values["source"] = coerce(known["source"], source, "fit")
    if "samples" in known:
        values["batch"], values["samples"] = batch, steps * batch
        values["precision"] = "fp32"  # what is faster here would be another training elsewhere
    for name, value in given.items():
        if name not in known:
            raise unknown(f"fit: {method} on {kind} has no parameter", name, known)
        values[name] = coerce(known[name], value, "fit")
    return Run.of(values)


def kind_of(dataset: Any) -> str:
    """The name of the data set's class in `DATASETS`.

    Raises:
        UserError: naming the member that something lacks, if it is no data set.
    """
    for name in MEMBERS:
        if not hasattr(dataset, name):
            near = unknown(
                f"{type(dataset).__name__} is no data set: it has no", name, dir(dataset)
            )
            raise UserError(f"{near} A data set is made of suppression.datasets, e.g. TwoDigits")
    for kind, cls in DATASETS.items():
        if type(dataset) is cls:
            return kind
    raise UserError(
        f"{type(dataset).__name__} is not registered: suppression.register('dataset', 'NAME', "
        f"{type(dataset).__name__}) makes it known"
    )


class ProgressLine:
    """One bar with the step and the loss, on stderr."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done, self.loss = steps, 0, "-"
        self.display = display_for(sys.stderr)
        self.display.begin(self.overall, title="training")

    def overall(self) -> tuple[float, str]:
        return self.done / self.steps, f"step {self.done}/{self.steps}, loss {self.loss}"

    def step(self, step: int, loss: float) -> None:
        self.done, self.loss = step, f"{loss:.3f}"
        self.display.tick()

    def end(self) -> None:
        self.display.close()
        self.display.say(f"training: {self.overall()[1]}")
