"""Swapped prediction over prototypes (SwAV, Caron et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def few_prototypes(prototypes: int, classes: int) -> list[str]:
    """The note on prototypes that cannot stand for the classes one by one."""
    fewer = f"prototypes = {prototypes} is fewer than the {classes} classes, some of which must then share one; the paper has several for each"
    return [fewer] if prototypes < classes else []


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Scores (n, k) -> codes (n, k): each sample's sum to 1, and, the more exactly the more iterations, each prototype's to n / k (SwAV, equations 3 to 5).

    In logarithms: exp(scores / epsilon) itself overflows where scores are not cosines.
    """
    logs = scores / epsilon
    for _ in range(iterations):
        logs = logs - logs.logsumexp(0, keepdim=True)
        logs = logs.log_softmax(1)
    return logs.exp()


def swapped(codes: Sequence[Tensor], log_p: Sequence[Tensor]) -> Tensor:
    """Mean cross entropy (n, k) each of the codes of view i with the prediction of view j, over all i and all j other than i; codes are the first views'."""
    terms = [-(q * log_p[j]).sum(1).mean() for i, q in enumerate(codes) for j in range(len(log_p)) if j != i]
    return torch.stack(terms).mean()


@torch.no_grad()
def perplexity(p: Tensor) -> Tensor:
    """How many outputs are in use: exp of the entropy of the mean of (n, k) predictions, from 1 to k."""
    mean = p.mean(0)
    return (mean * mean.clamp(min=1e-12).log()).sum().neg().exp()
