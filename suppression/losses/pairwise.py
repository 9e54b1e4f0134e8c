"""The losses that SimCLR compares NT-Xent with (its Table 2).

They are losses of triples: an anchor, its other view and a negative.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize, relu

from suppression import expect
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
    """NT-Logistic or the margin triplet loss between the projections of two views.

    With s+ the similarity of an anchor to its other view and s- that to a negative, the loss of a
    triple is

    * `nt_logistic`: -log sigmoid(s+ / tau) - log sigmoid(-s- / tau);
    * `margin`: max(s- - s+ + margin, 0).

    An anchor's loss is the mean over its negatives. With `semi_hard` it has one negative: the most
    similar one of those that are less similar than its other view, or, if there are none, the least
    similar of all. (If that one is outside the margin, the margin loss is 0.)

    The whole matrix of similarities is held, (2n)^2 of them.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        loss: One of the two above.
        tau: Temperature of `nt_logistic`, above 0.
        margin: Margin of `margin`, a difference of similarities, at least 0.
        semi_hard: Whether an anchor has its semi-hard negative only.
        scaling: Which negatives there are, and whether the two views' means are added up, as in
            `nt_xent`.
        norm: Whether the projections are normalized here. If not, s is the inner product.

    Returns:
        The mean loss over the anchors, a scalar.

    Raises:
        UserError: A shape, a type or a parameter is wrong.

    Source:
        Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations",
        Table 2 and section 5.1; semi-hard negatives after Schroff et al. 2015, "FaceNet".

    Example:
        Negatives at a right angle are 1 less similar than the other view, so a margin of 1.5 is
        missed by 0.5:

        >>> z = torch.eye(4)
        >>> pairwise(z, z, loss="margin", margin=1.5)
        tensor(0.5000)
        >>> pairwise(z, z, loss="margin", margin=0.4)
        tensor(0.)
    """
    expect.vectors("pairwise", n=2, z1=z1, z2=z2)
    expect.positive("pairwise", tau=tau)
    expect.at_least("pairwise", 0, margin=margin)
    expect.one_of("pairwise", "loss", loss, get_args(Loss))
    expect.one_of("pairwise", "scaling", scaling, get_args(Scaling))
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):
        if norm:
            z1 = normalize(z1, dim=1)
            z2 = normalize(z2, dim=1)
        if scaling == "notebook":
            s = z1 @ z2.T  # (n, n)
            positive = torch.arange(n, device=z1.device)
            itself = torch.zeros_like(s, dtype=torch.bool)
            views = [s, s.T]  # the anchors are those of the first view, then those of the second
        else:
            z = torch.cat([z1, z2])  # (2n, d)
            s = z @ z.T  # (2n, 2n)
            positive = positives(n, z.device)
            itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
            views = [s]
    options: Any = {"loss": loss, "tau": tau, "margin": margin, "semi_hard": semi_hard}
    means = [_mean_over_triples(similarity, positive, itself, **options) for similarity in views]
    total = torch.stack(means).sum()
    return 2 * total if scaling == "repository" else total


def _mean_over_triples(
    s: Tensor,
    positive: Tensor,
    itself: Tensor,
    *,
    loss: Loss,
    tau: float,
    margin: float,
    semi_hard: bool,
) -> Tensor:
    """The mean loss of the triples of the anchors, which are the rows of `s`.

    The negatives are the columns that are neither `positive` nor `itself`.
    """
    s_pos = s.gather(1, positive[:, None])  # (anchors, 1)
    negative = ~itself.scatter(1, positive[:, None], True)
    if semi_hard:
        s_neg = semi_hard_negative(s, s_pos, negative)  # (anchors, 1)
        negative = torch.ones_like(s_neg, dtype=torch.bool)
    else:
        s_neg = s
    if loss == "nt_logistic":
        terms = -logsigmoid(s_pos / tau) - logsigmoid(-s_neg / tau)
    else:
        terms = relu(s_neg - s_pos + margin)
    return terms.where(negative, 0).sum() / negative.sum()


def semi_hard_negative(s: Tensor, s_pos: Tensor, negative: Tensor) -> Tensor:
    """The similarity of each anchor to its semi-hard negative (see `pairwise`), (m, 1).

    `s` holds all similarities, (m, k), `s_pos` those to the positives, (m, 1), and `negative`
    marks which columns of `s` are negatives, (m, k).
    """
    easier = negative & (s < s_pos)
    hardest_easier = s.masked_fill(~easier, -torch.inf).amax(1, keepdim=True)
    easiest = s.masked_fill(~negative, torch.inf).amin(1, keepdim=True)
    return hardest_easier.where(hardest_easier > -torch.inf, easiest)
