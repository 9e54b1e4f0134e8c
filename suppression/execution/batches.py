"""What a cell is fed: the pools of its sources, of whose instances all or few have labels, and batches of views drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from suppression.data import SOURCES, Pool, photographs
from suppression.data.base import Factors
from suppression.data.pool import NOTHING
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.two_views import two_views
from suppression.errors import UserError
from suppression.execution.context import Context, Note, ignore
from suppression.experiment.builders import part, scenes_of
from suppression.experiment.plan import Cell
from suppression.methods import METHODS
from suppression.seeding import torch_rng
from suppression.training.loop import Batch


def check_sources(cells: list[Cell], context: Context, note: Note = ignore) -> None:
    """Load (and, if asked, fetch) every source once before workers start; one that is missing, or has too few digits, is the user's error."""
    seen = set()
    for cell in cells:
        names = [cell[parameter] for parameter in scenes_of(cell).sources]
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
            load_pools(cell, context, torch.device("cpu"), note)
            seen.add(told)


def load_pools(cell: Cell, context: Context, device: torch.device, note: Note = ignore) -> dict[bool, Pool]:
    """Training (True) and held-out (False) instances of the cell's sources, on the device; `note` is told of files that were left out."""
    return {is_train: load_pool(cell, is_train, context, note).to(device) for is_train in (True, False)}


def load_pool(cell: Cell, is_train: bool, context: Context, note: Note = ignore) -> Pool:
    """All instances of the cell's source (`instances` limits training, not what a probe is fitted on) with, where its scenes need both, photographs beside."""
    pools = []
    for parameter in scenes_of(cell).sources:
        name, download = cell[parameter], context.download and is_train
        if name in SOURCES:
            pools.append(SOURCES[name](is_train, context.root, download))
            if len(pools[-1].labels.unique()) < 2:
                raise UserError(f"source '{name}' has digits of one class only; a probe needs two at least")
        else:
            side = scenes_of(cell).photo_side
            pools.append(photographs(name, is_train, context.root, download, side=side, skip_bad=context.skip_bad, note=note))
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


def batches(cell: Cell, pool: Pool, device: torch.device) -> Callable[[int], Batch]:
    """Batch number `step` of a cell, drawn from the first `instances` of the pool, or those of them that have a label: it depends on the cell's seed and the step alone, so a training can go
    on from any step."""
    scenes, views, size = scenes_of(cell), part(Augmentation, cell), cell["batch"]
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
    epoch, position = divmod(step, n // cell["batch"])
    rng = torch_rng("order", cell["seed"], 0 if cell["order"] == "fixed" else epoch, device=device)
    return torch.randperm(n, generator=rng, device=device)[position * cell["batch"] :][: cell["batch"]]
