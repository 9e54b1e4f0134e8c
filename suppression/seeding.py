"""Random generators made from names, so that a draw is the same wherever and whenever it is asked for."""

from __future__ import annotations

import hashlib

import numpy as np
import torch


def number(*names: object) -> int:
    """A 63-bit integer that depends on the names alone (not on the process, the platform or `PYTHONHASHSEED`)."""
    digest = hashlib.sha256("\x1f".join(map(str, names)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def rng(*names: object) -> np.random.Generator:
    """`rng("two_digits", "train", 0)`: a NumPy generator for this name."""
    return np.random.default_rng(number(*names))


def torch_rng(*names: object, device: str | torch.device = "cpu") -> torch.Generator:
    """The torch twin of `rng`, on the device where the numbers are wanted (CPU and GPU streams differ)."""
    return torch.Generator(device).manual_seed(number(*names))
