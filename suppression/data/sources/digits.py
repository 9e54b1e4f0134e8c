"""Sources of digits: 28 x 28 grey pictures with their class, for training and held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from suppression.data.pool import SIDE, MissingSource, Pool
from suppression.data.sources.mnist5k import mnist5k
from suppression.data.sources.root import DATA_VARIABLE, data_root

IMAGES = {True: "train-images-idx3-ubyte", False: "t10k-images-idx3-ubyte"}  # of MNIST
LABELS = {True: "train-labels-idx1-ubyte", False: "t10k-labels-idx1-ubyte"}
INSTANCES = {True: 60_000, False: 10_000}
HELD_OUT_FORMS = 1287  # where the eleventh of fourteen forms begins in scikit-learn's file


def digits(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """scikit-learn's 1,797 handwritten 8 x 8 digits, 20 x 20 in a 28 x 28 box as MNIST's are.
    Writers are shared between training and test, so that levels are high: without bits, pixels
    read 95 %, and 91 with other writers held out (`digits_by_writer`).

    1,297 instances for training and 500 held out, disjoint, stratified by class, the same on every
    machine. `root` and `download` are not needed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    _, labels = load_digits(return_X_y=True)
    numbers = range(len(labels))
    parts = train_test_split(numbers, test_size=500, stratify=labels, random_state=0)
    return of_scikit_learn(parts[0] if train else parts[1])


def digits_by_writer(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """The same 1,797 digits with the last four of fourteen forms, of other writers, held out.

    1,287 instances for training and 510 held out. The file does not name its 13 writers, but it is
    in the order of the forms that they filled in: each begins with 0 to 9 three times, and all but
    one go on with the same digits. There are fourteen, so that one writer has two; that these lie
    on both sides of the split cannot be ruled out. `root` and `download` are not needed.
    """
    from sklearn.datasets import load_digits

    _, labels = load_digits(return_X_y=True)
    numbers = list(range(len(labels)))
    return of_scikit_learn(numbers[:HELD_OUT_FORMS] if train else numbers[HELD_OUT_FORMS:])


def of_scikit_learn(indices: Sequence[int]) -> Pool:
    """The instances of these numbers, enlarged and boxed."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    scaled = images[indices].reshape(-1, 1, 8, 8) / 16 * 255
    small = torch.tensor(scaled, dtype=torch.float32)
    large = interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    boxed = pad(large, (4, 4, 4, 4)).clamp(0, 255).round().to(torch.uint8)
    return Pool(boxed[:, 0], torch.tensor(labels[indices], dtype=torch.int64))


def mnist(train: bool, root: Path | None = None, download: bool = False) -> Pool:
    """MNIST in torchvision's layout (`ROOT/MNIST/raw`): 60,000 instances, 10,000 held out.

    The pictures are mapped from the file, not read: every process on the machine looks at the same
    copy.
    """
    raw = data_root(root) / "MNIST" / "raw"
    images, labels = raw / IMAGES[train], raw / LABELS[train]
    if download and not (images.is_file() and labels.is_file()):
        from torchvision.datasets import MNIST

        try:
            MNIST(data_root(root), download=True)
        except (RuntimeError, OSError) as error:
            raise MissingSource(
                f"MNIST could not be fetched into {data_root(root)}: {error}"
            ) from error
    n = INSTANCES[train]
    try:
        pool = Pool(idx(images, (n, SIDE, SIDE)), idx(labels, (n,)).long())
    except OSError as error:
        raise MissingSource(f"source 'mnist' cannot be read: {error}") from error
    if int(pool.labels.max()) > 9:
        raise MissingSource(
            f"{labels} has the label {int(pool.labels.max())}, where MNIST's are 0 to 9; fetch it "
            "again"
        )
    return pool


def idx(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The uint8 array of an idx file of this shape, mapped copy-on-write."""
    if not path.is_file():
        files = ", ".join([IMAGES[True], LABELS[True], IMAGES[False], LABELS[False]])
        raise MissingSource(
            f"source 'mnist' is not in {path.parent}, which has no {path.name}: place the four idx "
            f"files ({files}) there, name another folder (the one that holds MNIST/raw) with "
            f"--root or {DATA_VARIABLE}, or add --download to fetch them"
        )
    header = 4 + 4 * len(shape)  # bytes
    size, expected = path.stat().st_size, header + math.prod(shape)
    if size != expected:
        raise MissingSource(
            f"{path} has {size:,} bytes where MNIST has {expected:,}; fetch it again"
        )
    magic = bytes([0, 0, 8, len(shape)]) + b"".join(side.to_bytes(4, "big") for side in shape)
    with path.open("rb") as file:
        if file.read(header) != magic:
            raise MissingSource(
                f"{path} is no idx file of {' x '.join(map(str, shape))} bytes (its first {header} "
                "bytes say so); fetch it again"
            )
    content = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
    return content[header:].view(shape)


SOURCES = {
    "digits": digits,
    "digits_by_writer": digits_by_writer,
    "mnist": mnist,
    "mnist5k": mnist5k,
}
