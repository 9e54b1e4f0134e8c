"""How many bits tell which picture a view is of, where no two pictures have a value in common."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Of the exponent of a normal density: what is fitted on few pairs is too sure of itself.
SHARPNESS = tuple(2.0**-i for i in range(12))
SHRINKAGE = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # of the covariance of differences towards a round one
FLOOR = 1e-4  # of the views' variance, which what does not differ between views is taken to have


class Choice(NamedTuple):
    """How distances are turned into probabilities."""

    shrinkage: float
    sharpness: float


class Reidentified(NamedTuple):
    """What was found: bits at least, and the share of pictures whose value was found."""

    bits: float
    accuracy: float


def reidentified(first: Tensor, second: Tensor, labels: Tensor, half: Tensor) -> Reidentified:
    """How much the second view of a picture tells of a label that hardly two pictures share.

    Nothing can be fitted on values that stand once. But each picture has a first view: the second
    one is compared with all of them, in directions weighted by how little the views of a picture
    differ in them, which is learned from the other half of the pictures. With q the probability
    that this gives to the right label, H + E log2 q bits survive at least (Barber and Agakov 2003).

    Args:
        first: First views, one a picture, (m, d).
        second: Second views, (m, d).
        labels: Their values, (m,) int64.
        half: Which pictures are of one half, (m,) bool.

    Example:
        >>> codes = torch.arange(64) % 8
        >>> views = torch.nn.functional.one_hot(codes).float()
        >>> found = reidentified(views, views, torch.arange(64), torch.arange(64) < 32)
        >>> round(found.bits, 2)
        3.0
    """
    first, second = first.double(), second.double()
    log_q = torch.zeros(len(first), dtype=torch.double)
    right = torch.zeros(len(first), dtype=torch.double)
    for asked in (half, ~half):
        choice = chosen(first[~asked], second[~asked], labels[~asked])
        whitening = whitened(first[~asked], second[~asked], choice.shrinkage)
        distances = torch.cdist(second[asked] @ whitening, first @ whitening).square()
        same = labels[asked][:, None] == labels
        log_q[asked] = log_share(distances, same, choice.sharpness)
        right[asked] = (labels[distances.argmin(1)] == labels[asked]).double()
    shares = labels.unique(return_counts=True)[1].double() / len(labels)
    entropy = float(-(shares * shares.log2()).sum())
    bits = entropy + float(log_q.mean()) / math.log(2)
    return Reidentified(min(max(bits, 0.0), entropy), float(right.mean()))


def chosen(first: Tensor, second: Tensor, labels: Tensor) -> Choice:
    """What finds the most when it learns from every other picture and is asked about the rest."""
    learned = torch.arange(len(first)) % 2 == 0
    same = labels[~learned][:, None] == labels
    scores = {}
    for shrinkage in SHRINKAGE:
        whitening = whitened(first[learned], second[learned], shrinkage)
        distances = torch.cdist(second[~learned] @ whitening, first @ whitening).square()
        for sharpness in SHARPNESS:
            score = float(log_share(distances, same, sharpness).mean())
            scores[score] = Choice(shrinkage, sharpness)
    return scores[max(scores)]


def whitened(first: Tensor, second: Tensor, shrinkage: float) -> Tensor:
    """The map after which the views of a picture differ alike in all directions, (d, d)."""
    differences = second - first
    covariance = differences.T @ differences / len(differences)
    values, vectors = torch.linalg.eigh(covariance)
    least = FLOOR * float(first.var(0).mean()) + 1e-12
    values = (1 - shrinkage) * values + shrinkage * values.mean()
    return vectors * values.clamp(min=least).rsqrt()


def log_share(distances: Tensor, same: Tensor, sharpness: float) -> Tensor:
    """The logarithm of the probability given to the right labels, (n,)."""
    weights = (-0.5 * sharpness * distances).log_softmax(1)
    return weights.masked_fill(~same, -math.inf).logsumexp(1)
