"""SimSiam (Chen & He 2021, Algorithm 1)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from suppression.methods._prediction import Predicted


class SimSiam(Predicted):
    """The negative cosine between one view's prediction and the other view's projection.

    The projection's gradient is stopped; the loss is the mean of both directions. As in section
    3, the projector has three layers with batch norm behind each, and the predictor is a
    bottleneck, a quarter as wide as z.

    Args:
        encoder: The network to be trained.
        head_layers: Layers of an mlp head, 1 or more.
        head_bn: hidden puts a batch norm behind each hidden layer of the head, all one behind
            the last layer, too, off has none; none is hidden.
        predictor_lr: decayed lets the predictor's learning rate follow the schedule; if none,
            it stays at its peak (Table 1c).
        **parameters: Those of the predictor (`Predicted`) and of the head (`Projected`).

    Source:
        Chen & He 2021, Algorithm 1 and Table 1.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = SimSiam(ResNet(width=4, stem=1, channels=1))
        >>> loss = method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10))
        >>> -1 <= loss.item() <= 1
        True
    """

    idle = Predicted.idle | {
        "predictor": {
            "identity": ("predictor_layers", "predictor_width", "predictor_lr"),
            "linear": ("predictor_layers", "predictor_width"),
            "fixed": ("predictor_lr",),
        }
    }

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
        if self.predictor_lr == "decayed":
            return []
        return list(self.predictor.parameters())

    def aims(self, x: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> list[Tensor]:
        return [each.detach() for each in z]

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        return -cosine_similarity(z1, z2).mean()
