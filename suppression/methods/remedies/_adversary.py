"""What adversarial remedies share: a small network on pictures, and a gradient that is reversed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, d_x: Tensor) -> Tensor:
        return -d_x


def reversed_gradient(x: Tensor) -> Tensor:
    """x itself; what comes before it is trained to raise the loss (Ganin & Lempitsky 2015)."""
    return _Reversed.apply(x)


class UNet(nn.Module):
    """Pictures (n, n_in, s, s) to maps (n, n_out, s, s), most of it at a half and a quarter of s.

    Args:
        n_in: Channels of the pictures.
        n_out: Channels of the maps.
        width: Channels at half the side; twice as many at a quarter.
    """

    def __init__(self, n_in: int, n_out: int, width: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(n_in, width, 3, stride=2, padding=1)
        self.deeper = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.within = nn.Conv2d(2 * width, 2 * width, 3, padding=1)
        self.up = nn.Conv2d(3 * width, width, 3, padding=1)
        self.last = nn.Conv2d(width, n_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        half = relu(self.down(x))
        quarter = relu(self.deeper(half))
        quarter = relu(self.within(quarter))
        together = torch.cat([interpolate(quarter, size=half.shape[2:]), half], 1)
        return self.last(interpolate(relu(self.up(together)), size=x.shape[2:]))
