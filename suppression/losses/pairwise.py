"""The losses that SimCLR compares NT-Xent with (its Table 2), on triples of an anchor, its other view and a negative."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize, relu

from suppression.losses.contrastive import Scaling, positives

Loss = Literal["nt_logistic", "margin"]


def pairwise(
    z1: Tensor,
    z2: Tensor,
    *,
    loss: Loss,
    tau: float = 1.0,
    margin: float = 0.4,
    semi_hard: bool = False,
    scaling: Scaling = "algorithm1",
    norm: bool = True,
) -> Tensor:
    """The mean over anchors and their negatives of a loss of Table 2, of two views' projections, (n, d) each, normalised here unless `norm` is off; a scalar.

    With s+ the similarity of an anchor to its other view and s- that to a negative: `nt_logistic` is -log sigmoid(s+ / tau) - log sigmoid(-s- / tau),
    `margin` is max(s- - s+ + margin, 0). Which negatives there are, and whether two views' means are added up, follows `scaling` as in `losses.nt_xent`.

    With `semi_hard` (section 5.1, after Schroff et al. 2015) an anchor has one negative: of those less similar than its other view the most similar one, or,
    if all are at least as similar, the least similar of all. (One that is also outside the margin has a margin loss of 0.)

    Holds the whole matrix of similarities, (2n)^2.
    """
    with torch.autocast(z1.device.type, enabled=False):
        if norm:
            z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        if scaling == "notebook":
            s = z1 @ z2.T  # (n, n)
            other = torch.arange(len(z1), device=z1.device)
            itself = torch.zeros_like(s, dtype=torch.bool)
            of_views = [(s, other, itself), (s.T, other, itself)]
        else:
            z = torch.cat([z1, z2])
            s = z @ z.T  # (2n, 2n)
            of_views = [(s, positives(len(z1), z.device), torch.eye(len(z), dtype=torch.bool, device=z.device))]
    total = torch.stack([_of_anchors(*view, loss=loss, tau=tau, margin=margin, semi_hard=semi_hard) for view in of_views]).sum()
    return 2 * total if scaling == "repository" else total


def _of_anchors(s: Tensor, positive: Tensor, itself: Tensor, *, loss: Loss, tau: float, margin: float, semi_hard: bool) -> Tensor:
    """The mean over anchors, the rows of s, of their mean loss over the negatives: the columns that are neither `positive` nor `itself`."""
    s_pos = s.gather(1, positive[:, None])  # (m, 1)
    negative = ~itself.scatter(1, positive[:, None], True)
    if semi_hard:
        s_neg = semi_hard_negative(s, s_pos, negative)
        negative = torch.ones_like(s_neg, dtype=torch.bool)
    else:
        s_neg = s
    terms = -logsigmoid(s_pos / tau) - logsigmoid(-s_neg / tau) if loss == "nt_logistic" else relu(s_neg - s_pos + margin)
    return terms.where(negative, 0).sum() / negative.sum()


def semi_hard_negative(s: Tensor, s_pos: Tensor, negative: Tensor) -> Tensor:
    """The similarity (m, 1) of each anchor's semi-hard negative (see `pairwise`), of similarities (m, k) among which `negative` marks the candidates."""
    easier = s.masked_fill(~(negative & (s < s_pos)), -torch.inf).amax(1, keepdim=True)
    return easier.where(easier > -torch.inf, s.masked_fill(~negative, torch.inf).amin(1, keepdim=True))
