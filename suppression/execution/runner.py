"""Runs one cell: its scenes are drawn, its network is trained or loaded, and probed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from suppression.data import Pool
from suppression.errors import UserError
from suppression.evaluation.evaluator import ask, record_name
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import interruption, together
from suppression.execution.batches import (
    exchanged,
    fingerprints,
    load_pool,
    load_pools,
    training_batches,
)
from suppression.execution.context import Context
from suppression.execution.environment import facts, peak_mb
from suppression.execution.estimate import pace_name, probe_pace_name
from suppression.execution.store import Store
from suppression.execution.timing import bf16_is_faster
from suppression.experiment.builders import build_method
from suppression.experiment.run import Run
from suppression.experiment.validation import check_fits, missing
from suppression.methods import Method
from suppression.training.loop import train

Row = dict[str, Any]
Weights = dict[str, torch.Tensor]
Tell = Callable[..., None]


def say_nothing(*event: Any) -> None:
    """Progress that nobody wants to hear of."""


def untrained_prerequisites(
    runs: list[Run], before: Mapping[str, Run], store: Store, not_these: Collection[str] = ()
) -> list[Run]:
    """Those that must be trained, or trained again, before these cells can be, in their order.

    Args:
        runs: The cells that are wanted.
        before: What they build on, by key, each behind what it builds on itself.
        store: What is stored.
        not_these: The keys of stored ones that do not count.
    """
    wanted: set[str] = set()
    for run in runs:
        wanted |= keys_built_on(run)
    found = []
    for key, run in reversed(list(before.items())):
        is_there = store.has(key) and key not in not_these
        if key in wanted and (not is_there or store.damage(key)):
            found.append(run)
            wanted |= keys_built_on(run)
    return found[::-1]


def keys_built_on(run: Run) -> set[str]:
    return {prerequisite.key for prerequisite in run.prerequisites.values()}


def stored_rows(store: Store, run: Run, probe: ProbeSettings) -> list[Row] | None:
    """The cell's answers to this probe; None where it was not trained, or not asked."""
    if not store.has(run.key):
        return None
    return store.rows(run.key, record_name(probe))


def assemble(run: Run, pool: Pool, context: Context) -> Method:
    """The method, for scenes drawn from this pool, on the context's device.

    The trained ones that it builds on are loaded from the store.

    Raises:
        UserError: if one of them is not stored, is damaged, or does not fit.
    """
    store, others = Store(context.store), {}
    for name, prerequisite in run.prerequisites.items():
        key = prerequisite.key
        if not store.has(key):
            raise missing(run, name)
        fault = store.damage(key)
        if fault:
            raise UserError(
                f"the {name} of {run.method} is damaged: {fault}; the same command trains it again"
            )
        other = Run.of(store.cell(key))
        other_pool = load_pool(other, True, context)
        check_fits(run, name, other, pool, other_pool)
        method = assemble(other, other_pool, context)
        method.load_state_dict(store.weights(key))
        others[name] = method
    return build_method(run, pool, others).to(context.device)


def run_cell(
    run: Run, probe: ProbeSettings | None, context: Context, tell: Tell = say_nothing
) -> list[Row]:
    """Train the cell, or load it, and probe it; every finished part is in the store.

    Args:
        run: The cell.
        probe: What the trained network is asked; None asks nothing.
        context: Where it is run and kept.
        tell: Hears of progress: ("step", done, of, loss), ("probe",), ("note", text), ("wait",
            who has the cell).

    Returns:
        The probe's rows.
    """
    store = Store(context.store)
    with store.claim(run.key, on_wait=partial(tell, "wait"), note=partial(tell, "note")):
        set_aside_if_wrong(run.key, store, context, tell)
        if store.has(run.key):
            store.clear_work(run.key)
            rows = [] if probe is None else store.rows(run.key, record_name(probe))
            if rows is not None:  # another process was first
                return rows
        return train_and_probe(run, probe, context, store, tell)


def set_aside_if_wrong(key: str, store: Store, context: Context, tell: Tell) -> None:
    """A stored cell that is damaged, or was trained on other pictures, makes room for a new one."""
    if not store.has(key):
        return
    fault = store.damage(key)
    if fault:
        aside = store.set_aside(key)
        tell("note", f"{fault}; it is put aside as {aside} and trained again")
    elif exchanged(store, [key], context.root, check=context.check):  # told by who asked for it
        store.set_aside(key, everywhere=True)


