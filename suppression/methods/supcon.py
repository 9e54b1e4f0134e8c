"""Supervised contrastive learning (Khosla et al. 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from suppression.losses.supcon import sup_con
from suppression.methods._projection import Projected


class SupCon(Projected):
    """L_out (equation 2) at temperature `tau`: each projection is drawn to all others of its class; the mean over labels, where the scene tells several."""

    labelled = True

    def __init__(self, encoder: nn.Module, blocks: tuple[int, ...] = (10,), *, tau: float = 0.1, **parameters: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, **parameters)
        self.blocks, self.tau = list(blocks), tau

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return torch.stack([sup_con(z1, z2, block, tau=self.tau) for block in y.split(self.blocks, 1)]).mean()
