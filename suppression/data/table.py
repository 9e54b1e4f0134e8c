"""Pictures whose factors others drew: arrays, files, folders and Hugging Face data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from suppression.data.base import Factors, Scenes, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.sources.table import (
    IN_MEMORY,
    ROLES,
    TABLE,
    chosen_of,
    load_table,
    make_table,
    path_of,
)
from suppression.data.sources.table_files import (
    is_hugging_face,
    labels_of,
    of_folder,
    of_hugging_face,
    of_npz,
)
from suppression.data.transforms.sprites import filling
from suppression.errors import UserError, unknown

LARGEST = 64  # px of a canvas that nobody asked for


@dataclass(frozen=True)
class TableScenes(Scenes):
    """Pictures of a table, one a scene; the features are its factors.

    Args:
        canvas: Side of a scene, px, 4 or more; the central square of a picture fills it.
        source: table:PATH, of a folder with `metadata.csv` or an .npz as dSprites has it, or what
            `from_table` handed over; table:digits has scikit-learn's.

    >>> import torch
    >>> scenes = TableScenes(canvas=28)
    >>> scenes.features, scenes.sample(2).x.shape
    (('class',), torch.Size([2, 3, 28, 28]))
    """

    canvas: int = SIDE
    source: str = "table:digits"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.canvas < 4:
            raise ValueError(f"canvas = {self.canvas} px is too small; the least is 4")
        if not self.source.startswith(TABLE):
            raise unknown("a table has no source", self.source, [f"{TABLE}PATH", f"{TABLE}digits"])

    @property
    def channels(self) -> int:
        return 3

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(load_table(self.source).names)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n rows: `instance` and the class in each factor, (n,)."""
        instance = torch.randint(len(pool), (n,), generator=rng, device=rng.device)
        return self.of_instances(instance, pool)

    def of_instances(self, instance: Tensor, pool: Pool) -> Factors:
        """A scene is its row, so training can go through the pool."""
        assert pool.factors is not None, "a table's pool has its factors"
        codes = pool.factors[instance]
        found = {"instance": instance}
        for position, name in enumerate(self.features):
            found[name] = codes[:, position]
        return found

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """The pictures, (n, 3, out, out); nothing of them can be hidden."""
        images = pool.images.index_select(0, factors["instance"])
        return filling(images, self.canvas, view, out)

    def identifiers(self, instance: Tensor) -> dict[str, Tensor]:
        """The class of training instances in columns that are nearly another one a row, (n,)."""
        table = load_table(self.source)
        rows = torch.where(table.training)[0][instance.cpu()]
        return {name: codes[rows] for name, codes in table.identifiers.items()}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        return load_table(self.source).names


def from_table(
    images: Any,
    factors: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    split: Any = None,
    unit: Any = None,
    canvas: int | None = None,
) -> TableScenes:
    """A data set of pictures and factors of your own, for `fit`, `evaluate` and `stream`.

    Pictures are read when they are drawn, where they would take more than 1 GB: an array of
    `numpy.load(..., mmap_mode="r")` stays on disk. In recipes and on the command line the source
    `table:PATH` is the same for a folder or an .npz.

    Args:
        images: Pictures (n, h, w), (n, h, w, 1) or (n, h, w, 3) of uint8; a list of n paths; the
            path of an .npz as dSprites has it (`imgs` and `latents_classes` are read; its pickle
            never is); the path of a folder with `metadata.csv` and a column `file_name`, in it or
            in its train/ and test/; or a Hugging Face `datasets.Dataset`.
        factors: n values by the name of their factor; or, of a folder, an npz or a Hugging Face
            data set, the names of the columns to take. If None, those that the folder's
            `croissant.json` marks as labels, or all where nothing is marked.
        split: n values, or the name of a column: train, or one of test, val, valid and
            validation. A fifth of the units is held out if None.
        unit: n values, or the name of a column: who or what a row belongs to (a writer, a scene,
            a patient). No unit is in both parts, and an interval counts it as one case. Each row
            is its own if None.
        canvas: Side of a scene, px; the first picture's, 64 at most, if None.

    Returns:
        The data set; its features are the factors. A column of which more than half of the values
        differ is an identifier and no feature; a warning names it.

    Raises:
        UserError: Lengths differ, a factor has one value, a file is missing, listed twice or no
            picture, a split leaves a class out or a unit in both parts.
        MissingSource: There is no such folder or file.

    Example:
        >>> import numpy as np
        >>> images = np.zeros((40, 16, 16), np.uint8)
        >>> scenes = from_table(images, {"side": ["left", "right"] * 20}, unit=range(40))
        >>> scenes.features, scenes.canvas
        (('side',), 16)
    """
    chosen: Any = None if isinstance(factors, Mapping) else factors
    columns: Mapping[str, Any] = factors if isinstance(factors, Mapping) else {}
    if is_hugging_face(images):
        images, there = of_hugging_face(images)
        columns = {**there, **columns}
    elif isinstance(images, str | Path):
        path = path_of(str(images))
        images, there = of_npz(path) if path.is_file() else of_folder(path)
        labels = [] if path.is_file() else labels_of(path)
        if labels and chosen is None:
            chosen = [*labels, *columns]
        columns = {**there, **columns}
    elif not columns:
        raise UserError("from_table: factors is missing: n values by the name of each factor")
    if chosen is not None:
        columns = taken(columns, chosen, split, unit)
    table = make_table(images, columns, split=split, unit=unit)
    name = f"memory-{table.digest}"
    IN_MEMORY[name] = table
    side = min(table.side, LARGEST) if canvas is None else canvas
    return TableScenes(canvas=side, source=f"{TABLE}{name}")


def taken(
    columns: Mapping[str, Any], chosen: Sequence[str], split: Any, unit: Any
) -> dict[str, Any]:
    """The chosen columns, and those of the split and the unit."""
    roles = [each for each in (split, unit) if isinstance(each, str)]
    roles += [each for each in ROLES if each in columns]
    return chosen_of(columns, dict.fromkeys([*chosen, *roles]))
