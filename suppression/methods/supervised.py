"""Supervised training on every label of the scene: the control that says whether a feature can be learned at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from suppression.methods.base import Method


class Supervised(Method):
    """One linear layer on h, and cross entropy to the classes present, in equal shares (several digits are on one picture, so the task is multi-label).

    The published training is not known beyond that. Ten logistic losses were tried first: they learn the small digit about half as fast
    (experiments/digit_size.md).
    """

    def __init__(self, encoder: nn.Module, *, classes: int = 10) -> None:
        super().__init__(encoder)
        self.head = nn.Linear(encoder.h_dim, classes)  # type: ignore[arg-type]

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
        logits = self.head(self.encoder(torch.cat([x1, x2]))).float()
        target = torch.cat([y, y])
        target = target / target.sum(1, keepdim=True)
        if self.watch:
            self.metrics = {"label_accuracy": target.gather(1, logits.argmax(1, keepdim=True)).gt(0).float().mean()}
        return cross_entropy(logits, target)
