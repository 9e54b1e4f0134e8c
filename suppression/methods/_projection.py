"""What methods share that compare projections of two views."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from suppression.methods.base import Method
from suppression.metrics.representation import contrastive_metrics
from suppression.models.heads import Head


class Projected(Method):
    """An encoder, a projection head g on it (its parameters as in `nets.Head`), and a loss between the projections of any two views, `pair`. `z_dim` is 64 throughout, as our encoders
    are narrow; the papers take 128 (SimCLR, MoCo, SwAV, InstDisc, SupCon), 256 (BYOL, DINO's bottleneck) and more.

    With local crops (multi-crop; Caron et al. 2020, section 3.2) the loss is the mean over all pairs of a global view with another view.
    """

    has_z = True
    idle: ClassVar = {"head": {"linear": ("head_layers", "head_width"), "identity": ("head_layers", "head_width", "z_dim")}}
    tau = 1.0  # of the softmax whose entropy is logged, for methods without a temperature

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: Literal["identity", "linear", "mlp"] = "mlp",
        head_layers: int = 2,
        head_width: int | None = None,
        z_dim: int = 64,
        head_bn: Literal["off", "hidden", "all"] | None = None,
    ) -> None:
        super().__init__(encoder)
        self.head = Head(encoder.h_dim, head=head, layers=head_layers, width=head_width, z_dim=z_dim, bn=head_bn)  # type: ignore[arg-type]

    def project(self, h: Tensor) -> Tensor:
        return self.head(h)

    def embed(self, x: Tensor) -> Tensor:
        """Pictures to projections, float32 also where training is in bf16."""
        return self.project(self.encoder(x)).float()

    def embed_views(self, x1: Tensor, x2: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        """The projections of each view in turn; views of one size go through the network together."""
        large = self.embed(torch.cat([x1, x2])).chunk(2)
        return (*large, *self.embed(torch.cat(local)).chunk(len(local))) if local else large

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        """How the contrastive task stands on these projections, (n, d) each (`losses.contrastive_metrics`)."""
        return contrastive_metrics(z1, z2, tau=self.tau)

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        """The loss between projections (n, d) of two views of the same pictures, the first of them global."""
        raise NotImplementedError(
            f"{type(self).__name__} has no loss"
        )  # those whose loss is not one of pairs (SwAV, DINO, ...) have a forward of their own instead

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        z1, z2, *small = self.embed_views(x1, x2, *local)
        if self.watch:
            self.metrics = self.contrast(z1, z2)
        return torch.stack([self.pair(z1, z2, y)] + [self.pair(z, z_local, y) for z_local in small for z in (z1, z2)]).mean()
