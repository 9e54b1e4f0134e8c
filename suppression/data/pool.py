"""A pool of real instances to draw scenes from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from suppression import expect
from suppression.errors import UserError

SIDE = 28  # MNIST's box; the digit itself fills the central 20 x 20


class MissingSource(UserError):
    """A source whose files are not there; the message says what to place where."""


@dataclass(frozen=True)
class Pool:
    """Instances to draw from, with their classes.

    Args:
        images: Digits (m, 28, 28), or photographs (m, 3, s, s), uint8.
        labels: Their classes (m,) int64, positions in `names`.
        names: What the classes are called.
        photos: The photographs beside the digits, where scenes need both.
        originals: The number of the picture that each instance is cut out of, (m,) int64; each is
            its own if None.
        factors: The classes of a table's instances in each of its factors, (m, factors) int64.

    >>> import torch
    >>> pool = Pool(torch.zeros(5, 28, 28, dtype=torch.uint8), torch.arange(5))
    >>> len(pool), len(pool.first(2))
    (5, 2)
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...] = tuple("0123456789")
    photos: Pool | None = None
    originals: Tensor | None = None
    factors: Tensor | None = None

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if (
            getattr(images, "dtype", None) != torch.uint8  # of a large table they stay on disk
            or images.ndim not in (3, 4)
        ):
            raise UserError(
                f"Pool: images is {expect.kind(images)}; digits (m, {SIDE}, {SIDE}) or photographs "
                "(m, 3, s, s) of uint8 are wanted"
            )
        if not isinstance(labels, Tensor) or labels.ndim != 1:
            raise UserError(f"Pool: labels is {expect.kind(labels)}; (m,) int64 is wanted")
        if len(labels) != len(images):
            raise UserError(f"Pool: {len(images)} images have {len(labels)} labels")

    @cached_property
    def hashes(self) -> Tensor:
        """The first 63 bits of the sha256 of each instance's pixels, (m,) int64.

        They are computed once, and tie a number to an instance.
        """
        numbers = []
        for some in torch.arange(len(self), device=self.labels.device).split(1000):
            for row in self.images.index_select(0, some).cpu().numpy():
                digest = hashlib.sha256(row.tobytes()).digest()
                numbers.append(int.from_bytes(digest[:8], "little") >> 1)
        return torch.tensor(numbers, dtype=torch.int64, device=self.images.device)

    @cached_property
    def by_class(self) -> tuple[Tensor, Tensor, Tensor]:
        """The instances sorted by class, where each class begins, and how many it has."""
        count = torch.zeros(len(self.names), dtype=torch.int64, device=self.labels.device)
        count.scatter_add_(0, self.labels, torch.ones_like(self.labels))
        return self.labels.argsort(stable=True), count.cumsum(0) - count, count

    def original(self, numbers: Tensor) -> Tensor:
        """The pictures that these instances are cut out of: windows of one are not independent."""
        return numbers if self.originals is None else self.originals[numbers]

    def of_class(self, label: Tensor, which: Tensor) -> Tensor:
        """An instance of each of these classes; any instance for a class that has none.

        Args:
            label: Classes (n,) int64.
            which: Which instance of the class, (n,) in [0, 1).
        """
        order, first, count = self.by_class
        available = count[label]
        position = first[label] + (which * available).long().minimum(available - 1)
        of_all = (which * len(self)).long()
        return torch.where(available > 0, order[position.clamp(min=0)], of_all)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> Pool:
        """The same instances on this device."""
        device = expect.device("Pool", device)
        photos = None if self.photos is None else self.photos.to(device)
        images, labels = self.images.to(device), self.labels.to(device)
        originals = None if self.originals is None else self.originals.to(device)
        factors = None if self.factors is None else self.factors.to(device)
        return replace(
            self,
            images=images,
            labels=labels,
            photos=photos,
            originals=originals,
            factors=factors,
        )

    @expect.typed
    def first(self, m: int | None) -> Pool:
        """Only the first m instances (all if None); the photographs stay as they are."""
        return self._of(slice(m))

    def only(self, numbers: Tensor) -> Pool:
        """Only the instances of these numbers; the photographs stay as they are."""
        return self._of(numbers)

    def _of(self, which: Tensor | slice) -> Pool:
        originals = None if self.originals is None else self.originals[which]
        factors = None if self.factors is None else self.factors[which]
        images, labels = self.images[which], self.labels[which]
        return replace(self, images=images, labels=labels, originals=originals, factors=factors)

    @expect.typed
    def stratified(self, share: float, rng: torch.Generator) -> Tensor:
        """The numbers of a random share of each class's instances, ascending.

        Args:
            share: Of each class, in (0, 1]; rounded down to whole instances.
            rng: A generator of the CPU. An equal one draws, for a larger share, all that it
                draws for a smaller one, and more.

        Raises:
            UserError: A class would be left empty; the message has the least share that works.
        """
        if not 0 < share <= 1:
            raise UserError(f"labels = {share:g} is not a share in (0, 1]")
        labels = self.labels.cpu()
        order = torch.randperm(len(self), generator=rng)
        kept = []
        sizes = []
        for label in labels.unique():
            numbers = order[labels[order] == label]
            sizes.append(len(numbers))
            kept.append(numbers[: int(share * len(numbers) + 1e-9)])
        fewest = min(sizes)
        if not all(map(len, kept)):
            least = math.ceil(1e6 / fewest) / 1e6
            raise UserError(
                f"labels = {share:g} leaves a class without any, as its {fewest} instances have "
                f"{share * fewest:.2g} labels; the least share that works is {least:g}"
            )
        return torch.cat(kept).sort().values.to(self.labels.device)


_NO_IMAGES = torch.empty(0, SIDE, SIDE, dtype=torch.uint8)

NOTHING = Pool(_NO_IMAGES, torch.empty(0, dtype=torch.int64))
"""For scenes that are drawn from no source."""

UNSEEN = replace(NOTHING, photos=NOTHING)
"""Stands for a pool where nothing is drawn and only parameters are checked."""
