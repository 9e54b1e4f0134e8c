"""A head of fixed weights that fall from one coordinate of h to the next (Xue et al. 2024)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from suppression.methods.remedies.base import Remedy


class HeadWeights(Remedy):
    """z is h itself, its coordinate i divided by `kappa` to the i; the head is not trained.

    Coordinates with small weights change the loss little, and so keep features that the loss
    has no use for.

    Args:
        kappa: By how much each coordinate weighs less than the one before, 1 to 2; at 1 z is h.

    Raises:
        ValueError: `kappa` is out of range.

    Source:
        Xue et al. 2024, "Investigating the Benefits of Projection Head for Representation
        Learning"; 1.01 to 1.05 there, for wider h than here.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import HeadWeights, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [HeadWeights()])
        >>> z = method.project(torch.ones(1, 32))
        >>> print(f"{z[0, 0]:.2f} {z[0, -1]:.2f}")
        1.00 0.73
    """

    name = "head_weights"
    needs = "a head that nothing else depends on"
    idle = ("head", "head_layers", "head_width", "head_bn", "z_dim")

    def __init__(self, *, kappa: float = 1.01) -> None:
        if not 1 <= kappa <= 2:
            raise ValueError(f"kappa = {kappa} is not in 1 to 2")
        super().__init__()
        self.kappa = kappa

    def head(self, h: Tensor, method: Any) -> Tensor:
        exact = torch.promote_types(h.dtype, torch.float32)  # h is in bf16 under autocast
        i = torch.arange(h.shape[1], device=h.device, dtype=exact)
        return h * torch.exp(-math.log(self.kappa) * i)
