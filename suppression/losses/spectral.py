"""The spectral contrastive loss."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suppression import expect


def spectral_contrastive(z1: Tensor, z2: Tensor, *, ball: float = 1.0) -> Tensor:
    """Inner products of positives are large, squared ones of negatives small.

    `(-2 E z1.z2 + E (z1.z2')^2) / ball`: positives are views of one picture, negatives a first and
    a second view of two. Projections longer than sqrt(ball) are cut to that length before, as in
    the released code, where `ball` is called mu.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        ball: Squared length that projections have at most, above 0.

    Returns:
        The loss, a scalar.

    Raises:
        UserError: A shape, a type or `ball` is wrong.

    Source:
        HaoChen et al. 2021, "Provable Guarantees for Self-Supervised Deep Learning with Spectral
        Contrastive Loss", and its code.

    Example:
        Pairs on axes of their own, -2, and all at one point, -1:

        >>> pairs, collapsed = torch.eye(4), torch.ones(4, 4)
        >>> print(f"{spectral_contrastive(pairs, pairs):.1f}")
        -2.0
        >>> print(f"{spectral_contrastive(collapsed, collapsed):.1f}")
        -1.0
    """
    expect.vectors("spectral_contrastive", n=2, z1=z1, z2=z2)
    expect.positive("spectral_contrastive", ball=ball)
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):
        s = within(z1, ball) @ within(z2, ball).T  # (n, n)
        own = torch.eye(n, dtype=torch.bool, device=s.device)
        apart = s.square().masked_fill(own, 0.0).sum() / (n * (n - 1))
        return (apart - 2 * s.diagonal().mean()) / ball


def within(z: Tensor, ball: float) -> Tensor:
    """Vectors (n, d), those longer than sqrt(ball) cut to this length."""
    longest = math.sqrt(ball)
    return z * (longest / z.norm(dim=1, keepdim=True).clamp(min=longest))
