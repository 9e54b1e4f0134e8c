"""SimCLR as the released RandBit-MNIST notebook trains it, with its probe trained along."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.losses.contrastive import Scaling, nt_xent
from suppression.methods.base import width_of
from suppression.methods.simclr import SimCLR
from suppression.metrics.representation import contrastive_metrics
from suppression.models.convnet import as_keras
from suppression.models.heads import Head


class RandBit(SimCLR):
    """NT-Xent, the loss of a classifier trained along, and an l2 penalty on the kernels.

    The classifier is a dense layer on the first view's h, behind a stopped gradient. The kernels
    are those of encoder and head (in Keras, `regularizers.l2`), not the dense layer's. Each view
    goes through the network by itself, so that batch norms see one view at a time and move twice
    a step, as in the notebook. The head's last layer has no bias; all of this starts as in Keras.

    Args:
        encoder: The network to be trained.
        blocks: How many classes the label has; one label only.
        tau: Temperature of NT-Xent, above 0.
        scaling: How NT-Xent's terms are summed up; notebook takes negatives from the other view
            only (`suppression.losses.nt_xent`).
        head: identity compares h itself, linear has one layer, mlp `head_layers` of them.
        head_layers: Layers of an mlp head, 1 or more.
        head_width: Units of an mlp head's hidden layers, 1 or more; as wide as h if none.
        z_dim: Width of the projection z, 1 or more.
        l2: Weight of the sum of the squared kernels, 0 or more.

    Raises:
        ValueError: A parameter is out of range, or there is more than one label.

    Source:
        google-research/simclr, colabs/intriguing_properties (the notebook on random bits).

    Example:
        >>> import torch
        >>> from suppression.models import ConvNet
        >>> method = RandBit(ConvNet(width=4, canvas=28, channels=1), tau=0.1)
        >>> method(*torch.rand(2, 8, 1, 28, 28), torch.eye(10)[:8]).shape
        torch.Size([])
    """

    version = 1
    hooks = ("sample", "batch", "views")
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
            raise ValueError(
                f"randbit trains one layer along, for one label; these scenes tell {len(blocks)}"
            )
        if not l2 >= 0:
            raise ValueError(f"l2 = {l2} is below 0")
        super().__init__(encoder, tau=tau, scaling=scaling)
        self.l2 = l2
        h_dim = width_of(encoder)
        self.head = Head(
            h_dim, head=head, layers=head_layers, width=head_width, z_dim=z_dim, bias=False
        )
        self.blocks = list(blocks)
        self.classifier = nn.Linear(h_dim, *blocks)
        as_keras(self.head)
        as_keras(self.classifier)

    def classify(self, h: Tensor) -> Tensor:
        return self.classifier(h)

    def penalty(self) -> Tensor:
        """`l2` times the sum of the squared kernels of encoder and head."""
        weights = [*self.encoder.parameters(), *self.head.parameters()]
        squares = [weight.float().square().sum() for weight in weights if weight.ndim > 1]
        return self.l2 * torch.stack(squares).sum()

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        h1, h2 = self.encoder(x1), self.encoder(x2)
        z1, z2 = self.head(h1).float(), self.head(h2).float()
        logits = self.classify(h1.detach()).float()
        target = y / y.sum(1, keepdim=True)
        if self.watch:
            right = y.gather(1, logits.argmax(1, keepdim=True)).gt(0)
            accuracy = right.float().mean()
            self.metrics = contrastive_metrics(z1, z2, tau=self.tau) | {"label_accuracy": accuracy}
        contrast = nt_xent(z1, z2, tau=self.tau, scaling=self.scaling)
        return contrast + cross_entropy(logits, target) + self.penalty()
