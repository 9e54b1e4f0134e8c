"""Decoupled NT-Xent (Intriguing Properties of Contrastive Losses)."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor, nn

from suppression.losses.distribution import mean_logsumexp
from suppression.methods._alignment import Generalised


class Decoupled(Generalised):
    """Decoupled NT-Xent: L_distribution is the mean of logsumexp(cosines / `tau`) - log d, so that `weight` and `tau` need not be one number as in NT-Xent.

    As in the notebook a projection's similarity to itself is not left out, and the constant log d is taken off. (Yeh et al.'s "decoupled contrastive learning"
    is another loss.)
    """

    def __init__(self, encoder: nn.Module, *, tau: float = 1.0, weight: float = 0.1, **parameters: Any) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        super().__init__(encoder, weight=weight, **parameters)
        self.tau = tau

    def spreading(self, z: Tensor) -> Tensor:
        return mean_logsumexp(z, tau=self.tau) - math.log(z.shape[1])
