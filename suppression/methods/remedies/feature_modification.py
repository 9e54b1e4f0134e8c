"""Implicit feature modification (Robinson et al. 2021)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from suppression.losses.contrastive import Scaling, positives
from suppression.methods.remedies._nt_xent import OfNTXent
from suppression.methods.simclr import SimCLR


class IFM(OfNTXent):
    """Half the loss is NT-Xent, half is NT-Xent on pairs made harder in feature space.

    Each anchor's positive is moved away from it, and each negative towards it, by `epsilon` along
    the gradient of the loss. As the gradient runs along the anchor, which has length 1, this
    lowers the cosine of the positive and raises those of the negatives by `epsilon`, before they
    are divided by the temperature. So the features that tell pictures apart most easily no longer
    suffice.

    Args:
        epsilon: How far each sample is moved, in units of a cosine, 0 to 1 (the paper's are 0.05,
            0.1 and 0.2); beyond 1, equal projections would count as less alike than opposite
            ones.

    Raises:
        ValueError: `epsilon` is out of range.

    Source:
        Robinson et al. 2021, "Can contrastive learning avoid shortcut solutions?"; the weights
        of the two halves are equal, and `epsilon` is put on before the division by the
        temperature, as in the authors' released code.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import IFM, with_remedies
        >>> from suppression.models import ResNet
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> method = with_remedies(SimCLR(encoder, tau=0.2), [IFM(epsilon=0.1)])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "ifm"

    def __init__(self, *, epsilon: float = 0.1) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon = {epsilon} is not in 0 to 1, a difference of cosines")
        super().__init__()
        self.epsilon = epsilon

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: SimCLR) -> Tensor:
        hard = perturbed_nt_xent(
            z1, z2, tau=method.tau, epsilon=self.epsilon, scaling=method.scaling
        )
        return (method.pair(z1, z2, y) + hard) / 2


def perturbed_nt_xent(
    z1: Tensor, z2: Tensor, *, tau: float, epsilon: float, scaling: Scaling = "algorithm1"
) -> Tensor:
    """NT-Xent in which positives are `epsilon` less similar and negatives `epsilon` more.

    Args:
        z1: Projections of the first views, (n, d), normalised here.
        z2: Projections of the second views, (n, d), normalised here.
        tau: Temperature, above 0.
        epsilon: Change of each cosine.
        scaling: As in `suppression.losses.nt_xent`.

    Returns:
        A scalar. Holds the whole matrix of similarities, (2n)^2.

    Example:
        >>> import torch
        >>> z = torch.ones(4, 3)  # nothing can be told apart: log(1 + 6 exp(2 epsilon / tau))
        >>> loss = perturbed_nt_xent(z, z, tau=0.5, epsilon=0.25)
        >>> torch.allclose(loss, torch.log(1 + 6 * torch.exp(torch.tensor(1.0))))
        True
    """
    n = len(z1)
    with torch.autocast(z1.device.type, enabled=False):
        z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
        if scaling == "notebook":
            s = z1 @ z2.T  # (n, n)
            own = torch.arange(n, device=z1.device)
            return _of_anchors(s, own, tau, epsilon) + _of_anchors(s.T, own, tau, epsilon)
        z = torch.cat([z1, z2])
        itself = torch.eye(2 * n, dtype=torch.bool, device=z1.device)
        s = (z @ z.T).masked_fill(itself, -torch.inf)  # (2n, 2n)
        loss = _of_anchors(s, positives(n, z1.device), tau, epsilon)
    return 2 * loss if scaling == "repository" else loss


def _of_anchors(s: Tensor, positive: Tensor, tau: float, epsilon: float) -> Tensor:
    """The mean over anchors, the rows of s (m, k), of the perturbed cross entropy."""
    shift = torch.full_like(s, epsilon).scatter_(1, positive[:, None], -epsilon)
    return cross_entropy((s + shift) / tau, positive)
