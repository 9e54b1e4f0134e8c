"""Barlow Twins (Zbontar et al. 2021)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from suppression.methods._projection import Projected


class Barlow(Projected):
    """The squared distance of the views' cross-correlation matrix, (d, d), from the identity, in which what is off the diagonal counts `redundancy` times
    (lambda in equation 1). The projector has three layers, four times as wide as the default encoder's h, as 8192 stood to a ResNet-50's 2048.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        redundancy: float = 5e-3,
        head_layers: int = 3,
        head_width: int | None = 512,
        z_dim: int = 512,
        **parameters: Any,
    ) -> None:
        if not redundancy >= 0:
            raise ValueError(f"redundancy = {redundancy} is below 0")
        super().__init__(encoder, head_layers=head_layers, head_width=head_width, z_dim=z_dim, **parameters)
        self.redundancy = redundancy

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        c = cross_correlation(z1, z2)
        return (c.diagonal() - 1).square().sum() + self.redundancy * (c.triu(1).square().sum() + c.tril(-1).square().sum())


def cross_correlation(z1: Tensor, z2: Tensor) -> Tensor:
    """Correlations over the batch of each coordinate of z1 with each of z2, (n, d) each, n > 1 -> (d, d) in [-1, 1] (equation 2); 0 where one is constant.

    Standardised as a batch norm does it, with its 1e-5 beside the variance, as in the paper's Algorithm 1.
    """
    z1, z2 = (batch_norm(z, None, None, training=True) for z in (z1, z2))
    with torch.autocast(z1.device.type, enabled=False):
        return z1.T @ z2 / len(z1)