def train_and_probe(
    run: Run, probe: ProbeSettings | None, context: Context, store: Store, tell: Tell
) -> list[Row]:
    if probe is not None and store.probed(run.key, record_name(probe)):
        tell(
            "note",
            "its probe record is not what was written (its checksum differs); the cell is probed "
            "again",
        )
    limit_threads(context)
    device = torch.device(context.device)
    pools = load_pools(run, context, device)
    method = assemble(run, pools[True], context)
    if store.has(run.key):
        method.load_state_dict(store.weights(run.key))
    else:
        train_cell(run, method, pools[True], store, context, tell)
    if probe is None:
        return []
    tell("probe")
    if "z" in probe.layers and not method.has_z:
        tell("note", f"{run.method} has no projection head, so z is not probed")
    began = time.perf_counter()
    note = partial(tell, "note")
    rows = ask(
        run.dataset,
        probe,
        method,
        pools,
        device,
        views=run.augmentation,
        along=partial(weights_along, run, store),
        note=note,
    )
    store.put_rows(run.key, record_name(probe), rows)
    seconds = time.perf_counter() - began
    store.put_machine(probe_pace_name(run, probe, device, context.threads), seconds)
    return rows


def weights_along(run: Run, store: Store) -> dict[int, Weights]:
    """The weights that a stored training kept, the last ones among them, by the scenes seen."""
    training = run.training
    if training is None:
        return {}
    kept = {**store.snapshots(run.key), training.steps: store.weights(run.key)}
    return {step * training.batch: weights for step, weights in kept.items()}


def train_cell(
    run: Run, method: Method, pool: Pool, store: Store, context: Context, tell: Tell
) -> None:
    """Train the method, if it is one that trains, and publish the cell."""
    device = torch.device(context.device)
    sources = fingerprints(run, store, context.root, check=context.check)
    about = {**facts(device), "sources": sources}
    trace: list[Row] = []
    kept: Weights = {}
    training = run.training
    if training is not None:
        draw = training_batches(run, pool, device, method)
        for text in method.notes(max(run.dataset.spaces(pool))):
            tell("note", text)
        bf16 = training.precision == "bf16"
        if training.precision == "auto":
            x1, x2 = draw(0)[:2]
            bf16 = bf16_is_faster(method.encoder, torch.cat([x1, x2]), device, store)
        keeper = store.workplace(run.key, sources)
        steps, pace = training.steps, Pace()
        began = time.perf_counter()

        def on_step(step: int, loss: float) -> None:
            pace.lap(step)
            tell("step", step, steps, loss)

        with together.leading(run, context, bf16):
            train(
                method,
                draw,
                training=training,
                device=device,
                bf16=bf16,
                keeper=keeper,
                on_step=on_step,
                stop=interruption.asked.is_set,
            )
        if keeper.damaged:
            tell("note", keeper.damaged)
        if pace.seconds is not None:
            name = pace_name(run, device, context.threads)
            store.put_machine(name, pace.seconds / training.batch)
        trace, kept = keeper.trace, keeper.kept
        about["seconds"] = round(time.perf_counter() - began, 1)
        about["resumed_at"] = keeper.resumed_at
        about["precision"] = "bf16" if bf16 else "fp32"
        about["peak_mb"] = peak_mb(device)
        about |= together.facts()
    weights = {}
    for name, value in method.state_dict().items():
        weights[name] = value.detach().cpu().contiguous()
    store.publish(
        run.key, cell=run.parameters, weights=weights, trace=trace, about=about, snapshots=kept
    )


def train_along(run: Run, context: Context, bf16: bool) -> None:
    """Train a cell that another process leads (`together`), and keep nothing of it."""
    training = run.training
    assert training is not None
    limit_threads(context)
    device = torch.device(context.device)
    pool = load_pool(run, True, context).to(device)
    method = assemble(run, pool, context)
    draw = training_batches(run, pool, device, method)
    train(method, draw, training=training, device=device, bf16=bf16)


def limit_threads(context: Context) -> None:
    if context.threads:
        torch.set_num_threads(context.threads)
        # The probe's BLAS, too: two cells side by side would otherwise fight over the cores.
        threadpool_limits(context.threads)


class Pace:
    """The seconds of a step, from the first one that is logged to the last one.

    What comes before, a first pass that warms up, would make a short training's pace too slow.
    """

    def __init__(self) -> None:
        self.first: tuple[int, float] | None = None
        self.last: tuple[int, float] | None = None

    def lap(self, step: int) -> None:
        now = (step, time.perf_counter())
        self.first = self.first or now
        self.last = now

    @property
    def seconds(self) -> float | None:
        """None where fewer than two steps were logged."""
        if self.first is None or self.last is None or self.first == self.last:
            return None
        return (self.last[1] - self.first[1]) / (self.last[0] - self.first[0])
