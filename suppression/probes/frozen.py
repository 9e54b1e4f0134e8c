"""A frozen encoder: its features, and the proof that it did not move."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn


def fingerprint(module: nn.Module) -> str:
    """sha256 of every weight and buffer, batch-norm statistics included: equal before and after a probe, or the encoder was not frozen."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def maps(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every tap as it is, (n, c, s, s) of block groups and (n, d) of h, in evaluation mode; `module` is left as it was."""
    was_training = module.training
    module.eval()
    try:
        return module.taps(x)  # type: ignore[operator]
    finally:
        module.train(was_training)


def features(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Features of pictures at `h` and at each block group (its maps averaged over places), float32 (n, d)."""
    return {layer: (tap.mean((2, 3)) if tap.ndim == 4 else tap).float() for layer, tap in maps(module, x).items()}
