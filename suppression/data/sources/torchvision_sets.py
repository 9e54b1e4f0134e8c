"""torchvision's data sets as sources of photographs: CIFAR-10, STL-10 and Imagenette."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from suppression.data.pool import Pool
from suppression.data.sources.image_folder import folder
from suppression.data.sources.root import data_root, missing
from suppression.notes import Note

T = TypeVar("T")

AT_ONCE = 1000  # pictures that are made smaller at a time

CIFAR10_FILES = [
    f"cifar-10-batches-py/{name}"
    for name in ("batches.meta", "test_batch", *(f"data_batch_{i}" for i in range(1, 6)))
]
STL10_FILES = [
    f"stl10_binary/{name}"
    for name in ("class_names.txt", "train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
]


def cifar10(
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = print,
) -> Pool:
    """CIFAR-10 (`ROOT/cifar-10-batches-py`): 50,000 pictures of 32 px, 10,000 held out."""
    from torchvision.datasets import CIFAR10

    def load() -> CIFAR10:
        return CIFAR10(data_root(root), train=train, download=download)

    data = read("cifar10", "cifar-10-batches-py", root, load)
    images = shrunk(torch.from_numpy(data.data).permute(0, 3, 1, 2), side)
    return Pool(images, torch.tensor(data.targets), tuple(data.classes))


def stl10(
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = print,
) -> Pool:
    """STL-10 (`ROOT/stl10_binary`): 5,000 labelled pictures of 96 px, 8,000 held out."""
    from torchvision.datasets import STL10

    def load() -> STL10:
        part = "train" if train else "test"
        return STL10(str(data_root(root)), split=part, download=download)

    data = read("stl10", "stl10_binary", root, load)
    images = shrunk(torch.from_numpy(data.data), side)
    return Pool(images, torch.from_numpy(data.labels).long(), tuple(data.classes))


IMAGENETTE = (
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)
IMAGENETTE_FOLDERS = {160: "imagenette2-160", 320: "imagenette2-320", 10**9: "imagenette2"}
"""The folder for each shorter side, px; the last one holds pictures of all sizes."""


def imagenette(
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = print,
) -> Pool:
    """Imagenette (`ROOT/imagenette2-160`, `-320` or `imagenette2`).

    The smallest that is there and need not be enlarged is read.
    """
    top = data_root(root)
    large_enough = [place for least, place in IMAGENETTE_FOLDERS.items() if least >= side]
    available = [place for place in large_enough if (top / place).is_dir()]
    if not available and download:
        available = [fetched_imagenette(root, side)]
    if not available:
        raise missing("imagenette", " or ".join(large_enough), root)
    path = str((top / available[0]).resolve())
    pool = folder(path, train, root, side=side, skip_bad=skip_bad, note=note)
    return Pool(pool.images, pool.labels, IMAGENETTE)


def fetched_imagenette(root: Path | None, side: int) -> str:
    """Fetch the smallest Imagenette that need not be enlarged to `side` px: its folder's name."""
    from torchvision.datasets import Imagenette

    size = 160 if side <= 160 else 320

    def load() -> Imagenette:
        return Imagenette(data_root(root), split="train", size=f"{size}px", download=True)

    read("imagenette", IMAGENETTE_FOLDERS[size], root, load)
    return IMAGENETTE_FOLDERS[size]


def read(name: str, place: str, root: Path | None, load: Callable[[], T]) -> T:
    """What torchvision reads; MissingSource says where to place what it cannot find or fetch."""
    try:
        return load()
    except (RuntimeError, OSError) as error:
        raise missing(name, place, root) from error


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """uint8 (m, 3, s, s), at most `side` px; antialiased."""
    if pictures.shape[-1] <= side:
        return pictures.contiguous()
    parts = []
    for some in pictures.split(AT_ONCE):
        small = interpolate(some.float(), size=(side, side), mode="bilinear", antialias=True)
        parts.append(small.round().to(torch.uint8))
    return torch.cat(parts)
