"""VICReg (Bardes et al. 2022)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from suppression.losses import vicreg
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
        return vicreg(
            z1,
            z2,
            invariance=self.invariance,
            variance=self.variance,
            covariance=self.covariance,
        )
