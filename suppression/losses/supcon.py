"""Supervised contrastive loss (Khosla et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression import expect
from suppression.errors import UserError


def sup_con(z1: Tensor, z2: Tensor, y: Tensor, *, tau: float) -> Tensor:
    """The supervised contrastive loss (L_out) between the projections of two views.

    An anchor's positives are all other projections of pictures that share a class with it, among
    them always its own other view. The projections are normalized here.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        y: Classes of the pictures, (n, classes), one-hot or multi-hot.
        tau: Temperature, above 0.

    Returns:
        The mean over the 2n anchors of the mean over their positives, in nats; a scalar.

    Raises:
        UserError: A shape, a type or the temperature is wrong.

    Source:
        Khosla et al. 2020, "Supervised Contrastive Learning", equation 2.

    Example:
        Projections that are one point for each class; the least possible loss is log(3), as each
        anchor has three positives:

        >>> y = torch.eye(2).repeat(2, 1)
        >>> z = torch.eye(2).repeat(2, 1)
        >>> print(f"{sup_con(z, z, y, tau=0.1):.3f}")
        1.099
    """
    expect.vectors("sup_con", n=2, z1=z1, z2=z2)
    expect.positive("sup_con", tau=tau)
    if not isinstance(y, Tensor) or y.ndim != 2 or len(y) != len(z1):
        raise UserError(
            f"sup_con: y is {expect.kind(y)} for {len(z1)} pictures; ({len(z1)}, classes) is "
            "wanted, one-hot or multi-hot: torch.nn.functional.one_hot(y)"
        )
    itself = torch.eye(2 * len(z1), dtype=torch.bool, device=z1.device)
    with torch.autocast(z1.device.type, enabled=False):
        z = normalize(torch.cat([z1, z2]), dim=1)  # (2n, d)
        common = y.float() @ y.float().T  # how many classes two pictures share, (n, n)
        same = common.fill_diagonal_(1).gt(0).repeat(2, 2)  # (2n, 2n)
        logits = (z @ z.T / tau).masked_fill(itself, -torch.inf)
        log_p = logits.log_softmax(1).masked_fill(itself, 0)
    positive = (same & ~itself).to(log_p.dtype)
    return -((positive * log_p).sum(1) / positive.sum(1)).mean()
