"""Pools of real instances to draw scenes from, and the sources of digits: 28 x 28 grey pictures with their class, train and test apart."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from suppression.errors import UserError

SIDE = 28  # MNIST's box; the digit itself fills the central 20 x 20
DATA_VARIABLE = "SUPPRESSION_DATA"


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
UNSEEN = replace(NOTHING, photos=NOTHING)  # stands for a pool where nothing is drawn and only knobs are checked


def digits(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """scikit-learn's 1,797 handwritten 8 x 8 digits, brought to MNIST's layout (20 x 20 in a 28 x 28 box).

    1,297 instances for training and 500 for testing, disjoint, stratified by class, the same on every machine. `root` and `download` are not needed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    indices = train_test_split(range(len(labels)), test_size=500, stratify=labels, random_state=0)[0 if train else 1]
    small = torch.tensor(images[indices].reshape(-1, 1, 8, 8) / 16 * 255, dtype=torch.float32)
    large = torch.nn.functional.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    boxed = torch.nn.functional.pad(large, (4, 4, 4, 4)).clamp(0, 255).round().to(torch.uint8)
    return Pool(boxed[:, 0], torch.tensor(labels[indices], dtype=torch.int64))


def data_root(root: Path | str | None) -> Path:
    """Where downloaded sources lie: `root`, else `SUPPRESSION_DATA`, else the user's data folder."""
    if root is not None:
        return Path(root)
    if os.environ.get(DATA_VARIABLE):
        return Path(os.environ[DATA_VARIABLE])
    from platformdirs import user_data_path

    return user_data_path("suppression") / "data"


MNIST_FILES = {True: ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", 60_000), False: ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte", 10_000)}


def mnist(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """MNIST in torchvision's layout (`ROOT/MNIST/raw`): 60,000 instances for training, 10,000 for testing.

    The pictures are mapped from the file, not read: every process on the machine looks at the same copy.
    """
    raw = data_root(root) / "MNIST" / "raw"
    images, labels, n = MNIST_FILES[train]
    if download and not ((raw / images).is_file() and (raw / labels).is_file()):
        from torchvision.datasets import MNIST

        try:
            MNIST(data_root(root), download=True)
        except (RuntimeError, OSError) as error:
            raise MissingSource(f"MNIST could not be fetched into {data_root(root)}: {error}") from error
    return Pool(idx(raw / images, (n, SIDE, SIDE)), idx(raw / labels, (n,)).long())


def idx(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The uint8 array of an idx file of this shape (after a header of 4 bytes and 4 a dimension), mapped copy-on-write."""
    if not path.is_file():
        raise MissingSource(
            f"source 'mnist' is not in {path.parent}, which has no {path.name}: place the four idx files (train-images-idx3-ubyte, train-labels-idx1-ubyte, "
            f"t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte) there, name another folder (the one that holds MNIST/raw) with --root or {DATA_VARIABLE}, "
            "or add --download to fetch them"
        )
    header, size = 4 + 4 * len(shape), path.stat().st_size
    if size != header + math.prod(shape):
        raise MissingSource(f"{path} has {size:,} bytes where MNIST has {header + math.prod(shape):,}; fetch it again")
    return torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)[header:].view(shape)


SOURCES = {"digits": digits, "mnist": mnist}
