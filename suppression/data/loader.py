"""The instances that scenes are drawn from, and batches of views drawn from them."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from suppression import expect
from suppression.data.pool import NOTHING, Pool
from suppression.data.sources.digits import SOURCES
from suppression.data.sources.photos import check_photographs, photographs
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.two_views import views_of
from suppression.errors import UserError, unknown
from suppression.notes import Note, ignore

if TYPE_CHECKING:
    from suppression.data.base import Factors, Scenes


@expect.typed
def load_pool(
    scenes: Scenes,
    source: str = "digits",
    *,
    train: bool = True,
    root: str | Path | None = None,
    download: bool = False,
    skip_bad: bool = False,
    note: Note = ignore,
) -> Pool:
    """All instances of the sources of these scenes, photographs beside them if they need both.

    Args:
        scenes: The generator; a source that is a parameter of its own is the one it names.
        source: The source of digits, where it is no parameter of the generator.
        train: The instances for training, or those held out.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        download: Fetch a source that is not there.
        skip_bad: Leave out files of photographs that are no pictures, and call `note`.
        note: Gets a line about what was left out.

    Returns:
        The instances, on the CPU; none for scenes that are drawn from no source.

    Raises:
        MissingSource: A source is not there; the message says what to place where.
        UserError: There is no source of this name, or it has one class only.
    """
    own = own_parameters(scenes)
    folder = None if root is None else Path(root)
    pools = []
    for parameter, name in source_names(scenes, source).items():
        if name in SOURCES:
            pools.append(load_digits(name, train, folder, download))
            continue
        if parameter not in own:
            raise unknown("there is no source of digits", name, SOURCES)
        check_photographs(name, or_digits=True)
        side = scenes.photo_side
        pools.append(
            photographs(name, train, folder, download, side=side, skip_bad=skip_bad, note=note)
        )
    if not pools:
        return NOTHING
    if len(pools) == 1:
        return pools[0]
    return replace(pools[0], photos=pools[1])


def source_names(scenes: Scenes, source: str) -> dict[str, str]:
    """The sources of these scenes, by the parameters that name them.

    Args:
        scenes: The generator.
        source: The source of digits, where it is no parameter of the generator.
    """
    own = own_parameters(scenes)
    return {name: getattr(scenes, name) if name in own else source for name in scenes.sources}


def own_parameters(scenes: Scenes) -> set[str]:
    """The names of the parameters of scenes; UserError for something that is none."""
    if isinstance(scenes, type) or not dataclasses.is_dataclass(scenes):
        raise UserError(
            f"load_pool: scenes is {expect.kind(scenes)}; a generator is wanted, such as "
            "TwoDigits(canvas=64)"
        )
    return {field.name for field in dataclasses.fields(scenes)}


def load_digits(name: str, train: bool, root: Path | None, download: bool) -> Pool:
    """The digits of this source; UserError where they are of one class."""
    pool = SOURCES[name](train, root, download)
    if len(pool.labels.unique()) < 2:
        raise UserError(f"source '{name}' has digits of one class only; a probe needs two at least")
    return pool


def load_training_pool(
    scenes: Scenes,
    source: str = "digits",
    *,
    root: str | Path | None = None,
    download: bool = False,
) -> Pool:
    """The instances that scenes are trained on: the first `instances`, if scenes limit them.

    Parameters and errors are those of `load_pool`.
    """
    pool = load_pool(scenes, source, root=root, download=download)
    named = getattr(scenes, "source", source)
    return first_instances(pool, getattr(scenes, "instances", None), named)


def first_instances(pool: Pool, instances: int | None, source: str) -> Pool:
    """Only so many instances of this source (all if None); UserError where there are fewer."""
    if instances is not None and not 1 <= instances <= len(pool):
        raise UserError(f"instances = {instances}: source '{source}' has {len(pool)} for training")
    return pool.first(instances)


def draw_batch(
    scenes: Scenes, augmentation: Augmentation, pool: Pool, n: int, rng: torch.Generator
) -> tuple[tuple[Tensor, ...], Factors, Factors]:
    """Draw n scenes and what a training step sees of them.

    Args:
        scenes: The generator.
        augmentation: What is done to the views.
        pool: The instances, on the device of `rng`.
        n: Number of scenes.
        rng: The only source of random numbers; an equal one draws the batch of a training step.

    Returns:
        Both views and the local crops, (n, channels, s, s) each; the factors of the first view;
        and those of the second.
    """
    drawn = scenes.factors(n, rng, pool)
    again = scenes.again(drawn, rng, pool)
    return views_of(scenes, augmentation, [drawn, again], pool, rng), drawn, again


def both_factors(drawn: Factors, again: Factors) -> Factors:
    """The factors of both views: what the second one has anew is called `again_NAME`."""
    both = dict(drawn)
    for name, value in again.items():
        if value is not drawn[name]:
            both[f"again_{name}"] = value
    return both
