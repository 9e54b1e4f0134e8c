"""SimCLR (Chen et al. 2020, Algorithm 1)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from suppression.losses import Scaling, contrastive_metrics, nt_xent
from suppression.methods.projected import Projected


class SimCLR(Projected):
    """NT-Xent at temperature `tau` between the projections of two views; `scaling` as in `losses.nt_xent`. `norm` off compares inner products instead of
    cosines (SimCLR, Table 5)."""

    version = 2  # 2: similarities in float32 where training is in bf16

    def __init__(self, encoder: nn.Module, *, tau: float = 0.2, scaling: Scaling = "algorithm1", norm: Literal["off"] | None = None, **knobs: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, **knobs)
        self.tau, self.scaling, self.norm = tau, scaling, norm is None

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        return contrastive_metrics(z1, z2, tau=self.tau, norm=self.norm)

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return nt_xent(z1, z2, tau=self.tau, scaling=self.scaling, norm=self.norm)
