"""BYOL: Bootstrap Your Own Latent (Grill et al. 2020, equations 1 to 3)."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from suppression.methods._ema import ema_, follower
from suppression.methods._prediction import Predicted


class BYOL(Predicted):
    """2 - 2 cos between one view's prediction and the target network's projection of the other.

    The loss is the sum of both directions. The target network follows encoder and head as a
    moving average. It starts as a copy of them; the released code draws it apart, which its
    authors found to make no difference.

    Args:
        encoder: The network to be trained.
        ema: Share of itself that the target network keeps at a step, in [0, 1]; it rises from
            here to 1 as a cosine over training (section 3.1).
        targets: constant takes a random network drawn apart, which never moves; stop_gradient
            the online network itself, an `ema` that stays 0 (Table 5a has both); none the
            moving average.
        **parameters: Those of the predictor (`Predicted`) and of the head (`Projected`); the
            predictor's hidden layer is as wide as h unless told (the paper's: twice as wide).

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Grill et al. 2020, equations 1 to 3 and Table 5a.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = BYOL(ResNet(width=4, stem=1, channels=1), ema=0.99)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
        >>> method.after_step(progress=0.5)
    """

    idle = Predicted.idle | {"targets": {"constant": ("ema",), "stop_gradient": ("ema",)}}

    def __init__(
        self,
        encoder: nn.Module,
        *,
        ema: float = 0.996,
        targets: Literal["constant", "stop_gradient"] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(encoder, **parameters)
        self.ema, self.targets = ema, targets
        self.target = follower(nn.Sequential(self.encoder, self.head), ema)
        if targets == "constant":
            redraw_(self.target)

    def usual_width(self) -> int:
        return self.encoder.h_dim  # type: ignore[return-value]

    @torch.no_grad()
    def aims(self, x: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> list[Tensor]:
        if self.targets == "stop_gradient":
            return [each.detach() for each in z]
        return [self.target(each).float() for each in x]

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return 2 - 2 * cosine_similarity(z1, z2).mean()

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        return 2 * super().forward(x1, x2, y, *local)  # the paper adds the two directions up

    def after_step(self, progress: float) -> None:
        super().after_step(progress)
        if self.targets is None:
            online = nn.Sequential(self.encoder, self.head)
            ema_(self.target, online, 1 - (1 - self.ema) * (math.cos(math.pi * progress) + 1) / 2)


@torch.no_grad()
def redraw_(network: nn.Module) -> None:
    """Draw every weight anew, as spread out as it was, in place: another untrained network."""
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.normal_(std=float(weight.std()))
