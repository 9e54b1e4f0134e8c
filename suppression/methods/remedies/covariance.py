"""VICReg's covariance term beside a method's own loss."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor
from torch.nn.functional import normalize

from suppression.losses.redundancy import redundance
from suppression.methods.remedies.base import Remedy


class Covariance(Remedy):
    """Coordinates of z that say the same are penalised, so that one feature cannot fill them all.

    What is added is `mu` times the squared covariances between different coordinates, over d, the
    sum over both views, of projections that are scaled to length sqrt(d): NT-Xent leaves their
    length free, and the term would otherwise be met by short ones.

    Args:
        mu: Weight of the term, 0 or more.

    Raises:
        ValueError: `mu` is out of range.

    Source:
        Bardes et al. 2022 (VICReg), equation 4, for the term; 0.04 is its weight there over that
        of invariance. Beside NT-Xent it is ours.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Covariance, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Covariance()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "covariance"
    needs = "projections of two views whose loss can be added to"

    def __init__(self, *, mu: float = 0.04) -> None:
        if not 0 <= mu < math.inf:
            raise ValueError(f"mu = {mu}: a weight is 0 or more")
        super().__init__()
        self.mu = mu

    def penalty(self, x: Tensor, h: Tensor, z: Tensor) -> Any:
        z1, z2 = (normalize(z, dim=1) * math.sqrt(z.shape[1])).chunk(2)
        return self.mu * (redundance(z1) + redundance(z2))
