"""The only place where all rooms meet: one cell = scenes -> train or load -> probes -> rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from suppression import machine
from suppression.convnet import ConvNet
from suppression.errors import UserError
from suppression.forms import Probe
from suppression.methods import METHODS, Method
from suppression.multiview import two_views
from suppression.nets import ResNet, channels_last, stem_for
from suppression.probing import ask, record_name
from suppression.probing import check as check_probe
from suppression.recipe import Cell
from suppression.scenes import SCENES, SOURCES, Pool, Scenes, photographs
from suppression.scenes.sources import NOTHING, UNSEEN
from suppression.seeds import torch_rng
from suppression.store import Store, key_of
from suppression.train import Batch, Training, train
from suppression.views import Views

Row = dict[str, Any]
Tell = Callable[..., None]
Note = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where cells are run and kept: nothing here changes what a cell is."""

    store: Path
    device: str = "cpu"
    root: Path | None = None
    download: bool = False
    skip_bad: bool = False  # leave out the files of a source that are no pictures
    threads: int | None = None


def ignore(text: str) -> None:
    """A note that nobody wants to hear."""


def part(kind: type, cell: Cell) -> Any:
    """A dataclass made from the cell's knobs of its name; a knob out of range is the user's error."""
    given = {field.name: cell[field.name] for field in fields(kind) if field.name in cell}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise UserError(str(error)) from error


def scenes_of(cell: Cell) -> Scenes:
    return part(SCENES[cell["data"]], cell)


def build_method(cell: Cell, pool: Pool = UNSEEN) -> Method:
    """The method with its encoder, for scenes drawn from this pool; equal seeds give every method the same initial encoder."""
    cls, scenes = METHODS[cell["method"]], scenes_of(cell)
    if cell["width"] < 1:
        raise UserError(f"width = {cell['width']}: the first block group needs one channel at least")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch_rng("init", cell["seed"]).initial_seed()))
        own = {name: cell[name] for name in own_knobs(cls) if name in cell}
        told = (scenes.spaces(pool),) if cls.labelled else (how_many(cell, pool),) if cls.instanced else ()
        try:
            encoder = build_encoder(cell)
            return channels_last(cls(encoder, *told, **own))  # type: ignore[return-value]
        except ValueError as error:
            raise UserError(str(error)) from error


def build_encoder(cell: Cell) -> ConvNet | ResNet:
    """The encoder that the cell's knobs of the net describe, with the initial weights that torch's global generator gives it."""
    scenes = scenes_of(cell)
    if cell.get("net") is None:
        return ResNet(width=cell["width"], stem=cell["stem"] or stem_for(cell["canvas"]), channels=scenes.channels, depth=cell.get("depth") or 18)
    if cell.get("depth") is not None:
        raise UserError(f"depth = {cell['depth']}: net = {cell['net']} has the notebook's three convolutions; give --depth none")
    if cell["stem"] is not None:
        raise UserError(f"stem = {cell['stem']}: net = {cell['net']} has no stem; give --stem none")
    if cell.get("view") not in (None, cell["canvas"]):
        raise UserError(f"view = {cell['view']}: net = {cell['net']} sees pictures of one size only, the canvas's {cell['canvas']} px, as it flattens its maps")
    if cell.get("local"):
        raise UserError(f"local = {cell['local']}: net = {cell['net']} sees pictures of one size only, and local crops are smaller")
    return ConvNet(width=cell["width"], canvas=cell["canvas"], channels=scenes.channels)


def own_knobs(cls: type[Method]) -> list[str]:
    from suppression.knobs import knobs_of

    return [knob.name for knob in knobs_of(cls, "")]


