"""Alignment and the sliced Wasserstein distance to a distribution (Intriguing Properties of Contrastive Losses)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from suppression.losses.distribution import orthogonal, sample, sliced_wasserstein
from suppression.methods._alignment import Generalised
from suppression.seeding import torch_rng


class SWD(Generalised):
    """L_distribution is the sliced Wasserstein distance to a `prior`: uniform on the unit `sphere` (projections are l2-normalised then, and only then),
    standard `normal`, or uniform on the `cube` [-1, 1]^d.

    The directions and the sample of the prior are drawn anew for every pair of views, from how many were drawn before, which is kept with the weights: a
    training that is resumed draws what it would have drawn.
    """

    def __init__(self, encoder: nn.Module, *, weight: float = 5.0, prior: Literal["sphere", "normal", "cube"] = "sphere", **parameters: Any) -> None:
        super().__init__(encoder, weight=weight, **parameters)
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
