"""The generalised contrastive losses of "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021): alignment plus a distribution to be matched."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.losses import info_nce
from suppression.methods.projected import Projected
from suppression.seeds import torch_rng


class Generalised(Projected):
    """L_align + `weight` times L_distribution, `spreading`, of all 2n projections; l2-normalised before where `norm`.

    L_align is half the squared distance of the two views, with `alignment` notebook its mean over all n d entries, as the authors' notebook has it (so that
    `weight` depends on d), with paper its mean over the n pairs: then it is 1 - cosine where projections are normalised, which is NT-Xent's own first term
    times tau.
    """

    norm = True

    def __init__(self, encoder: nn.Module, *, weight: float, alignment: Literal["notebook", "paper"] = "notebook", **knobs: Any) -> None:
        if not weight >= 0:
            raise ValueError(f"weight = {weight} is below 0")
        super().__init__(encoder, **knobs)
        self.weight, self.alignment = weight, alignment

    def spreading(self, z: Tensor) -> Tensor:
        """How far projections (2n, d) are from the distribution that they should have; a scalar."""
        raise NotImplementedError(f"{type(self).__name__} has no distribution")  # each of the losses below has its own

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        if self.norm:
            z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        apart = (z1 - z2).square() / 2  # (n, d)
        align = apart.mean() if self.alignment == "notebook" else apart.sum(1).mean()
        return align + self.weight * self.spreading(torch.cat([z1, z2]))


class Decoupled(Generalised):
    """Decoupled NT-Xent: L_distribution is the mean of logsumexp(cosines / `tau`) - log d, so that `weight` and `tau` need not be one number as in NT-Xent.

    As in the notebook a projection's similarity to itself is not left out, and the constant log d is taken off. (Yeh et al.'s "decoupled contrastive learning"
    is another loss.)
    """

    def __init__(self, encoder: nn.Module, *, tau: float = 1.0, weight: float = 0.1, **knobs: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, weight=weight, **knobs)
        self.tau = tau

    def spreading(self, z: Tensor) -> Tensor:
        return mean_logsumexp(z, tau=self.tau) - math.log(z.shape[1])


class SWD(Generalised):
    """L_distribution is the sliced Wasserstein distance to a `prior`: uniform on the unit `sphere` (projections are l2-normalised then, and only then),
    standard `normal`, or uniform on the `cube` [-1, 1]^d.

    The directions and the sample of the prior are drawn anew for every pair of views, from how many were drawn before, which is kept with the weights: a
    training that is resumed draws what it would have drawn.
    """

    def __init__(self, encoder: nn.Module, *, weight: float = 5.0, prior: Literal["sphere", "normal", "cube"] = "sphere", **knobs: Any) -> None:
        super().__init__(encoder, weight=weight, **knobs)
        self.prior, self.norm = prior, prior == "sphere"
        self.seed, self.drawn = int(torch.randint(2**31, ())), 0  # the seed follows the initial weights', equal wherever this cell is built

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.drawn)

    def set_extra_state(self, state: Tensor) -> None:
        self.drawn = int(state)

    def spreading(self, z: Tensor) -> Tensor:
        rng = torch_rng("swd", self.seed, self.drawn, device=z.device)
        self.drawn += 1
        return sliced_wasserstein(z, sample(self.prior, z, rng), orthogonal(z, rng))


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
