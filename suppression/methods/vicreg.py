"""VICReg (Bardes et al. 2022)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from suppression.methods._projection import Projected


class VICReg(Projected):
    """`invariance` times the mean squared difference of the views, plus `variance` times the mean over views of how far the coordinates' standard deviations
    fall short of 1, plus `covariance` times the sum over views of the squared covariances over d (sections 4.1 and 4.2; lambda, mu and nu there).

    The scaling is that of the released code, which divides the first term by n d (equation 5: by n) and halves the second (equation 6 does not). The expander
    has three layers, four times as wide as the default encoder's h, as 8192 stood to a ResNet-50's 2048.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        invariance: float = 25.0,
        variance: float = 25.0,
        covariance: float = 1.0,
        head_layers: int = 3,
        head_width: int | None = 512,
        z_dim: int = 512,
        **parameters: Any,
    ) -> None:
        for name, value in (("invariance", invariance), ("variance", variance), ("covariance", covariance)):
            if not value >= 0:
                raise ValueError(f"{name} = {value} is below 0")
        super().__init__(encoder, head_layers=head_layers, head_width=head_width, z_dim=z_dim, **parameters)
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        variance = (shortfall(z1) + shortfall(z2)) / 2
        covariance = redundance(z1) + redundance(z2)
        return self.invariance * mse_loss(z1, z2) + self.variance * variance + self.covariance * covariance


def shortfall(z: Tensor) -> Tensor:
    """The mean over coordinates of max(0, 1 - std) of projections (n, d), n > 1; the std is unbiased and has 1e-4 under its root (equations 1 and 2)."""
    return relu(1 - (z.var(0) + 1e-4).sqrt()).mean()


def redundance(z: Tensor) -> Tensor:
    """The sum of the squared covariances between different coordinates of projections (n, d), n > 1, over d (equations 3 and 4)."""
    n, d = z.shape
    z = z - z.mean(0)
    with torch.autocast(z.device.type, enabled=False):
        cov = z.T @ z / (n - 1)  # (d, d)
    return 2 * cov.triu(1).square().sum() / d
