"""NT-Xent with its negatives treated otherwise: decoupled, debiased, weighed by hardness."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

from suppression import expect
from suppression.errors import UserError
from suppression.losses.contrastive import positives


def decoupled_nt_xent(z1: Tensor, z2: Tensor, *, tau: float, sigma: float | None = None) -> Tensor:
    """DCL: NT-Xent without the positive in its denominator; DCLW where `sigma` is given.

    The mean over 2n anchors of `-w p / tau + log sum_q exp(q / tau)`, with the cosine p of the
    positive and those q of the 2n - 2 negatives. In DCLW `w = 2 - n softmax(p / sigma)`, over the
    n pairs of the batch, weighs pairs down that are alike already; it has a gradient of its own,
    as in the authors' formula.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        tau: Temperature, above 0.
        sigma: Width of the weights, above 0; all are 1 if None.

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape, a type or a parameter is wrong.

    Source:
        Yeh et al. 2022, "Decoupled Contrastive Learning", and its code.

    Example:
        All at one point, log(2n - 2):

        >>> collapsed = torch.ones(4, 4)
        >>> print(f"{decoupled_nt_xent(collapsed, collapsed, tau=0.2):.3f}")
        1.792
    """
    expect.vectors("decoupled_nt_xent", n=2, z1=z1, z2=z2)
    expect.positive("decoupled_nt_xent", tau=tau)
    if sigma is not None:
        expect.positive("decoupled_nt_xent", sigma=sigma)
    with torch.autocast(z1.device.type, enabled=False):
        p, s, no_negatives = cosines(z1, z2)
        apart = (s / tau).masked_fill(no_negatives, -torch.inf).logsumexp(1)  # (2n,)
        weighed = p
        if sigma is not None:
            n = len(z1)
            w = 2 - n * (p[:n] / sigma).softmax(0)  # the same for both views
            weighed = torch.cat([w, w]) * p
        return (apart - weighed / tau).mean()


def hard_nt_xent(
    z1: Tensor, z2: Tensor, *, tau: float, beta: float = 1.0, tau_plus: float = 0.1
) -> Tensor:
    """NT-Xent with hard negatives weighed up, and less the share of false negatives.

    An anchor's sum over its N negatives is replaced by
    `(sum_q w exp(q / tau) / mean(w) - tau_plus N exp(p / tau)) / (1 - tau_plus)`, at least
    `N exp(-1 / tau)`, with `w = exp(beta q / tau)`: HCL, and the debiased loss where beta is 0.
    As released, beta multiplies q / tau and not q.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        tau: Temperature, above 0.
        beta: How much harder negatives weigh more, 0 or more.
        tau_plus: Share of negatives that are of the anchor's own class, in [0, 1).

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape, a type or a parameter is wrong.

    Source:
        Robinson et al. 2021, "Contrastive Learning with Hard Negative Samples", and its code;
        Chuang et al. 2020, "Debiased Contrastive Learning".

    Example:
        All at one point, log(2n - 1) for any beta and tau_plus:

        >>> collapsed = torch.ones(4, 4)
        >>> print(f"{hard_nt_xent(collapsed, collapsed, tau=0.5):.3f}")
        1.946
    """
    expect.vectors("hard_nt_xent", n=2, z1=z1, z2=z2)
    expect.positive("hard_nt_xent", tau=tau)
    expect.at_least("hard_nt_xent", 0, beta=beta, tau_plus=tau_plus)
    if tau_plus >= 1:
        raise UserError(f"hard_nt_xent: tau_plus = {tau_plus} is not in [0, 1)")
    with torch.autocast(z1.device.type, enabled=False):
        p, s, no_negatives = cosines(z1, z2)
        p, s = p / tau, s / tau
        log_n = math.log(2 * len(z1) - 2)
        weights = (beta * s).masked_fill(no_negatives, -torch.inf)
        weighed = ((1 + beta) * s).masked_fill(no_negatives, -torch.inf)
        found = weighed.logsumexp(1) - weights.logsumexp(1) + log_n  # log of the weighed sum
        floor = torch.full_like(p, log_n - 1 / tau)
        log_negatives = found
        if tau_plus:
            false = math.log(tau_plus) + log_n + p  # log of what is taken off
            some_left = false < found
            share = torch.where(some_left, false - found, -1.0).exp()
            less = found + torch.log1p(-share) - math.log1p(-tau_plus)
            log_negatives = torch.where(some_left, less, -torch.inf)
        return softplus(torch.maximum(log_negatives, floor) - p).mean()


def cosines(z1: Tensor, z2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Cosines of all projections of both views, (n, d) each.

    Returns:
        That of each projection with its other view, (2n,); those with all projections, (2n, 2n);
        and which of these are no negatives: itself and its other view.
    """
    n = len(z1)
    z = normalize(torch.cat([z1, z2]), dim=1)
    s = z @ z.T
    positive = positives(n, z.device)[:, None]
    no_negatives = torch.eye(2 * n, dtype=torch.bool, device=z.device).scatter(1, positive, True)
    return s.gather(1, positive)[:, 0], s, no_negatives
