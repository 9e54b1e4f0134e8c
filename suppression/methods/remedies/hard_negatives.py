"""Hard negatives weighed up (Robinson et al. 2021), false ones taken off (Chuang et al. 2020)."""

from __future__ import annotations

import math

from torch import Tensor

from suppression.losses.negatives import hard_nt_xent
from suppression.methods.remedies._nt_xent import OfNTXent
from suppression.methods.simclr import SimCLR


class Debiased(OfNTXent):
    """NT-Xent less the share of negatives that are of the anchor's own class.

    Args:
        tau_plus: That share, in [0, 1).

    Raises:
        ValueError: `tau_plus` is out of range.

    Source:
        Chuang et al. 2020, "Debiased Contrastive Learning"; tau_plus = 0.1.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Debiased, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Debiased()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "debiased"
    idle = ("scaling",)

    def __init__(self, *, tau_plus: float = 0.1) -> None:
        if not 0 <= tau_plus < 1:
            raise ValueError(f"tau_plus = {tau_plus} is not a share in [0, 1)")
        super().__init__()
        self.tau_plus = tau_plus

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return hard_nt_xent(z1, z2, tau=method.tau, beta=0.0, tau_plus=self.tau_plus)


class HCL(OfNTXent):
    """The debiased loss with hard negatives weighed up.

    A negative of cosine q weighs `exp(beta q / tau)`: as released, beta multiplies q / tau, so
    that beta = 1 at tau = 0.5 is exp(2 q).

    Args:
        beta: How much harder negatives weigh more, 0 or more; 0 is the debiased loss.
        tau_plus: Share of negatives that are of the anchor's own class, in [0, 1).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Robinson et al. 2021, "Contrastive Learning with Hard Negative Samples", and its code;
        beta = 1 and tau_plus = 0.1.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import HCL, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [HCL(beta=0.5)])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "hcl"
    idle = ("scaling",)

    def __init__(self, *, beta: float = 1.0, tau_plus: float = 0.1) -> None:
        if not 0 <= beta < math.inf:
            raise ValueError(f"beta = {beta} is below 0, or not finite")
        if not 0 <= tau_plus < 1:
            raise ValueError(f"tau_plus = {tau_plus} is not a share in [0, 1)")
        super().__init__()
        self.beta, self.tau_plus = beta, tau_plus

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        return hard_nt_xent(z1, z2, tau=method.tau, beta=self.beta, tau_plus=self.tau_plus)
