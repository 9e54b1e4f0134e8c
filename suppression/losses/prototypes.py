"""Swapped prediction over prototypes (SwAV, Caron et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from suppression import expect
from suppression.errors import UserError


def few_prototypes(prototypes: int, classes: int) -> list[str]:
    """A note for the user where there are fewer prototypes than classes, else nothing."""
    if prototypes >= classes:
        return []
    note = (
        f"prototypes = {prototypes} is fewer than the {classes} classes, some of which must then "
        "share one; the paper has several for each"
    )
    return [note]


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Codes of a batch: soft assignments to prototypes that use all prototypes equally.

    Each sample's code sums to 1, and each prototype's share of the batch to n / k, the more
    exactly the more iterations. The computation is in logarithms, as exp(scores / epsilon)
    overflows where the scores are not cosines. The codes have no gradient.

    Args:
        scores: Similarities of samples and prototypes, (n, k).
        epsilon: Entropy regularization, in units of the scores, above 0. The smaller it is, the
            nearer a code is to one-hot.
        iterations: Number of Sinkhorn-Knopp iterations, at least 1.

    Returns:
        The codes, (n, k).

    Raises:
        UserError: A shape, a type or a parameter is wrong.

    Source:
        Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster
        Assignments", equations 3 to 5.

    Example:
        Both samples are nearer to the first prototype, yet each prototype gets one of them:

        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.7]])
        >>> sinkhorn(scores, epsilon=0.05, iterations=50).round()
        tensor([[1., 0.],
                [0., 1.]])
    """
    expect.vectors("sinkhorn", scores=scores)
    expect.positive("sinkhorn", epsilon=epsilon)
    expect.whole("sinkhorn", least=1, iterations=iterations)
    logs = scores / epsilon
    for _ in range(iterations):
        logs = logs - logs.logsumexp(0, keepdim=True)
        logs = logs.log_softmax(1)
    return logs.exp()


def swapped(codes: Sequence[Tensor], log_p: Sequence[Tensor]) -> Tensor:
    """Swapped prediction: the code of one view is predicted from the other views.

    Args:
        codes: Codes of the first views, (n, k) each; a view without a code (a local crop) only
            predicts.
        log_p: Logarithms of the predictions of all views, (n, k) each, those with a code first.

    Returns:
        The cross entropy of code i with prediction j in nats, averaged over the samples and over
        all i and all j other than i; a scalar.

    Raises:
        UserError: There is no such pair, or shapes or types differ.

    Source:
        Caron et al. 2020, "Unsupervised Learning of Visual Features by Contrasting Cluster
        Assignments", section 3.1 and, for multi-crop, equation 6.

    Example:
        Predictions that know nothing have a cross entropy of log(k):

        >>> codes = [torch.eye(4), torch.eye(4)]
        >>> log_p = [torch.zeros(4, 4).log_softmax(1)] * 3
        >>> print(f"{swapped(codes, log_p):.4f}")
        1.3863
    """
    check_codes(codes, log_p)
    terms = []
    for i, code in enumerate(codes):
        for j, prediction in enumerate(log_p):
            if j == i:
                continue
            cross_entropy = -(code * prediction).sum(1)  # (n,)
            terms.append(cross_entropy.mean())
    return torch.stack(terms).mean()


def check_codes(codes: Sequence[Tensor], log_p: Sequence[Tensor]) -> None:
    """UserError unless some view's code can be predicted from another view's prediction."""
    for views in (codes, log_p):
        if isinstance(views, Tensor) and views.ndim != 3:
            raise UserError("swapped: codes and log_p are sequences of (n, k) tensors, one a view")
    if not 1 <= len(codes) <= len(log_p) or len(log_p) < 2:
        raise UserError(
            f"swapped: {len(codes)} codes and {len(log_p)} predictions; one code at least and two "
            "predictions are wanted, no fewer predictions than codes"
        )
    named: dict[str, Any] = {f"codes[{i}]": code for i, code in enumerate(codes)}
    named |= {f"log_p[{j}]": prediction for j, prediction in enumerate(log_p)}
    expect.vectors("swapped", **named)


@torch.no_grad()
def perplexity(p: Tensor) -> Tensor:
    """How many outputs are in use: exp of the entropy of the mean of (n, k) predictions, 1 to k."""
    mean = p.mean(0)
    return (mean * mean.clamp(min=1e-12).log()).sum().neg().exp()
