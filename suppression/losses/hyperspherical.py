"""Contrastive losses that decouple alignment from uniformity: DHEL and KCL."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression import expect


def dhel(z1: Tensor, z2: Tensor, *, tau: float) -> Tensor:
    """DHEL: positives from the other view, negatives from an anchor's own view only.

    The mean over the n pairs (a, b) of `-s(a, b) / tau`, plus the log of the sum over the others
    of `exp(s / tau)`, once among first views and once among second ones, with cosines s. The
    positive is not among what it is compared with.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        tau: Temperature, above 0.

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape, a type or the temperature is wrong.

    Source:
        Koromilas et al. 2024, "Bridging Mini-Batch and Asymptotic Analysis in Contrastive
        Learning: From InfoNCE to Kernel-Based Losses".

    Example:
        Four pairs on axes of their own, -1 / tau + 2 log 3, and all at one point, 1 / tau +
        2 log 3:

        >>> pairs, collapsed = torch.eye(4), torch.ones(4, 4)
        >>> print(f"{dhel(pairs, pairs, tau=0.5):.3f} {dhel(collapsed, collapsed, tau=0.5):.3f}")
        0.197 4.197
    """
    expect.vectors("dhel", n=2, z1=z1, z2=z2)
    expect.positive("dhel", tau=tau)
    with torch.autocast(z1.device.type, enabled=False):
        z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        itself = torch.eye(len(z1), dtype=torch.bool, device=z1.device)
        apart1 = (z1 @ z1.T / tau).masked_fill(itself, -torch.inf).logsumexp(1)  # (n,)
        apart2 = (z2 @ z2.T / tau).masked_fill(itself, -torch.inf).logsumexp(1)
        together = (z1 * z2).sum(1) / tau
        return (apart1 + apart2 - together).mean()


def kcl(z1: Tensor, z2: Tensor, *, t: float = 2.0, gamma: float = 16.0) -> Tensor:
    """KCL with a Gaussian kernel: alignment and uniformity in expectation over pairs.

    `-2 E k(a, b) + gamma (E k(a, a') + E k(b, b'))` with `k(x, y) = exp(-t |x - y|^2)` of
    normalised projections. Its expectation does not depend on the size of the batch.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        t: Sharpness of the kernel, above 0.
        gamma: Weight of uniformity, 0 or more.

    Returns:
        The loss, a scalar.

    Raises:
        UserError: A shape, a type or a parameter is wrong.

    Source:
        Koromilas et al. 2024, as for `dhel`; t = 2 and gamma = 16 in their code.

    Example:
        Pairs on axes of their own, -2 + 2 gamma exp(-2 t), and all at one point, -2 + 2 gamma:

        >>> pairs, collapsed = torch.eye(4), torch.ones(4, 4)
        >>> print(f"{kcl(pairs, pairs):.3f} {kcl(collapsed, collapsed):.3f}")
        -1.414 30.000
    """
    expect.vectors("kcl", n=2, z1=z1, z2=z2)
    expect.positive("kcl", t=t)
    expect.at_least("kcl", 0, gamma=gamma)
    with torch.autocast(z1.device.type, enabled=False):
        z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        together = (-t * (z1 - z2).square().sum(1)).exp().mean()
        return gamma * (mean_kernel(z1, t) + mean_kernel(z2, t)) - 2 * together


def mean_kernel(z: Tensor, t: float) -> Tensor:
    """The mean of exp(-t |x - y|^2) over pairs of different rows of unit vectors z (n, d)."""
    n = len(z)
    itself = torch.eye(n, dtype=torch.bool, device=z.device)
    squares = 2 - 2 * z @ z.T  # (n, n)
    return (-t * squares).exp().masked_fill(itself, 0.0).sum() / (n * (n - 1))
