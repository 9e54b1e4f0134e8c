"""Barlow Twins (Zbontar et al. 2021)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from suppression.losses import barlow_twins
from suppression.methods._projection import Projected


class Barlow(Projected):
    """The squared distance of the views' cross-correlation matrix, (d, d), from the identity.

    The projector has three layers, four times as wide as the default encoder's h, as 8192 stood
    to a ResNet-50's 2048.

    Args:
        encoder: The network to be trained.
        redundancy: Weight of what is off the matrix's diagonal (lambda in equation 1), 0 or more.
        head_layers: Layers of an mlp head, 1 or more.
        head_width: Units of an mlp head's hidden layers, 1 or more; as wide as h if none.
        z_dim: Width of the projection z, 1 or more.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Zbontar et al. 2021, equation 1.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = Barlow(ResNet(width=4, stem=1, channels=1), redundancy=5e-3)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
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
        head: dict[str, Any] = {
            "head_layers": head_layers,
            "head_width": head_width,
            "z_dim": z_dim,
        }
        super().__init__(encoder, **head, **parameters)
        self.redundancy = redundancy

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return barlow_twins(z1, z2, redundancy=self.redundancy)
