"""What a cell is trained on: its sources' instances, the labels that are given, its batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from suppression.data import SOURCES, Pool
from suppression.data.base import Factors
from suppression.data.loader import first_instances, source_names
from suppression.data.loader import load_pool as load_instances
from suppression.data.sources.fingerprint import agree, fingerprint
from suppression.data.two_views import two_views
from suppression.errors import UserError
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.experiment.run import Run
from suppression.methods import Method
from suppression.methods.remedies import Remedy, Stream
from suppression.notes import Note, ignore
from suppression.seeding import torch_rng
from suppression.training.loop import Batch

HideTargets = Callable[[Factors, Tensor], Tensor]


def check_sources(runs: list[Run], context: Context, note: Note = ignore) -> None:
    """Load every source once before workers start, and fetch it if asked.

    Raises:
        UserError: if a source is missing, or has too few instances for a cell.
    """
    seen = set()
    told: set[str] = set()  # cells that ask for different parts of a source hear the same

    def once(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    for run in runs:
        asked = what_is_asked_of_sources(run)
        if asked not in seen:
            load_pools(run, context, torch.device("cpu"), once)
            seen.add(asked)


def names_of_sources(run: Run) -> dict[str, str]:
    return source_names(run.dataset, run.source or "digits")


def fingerprints(
    run: Run, store: Store, root: Path | None, *, check: bool = False
) -> dict[str, str]:
    """What is in the sources of the cell and of all it builds on, by the sources' names.

    Those that come with a package have none. `check` is that of `fingerprint`.
    """
    found: dict[str, str] = {}
    for prerequisite in run.prerequisites.values():
        found |= trained_on(store, prerequisite.key)
    for name in names_of_sources(run).values():
        told = fingerprint(name, root, check=check)
        if told is not None:
            found[name] = told
    return found


def exchanged(
    store: Store, keys: Iterable[str], root: Path | None, *, check: bool = False
) -> dict[str, str]:
    """The stored cells whose sources have other pictures now than those they were trained on.

    Args:
        store: Where they are.
        keys: The cells that are looked at.
        root: Where sources lie.
        check: Whether the contents of large trees are read.

    Returns:
        Their keys, with the name of such a source. A cell is not among them if its sources are not
        there any more, or if it does not tell what they were.
    """
    found = {}
    now: dict[str, str | None] = {}
    for key in keys:
        for name, told in trained_on(store, key).items():
            if name not in now:
                now[name] = fingerprint(name, root, check=check)
            if not agree(now[name], told):
                found[key] = name
    return found


def trained_on(store: Store, key: str) -> dict[str, str]:
    """The fingerprints of a stored cell's sources, as they were; none if it does not tell them."""
    try:
        return dict(store.about(key).get("sources", {}))
    except (
        OSError,
        ValueError,
        TypeError,
        AttributeError,
    ):  # not there, or damaged, which is found elsewhere
        return {}


def what_is_asked_of_sources(run: Run) -> tuple[object, ...]:
    """Equal for cells whose sources are loaded and checked alike."""
    names = tuple(run.parameters[name] for name in run.dataset.sources)
    has_photos = any(name not in SOURCES for name in names)
    labels = run.get("labels")
    return (
        names,
        run.get("instances"),
        labels,
        run.seed if labels else None,
        run.dataset.photo_side if has_photos else None,
    )


def load_pools(
    run: Run, context: Context, device: torch.device, note: Note = ignore
) -> dict[bool, Pool]:
    """The training (True) and held-out (False) instances of the cell's sources, on the device.

    Args:
        run: The cell.
        context: Where sources lie.
        device: Where their instances are wanted.
        note: Told of files that were left out.
    """
    return {
        is_train: load_pool(run, is_train, context, note).to(device) for is_train in (True, False)
    }


def load_pool(run: Run, is_train: bool, context: Context, note: Note = ignore) -> Pool:
    """All instances of the cell's source, with photographs beside where its scenes need both.

    `instances` limits what is trained on, not what a probe is fitted on.
    """
    pool = load_instances(
        run.dataset,
        run.source or "digits",
        train=is_train,
        root=context.root,
        download=context.download and is_train,
        skip_bad=context.skip_bad,
        note=note,
    )
    if is_train:
        check_pool(run, pool)
    return pool


def check_pool(run: Run, pool: Pool) -> None:
    """UserError if the training instances are too few for what the cell asks of them."""
    instances, labels = run.get("instances"), run.get("labels")
    used = first_instances(pool, instances, run.get("source"))
    if labels and not run.dataset.sources:
        raise UserError(
            f"labels = {labels}: {run.kind} draws from no source, so there are no instances of "
            "which some are without a label"
        )
    if run.training is not None and run.training.order:
        there, batch = len(training_pool(run, used)), run.training.batch
        if there < batch:
            raise UserError(
                f"batch = {batch}: an epoch of '{run.get('source')}' has {there} instances, not "
                "one batch"
            )
    if labels:
        labelled_instances(run, used)


