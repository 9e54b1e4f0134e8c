"""SimSiam (Chen & He 2021, Algorithm 1)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from suppression.methods._prediction import Predicted


class SimSiam(Predicted):
    """The negative cosine between the prediction of one view and the projection of the other, whose gradient is stopped; the mean of both directions.

    As in section 3, the projector has three layers with batch norm behind each, and the predictor is a bottleneck, a quarter as wide as z unless
    `predictor_width` says otherwise. Its learning rate stays at its peak (Table 1c) unless `predictor_lr` is decayed.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head_layers: int = 3,
        head_bn: Literal["off", "hidden", "all"] | None = "all",
        predictor_lr: Literal["decayed"] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(encoder, head_layers=head_layers, head_bn=head_bn, **parameters)
        self.predictor_lr = predictor_lr

    def usual_width(self) -> int:
        return max(1, self.head.z_dim // 4)

    def steady(self) -> list[nn.Parameter]:
        return [] if self.predictor_lr == "decayed" else list(self.predictor.parameters())

    def aims(self, x: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> list[Tensor]:
        return [each.detach() for each in z]

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return -cosine_similarity(z1, z2).mean()
