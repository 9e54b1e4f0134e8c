"""The only place where all rooms meet: one cell = scenes -> train or load -> probes -> rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
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
from suppression.knobs import full_key, knobs_of
from suppression.methods import METHODS, Method, Supervised
from suppression.multiview import two_views
from suppression.nets import ResNet, channels_last, stem_for
from suppression.probing import ask, record_name
from suppression.probing import check as check_probe
from suppression.recipe import Cell
from suppression.scenes import SCENES, SOURCES, Pool, Scenes, photographs
from suppression.scenes.base import Factors
from suppression.scenes.sources import NOTHING, UNSEEN
from suppression.seeds import torch_rng
from suppression.store import Store
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


def build_method(cell: Cell, pool: Pool = UNSEEN, built_on: Mapping[str, Method] | None = None) -> Method:
    """The method with its encoder, for scenes drawn from this pool; equal seeds give every method the same initial encoder.

    `built_on` are its `start` and its `teacher`, where it has any.
    """
    cls, scenes = METHODS[cell["method"]], scenes_of(cell)
    if cell["width"] < 1:
        raise UserError(f"width = {cell['width']}: the first block group needs one channel at least")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch_rng("init", cell["seed"]).initial_seed()))
        own = {name: cell[name] for name in own_knobs(cls) if name in cell}
        told = (scenes.spaces(pool),) if cls.labelled else (how_many(cell, pool),) if cls.instanced else ()
        try:
            encoder = build_encoder(cell)
            ground = built_on or {}
            if "start" in ground:
                encoder.load_state_dict(ground["start"].encoder.state_dict())
            return channels_last(cls(encoder, *told, *(ground.get(knob) for knob in cls.builds_on), **own))  # type: ignore[return-value]
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
    return [knob.name for knob in knobs_of(cls, "")]


def built_on(cell: Cell) -> dict[str, str]:
    """The keys of the cells that a cell builds on, by the knob that says so."""
    return {knob: cell[knob] for knob in METHODS[cell["method"]].builds_on if cell.get(knob) is not None}


def needed(cells: list[Cell], before: Mapping[str, Cell], store: Store) -> list[Cell]:
    """Those of the cells that others build on, in their order, that must be trained, or trained again, before these cells can be."""
    keys = {key for cell in cells for key in built_on(cell).values()}
    found = []
    for key, cell in reversed(list(before.items())):
        if key in keys and (not store.has(key) or store.damage(key)):
            found.append(cell)
            keys |= set(built_on(cell).values())
    return found[::-1]


def check_cell(cell: Cell, probe: Probe | None = None, before: Mapping[str, Cell] | None = None) -> None:
    """Build everything but train nothing: every knob out of range, and every feature that is not there, is told before the first second of work.

    `before` are the cells that it builds on, by their keys (`recipe.Plan`).
    """
    scenes = scenes_of(cell)
    for knob in METHODS[cell["method"]].builds_on[:1]:
        if cell[knob] is None:
            raise UserError(f"{cell['method']} builds on another cell: give {knob}, the name of a [pretrain] table of the recipe")
    method = narrow(cell, before or {})
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


def narrow(cell: Cell, before: Mapping[str, Cell]) -> Method:
    """The method on untrained ones, all as narrow as can be, as initial values take time; no other knob's range depends on it."""
    ground = {}
    for knob, key in built_on(cell).items():
        if key not in before:
            raise missing(cell, knob)
        check_fits(cell, knob, before[key])
        ground[knob] = narrow(before[key], before)
    return build_method(cell | {"width": min(cell["width"], 1)}, built_on=ground)


def missing(cell: Cell, knob: str) -> UserError:
    return UserError(
        f"the {knob} of {cell['method']}, {cell[knob]}, is not in the store; a [pretrain] table that is named by the recipe's arm, or by --{knob} NAME, is trained "
        f"before it: python -m suppression.exp RECIPE --method {cell['method']} --{knob} NAME"
    )


