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
    """

    labelled = True

    def __init__(self, encoder: nn.Module, blocks: tuple[int, ...] = (), *, classes: int = 10) -> None:
        super().__init__(encoder)
        self.blocks = list(blocks or (classes,))
        self.head = nn.Linear(encoder.h_dim, sum(self.blocks))  # type: ignore[arg-type]  # the layers side by side

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        h = self.encoder(torch.cat([x1, x2]))
        if local:
            h = torch.cat([h, self.encoder(torch.cat(local))])
        logits = self.head(h).float().split(self.blocks, 1)
        targets = [target / target.sum(1, keepdim=True) for target in torch.cat([y] * (2 + len(local))).split(self.blocks, 1)]
        if self.watch:
            right = [target.gather(1, logit.argmax(1, keepdim=True)).gt(0) for logit, target in zip(logits, targets, strict=True)]
            self.metrics = {"label_accuracy": torch.stack(right).float().mean()}
        return torch.stack([cross_entropy(logit, target) for logit, target in zip(logits, targets, strict=True)]).mean()
