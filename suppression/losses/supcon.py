"""Supervised contrastive loss (Khosla et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def sup_con(z1: Tensor, z2: Tensor, y: Tensor, *, tau: float) -> Tensor:
    """L_out of two views' projections, (n, d) each, normalised here, with classes y, (n, classes), one-hot or multi-hot; a scalar, the mean over 2n anchors.

    An anchor's positives are all other projections of pictures that share a class with it, among them always its own other view.
    """
    itself = torch.eye(2 * len(z1), dtype=torch.bool, device=z1.device)
    with torch.autocast(z1.device.type, enabled=False):
        z = normalize(torch.cat([z1, z2]), dim=1)
        share = (y.float() @ y.float().T).fill_diagonal_(1).gt(0).repeat(2, 2)  # (2n, 2n)
        log_p = (z @ z.T / tau).masked_fill(itself, -torch.inf).log_softmax(1).masked_fill(itself, 0)
    positive = (share & ~itself).to(log_p.dtype)
    return -((positive * log_p).sum(1) / positive.sum(1)).mean()
