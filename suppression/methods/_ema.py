"""A network that follows another as an exponential moving average of its weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


def follower(module: nn.Module, ema: float) -> nn.Module:
    """A copy that takes no gradient, to be moved by `ema_`; ValueError for `ema` out of [0, 1].

    Only weights are averaged, as in the released code of MoCo and BYOL: batch norms of the copy
    normalise by its own batches, and keep their own running statistics.
    """
    if not 0 <= ema <= 1:
        raise ValueError(
            f"ema = {ema} is not in [0, 1]: the share of itself that a moving average keeps"
        )
    return copy.deepcopy(module).requires_grad_(False)


@torch.no_grad()
def ema_(target: nn.Module, online: nn.Module, ema: float) -> None:
    """target <- ema target + (1 - ema) online, for every weight, in place."""
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), 1 - ema)