def check_cell(cell: Cell, probe: Probe | None = None) -> None:
    """Build everything but train nothing: every knob out of range, and every feature that is not there, is told before the first second of work."""
    scenes = scenes_of(cell)
    method = build_method(cell | {"width": min(cell["width"], 1)})  # as narrow as can be, as initial values take time; no other knob's range depends on it
    if probe is not None:
        check_probe(cell["data"], scenes, probe, method.encoder)
    if METHODS[cell["method"]].trains:
        try:
            method.check_batch(cell["batch"])
        except ValueError as error:
            raise UserError(str(error)) from error
        if part(Training, cell).order:
            scenes.of_instances(torch.arange(0), UNSEEN)
        views = part(Views, cell)
        for name, side in (("view", views.view), ("local_view", views.local_view)):
            if side is not None and side > scenes.canvas:
                raise UserError(f"{name} = {side} px is larger than the canvas of {scenes.canvas} px")
        if METHODS[cell["method"]].instanced and not (cell["images"] or cell["order"]):
            raise UserError(f"{cell['method']} tells a finite set of pictures apart: give images, or the order in which the source's instances come")


def full_key(cell: Cell) -> str:
    """The cell's key in the store: its knobs and the versions of everything that made it."""
    trained = METHODS[cell["method"]].trains
    versions = {"scenes": SCENES[cell["data"]].version, "method": METHODS[cell["method"]].version}
    versions |= {"views": Views.version, "train": Training.version} if trained else {}
    return key_of(cell | {f"version_{name}": version for name, version in versions.items()})


def stored_rows(store: Store, cell: Cell, probe: Probe) -> list[Row] | None:
    return store.rows(full_key(cell), record_name(probe)) if store.has(full_key(cell)) else None


def check_sources(cells: list[Cell], place: Place, note: Note = ignore) -> None:
    """Load (and, if asked, fetch) every source once before workers start; one that is missing, or has too few digits, is the user's error."""
    seen = set()
    for cell in cells:
        names = [cell[knob] for knob in scenes_of(cell).sources]
        if (told := str((names, cell.get("instances"), scenes_of(cell).photo_side if set(names) - set(SOURCES) else None))) not in seen:
            load_pools(cell, place, torch.device("cpu"), note)
            seen.add(told)


def load_pools(cell: Cell, place: Place, device: torch.device, note: Note = ignore) -> dict[bool, Pool]:
    """Training (True) and held-out (False) instances of the cell's sources, on the device; `note` is told of files that were left out."""
    return {is_train: load_pool(cell, is_train, place, note).to(device) for is_train in (True, False)}


def load_pool(cell: Cell, is_train: bool, place: Place, note: Note = ignore) -> Pool:
    """All instances of the cell's source (`instances` limits training, not what a probe is fitted on) with, where its scenes need both, photographs beside."""
    pools = []
    for knob in scenes_of(cell).sources:
        name, download = cell[knob], place.download and is_train
        if name in SOURCES:
            pools.append(SOURCES[name](is_train, place.root, download))
            if len(pools[-1].labels.unique()) < 2:
                raise UserError(f"source '{name}' has digits of one class only; a probe needs two at least")
        else:
            side = scenes_of(cell).photo_side
            pools.append(photographs(name, is_train, place.root, download, side=side, skip_bad=place.skip_bad, note=note))
    if is_train and cell.get("instances") is not None and not 1 <= cell["instances"] <= len(pools[0]):
        raise UserError(f"instances = {cell['instances']}: source '{cell['source']}' has {len(pools[0])} for training")
    if is_train and cell.get("order") and (there := cell.get("instances") or len(pools[0])) < cell["batch"]:
        raise UserError(f"batch = {cell['batch']}: an epoch of '{cell['source']}' has {there} instances, not one batch")
    return pools[0] if len(pools) == 1 else replace(pools[0], photos=pools[1]) if pools else NOTHING


def how_many(cell: Cell, pool: Pool) -> int:
    """How many pictures a cell is trained on, where that is a finite set."""
    return cell["images"] or cell.get("instances") or len(pool)


