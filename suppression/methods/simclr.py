"""SimCLR (Chen et al. 2020, Algorithm 1)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from suppression.losses import Scaling, contrastive_metrics, nt_xent
from suppression.methods.base import Method
from suppression.nets import Head


class SimCLR(Method):
    """NT-Xent at temperature `tau` between the projections of two views; `scaling` as in `losses.nt_xent`, the head's knobs as in `nets.Head`."""

    version = 2  # 2: similarities in float32 where training is in bf16
    has_z = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 0.2,
        scaling: Scaling = "algorithm1",
        head: Literal["identity", "linear", "mlp"] = "mlp",
        head_layers: int = 2,
        head_width: int | None = None,
        z_dim: int = 64,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder)
        self.tau, self.scaling = tau, scaling
        self.head = Head(encoder.h_dim, head=head, layers=head_layers, width=head_width, z_dim=z_dim)  # type: ignore[arg-type]

    def project(self, h: Tensor) -> Tensor:
        return self.head(h)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
        z1, z2 = self.head(self.encoder(torch.cat([x1, x2]))).float().chunk(2)
        if self.watch:
            self.metrics = contrastive_metrics(z1, z2, tau=self.tau)
        return nt_xent(z1, z2, tau=self.tau, scaling=self.scaling)
