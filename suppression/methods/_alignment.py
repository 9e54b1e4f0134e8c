"""The generalised contrastive losses of "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021): alignment plus a distribution to be matched."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.methods._projection import Projected


class Generalised(Projected):
    """L_align + `weight` times L_distribution, `spreading`, of all 2n projections; l2-normalised before where `norm`.

    L_align is half the squared distance of the two views, with `alignment` notebook its mean over all n d entries, as the authors' notebook has it (so that
    `weight` depends on d), with paper its mean over the n pairs: then it is 1 - cosine where projections are normalised, which is NT-Xent's own first term
    times tau.
    """

    norm = True

    def __init__(self, encoder: nn.Module, *, weight: float, alignment: Literal["notebook", "paper"] = "notebook", **parameters: Any) -> None:
        if not weight >= 0:
            raise ValueError(f"weight = {weight} is below 0")
        super().__init__(encoder, **parameters)
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
