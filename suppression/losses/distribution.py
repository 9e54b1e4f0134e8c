"""Distances of a batch of embeddings from a distribution."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression.losses.contrastive import info_nce


def mean_logsumexp(z: Tensor, *, tau: float) -> Tensor:
    """The mean over i of log sum_k exp(z_i z_k / tau), k = i included, of vectors (m, d); a scalar that never needs the whole m x m matrix."""
    with torch.autocast(z.device.type, enabled=False):
        own = torch.arange(len(z), device=z.device)
        return info_nce(z, z, own, tau=tau) + z.square().sum(1).mean() / tau  # the cross entropy to oneself, with that similarity put back


def sliced_wasserstein(a: Tensor, b: Tensor, directions: Tensor) -> Tensor:
    """The mean over k directions, the columns of (d, k), of the squared 2-Wasserstein distance between the projections of samples a and b, (m, d) each."""
    with torch.autocast(a.device.type, enabled=False):
        return ((a @ directions).sort(0).values - (b @ directions).sort(0).values).square().mean()


def sample(prior: str, like: Tensor, rng: torch.Generator) -> Tensor:
    """As many vectors of a prior (as in `SWD`) as `like` has rows, (m, d)."""
    x = torch.empty_like(like)
    if prior == "cube":
        return x.uniform_(-1, 1, generator=rng)
    x.normal_(generator=rng)
    return normalize(x, dim=1) if prior == "sphere" else x


def orthogonal(like: Tensor, rng: torch.Generator) -> Tensor:
    """A random orthogonal matrix, (d, d) for `like` of (m, d), uniform over the rotations and reflections (the sign makes it so: Mezzadri 2007)."""
    d = like.shape[1]
    q, r = torch.linalg.qr(like.new_empty(d, d).normal_(generator=rng))
    return q * r.diagonal().sign()
