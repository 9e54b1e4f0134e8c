"""Decoupled NT-Xent (Intriguing Properties of Contrastive Losses)."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from suppression.losses.distribution import mean_logsumexp
from suppression.methods._alignment import Generalised


class Decoupled(Generalised):
    """NT-Xent whose weight and temperature need not be one number.

    L_distribution is the mean of logsumexp(cosines / `tau`) - log d. As in the authors' notebook a
    projection's similarity to itself is not left out, and the constant log d is taken off.
    (Yeh et al.'s "decoupled contrastive learning" is another loss.)

    Args:
        encoder: The network to be trained.
        tau: Temperature, above 0.
        weight: Weight of L_distribution (lambda in the paper), 0 or more.
        **parameters: Those of the alignment (`Generalised`) and of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021) and its notebook.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = Decoupled(ResNet(width=4, stem=1, channels=1), tau=1.0, weight=0.1)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    def __init__(
        self, encoder: nn.Module, *, tau: float = 1.0, weight: float = 0.1, **parameters: Any
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, weight=weight, **parameters)
        self.tau = tau

    def spreading(self, z: Tensor) -> Tensor:
        return mean_logsumexp(z, tau=self.tau) - math.log(z.shape[1])
