"""Decoupled contrastive learning: DCL and DCLW (Yeh et al. 2022)."""

from __future__ import annotations

import math

from torch import Tensor

from suppression.losses.negatives import decoupled_nt_xent
from suppression.methods.remedies._nt_xent import OfNTXent
from suppression.methods.simclr import SimCLR


class DCL(OfNTXent):
    """NT-Xent without the positive in its denominator.

    So negatives keep their gradient where the positive is alike already.

    Source:
        Yeh et al. 2022, "Decoupled Contrastive Learning".

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import DCL, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [DCL()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "dcl"
    idle = ("scaling",)

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return decoupled_nt_xent(z1, z2, tau=method.tau)


class DCLW(OfNTXent):
    """DCL in which pairs of views weigh less that are alike already.

    The weights of a batch are `2 - n softmax(p / sigma)`, with the cosines p of its n pairs.

    Args:
        sigma: Width of the weights in units of a cosine, above 0; large ones are DCL.

    Raises:
        ValueError: `sigma` is out of range.

    Source:
        Yeh et al. 2022, as for DCL; sigma = 0.5.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import DCLW, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [DCLW(sigma=0.5)])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "dclw"
    idle = ("scaling",)

    def __init__(self, *, sigma: float = 0.5) -> None:
        if not 0 < sigma < math.inf:
            raise ValueError(f"sigma = {sigma}: a width is above 0")
        super().__init__()
        self.sigma = sigma

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return decoupled_nt_xent(z1, z2, tau=method.tau, sigma=self.sigma)
