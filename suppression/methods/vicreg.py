"""VICReg (Bardes et al. 2022)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, relu

from suppression.methods._projection import Projected


class VICReg(Projected):
    """Invariance of the two views, variance of each coordinate, no covariance between them.

    The scaling is that of the released code, which divides the invariance by n d (equation 5: by
    n) and halves the variance (equation 6 does not). The expander has three layers, four times as
    wide as the default encoder's h, as 8192 stood to a ResNet-50's 2048.

    Args:
        encoder: The network to be trained.
        invariance: Weight of the mean squared difference of the views (lambda in the paper), 0 or
            more.
        variance: Weight of how far the coordinates' standard deviations fall short of 1, the mean
            over views (mu in the paper), 0 or more.
        covariance: Weight of the squared covariances over d, the sum over views (nu in the
            paper), 0 or more.
        head_layers: Layers of an mlp head, 1 or more.
        head_width: Units of an mlp head's hidden layers, 1 or more; as wide as h if none.
        z_dim: Width of the projection z, 1 or more.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Bardes et al. 2022, sections 4.1 and 4.2.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = VICReg(ResNet(width=4, stem=1, channels=1), covariance=1.0)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
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
        weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
        for name, value in weights.items():
            if not value >= 0:
                raise ValueError(f"{name} = {value} is below 0")
        head: dict[str, Any] = {
            "head_layers": head_layers,
            "head_width": head_width,
            "z_dim": z_dim,
        }
        super().__init__(encoder, **head, **parameters)
        self.invariance, self.variance, self.covariance = invariance, variance, covariance

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        variance = (shortfall(z1) + shortfall(z2)) / 2
        covariance = redundance(z1) + redundance(z2)
        invariance = mse_loss(z1, z2)
        return (
            self.invariance * invariance + self.variance * variance + self.covariance * covariance
        )


def shortfall(z: Tensor) -> Tensor:
    """The mean over coordinates of max(0, 1 - std) of projections (n, d), n > 1.

    The std is unbiased and has 1e-4 under its root (equations 1 and 2).
    """
    return relu(1 - (z.var(0) + 1e-4).sqrt()).mean()


def redundance(z: Tensor) -> Tensor:
    """The sum of the squared covariances between different coordinates, over d.

    Of projections (n, d), n > 1 (equations 3 and 4).
    """
    n, d = z.shape
    z = z - z.mean(0)
    with torch.autocast(z.device.type, enabled=False):
        cov = z.T @ z / (n - 1)  # (d, d)
    return 2 * cov.triu(1).square().sum() / d
