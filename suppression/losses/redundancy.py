"""Losses without negatives that keep coordinates from saying the same: VICReg, Barlow Twins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import batch_norm, mse_loss, relu

from suppression import expect


def vicreg(
    z1: Tensor,
    z2: Tensor,
    *,
    invariance: float = 25.0,
    variance: float = 25.0,
    covariance: float = 1.0,
) -> Tensor:
    """VICReg: invariance of the two views, variance of each coordinate, no covariance.

    `invariance mean (z1 - z2)^2 + variance (V(z1) + V(z2)) / 2 + covariance (C(z1) + C(z2))`, with
    `V` the mean over coordinates of max(0, 1 - std) and `C` the sum of the squared covariances
    between different coordinates, over d. The scaling is that of the released code, which divides
    the invariance by n d (equation 5: by n) and halves the variance (equation 6 does not).

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        invariance: Weight, lambda in the paper, 0 or more.
        variance: Weight, mu in the paper, 0 or more.
        covariance: Weight, nu in the paper, 0 or more.

    Returns:
        The loss, a scalar.

    Raises:
        UserError: A shape, a type or a weight is wrong.

    Source:
        Bardes et al. 2022, "VICReg: Variance-Invariance-Covariance Regularization for
        Self-Supervised Learning", sections 4.1 and 4.2.

    Example:
        All at one point: nothing differs and nothing varies, so that of 25 but the 1e-4 under the
        root is missing:

        >>> collapsed = torch.ones(8, 4)
        >>> print(f"{vicreg(collapsed, collapsed):.2f}")
        24.75
    """
    expect.vectors("vicreg", n=2, z1=z1, z2=z2)
    weights = {"invariance": invariance, "variance": variance, "covariance": covariance}
    expect.at_least("vicreg", 0, **weights)
    varied = (shortfall(z1) + shortfall(z2)) / 2
    redundant = redundance(z1) + redundance(z2)
    return invariance * mse_loss(z1, z2) + variance * varied + covariance * redundant


def barlow_twins(z1: Tensor, z2: Tensor, *, redundancy: float = 5e-3) -> Tensor:
    """Barlow Twins: the views' cross-correlation matrix is to be the identity.

    `sum_i (c_ii - 1)^2 + redundancy sum_(i != j) c_ij^2`, with c (d, d) the correlations over the
    batch of each coordinate of z1 with each one of z2.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        redundancy: Weight of what is off the diagonal, lambda in the paper, 0 or more.

    Returns:
        The loss, a scalar.

    Raises:
        UserError: A shape, a type or the weight is wrong.

    Source:
        Zbontar et al. 2021, "Barlow Twins: Self-Supervised Learning via Redundancy Reduction",
        equation 1.

    Example:
        Two coordinates that are one and the same in both views: the diagonal is right, and both
        others are 1:

        >>> z = torch.tensor([[1.0], [-1.0]]).expand(2, 2)
        >>> print(f"{barlow_twins(z, z, redundancy=0.5):.3f}")
        1.000
    """
    expect.vectors("barlow_twins", n=2, z1=z1, z2=z2)
    expect.at_least("barlow_twins", 0, redundancy=redundancy)
    c = cross_correlation(z1, z2)
    on_diagonal = (c.diagonal() - 1).square().sum()
    off_diagonal = c.triu(1).square().sum() + c.tril(-1).square().sum()
    return on_diagonal + redundancy * off_diagonal


def shortfall(z: Tensor) -> Tensor:
    """The mean over coordinates of max(0, 1 - std) of projections (n, d), n > 1.

    The std is unbiased and has 1e-4 under its root (equations 1 and 2).
    """
    return relu(1 - (z.var(0) + 1e-4).sqrt()).mean()


def redundance(z: Tensor) -> Tensor:
    """The sum of the squared covariances between different coordinates, over d.

    Of projections (n, d), n > 1 (equations 3 and 4).
    """
    n, d = z.shape
    z = z - z.mean(0)
    with torch.autocast(z.device.type, enabled=False):
        cov = z.T @ z / (n - 1)  # (d, d)
    return 2 * cov.triu(1).square().sum() / d


def cross_correlation(z1: Tensor, z2: Tensor) -> Tensor:
    """Correlations over the batch of each coordinate of z1 with each one of z2.

    Projections (n, d) each, n > 1 -> (d, d) in [-1, 1] (equation 2); 0 where a coordinate is
    constant. Standardised as a batch norm does it, with its 1e-5 beside the variance, as in the
    paper's Algorithm 1.
    """
    z1 = batch_norm(z1, None, None, training=True)
    z2 = batch_norm(z2, None, None, training=True)
    with torch.autocast(z1.device.type, enabled=False):
        return z1.T @ z2 / len(z1)
