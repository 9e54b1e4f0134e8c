"""The pictures themselves as features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suppression import expect


class RawPixels(nn.Module):
    """An encoder that has nothing to learn: its h is the picture, pixel by pixel.

    Attributes:
        layers: h alone.
        h_dim: 0: as wide as the pictures are, c s s.

    Example:
        >>> import torch
        >>> RawPixels()(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 192])
    """

    layers: tuple[str, ...] = ("h",)
    h_dim = 0

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Pictures (n, c, s, s) in [0, 1] -> `h`, (n, c s s)."""
        return {"h": self(x)}

    def forward(self, x: Tensor) -> Tensor:
        """The pictures, (n, c s s); UserError for what is none."""
        if not torch.jit.is_scripting():
            expect.pictures("RawPixels", n=0, square=False, x=x)
        return x.flatten(1)
