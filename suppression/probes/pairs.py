"""The contrastive task put to a frozen network, and whether its outputs have collapsed."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression.losses import contrastive_metrics
from suppression.stats import wilson

Contrast = Callable[[Tensor, Tensor], dict[str, Tensor]]


def pairs(first: Tensor, second: Tensor, *, cases: int, contrast: Contrast | None = None) -> dict[str, float | int]:
    """One row on the outputs of two views of n pictures, (n, d) each: projections, with what the method says of them (`contrast`), or h where it has no head.

    `accuracy` is that of the contrastive task among these pictures (its interval counts `cases` of them as independent, its `guess` is one among 2n - 1),
    `entropy` that of its softmax in nats, which is told where there is a head (SimCLR, Table 5); `spread`, `distance` (of positives, squared) and `uniformity` are as in
    `losses.contrastive_metrics`, `rank` as in `effective_rank`.
    """
    found = contrast(first, second) if contrast else contrastive_metrics(first, second, tau=1.0)
    told = {name: value.item() for name, value in found.items()}
    accuracy = told.pop("contrast_accuracy")
    low, high = wilson(accuracy, cases)
    row = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": 1 / (2 * len(first) - 1)}
    entropy, told["distance"] = told.pop("contrast_entropy"), told.pop("alignment")  # "alignment" is a knob of the generalised losses
    return row | ({"entropy": entropy} if contrast else {}) | told | {"rank": effective_rank(torch.cat([first, second]))}


def effective_rank(z: Tensor) -> float:
    """exp of the entropy of the singular values of the normalised vectors (m, d), in 1..min(m, d): 1 where all lie on one line (Roy & Vetterli 2007; RankMe,
    Garrido et al. 2023)."""
    values = torch.linalg.svdvals(normalize(z.double(), dim=1))
    p = values / values.sum()
    return torch.special.entr(p).sum().exp().item()