def check_fits(cell: Cell, knob: str, other: Cell, pool: Pool = UNSEEN, other_pool: Pool = UNSEEN) -> None:
    """UserError that tells both sides, where the cell cannot build on the other one: an encoder of another shape to start from, a teacher of other pictures or
    classes."""
    mine, theirs = (
        {"channels": scenes_of(each).channels}
        | ({"net": each.get("net"), "width": each["width"], "stem": each["stem"] or stem_for(each["canvas"])} if knob == "start" else {})
        for each in (cell, other)
    )
    if knob == "start" and cell.get("net") is not None:
        mine, theirs = mine | {"canvas": cell["canvas"]}, theirs | {"canvas": other["canvas"]}
    if knob == "teacher":
        if not issubclass(METHODS[other["method"]], Supervised):
            raise UserError(f"the teacher is {other['method']}, which was told no labels: let a finetune start from it, and that be the teacher")
        mine |= {f"classes of {' and '.join(scenes_of(cell).told)}": scenes_of(cell).spaces(pool)}
        theirs |= {f"classes of {' and '.join(scenes_of(other).told)}": scenes_of(other).spaces(other_pool)}
    if list(mine.values()) != list(theirs.values()):
        told = (
            ", ".join(f"{name} {value}" for name, value in side.items() if value not in other_side.values())
            for side, other_side in ((mine, theirs), (theirs, mine))
        )
        raise UserError(
            "{} on {} has {}, its {} {} on {} has {}".format(cell["method"], cell["data"], next(told), knob, other["method"], other["data"], next(told))
        )


def stored_rows(store: Store, cell: Cell, probe: Probe) -> list[Row] | None:
    return store.rows(full_key(cell), record_name(probe)) if store.has(full_key(cell)) else None


def check_sources(cells: list[Cell], place: Place, note: Note = ignore) -> None:
    """Load (and, if asked, fetch) every source once before workers start; one that is missing, or has too few digits, is the user's error."""
    seen = set()
    for cell in cells:
        names = [cell[knob] for knob in scenes_of(cell).sources]
        if (
            told := str(
                (
                    names,
                    cell.get("instances"),
                    cell.get("labels"),
                    cell["seed"] if cell.get("labels") else None,
                    scenes_of(cell).photo_side if set(names) - set(SOURCES) else None,
                )
            )
        ) not in seen:
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
    if is_train and cell.get("labels") and not pools:
        raise UserError(f"labels = {cell['labels']}: {cell['data']} draws from no source, so there are no instances of which some are without a label")
    pool = pools[0] if len(pools) == 1 else replace(pools[0], photos=pools[1]) if pools else NOTHING
    if is_train and cell.get("order") and (there := len(shown(cell, pool.first(cell.get("instances"))))) < cell["batch"]:
        raise UserError(f"batch = {cell['batch']}: an epoch of '{cell['source']}' has {there} instances, not one batch")
    if is_train and cell.get("labels"):
        with_label(cell, pool.first(cell.get("instances")))
    return pool


def with_label(cell: Cell, pool: Pool) -> tuple[Tensor, Tensor | None]:
    """The numbers of the instances whose labels are told, and of the photographs beside them, the same share of both: as the seed draws them."""
    beside = None if pool.photos is None else pool.photos.stratified(cell["labels"], torch_rng("labels", cell["seed"], "photos"))
    return pool.stratified(cell["labels"], torch_rng("labels", cell["seed"])), beside


def shown(cell: Cell, pool: Pool) -> Pool:
    """What is trained on: all, or only what has a label."""
    if not cell.get("labels") or cell.get("distil_on") == "all":
        return pool
    few, beside = with_label(cell, pool)
    return replace(pool.only(few), photos=None if pool.photos is None else pool.photos.only(beside))  # type: ignore[arg-type]


def known(cell: Cell, pool: Pool) -> Callable[[Factors, Tensor], Tensor]:
    """A function that blots out the targets (n, classes) of scenes that show anything without a label."""
    if not cell.get("labels") or cell.get("distil_on") != "all":
        return lambda drawn, targets: targets
    few, beside = with_label(cell, pool)
    marked = {"instance": mark(few, pool)} | ({} if pool.photos is None or beside is None else {"photo": mark(beside, pool.photos)})

    def blotted(drawn: Factors, targets: Tensor) -> Tensor:
        told = [marks[drawn[name]].view(len(targets), -1).all(1, keepdim=True) for name, marks in marked.items() if name in drawn]
        return targets * torch.stack(told).all(0)

    return blotted


