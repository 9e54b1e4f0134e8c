"""Losses that decouple alignment from uniformity: DHEL and KCL (Koromilas et al. 2024)."""

from __future__ import annotations

import math

from torch import Tensor

from suppression.losses.hyperspherical import dhel, kcl
from suppression.methods.remedies._nt_xent import OfNTXent
from suppression.methods.simclr import SimCLR


class DHEL(OfNTXent):
    """Negatives come from an anchor's own view, and the positive is not among them.

    NT-Xent's minima stay, and what the positive does to the negatives' sum is gone. The
    temperature is the method's; the paper's is 0.3.

    Source:
        Koromilas et al. 2024, "Bridging Mini-Batch and Asymptotic Analysis in Contrastive
        Learning: From InfoNCE to Kernel-Based Losses", and its code.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import DHEL, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1), tau=0.3), [DHEL()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "dhel"
    idle = ("scaling",)

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return dhel(z1, z2, tau=method.tau)


class KCL(OfNTXent):
    """A Gaussian kernel in place of NT-Xent's exponential, and means in place of its logarithm.

    Its expectation does not depend on the size of the batch.

    Args:
        t: Sharpness of the kernel exp(-t |x - y|^2), above 0.
        gamma: Weight of uniformity, 0 or more.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Koromilas et al. 2024, as for DHEL; t = 2 and gamma = 16 in their code.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import KCL, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [KCL(gamma=8.0)])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "kcl"
    idle = ("scaling", "tau")

    def __init__(self, *, t: float = 2.0, gamma: float = 16.0) -> None:
        if not 0 < t < math.inf:
            raise ValueError(f"t = {t}: the sharpness of a kernel is above 0")
        if not 0 <= gamma < math.inf:
            raise ValueError(f"gamma = {gamma}: a weight is 0 or more")
        super().__init__()
        self.t, self.gamma = t, gamma

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return kcl(z1, z2, t=self.t, gamma=self.gamma)
