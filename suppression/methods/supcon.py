"""Supervised contrastive learning (Khosla et al. 2020)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from suppression.losses.supcon import sup_con
from suppression.methods._projection import Projected


class SupCon(Projected):
    """L_out: each projection is drawn to all others of its class.

    With several labels the loss is the mean over them.

    Args:
        encoder: The network to be trained.
        blocks: How many classes each label has.
        tau: Temperature, above 0.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Khosla et al. 2020, equation 2.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = SupCon(ResNet(width=4, stem=1, channels=1), (10,), tau=0.1)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.eye(10)[:8]).shape
        torch.Size([])
    """

    labelled = True

    def __init__(
        self,
        encoder: nn.Module,
        blocks: tuple[int, ...] = (10,),
        *,
        tau: float = 0.1,
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, **parameters)
        self.blocks, self.tau = list(blocks), tau

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        losses = [sup_con(z1, z2, label, tau=self.tau) for label in y.split(self.blocks, 1)]
        return torch.stack(losses).mean()
