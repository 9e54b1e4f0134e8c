"""Distances of a batch of embeddings from a distribution, and samples of the distributions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression import expect
from suppression.errors import UserError
from suppression.losses.contrastive import info_nce


def mean_logsumexp(z: Tensor, *, tau: float) -> Tensor:
    """How unevenly vectors are spread: the mean over i of log sum_k exp(z_i z_k / tau).

    It is the distribution term of NT-Xent, with k = i included; of unit vectors the smaller, the
    more uniform. The whole m x m matrix of similarities is never held.

    Args:
        z: Vectors, (m, d).
        tau: Temperature, above 0.

    Returns:
        The mean in nats, a scalar.

    Raises:
        UserError: A shape, a type or the temperature is wrong.

    Source:
        Chen et al. 2021, "Intriguing Properties of Contrastive Losses", the decoupled NT-Xent
        of its generalized contrastive losses.

    Example:
        Of m equal unit vectors it is log(m) + 1 / tau:

        >>> z = torch.tensor([[1.0, 0.0]]).expand(8, 2)
        >>> print(f"{mean_logsumexp(z, tau=1.0):.4f}")
        3.0794
    """
    expect.vectors("mean_logsumexp", z=z)
    expect.positive("mean_logsumexp", tau=tau)
    with torch.autocast(z.device.type, enabled=False):
        own = torch.arange(len(z), device=z.device)
        # The cross entropy of telling oneself, with the similarity to oneself put back.
        return info_nce(z, z, own, tau=tau) + z.square().sum(1).mean() / tau


def sliced_wasserstein(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """The sliced Wasserstein distance between two samples of the same size, squared.

    It is the mean over the directions of the squared 2-Wasserstein distance between the samples
    projected on them, which in one dimension is found by sorting.

    Args:
        a: Vectors, (m, d).
        b: Vectors, (m, d).
        directions: The columns of (d, k), of length 1.

    Returns:
        The squared distance, a scalar.

    Raises:
        UserError: A shape or a type is wrong.

    Source:
        Chen et al. 2021, "Intriguing Properties of Contrastive Losses", the SWD losses of its
        generalized contrastive losses.

    Example:
        The order of a sample does not count, and a shift by 2 is a squared distance of 4 along it:

        >>> a = torch.tensor([[0.0], [1.0], [5.0]])
        >>> sliced_wasserstein(a, a.flip(0) + 2, torch.eye(1))
        tensor(4.)
    """
    expect.vectors("sliced_wasserstein", a=a, b=b)
    expect.vectors("sliced_wasserstein", directions=directions)
    expect.alike("sliced_wasserstein", "a", a, "directions", directions)
    d = a.shape[1]
    if directions.shape[0] != d or directions.shape[1] < 1:
        raise UserError(
            f"sliced_wasserstein: directions are {tuple(directions.shape)} for vectors "
            f"{tuple(a.shape)}; ({d}, k) is wanted, a direction in each column"
        )
    with torch.autocast(a.device.type, enabled=False):
        sorted_a = (a @ directions).sort(0).values  # (m, k)
        sorted_b = (b @ directions).sort(0).values
        return (sorted_a - sorted_b).square().mean()


def sample(prior: str, like: Tensor, rng: torch.Generator) -> Tensor:
    """As many vectors of a prior (see `SWD`) as `like` has rows, (m, d)."""
    x = torch.empty_like(like)
    if prior == "cube":
        return x.uniform_(-1, 1, generator=rng)
    x.normal_(generator=rng)
    return normalize(x, dim=1) if prior == "sphere" else x


def orthogonal(like: Tensor, rng: torch.Generator) -> Tensor:
    """A random orthogonal matrix, (d, d) for `like` of (m, d), uniform over all of them.

    That it is uniform is due to the signs (Mezzadri 2007).
    """
    d = like.shape[1]
    gaussian = like.new_empty(d, d).normal_(generator=rng)
    q, r = torch.linalg.qr(gaussian)
    return q * r.diagonal().sign()
