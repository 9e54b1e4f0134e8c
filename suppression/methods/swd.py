"""Alignment and the sliced Wasserstein distance to a distribution."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from suppression.losses.distribution import orthogonal, sample, sliced_wasserstein
from suppression.methods._alignment import Generalised
from suppression.seeding import torch_rng


class SWD(Generalised):
    """Alignment plus the sliced Wasserstein distance of the projections to a prior.

    The directions and the sample of the prior are drawn anew for every pair of views, from how
    many were drawn before. That number is kept with the weights: a training that is resumed draws
    what it would have drawn.

    Args:
        encoder: The network to be trained.
        weight: Weight of the distance (lambda in the paper), 0 or more.
        prior: sphere is uniform on the unit sphere (projections are l2-normalised then, and only
            then), normal is standard normal, cube is uniform on [-1, 1]^d.
        **parameters: Those of the alignment (`Generalised`) and of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021).

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = SWD(ResNet(width=4, stem=1, channels=1), prior="normal")
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        weight: float = 5.0,
        prior: Literal["sphere", "normal", "cube"] = "sphere",
        **parameters: Any,
    ) -> None:
        super().__init__(encoder, weight=weight, **parameters)
        self.prior, self.norm = prior, prior == "sphere"
        # The seed follows from that of the initial weights: equal wherever this cell is built.
        self.seed = int(torch.randint(2**31, ()))
        self.drawn = 0

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.drawn)

    def set_extra_state(self, state: Tensor) -> None:
        self.drawn = int(state)

    def spreading(self, z: Tensor) -> Tensor:
        rng = torch_rng("swd", self.seed, self.drawn, device=z.device)
        self.drawn += 1
        return sliced_wasserstein(z, sample(self.prior, z, rng), orthogonal(z, rng))
