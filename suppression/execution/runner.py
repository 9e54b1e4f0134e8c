"""The only place where all rooms meet: one cell = scenes -> train or load -> probes -> rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from threadpoolctl import threadpool_limits

from suppression.data import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation.evaluator import ask, record_name
from suppression.evaluation.spec import Probe
from suppression.execution.batches import batches, load_pool, load_pools
from suppression.execution.context import Context
from suppression.execution.environment import facts, peak_mb
from suppression.execution.store import Store
from suppression.execution.timing import bf16_is_faster
from suppression.experiment.builders import build_method, built_on, part, scenes_of
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell
from suppression.experiment.validation import check_fits, missing
from suppression.methods import Method
from suppression.training.loop import Training, train

Row = dict[str, Any]
Tell = Callable[..., None]


def needed(cells: list[Cell], before: Mapping[str, Cell], store: Store) -> list[Cell]:
    """Those of the cells that others build on, in their order, that must be trained, or trained again, before these cells can be."""
    keys = {key for cell in cells for key in built_on(cell).values()}
    found = []
    for key, cell in reversed(list(before.items())):
        if key in keys and (not store.has(key) or store.damage(key)):
            found.append(cell)
            keys |= set(built_on(cell).values())
    return found[::-1]


def stored_rows(store: Store, cell: Cell, probe: Probe) -> list[Row] | None:
    return store.rows(full_key(cell), record_name(probe)) if store.has(full_key(cell)) else None


def assemble(cell: Cell, pool: Pool, context: Context) -> Method:
    """The method for scenes drawn from this pool, on the trained ones that it builds on, which are loaded from the store; on the place's device."""
    store, ground = Store(context.store), {}
    for parameter, key in built_on(cell).items():
        if not store.has(key):
            raise missing(cell, parameter)
        if fault := store.damage(key):
            raise UserError(f"the {parameter} of {cell['method']} is damaged: {fault}; the same command trains it again")
        other = store.cell(key)
        other_pool = load_pool(other, True, context)
        check_fits(cell, parameter, other, pool, other_pool)
        ground[parameter] = assemble(other, other_pool, context)
        ground[parameter].load_state_dict(store.weights(key))
    return build_method(cell, pool, ground).to(context.device)


def run_cell(cell: Cell, probe: Probe | None, context: Context, tell: Tell = lambda *event: None) -> list[Row]:
    """Train the cell, or load it, and probe it (not if there is no probe); every finished part is in the store. `tell(event, ...)` hears of progress.

    Events: ("step", done, of, loss), ("probe",), ("note", text), ("wait",).
    """
    store, key = Store(context.store), full_key(cell)
    with store.claim(key, on_wait=lambda: tell("wait")):
        if store.has(key) and (fault := store.damage(key)):
            tell("note", f"{fault}; it is put aside as {store.set_aside(key)} and trained again")
        rows = None if not store.has(key) else [] if probe is None else store.rows(key, record_name(probe))
        if rows is not None:  # another process was first
            return rows
        if probe is not None and store.probed(key, record_name(probe)):
            tell("note", "its probe record is not what was written (its checksum differs); the cell is probed again")
        if context.threads:
            torch.set_num_threads(context.threads)
            threadpool_limits(context.threads)  # the probe's BLAS too: two cells side by side would otherwise fight over the cores
        device = torch.device(context.device)
        pools = load_pools(cell, context, device)
        method = assemble(cell, pools[True], context)
        if store.has(key):
            method.load_state_dict(store.weights(key))
        else:
            train_cell(cell, key, method, pools[True], store, device, tell)
        if probe is None:
            return []
        tell("probe")
        if "z" in probe.layers and not method.has_z:
            tell("note", f"{cell['method']} has no projection head, so z is not probed")
        rows = ask(scenes_of(cell), probe, method, pools, device, views=part(Augmentation, cell) if method.trains else None)
        store.put_rows(key, record_name(probe), rows)
        return rows


def train_cell(cell: Cell, key: str, method: Method, pool: Pool, store: Store, device: torch.device, tell: Tell) -> None:
    about = facts(device)
    trace: list[Row] = []
    if method.trains:
        training, draw = part(Training, cell), batches(cell, pool, device)
        for text in method.notes(max(scenes_of(cell).spaces(pool))):
            tell("note", text)
        bf16 = cell["precision"] == "bf16"
        if cell["precision"] == "auto":
            bf16 = bf16_is_faster(method.encoder, torch.cat(draw(0)[:2]), device, store)
        keeper = store.workplace(key)
        began = time.perf_counter()
        train(method, draw, training=training, device=device, bf16=bf16, keeper=keeper, on_step=lambda step, loss: tell("step", step, training.steps, loss))
        if keeper.damaged:
            tell("note", keeper.damaged)
        trace = keeper.trace
        about |= {"seconds": round(time.perf_counter() - began, 1), "resumed_at": keeper.resumed_at, "precision": "bf16" if bf16 else "fp32"}
        about |= {"peak_mb": peak_mb(device)}
    weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
    store.publish(key, cell=cell, weights=weights, trace=trace, about=about)
