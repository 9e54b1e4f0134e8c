"""Pools of real instances to draw scenes from, and the sources of digits: 28 x 28 grey pictures with their class, train and test apart."""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch
from torch import Tensor

from suppression.data.pool import SIDE, MissingSource, Pool

DATA_VARIABLE = "SUPPRESSION_DATA"


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
