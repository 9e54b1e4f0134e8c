"""A pool of real instances to draw scenes from."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from suppression.errors import UserError

SIDE = 28  # MNIST's box; the digit itself fills the central 20 x 20


class MissingSource(UserError):
    """A source whose files are not there; the message says what to place where."""


@dataclass(frozen=True)
class Pool:
    """Instances to draw from: `images` uint8 (m, 28, 28), of photographs (m, 3, s, s); `labels` int64 (m,), indices of `names`, what the classes are called.

    `photos` are the photographs beside the digits, where scenes need both.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...] = tuple("0123456789")
    photos: Pool | None = None

    @cached_property
    def hashes(self) -> Tensor:
        """The first 63 bits of the sha256 of each instance's pixels, int64 (m,), computed once: what is tied to an instance can be read off it."""
        rows = self.images.flatten(1).cpu().numpy()
        digests = (hashlib.sha256(row.tobytes()).digest() for row in rows)
        return torch.tensor([int.from_bytes(digest[:8], "little") >> 1 for digest in digests], dtype=torch.int64, device=self.images.device)

    @cached_property
    def by_class(self) -> tuple[Tensor, Tensor, Tensor]:
        """The instances in the order of their classes, where each class begins in it, and how many it has."""
        count = torch.zeros(len(self.names), dtype=torch.int64, device=self.labels.device).scatter_add_(0, self.labels, torch.ones_like(self.labels))
        return self.labels.argsort(stable=True), count.cumsum(0) - count, count

    def of_class(self, label: Tensor, which: Tensor) -> Tensor:
        """An instance of each of these classes (n,), `which` in [0, 1) telling which one; of a class that has none, one of all."""
        order, first, count = self.by_class
        there = count[label]
        place = first[label] + (which * there).long().minimum(there - 1)
        return torch.where(there > 0, order[place.clamp(min=0)], (which * len(self)).long())

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str | torch.device) -> Pool:
        beside = None if self.photos is None else self.photos.to(device)
        return replace(self, images=self.images.to(device), labels=self.labels.to(device), photos=beside)

    def first(self, m: int | None) -> Pool:
        """Only the first m instances (all if None), the photographs beside them as they are."""
        return replace(self, images=self.images[:m], labels=self.labels[:m])

    def only(self, numbers: Tensor) -> Pool:
        """Only these instances, the photographs beside them as they are."""
        return replace(self, images=self.images[numbers], labels=self.labels[numbers])

    def stratified(self, share: float, rng: torch.Generator) -> Tensor:
        """The numbers, ascending, of `share` in (0, 1] of each class's instances (rounded down), drawn by `rng`, a generator of the CPU; those of a smaller
        share are among those of a larger one that an equal generator draws. UserError where that leaves a class empty, with the least share that does not."""
        labels, order = self.labels.cpu(), torch.randperm(len(self), generator=rng)
        classes = [order[labels[order] == label] for label in labels.unique()]
        kept = [numbers[: int(share * len(numbers) + 1e-9)] for numbers in classes]
        if not all(map(len, kept)):
            fewest = min(map(len, classes))
            raise UserError(
                f"labels = {share:g} leaves a class without any, as its {fewest} instances have {share * fewest:.2g} labels; the least share that works is {math.ceil(1e6 / fewest) / 1e6:g}"
            )
        return torch.cat(kept).sort().values.to(self.labels.device)


NOTHING = Pool(torch.empty(0, SIDE, SIDE, dtype=torch.uint8), torch.empty(0, dtype=torch.int64))  # for scenes that are drawn from no source


UNSEEN = replace(NOTHING, photos=NOTHING)  # stands for a pool where nothing is drawn and only parameters are checked
