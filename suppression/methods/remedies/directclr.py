"""DirectCLR (Jing et al. 2022)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from suppression.methods.remedies.base import Remedy


class DirectCLR(Remedy):
    """z is the first coordinates of h, without a head that is trained.

    The loss has no gradient to the other coordinates, through the head; the layers below are
    shared, and still move them.

    Args:
        d0: Share of h that the loss sees, in (0, 1]; at 1 z is h.

    Raises:
        ValueError: `d0` is out of range.

    Source:
        Jing et al. 2022, "Understanding Dimensional Collapse in Contrastive Self-supervised
        Learning"; 360 of 2,048 coordinates, with tau = 0.1.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import DirectCLR, with_remedies
        >>> from suppression.models import ResNet
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> method = with_remedies(SimCLR(encoder), [DirectCLR(d0=0.25)])
        >>> method.project(torch.rand(5, 32)).shape
        torch.Size([5, 8])
    """

    name = "directclr"
    needs = "a head that nothing else depends on"
    idle = ("head", "head_layers", "head_width", "head_bn", "z_dim")

    def __init__(self, *, d0: float = 0.176) -> None:
        if not 0 < d0 <= 1:
            raise ValueError(f"d0 = {d0} is not a share in (0, 1]")
        super().__init__()
        self.d0 = d0

    def head(self, h: Tensor, method: Any) -> Tensor:
        return h[:, : max(1, round(self.d0 * h.shape[1]))]
