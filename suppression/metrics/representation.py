"""Quantities of a batch of embeddings: how the contrastive task stands, how many directions they vary in."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression.losses import contrastive
from suppression.losses.contrastive import positives


@torch.no_grad()
def contrastive_metrics(z1: Tensor, z2: Tensor, *, tau: float, norm: bool = True) -> dict[str, Tensor]:
    """How the contrastive task stands on one batch of projections, (n, d) each. Scalars:

    `contrast_accuracy` share of anchors whose other view is the nearest of the 2n - 1; `contrast_entropy` mean entropy of softmax(logits), nats (SimCLR,
    Table 5); `alignment` mean squared distance of positives; `uniformity` log mean exp(-2 d^2) over other pairs (Wang & Isola 2020); `spread` mean std of
    the normalised coordinates times sqrt(d): about 1 when spread out, 0 when collapsed (SimSiam, section 4.1). With `norm` off, the first two are of inner
    products.
    """
    n, d = z1.shape
    raw = torch.cat([z1, z2]).float()
    z = normalize(raw, dim=1)
    positive = positives(n, z.device)
    found, entropy, potential = z.new_zeros(3).unbind()
    rows = max(1, contrastive.BLOCK // len(z))
    for start in range(0, 2 * n, rows):
        with torch.autocast(z.device.type, enabled=False):
            cosine = z[start : start + rows] @ z.T  # (rows, 2n)
            similarity = cosine if norm else raw[start : start + rows] @ raw.T
        for each in {id(cosine): cosine, id(similarity): similarity}.values():
            each.diagonal(start).fill_(-torch.inf)
        log_p = (similarity / tau).log_softmax(1)
        found += (similarity.argmax(1) == positive[start : start + rows]).sum()
        entropy -= (log_p.exp() * log_p).nan_to_num(0.0).sum()  # the excluded self has 0 log 0
        potential += (-2 * (2 - 2 * cosine)).exp().sum()  # exp(-inf) leaves the self out
    return {
        "contrast_accuracy": found / (2 * n),
        "contrast_entropy": entropy / (2 * n),
        "alignment": (z[:n] - z[n:]).square().sum(1).mean(),
        "uniformity": (potential / (2 * n * (2 * n - 1))).log(),
        "spread": z.std(0).mean() * d**0.5,
    }


@torch.no_grad()
def participation_ratio(z: Tensor) -> Tensor:
    """How many directions the normalised projections (n, d) vary in: (sum of variances)^2 / sum of squared variances along the principal axes, 1 to d.

    Where the projections do not vary at all it is 0.
    """
    z = normalize(z.float(), dim=1)
    z = z - z.mean(0)
    with torch.autocast(z.device.type, enabled=False):
        scatter = z.T @ z  # its eigenvalues' sum is its trace, the sum of their squares that of its entries' squares
    return scatter.trace().square() / scatter.square().sum().clamp(min=torch.finfo(z.dtype).tiny)


def effective_rank(z: Tensor) -> float:
    """exp of the entropy of the singular values of the normalised vectors (m, d), in 1..min(m, d): 1 where all lie on one line (Roy & Vetterli 2007; RankMe,
    Garrido et al. 2023)."""
    values = torch.linalg.svdvals(normalize(z.double(), dim=1))
    p = values / values.sum()
    return torch.special.entr(p).sum().exp().item()
