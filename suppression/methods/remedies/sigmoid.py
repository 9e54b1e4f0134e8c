"""SigLIP's sigmoid loss (Zhai et al. 2023)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from suppression.losses.sigmoid import sigmoid_loss
from suppression.methods.remedies._nt_xent import OfNTXent


class SigLIP(OfNTXent):
    """Each pair of views is told to be of one picture or not, by itself.

    There is no softmax in which a feature that tells most pairs apart leaves nothing for the
    others. That this helps against suppression is nobody's published claim.

    Args:
        t: Factor of the cosines that training starts from, above 0; its logarithm is learned.
        b: Bias that training starts from, finite; it is learned.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", Algorithm 1; t = 10 and
        b = -10.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import SigLIP, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [SigLIP()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "siglip"
    idle = ("scaling", "tau")

    def __init__(self, *, t: float = 10.0, b: float = -10.0) -> None:
        if not 0 < t < math.inf:
            raise ValueError(f"t = {t}: a factor of cosines is above 0")
        if not math.isfinite(b):
            raise ValueError(f"b = {b} is no finite number")
        super().__init__()
        self.log_t = nn.Parameter(torch.tensor(math.log(t)))
        self.b = nn.Parameter(torch.tensor(float(b)))

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: Any) -> Tensor:
        return sigmoid_loss(z1, z2, t=self.log_t.exp(), b=self.b)
