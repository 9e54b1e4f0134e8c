"""SimCLR as the released RandBit-MNIST notebook trains it, with its probe trained along."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.losses.contrastive import Scaling, nt_xent
from suppression.methods.simclr import SimCLR
from suppression.metrics.representation import contrastive_metrics
from suppression.models.convnet import as_keras
from suppression.models.heads import Head


class RandBit(SimCLR):
    """NT-Xent, the cross entropy of a dense layer on the first view's h behind a stopped gradient, and `l2` times the sum of the squared kernels.

    The kernels are those of encoder and head (in Keras, `regularizers.l2`), not the dense layer's. Each view goes through the network by itself, so that
    batch norms see one view at a time and move twice a step, as in the notebook. The head's last layer has no bias; all of this starts as in Keras.
    """

    version = 1
    labelled = True
    has_classifier = True
    takes_local = False

    def __init__(
        self,
        encoder: nn.Module,
        blocks: tuple[int, ...] = (10,),
        *,
        tau: float = 0.1,
        scaling: Scaling = "notebook",
        head: Literal["identity", "linear", "mlp"] = "mlp",
        head_layers: int = 2,
        head_width: int | None = 256,
        z_dim: int = 64,
        l2: float = 1e-4,
    ) -> None:
        if len(blocks) != 1:
            raise ValueError(f"randbit trains one layer along, for one label; these scenes tell {len(blocks)}")
        if not l2 >= 0:
            raise ValueError(f"l2 = {l2} is below 0")
        super().__init__(encoder, tau=tau, scaling=scaling)
        self.l2 = l2
        self.head = Head(encoder.h_dim, head=head, layers=head_layers, width=head_width, z_dim=z_dim, bias=False)  # type: ignore[arg-type]
        self.classifier = nn.Linear(encoder.h_dim, *blocks)  # type: ignore[arg-type]
        as_keras(self.head)
        as_keras(self.classifier)

    def classify(self, h: Tensor) -> Tensor:
        return self.classifier(h)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        h1, h2 = self.encoder(x1), self.encoder(x2)
        z1, z2 = self.head(h1).float(), self.head(h2).float()
        logits, target = self.classify(h1.detach()).float(), y / y.sum(1, keepdim=True)
        kernels = [p for module in (self.encoder, self.head) for p in module.parameters() if p.ndim > 1]
        if self.watch:
            right = y.gather(1, logits.argmax(1, keepdim=True)).gt(0)
            self.metrics = contrastive_metrics(z1, z2, tau=self.tau) | {"label_accuracy": right.float().mean()}
        penalty = self.l2 * torch.stack([p.float().square().sum() for p in kernels]).sum()
        return nt_xent(z1, z2, tau=self.tau, scaling=self.scaling) + cross_entropy(logits, target) + penalty
