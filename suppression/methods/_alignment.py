"""The generalised contrastive losses: alignment, and a distribution that is to be matched."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression.methods._projection import Projected


class Generalised(Projected):
    """L_align plus `weight` times L_distribution of all 2n projections.

    L_align is half the squared distance between the two views. Projections are l2-normalised
    before, where `norm` is set.

    Args:
        encoder: The network to be trained.
        weight: Weight of L_distribution (lambda in the paper), 0 or more.
        alignment: notebook takes L_align's mean over all n d entries, as the authors' notebook
            does, so that `weight` depends on d; paper its mean over the n pairs, which is
            1 - cosine where projections are normalised: NT-Xent's own first term times tau.

    Source:
        "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021).
    """

    norm = True

    def __init__(
        self,
        encoder: nn.Module,
        *,
        weight: float,
        alignment: Literal["notebook", "paper"] = "notebook",
        **parameters: Any,
    ) -> None:
        if not weight >= 0:
            raise ValueError(f"weight = {weight} is below 0")
        super().__init__(encoder, **parameters)
        self.weight, self.alignment = weight, alignment

    def spreading(self, z: Tensor) -> Tensor:
        """L_distribution: how far projections (2n, d) are from it; a scalar."""
        # Each loss of this family brings its own; the family itself is not in METHODS.
        raise NotImplementedError(f"{type(self).__name__} has no distribution")

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        if self.norm:
            z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        apart = (z1 - z2).square() / 2  # (n, d)
        align = apart.mean() if self.alignment == "notebook" else apart.sum(1).mean()
        return align + self.weight * self.spreading(torch.cat([z1, z2]))
