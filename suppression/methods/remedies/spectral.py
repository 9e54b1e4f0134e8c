"""The spectral contrastive loss (HaoChen et al. 2021)."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from suppression.losses.spectral import spectral_contrastive
from suppression.methods.remedies._nt_xent import OfNTXent


class Spectral(OfNTXent):
    """Inner products of positives are large, squared ones of negatives small.

    Its minima are the leading eigenvectors of the graph of views, a direction for each feature
    that views share.

    Args:
        ball: Squared length that projections have at most, above 0 (mu in the released code).

    Raises:
        ValueError: `ball` is out of range.

    Source:
        HaoChen et al. 2021, "Provable Guarantees for Self-Supervised Deep Learning with Spectral
        Contrastive Loss", and its code, where mu = 1.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Spectral, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Spectral()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "spectral"
    idle = ("scaling", "tau")

    def __init__(self, *, ball: float = 1.0) -> None:
        if not 0 < ball < math.inf:
            raise ValueError(f"ball = {ball}: a squared length is above 0")
        super().__init__()
        self.ball = ball

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: Any) -> Tensor:
        return spectral_contrastive(z1, z2, ball=self.ball)