def batches(cell: Cell, pool: Pool, device: torch.device) -> Callable[[int], Batch]:
    """Batch number `step` of a cell, drawn from the first `instances` of the pool: it depends on the cell's seed and the step alone, so a training can go
    on from any step."""
    scenes, views, size = scenes_of(cell), part(Views, cell), cell["batch"]
    pool, instanced = pool.first(cell.get("instances")), METHODS[cell["method"]].instanced
    images = scenes.factors(cell["images"], torch_rng("images", cell["seed"], device=device), pool) if cell.get("images") else None

    def draw(step: int) -> Batch:
        rng = torch_rng("train", cell["seed"], step, device=device)
        if images is None and not cell.get("order"):
            drawn = scenes.factors(size, rng, pool)
        else:
            number = in_epochs(cell, how_many(cell, pool), step, device)
            drawn = scenes.of_instances(number, pool) if images is None else {name: value[number] for name, value in images.items()}
        seen = two_views(scenes, views, drawn, pool, rng)
        return *seen[:2], number if instanced else scenes.targets(drawn, pool), *seen[2:]

    return draw


def in_epochs(cell: Cell, n: int, step: int, device: torch.device) -> Tensor:
    """Which of n pictures make batch number `step`, (batch,): the next ones of the order in which its epoch has them."""
    epoch, place = divmod(step, n // cell["batch"])
    rng = torch_rng("order", cell["seed"], 0 if cell["order"] == "fixed" else epoch, device=device)
    return torch.randperm(n, generator=rng, device=device)[place * cell["batch"] :][: cell["batch"]]


def run_cell(cell: Cell, probe: Probe, place: Place, tell: Tell = lambda *event: None) -> list[Row]:
    """Train the cell, or load it, and probe it; every finished part is in the store. `tell(event, ...)` hears of progress.

    Events: ("step", done, of, loss), ("probe",), ("note", text), ("wait",).
    """
    store, key = Store(place.store), full_key(cell)
    with store.claim(key, on_wait=lambda: tell("wait")):
        if store.has(key) and (fault := store.damage(key)):
            tell("note", f"{fault}; it is put aside as {store.set_aside(key)} and trained again")
        rows = store.rows(key, record_name(probe)) if store.has(key) else None
        if rows is not None:  # another process was first
            return rows
        if store.probed(key, record_name(probe)):
            tell("note", "its probe record is not what was written (its checksum differs); the cell is probed again")
        if place.threads:
            torch.set_num_threads(place.threads)
            threadpool_limits(place.threads)  # the probe's BLAS too: two cells side by side would otherwise fight over the cores
        device = torch.device(place.device)
        pools = load_pools(cell, place, device)
        method = build_method(cell, pools[True]).to(device)
        if store.has(key):
            method.load_state_dict(store.weights(key))
        else:
            train_cell(cell, key, method, pools[True], store, device, tell)
        tell("probe")
        if "z" in probe.layers and not method.has_z:
            tell("note", f"{cell['method']} has no projection head, so z is not probed")
        rows = ask(scenes_of(cell), probe, method, pools, device, views=part(Views, cell) if method.trains else None)
        store.put_rows(key, record_name(probe), rows)
        return rows


def train_cell(cell: Cell, key: str, method: Method, pool: Pool, store: Store, device: torch.device, tell: Tell) -> None:
    about = machine.facts(device)
    trace: list[Row] = []
    if method.trains:
        training, draw = part(Training, cell), batches(cell, pool, device)
        for text in method.notes(max(scenes_of(cell).spaces(pool))):
            tell("note", text)
        bf16 = cell["precision"] == "bf16"
        if cell["precision"] == "auto":
            bf16 = machine.bf16_is_faster(method.encoder, torch.cat(draw(0)[:2]), device, store)
        keeper = store.workplace(key)
        began = time.perf_counter()
        train(method, draw, training=training, device=device, bf16=bf16, keeper=keeper, on_step=lambda step, loss: tell("step", step, training.steps, loss))
        if keeper.damaged:
            tell("note", keeper.damaged)
        trace = keeper.trace
        about |= {"seconds": round(time.perf_counter() - began, 1), "resumed_at": keeper.resumed_at, "precision": "bf16" if bf16 else "fp32"}
        about |= {"peak_mb": machine.peak_mb(device)}
    weights = {name: value.detach().cpu().contiguous() for name, value in method.state_dict().items()}
    store.publish(key, cell=cell, weights=weights, trace=trace, about=about)