def labelled_instances(run: Run, pool: Pool) -> tuple[Tensor, Tensor | None]:
    """The numbers of the instances that have a label, and of the photographs beside them.

    It is the same share of both, drawn by the cell's seed.
    """
    share, photos = run.parameters["labels"], None
    if pool.photos is not None:
        photos = pool.photos.stratified(share, torch_rng("labels", run.seed, "photos"))
    return pool.stratified(share, torch_rng("labels", run.seed)), photos


def training_pool(run: Run, pool: Pool) -> Pool:
    """The instances that are trained on: all, or only those that have a label."""
    if not run.get("labels") or run.get("distil_on") == "all":
        return pool
    instances, photos = labelled_instances(run, pool)
    beside = pool.photos
    if beside is not None and photos is not None:
        beside = beside.only(photos)
    return replace(pool.only(instances), photos=beside)


def target_mask(run: Run, pool: Pool) -> HideTargets:
    """A function that zeroes the targets (n, classes) of scenes that show anything unlabelled."""
    if not run.get("labels") or run.get("distil_on") != "all":
        return lambda drawn, targets: targets
    instances, photos = labelled_instances(run, pool)
    labelled = {"instance": is_among(instances, pool)}
    if pool.photos is not None and photos is not None:
        labelled["photo"] = is_among(photos, pool.photos)

    def hide(drawn: Factors, targets: Tensor) -> Tensor:
        known = []
        for name, has_label in labelled.items():
            if name in drawn:
                known.append(has_label[drawn[name]].view(len(targets), -1).all(1, keepdim=True))
        return targets * torch.stack(known).all(0)

    return hide


def is_among(numbers: Tensor, pool: Pool) -> Tensor:
    """Whether an instance is one of these, (instances,)."""
    none = torch.zeros(len(pool), dtype=torch.bool, device=pool.labels.device)
    return none.index_fill_(0, numbers, value=True)


def training_batches(
    run: Run, pool: Pool, device: torch.device, method: Method | None = None
) -> Callable[[int], Batch]:
    """A function `draw(step)` that returns batch number `step`: both views, targets, local crops.

    Batches are drawn from the first `instances` of the pool, or those of them that have a label.
    They depend on the cell's seed and the step alone, so a training can go on from any step.

    Args:
        run: The cell.
        pool: All training instances.
        device: Where they are, and the batches are wanted.
        method: What is trained; one of its remedies may choose which scenes meet in a batch.
    """
    assert method is not None or not run.remedies, "remedies may choose what meets in a batch"
    chooser = chooser_of(method)
    dataset, views, training = run.dataset, run.augmentation, run.training
    assert views is not None
    assert training is not None
    used = pool.first(run.get("instances"))
    hide = target_mask(run, used)
    pool = training_pool(run, used)
    pictures: Factors = {}  # of a finite set, drawn once
    if training.images:
        images_rng = torch_rng("images", run.seed, device=device)
        pictures = dataset.factors(training.images, images_rng, pool)

    def draw(step: int) -> Batch:
        rng = torch_rng("train", run.seed, step, device=device)
        if training.images:
            numbers = numbers_in_epoch(run, training.images, step, device)
            drawn = {name: value[numbers] for name, value in pictures.items()}
        elif training.order:
            numbers = numbers_in_epoch(run, len(pool), step, device)
            drawn = dataset.of_instances(numbers, pool)
        elif chooser is not None:
            drawn = chooser.sample(Stream(dataset, pool, rng, run.seed, step), training.batch)
        else:
            drawn = dataset.factors(training.batch, rng, pool)
        x1, x2, *local = two_views(dataset, views, drawn, pool, rng)
        if run.trainer.instanced:
            return x1, x2, numbers, *local
        return x1, x2, hide(drawn, dataset.targets(drawn, pool)), *local

    return draw


def chooser_of(method: Method | None) -> Remedy | None:
    """The method's remedy that chooses which scenes meet in a batch, if it has one."""
    for remedy in getattr(method, "remedies", ()):
        if "sample" in remedy.changes():
            return remedy
    return None


def numbers_in_epoch(run: Run, n: int, step: int, device: torch.device) -> Tensor:
    """Which of n pictures make batch number `step`, (batch,): the next ones of its epoch."""
    assert run.training is not None
    batch = run.training.batch
    epoch, position = divmod(step, n // batch)
    shuffle = 0 if run.training.order == "fixed" else epoch
    rng = torch_rng("order", run.seed, shuffle, device=device)
    return torch.randperm(n, generator=rng, device=device)[position * batch :][:batch]
