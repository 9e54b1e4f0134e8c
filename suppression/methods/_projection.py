"""What methods share that compare projections of two views."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from suppression.methods.base import Method, width_of
from suppression.metrics.representation import contrastive_metrics
from suppression.models.heads import Head


class Projected(Method):
    """An encoder, a projection head g on it, and a loss between projections of any two views.

    With local crops (multi-crop; Caron et al. 2020, section 3.2) the loss is the mean over all
    pairs of a global view with another view. `z_dim` is 64 for most methods, as the encoders
    here are narrow; the papers take 128 (SimCLR, MoCo, SwAV, InstDisc, SupCon), 256 (BYOL,
    DINO's bottleneck) and more.

    Remedies (`suppression.methods.remedies`) may change what a method does at the places named
    in `hooks`; `sample` is among them where pictures are compared with others of their batch. A
    subclass with a `forward` of its own calls `remedied_batch` first, sets `hooks` to what it
    calls, and hands on `after_step`.

    Args:
        encoder: The network to be trained.
        head: identity compares h itself, linear has one layer, mlp `head_layers` of them.
        head_layers: Layers of an mlp head, 1 or more.
        head_width: Units of an mlp head's hidden layers, 1 or more; as wide as h if none.
        z_dim: Width of the projection z, 1 or more.
        head_bn: hidden puts a batch norm behind each hidden layer of the head, all one behind
            the last layer, too, off has none; none is hidden.
    """

    has_z = True
    hooks: ClassVar[tuple[str, ...]] = (
        "sample",
        "batch",
        "views",
        "head",
        "embeddings",
        "loss",
        "penalty",
    )
    idle: ClassVar = {
        "head": {
            "linear": ("head_layers", "head_width"),
            "identity": ("head_layers", "head_width", "z_dim"),
        },
        "head_layers": {1: ("head_width",)},
    }
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
        h_dim = width_of(encoder)
        self.head = Head(
            h_dim, head=head, layers=head_layers, width=head_width, z_dim=z_dim, bn=head_bn
        )
        self.remedies: Any = nn.ModuleList()  # empty unless `with_remedies` puts some there

    def project(self, h: Tensor) -> Tensor:
        for remedy in self.remedies:
            if "head" in remedy.changes():
                return remedy.head(h, self)
        return self.head(h)

    def embed(self, x: Tensor) -> Tensor:
        """Pictures to projections, float32 also where training is in bf16."""
        return self.project(self.encoder(x)).float()

    def embed_views(self, x1: Tensor, x2: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        """The projections of each view; views of one size go through the network together."""
        large = self.embed(torch.cat([x1, x2])).chunk(2)
        if not local:
            return large
        small = self.embed(torch.cat(local)).chunk(len(local))
        return *large, *small

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        """How the contrastive task stands on projections (n, d): `contrastive_metrics`."""
        return contrastive_metrics(z1, z2, tau=self.tau)

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        """The loss between projections (n, d) of two views of the same pictures.

        Args:
            z1: Projections of a global view.
            z2: Projections of another view, global or local.
            y: Labels or numbers, as `forward` gets them.
        """
        # SwAV, DINO and others whose loss is not one of pairs have a forward of their own.
        raise NotImplementedError(f"{type(self).__name__} has no loss")

    def remedied_batch(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Any:
        """The batch (x1, x2, y, *local) as the remedies leave it."""
        batch = (x1, x2, y, *local)
        for remedy in self.remedies:
            remedy.before_step(self)
        for remedy in self.remedies:
            batch = remedy.batch(*batch)
        for remedy in self.remedies:
            batch = remedy.views(*batch)
        return batch

    def remedied_pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        """The loss of a pair of views as the remedies leave it; `pair` where there are none."""
        for remedy in self.remedies:
            z1, z2 = remedy.embeddings(z1, z2, y)
        for remedy in self.remedies:
            if "loss" in remedy.changes():
                return remedy.loss(z1, z2, y, self)
        return self.pair(z1, z2, y)

    def remedied_loss(self, loss: Tensor, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        """The loss of a batch with what the remedies add; arguments are those of `penalty`."""
        for remedy in self.remedies:
            if "penalty" in remedy.changes():
                loss = loss + remedy.penalty(x, h, z)
        return loss

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        x = torch.cat([x1, x2])
        h = self.encoder(x)
        z = self.project(h).float()
        z1, z2 = z.chunk(2)
        small: tuple[Tensor, ...] = ()
        if local:
            small = self.embed(torch.cat(local)).chunk(len(local))
        if self.watch:
            self.metrics = self.contrast(z1, z2)
        losses = [self.remedied_pair(z1, z2, y)]
        for z_local in small:
            losses.append(self.remedied_pair(z1, z_local, y))
            losses.append(self.remedied_pair(z2, z_local, y))
        return self.remedied_loss(torch.stack(losses).mean(), x, h, z)

    def after_step(self, progress: float) -> None:
        for remedy in self.remedies:
            remedy.after_step(progress, self)
