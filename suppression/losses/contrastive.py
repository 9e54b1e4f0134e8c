"""Losses on projections, and the quantities that tell how training goes."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

Scaling = Literal["algorithm1", "repository", "notebook"]

BLOCK = 2**20  # similarities at a time: 4 MB, about what a core's cache holds, and enough rows for a fast matrix product


def nt_xent(z1: Tensor, z2: Tensor, *, tau: float, scaling: Scaling = "algorithm1", norm: bool = True) -> Tensor:
    """NT-Xent of two views' projections, (n, d) each, normalised here unless `norm` is off; a scalar, in the projections' own precision even under autocast.

    The three published scalings, which must not be mixed when losses or learning rates are compared (facts: SimCLR Algorithm 1, its repository, and the
    notebook of "Intriguing Properties of Contrastive Losses"):
    `algorithm1` the mean over 2n anchors, each against 2n - 1 others; `repository` the sum of the two views' means, which is twice that;
    `notebook` the sum of two means in which negatives come from the other view only.
    """
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):  # bf16 similarities are off by 0.004, which tau = 0.05 makes 0.08 nats
        if norm:
            z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        if scaling == "notebook":
            other = torch.arange(n, device=z1.device)
            return info_nce(z1, z2, other, tau=tau) + info_nce(z2, z1, other, tau=tau)
        z = torch.cat([z1, z2])
        loss = info_nce(z, z, positives(n, z.device), tau=tau, among_themselves=True)
    return 2 * loss if scaling == "repository" else loss


def info_nce(anchors: Tensor, candidates: Tensor, positive: Tensor, *, tau: float, among_themselves: bool = False) -> Tensor:
    """Mean cross entropy of each anchor (m, d) to its `positive` (m,) among the candidates (k, d), by inner product over tau; a scalar.

    `among_themselves` says that anchors and candidates are the same vectors, and leaves each anchor out of its own candidates. Never holds more than
    `BLOCK` of the m k similarities; has no second derivative.
    """
    return _InfoNCE.apply(anchors, candidates, positive, tau, among_themselves)


class _InfoNCE(torch.autograd.Function):
    """The gradient is (softmax - one-hot) times the other side's vectors, so it is summed up while a block of similarities is at hand, which is then forgotten."""

    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, positive: Tensor, tau: float, among_themselves: bool) -> Tensor:
        m, rows = len(anchors), max(1, BLOCK // len(candidates))
        d_anchors, d_candidates, total = torch.empty_like(anchors), torch.zeros_like(candidates), anchors.new_zeros(())
        for start in range(0, m, rows):
            block, column = anchors[start : start + rows], positive[start : start + rows, None]
            logits = (block / tau) @ candidates.T  # (rows, k)
            if among_themselves:
                logits.diagonal(start).fill_(-torch.inf)
            logits -= logits.amax(1, keepdim=True)
            total -= logits.gather(1, column).sum()
            p = logits.exp_()
            normaliser = p.sum(1, keepdim=True)
            total += normaliser.log().sum()
            p /= normaliser
            p.scatter_add_(1, column, p.new_full((1, 1), -1.0).expand_as(column))
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
    """The column that holds each anchor's other view, (2n,)."""
    return torch.arange(2 * n, device=device).roll(n)
