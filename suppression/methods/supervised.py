"""Supervised training on every label: the control that says whether a feature can be learned."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.methods.base import Method, width_of


class Supervised(Method):
    """A linear layer on h for each label, and the mean of their cross entropies.

    Where one label has several digits on one picture, the classes present have equal shares (the
    task is multi-label). The published training is not known beyond that. Ten logistic losses
    were tried first: they learn the small digit about half as fast (experiments/digit_size.md).

    Args:
        encoder: The network to be trained.
        blocks: How many classes each label has; one label of `classes` if there are none.
        classes: Classes of the label where `blocks` does not say, 1 or more.
        labels: Share of the training instances that have a label, in (0, 1]; the others are not
            trained on. All of them if none.

    Raises:
        ValueError: A parameter is out of range.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = Supervised(ResNet(width=4, stem=1, channels=1), (10,))
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.eye(10)[:8]).shape
        torch.Size([])
    """

    labelled = True
    has_classifier = True

    def __init__(
        self,
        encoder: nn.Module,
        blocks: tuple[int, ...] = (),
        *,
        classes: int = 10,
        labels: float | None = None,
    ) -> None:
        if labels is not None and not 0 < labels <= 1:
            raise ValueError(
                f"labels = {labels} is not a share of the training instances in (0, 1]"
            )
        if classes < 1:
            raise ValueError(f"classes = {classes}: a label has one class at least")
        super().__init__(encoder)
        self.blocks = list(blocks or (classes,))
        h_dim = width_of(encoder)
        self.head = nn.Linear(h_dim, sum(self.blocks))  # the layers side by side

    def classify(self, h: Tensor) -> Tensor:
        return self.head(h)

    def logits(self, x: Tensor) -> Tensor:
        """Pictures to the logits of all labels, (n, sum of `blocks`), float32 also in bf16."""
        return self.classify(self.encoder(x)).float()

    def both(self, x1: Tensor, x2: Tensor, *local: Tensor) -> Tensor:
        """The logits of all views, one below the other; local crops are of another size."""
        logits = self.logits(torch.cat([x1, x2]))
        if not local:
            return logits
        return torch.cat([logits, self.logits(torch.cat(local))])

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        logits = self.both(x1, x2, *local).split(self.blocks, 1)
        targets = torch.cat([y] * (2 + len(local))).split(self.blocks, 1)
        losses, right = [], []
        for logit, target in zip(logits, targets, strict=True):
            shares = target / target.sum(1, keepdim=True)
            losses.append(cross_entropy(logit, shares))
            if self.watch:
                right.append(shares.gather(1, logit.argmax(1, keepdim=True)).gt(0))
        if self.watch:
            self.metrics = {"label_accuracy": torch.stack(right).float().mean()}
        return torch.stack(losses).mean()
