"""NT-Xent and InfoNCE, computed a block of similarities at a time."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

from suppression import expect
from suppression.errors import UserError

Scaling = Literal["algorithm1", "repository", "notebook"]

# Similarities at a time. 4 MB is about what the cache of a core holds, and enough rows for a
# matrix product to be fast.
BLOCK = 2**20


def nt_xent(
    z1: Tensor,
    z2: Tensor,
    *,
    tau: float,
    scaling: Scaling = "algorithm1",
    norm: bool = True,
) -> Tensor:
    """NT-Xent, the loss of SimCLR, between the projections of two views.

    An anchor `i`, whose other view is `j`, has the loss
    `-log(exp(s_ij / tau) / sum_k exp(s_ik / tau))`, with `s` the cosine similarity. There are three
    published scalings, which must not be mixed where losses or learning rates are compared:

    * `algorithm1`: the mean over the 2n anchors, `k` running over the 2n - 1 other projections;
    * `repository`: the sum of the means over the anchors of either view, twice `algorithm1`;
    * `notebook`: the same sum, but `k` runs over the n projections of the other view only.

    The similarities have the precision of the projections, even under autocast. The whole matrix
    of similarities is never held, and there is no second derivative.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        tau: Temperature, above 0.
        scaling: One of the three above.
        norm: Whether the projections are normalized here. If not, `s` is the inner product.

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape, a type or the temperature is wrong.

    Source:
        Chen et al. 2020, "A Simple Framework for Contrastive Learning of Visual Representations",
        equation 1 and Algorithm 1, and its repository; the notebook of Chen et al. 2021,
        "Intriguing Properties of Contrastive Losses".

    Example:
        Pairs on axes of their own, and pairs that have all collapsed to one point, whose loss is
        log(2n - 1):

        >>> pairs, collapsed = torch.eye(4), torch.ones(4, 4)
        >>> print(f"{nt_xent(pairs, pairs, tau=0.2):.3f}")
        0.040
        >>> print(f"{nt_xent(collapsed, collapsed, tau=0.2):.3f}")
        1.946
    """
    expect.vectors("nt_xent", n=2, z1=z1, z2=z2)
    expect.positive("nt_xent", tau=tau)
    expect.one_of("nt_xent", "scaling", scaling, get_args(Scaling))
    n = len(z1)
    # Similarities in bf16 are off by 0.004, which is 0.08 nats at tau = 0.05.
    with torch.autocast(z1.device.type, enabled=False):
        if norm:
            z1 = normalize(z1, dim=1)
            z2 = normalize(z2, dim=1)
        if scaling == "notebook":
            other = torch.arange(n, device=z1.device)
            return info_nce(z1, z2, other, tau=tau) + info_nce(z2, z1, other, tau=tau)
        z = torch.cat([z1, z2])  # (2n, d)
        loss = info_nce(z, z, positives(n, z.device), tau=tau, among_themselves=True)
    return 2 * loss if scaling == "repository" else loss


def info_nce(
    anchors: Tensor,
    candidates: Tensor,
    positive: Tensor,
    *,
    tau: float,
    among_themselves: bool = False,
) -> Tensor:
    """InfoNCE: the mean cross entropy of telling each anchor's positive among the candidates.

    The logits are inner products over `tau`, so normalize the vectors first where cosines are
    meant. At most `BLOCK` of the m k similarities are held at a time; there is no second
    derivative.

    Args:
        anchors: Vectors, (m, d).
        candidates: Vectors, (k, d): the positives and the negatives; k >= 1, or k >= 2 if they are
            the anchors themselves.
        positive: The row among the candidates of each anchor's positive, (m,) int64.
        tau: Temperature, above 0.
        among_themselves: Whether anchors and candidates are the same vectors. If so, an anchor is
            left out of its own candidates.

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape, a type or the temperature is wrong.

    Source:
        van den Oord et al. 2018, "Representation Learning with Contrastive Predictive Coding",
        equation 4.

    Example:
        One candidate of four has a similarity of 1 and the others have 0, so the loss is
        log(1 + 3 exp(-1)):

        >>> z = torch.eye(4)
        >>> print(f"{info_nce(z, z, torch.arange(4), tau=1.0):.4f}")
        0.7437
    """
    check_candidates(anchors, candidates, positive, among_themselves)
    expect.positive("info_nce", tau=tau)
    return _InfoNCE.apply(anchors, candidates, positive, tau, among_themselves)


def check_candidates(
    anchors: Tensor, candidates: Tensor, positive: Tensor, among_themselves: bool
) -> None:
    """UserError unless each of the anchors (m, d) has a positive among the candidates (k, d)."""
    if among_themselves:
        expect.vectors("info_nce", n=2, anchors=anchors, candidates=candidates)
    else:
        expect.vectors("info_nce", anchors=anchors)
        expect.vectors("info_nce", candidates=candidates)
        expect.alike("info_nce", "anchors", anchors, "candidates", candidates)
    if anchors.shape[1] != candidates.shape[1]:
        raise UserError(
            f"info_nce: anchors are {tuple(anchors.shape)} and candidates "
            f"{tuple(candidates.shape)}; (m, d) and (k, d) are wanted"
        )
    if not isinstance(positive, Tensor) or positive.dtype != torch.int64:
        raise UserError(
            f"info_nce: positive is {expect.kind(positive)}; the rows of the positives are wanted, "
            "(m,) int64"
        )
    if positive.shape != anchors.shape[:1]:
        raise UserError(
            f"info_nce: positive is {tuple(positive.shape)} for {len(anchors)} anchors; "
            f"({len(anchors)},) is wanted"
        )


class _InfoNCE(torch.autograd.Function):
    """InfoNCE in blocks of anchors; the forward pass computes the gradient, too.

    The gradient with respect to the logits is softmax - one-hot. It is multiplied with the other
    side's vectors while a block of similarities is at hand, so that the block can be forgotten.
    """

    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        candidates: Tensor,
        positive: Tensor,
        tau: float,
        among_themselves: bool,
    ) -> Tensor:
        m = len(anchors)
        rows = max(1, BLOCK // len(candidates))
        d_anchors = torch.empty_like(anchors)
        d_candidates = torch.zeros_like(candidates)
        total = anchors.new_zeros(())
        for start in range(0, m, rows):
            block = anchors[start : start + rows]
            column = positive[start : start + rows, None]
            logits = (block / tau) @ candidates.T  # (rows, k)
            if among_themselves:
                logits.diagonal(start).fill_(-torch.inf)
            logits -= logits.amax(1, keepdim=True)
            total -= logits.gather(1, column).sum()
            p = logits.exp_()
            normalizer = p.sum(1, keepdim=True)
            total += normalizer.log().sum()
            p /= normalizer
            minus_one = p.new_full((1, 1), -1.0).expand_as(column)
            p.scatter_add_(1, column, minus_one)  # softmax - one-hot
            torch.mm(p, candidates, out=d_anchors[start : start + rows])
            d_candidates.addmm_(p.T, block)
        ctx.save_for_backward(d_anchors.div_(m * tau), d_candidates.div_(m * tau))
        return total / m

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        d_anchors, d_candidates = ctx.saved_tensors
        return d_loss * d_anchors, d_loss * d_candidates, None, None, None


def positives(n: int, device: torch.device) -> Tensor:
    """The row of each anchor's other view among the 2n projections of both views, (2n,)."""
    return torch.arange(2 * n, device=device).roll(n)
