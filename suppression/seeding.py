"""Random generators made from names: a draw is the same wherever and whenever it is made."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def number(*names: object) -> int:
    """A 63-bit integer that depends on the names alone, not on process or platform.

    >>> number("two_digits", "train", 0)
    7439124261737019307
    """
    text = "\x1f".join(map(str, names))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def rng(*names: object) -> np.random.Generator:
    """`rng("two_digits", "train", 0)`: a NumPy generator for this name."""
    return np.random.default_rng(number(*names))


def torch_rng(*names: object, device: str | torch.device = "cpu") -> torch.Generator:
    """The torch twin of `rng`, on the device where the numbers are wanted.

    Args:
        names: What the numbers are for; any objects whose `str` is always the same.
        device: Where the numbers are made; the streams of a CPU and of a GPU differ.

    >>> torch_rng("train", 0).initial_seed() == number("train", 0)
    True
    """
    return torch.Generator(device).manual_seed(number(*names))