def mark(numbers: Tensor, pool: Pool) -> Tensor:
    """Whether an instance is one of these, (instances,)."""
    return torch.zeros(len(pool), dtype=torch.bool, device=pool.labels.device).index_fill_(0, numbers, value=True)


def how_many(cell: Cell, pool: Pool) -> int:
    """How many pictures a cell is trained on, where that is a finite set."""
    return cell["images"] or cell.get("instances") or len(pool)


def batches(cell: Cell, pool: Pool, device: torch.device) -> Callable[[int], Batch]:
    """Batch number `step` of a cell, drawn from the first `instances` of the pool, or those of them that have a label: it depends on the cell's seed and the step alone, so a training can go
    on from any step."""
    scenes, views, size = scenes_of(cell), part(Views, cell), cell["batch"]
    told, instanced = known(cell, pool.first(cell.get("instances"))), METHODS[cell["method"]].instanced
    pool = shown(cell, pool.first(cell.get("instances")))
    images = scenes.factors(cell["images"], torch_rng("images", cell["seed"], device=device), pool) if cell.get("images") else None

    def draw(step: int) -> Batch:
        rng = torch_rng("train", cell["seed"], step, device=device)
        if images is None and not cell.get("order"):
            drawn = scenes.factors(size, rng, pool)
        else:
            number = in_epochs(cell, cell["images"] or len(pool), step, device)
            drawn = scenes.of_instances(number, pool) if images is None else {name: value[number] for name, value in images.items()}
        seen = two_views(scenes, views, drawn, pool, rng)
        return *seen[:2], number if instanced else told(drawn, scenes.targets(drawn, pool)), *seen[2:]

    return draw


def in_epochs(cell: Cell, n: int, step: int, device: torch.device) -> Tensor:
    """Which of n pictures make batch number `step`, (batch,): the next ones of the order in which its epoch has them."""
    epoch, place = divmod(step, n // cell["batch"])
    rng = torch_rng("order", cell["seed"], 0 if cell["order"] == "fixed" else epoch, device=device)
    return torch.randperm(n, generator=rng, device=device)[place * cell["batch"] :][: cell["batch"]]


def assemble(cell: Cell, pool: Pool, place: Place) -> Method:
    """The method for scenes drawn from this pool, on the trained ones that it builds on, which are loaded from the store; on the place's device."""
    store, ground = Store(place.store), {}
    for knob, key in built_on(cell).items():
        if not store.has(key):
            raise missing(cell, knob)
        if fault := store.damage(key):
            raise UserError(f"the {knob} of {cell['method']} is damaged: {fault}; the same command trains it again")
        other = store.cell(key)
        other_pool = load_pool(other, True, place)
        check_fits(cell, knob, other, pool, other_pool)
        ground[knob] = assemble(other, other_pool, place)
        ground[knob].load_state_dict(store.weights(key))
    return build_method(cell, pool, ground).to(place.device)


def run_cell(cell: Cell, probe: Probe | None, place: Place, tell: Tell = lambda *event: None) -> list[Row]:
    """Train the cell, or load it, and probe it (not if there is no probe); every finished part is in the store. `tell(event, ...)` hears of progress.

    Events: ("step", done, of, loss), ("probe",), ("note", text), ("wait",).
    """
    store, key = Store(place.store), full_key(cell)
    with store.claim(key, on_wait=lambda: tell("wait")):
        if store.has(key) and (fault := store.damage(key)):
            tell("note", f"{fault}; it is put aside as {store.set_aside(key)} and trained again")
        rows = None if not store.has(key) else [] if probe is None else store.rows(key, record_name(probe))
        if rows is not None:  # another process was first
            return rows
        if probe is not None and store.probed(key, record_name(probe)):
            tell("note", "its probe record is not what was written (its checksum differs); the cell is probed again")
        if place.threads:
            torch.set_num_threads(place.threads)
            threadpool_limits(place.threads)  # the probe's BLAS too: two cells side by side would otherwise fight over the cores
        device = torch.device(place.device)
        pools = load_pools(cell, place, device)
        method = assemble(cell, pools[True], place)
        if store.has(key):
            method.load_state_dict(store.weights(key))
        else:
            train_cell(cell, key, method, pools[True], store, device, tell)
        if probe is None:
            return []
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
