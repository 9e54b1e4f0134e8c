"""The pairwise sigmoid loss of SigLIP."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from suppression import expect


def sigmoid_loss(z1: Tensor, z2: Tensor, *, t: float | Tensor, b: float | Tensor) -> Tensor:
    """Each pair of views by itself: is it of one picture or not?

    The sum over all n^2 pairs of a first and a second view of `-log sigmoid(y (t s + b))`, over n,
    with cosines s and y = 1 for views of one picture, else -1. There is no softmax, so that no
    pair is weighed by the others.

    Args:
        z1: Projections of the first views, (n, d) of a floating type, n >= 2.
        z2: Projections of the second views, (n, d), in the same order.
        t: What cosines are multiplied by, a number or a scalar tensor that is learned.
        b: What is added, the same.

    Returns:
        The loss in nats, a scalar.

    Raises:
        UserError: A shape or a type is wrong.

    Source:
        Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", Algorithm 1.

    Example:
        Nothing is asked where t = b = 0, n log 2:

        >>> print(f"{sigmoid_loss(torch.eye(4), torch.eye(4), t=0.0, b=0.0):.3f}")
        2.773
    """
    expect.vectors("sigmoid_loss", n=2, z1=z1, z2=z2)
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):
        s = normalize(z1, dim=1) @ normalize(z2, dim=1).T  # (n, n)
        y = 2 * torch.eye(n, dtype=s.dtype, device=s.device) - 1
        return -logsigmoid(y * (t * s + b)).sum() / n
