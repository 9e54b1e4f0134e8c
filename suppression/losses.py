"""Losses on projections, and the quantities that tell how training goes."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

Scaling = Literal["algorithm1", "repository", "notebook"]


def nt_xent(z1: Tensor, z2: Tensor, *, tau: float, scaling: Scaling = "algorithm1") -> Tensor:
    """NT-Xent of two views' projections, (n, d) each, normalised here; a scalar.

    The three published scalings, which must not be mixed when losses or learning rates are compared (facts: SimCLR Algorithm 1, its repository, and the
    notebook of "Intriguing Properties of Contrastive Losses"):
    `algorithm1` the mean over 2n anchors, each against 2n - 1 others; `repository` the sum of the two views' means, which is twice that;
    `notebook` the sum of two means in which negatives come from the other view only.
    """
    n = len(z1)
    z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
    if scaling == "notebook":
        logits = z1 @ z2.T / tau  # (n, n)
        target = torch.arange(n, device=z1.device)
        return cross_entropy(logits, target) + cross_entropy(logits.T, target)
    logits = anchor_logits(z1, z2, tau)
    loss = cross_entropy(logits, positives(n, z1.device))
    return 2 * loss if scaling == "repository" else loss


def anchor_logits(z1: Tensor, z2: Tensor, tau: float) -> Tensor:
    """Similarity over tau of each of the 2n normalised projections to every other, (2n, 2n), with itself excluded by -inf."""
    z = torch.cat([z1, z2])
    logits = z @ z.T / tau
    return logits.fill_diagonal_(-torch.inf)


def positives(n: int, device: torch.device) -> Tensor:
    """The column that holds each anchor's other view, (2n,)."""
    return torch.arange(2 * n, device=device).roll(n)


@torch.no_grad()
def contrastive_metrics(z1: Tensor, z2: Tensor, *, tau: float) -> dict[str, Tensor]:
    """How the contrastive task stands on one batch of projections, (n, d) each. Scalars:

    `contrast_accuracy` share of anchors whose other view is the nearest of the 2n - 1; `contrast_entropy` mean entropy of softmax(logits), nats (SimCLR,
    Table 5); `alignment` mean squared distance of positives; `uniformity` log mean exp(-2 d^2) over other pairs (Wang & Isola 2020); `spread` mean std of
    the normalised coordinates times sqrt(d): about 1 when spread out, 0 when collapsed (SimSiam, section 4.1).
    """
    n, d = z1.shape
    z1, z2 = normalize(z1.float(), dim=1), normalize(z2.float(), dim=1)
    logits = anchor_logits(z1, z2, tau)
    log_p = logits.log_softmax(1)
    z = torch.cat([z1, z2])
    other = ~torch.eye(2 * n, dtype=torch.bool, device=z.device)
    return {
        "contrast_accuracy": (logits.argmax(1) == positives(n, z.device)).float().mean(),
        "contrast_entropy": -(log_p.exp() * log_p).nan_to_num(0.0).sum(1).mean(),  # the excluded self has 0 log 0
        "alignment": (z1 - z2).square().sum(1).mean(),
        "uniformity": (-2 * (2 - 2 * (z @ z.T)[other])).exp().mean().log(),
        "spread": z.std(0).mean() * d**0.5,
    }
