"""Supervised training on every label of the scene: the control that says whether a feature can be learned at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.methods.base import Method


class Supervised(Method):
    """A linear layer on h for each label, as wide as `blocks` says (one of `classes` if that is not given), and the mean of their cross entropies.

    Where one block tells of several digits on one picture, the classes present have equal shares (the task is multi-label). The published training is not
    known beyond that. Ten logistic losses were tried first: they learn the small digit about half as fast (experiments/digit_size.md).

    `labels` in (0, 1] is the share of the training instances whose label is told (`scenes.sources.Pool.stratified`); the others are not trained on.
    """

    labelled = True
    has_classifier = True

    def __init__(self, encoder: nn.Module, blocks: tuple[int, ...] = (), *, classes: int = 10, labels: float | None = None) -> None:
        if labels is not None and not 0 < labels <= 1:
            raise ValueError(f"labels = {labels} is not a share of the training instances in (0, 1]")
        super().__init__(encoder)
        self.blocks = list(blocks or (classes,))
        self.head = nn.Linear(encoder.h_dim, sum(self.blocks))  # type: ignore[arg-type]  # the layers side by side

    def classify(self, h: Tensor) -> Tensor:
        return self.head(h)

    def logits(self, x: Tensor) -> Tensor:
        """Pictures to the logits of all labels side by side, (n, sum of `blocks`), float32 also where training is in bf16."""
        return self.classify(self.encoder(x)).float()

    def both(self, x1: Tensor, x2: Tensor, *local: Tensor) -> Tensor:
        """The logits of all views, one after another; local crops, of another size, go through the network by themselves."""
        logits = self.logits(torch.cat([x1, x2]))
        return torch.cat([logits, self.logits(torch.cat(local))]) if local else logits

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        logits = self.both(x1, x2, *local).split(self.blocks, 1)
        targets = [target / target.sum(1, keepdim=True) for target in torch.cat([y] * (2 + len(local))).split(self.blocks, 1)]
        if self.watch:
            right = [target.gather(1, logit.argmax(1, keepdim=True)).gt(0) for logit, target in zip(logits, targets, strict=True)]
            self.metrics = {"label_accuracy": torch.stack(right).float().mean()}
        return torch.stack([cross_entropy(logit, target) for logit, target in zip(logits, targets, strict=True)]).mean()
