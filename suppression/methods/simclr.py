"""SimCLR (Chen et al. 2020, Algorithm 1)."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from suppression.losses.contrastive import Scaling, nt_xent
from suppression.losses.pairwise import pairwise
from suppression.methods._projection import Projected
from suppression.metrics.representation import contrastive_metrics

MARGIN = 0.4  # of cosines; which value stands behind the paper's table is not known here


class SimCLR(Projected):
    """NT-Xent between the projections of two views.

    The paper's other losses (Table 4) can take its place.

    Args:
        encoder: The network to be trained.
        tau: Temperature, above 0; 0.2 is the middle of "Intriguing Properties of Contrastive
            Losses", SimCLR's own best on ImageNet is 0.1.
        scaling: How the terms are summed up: algorithm1 is the mean over 2n anchors, repository
            twice that, notebook takes negatives from the other view only
            (`suppression.losses.nt_xent`).
        norm: off compares inner products instead of cosines (SimCLR, Table 5); none cosines.
        loss: nt_logistic or margin take the place of NT-Xent; none is NT-Xent.
        negatives: semi_hard compares with semi-hard negatives only, for nt_logistic and margin;
            none compares with all.
        margin: Margin between cosines, 0 or more, for loss = margin, which has no `tau`; 0.4 if
            none.
        **parameters: Those of the head (`Projected`).

    Raises:
        ValueError: A parameter is out of range, or of another loss.

    Source:
        Chen et al. 2020, Algorithm 1; Tables 2, 4 and 5.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = SimCLR(ResNet(width=4, stem=1, channels=1), tau=0.2)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    idle = Projected.idle | {"loss": {"margin": ("tau",)}}
    version = 2  # 2: similarities in float32 where training is in bf16

    def __init__(
        self,
        encoder: nn.Module,
        *,
        tau: float = 0.2,
        scaling: Scaling = "algorithm1",
        norm: Literal["off"] | None = None,
        loss: Literal["nt_logistic", "margin"] | None = None,
        negatives: Literal["semi_hard"] | None = None,
        margin: float | None = None,
        **parameters: Any,
    ) -> None:
        if not tau > 0:
            raise ValueError(f"tau = {tau}: a temperature is above 0")
        if negatives is not None and loss is None:
            raise ValueError(
                f"negatives = {negatives} is of loss = nt_logistic or margin; "
                "NT-Xent weighs its negatives by their hardness itself"
            )
        if margin is not None and loss != "margin":
            raise ValueError(
                f"margin = {margin} is of loss = margin; the loss is {loss or 'NT-Xent'}"
            )
        if margin is not None and not margin >= 0:
            raise ValueError(f"margin = {margin} is below 0")
        super().__init__(encoder, **parameters)
        self.tau, self.scaling, self.norm = tau, scaling, norm is None
        self.loss, self.semi_hard = loss, negatives is not None
        self.margin = MARGIN if margin is None else margin

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        return contrastive_metrics(z1, z2, tau=self.tau, norm=self.norm)

    def pair(self, z1: Tensor, z2: Tensor, y: Tensor) -> Tensor:
        if self.loss is None:
            return nt_xent(z1, z2, tau=self.tau, scaling=self.scaling, norm=self.norm)
        return pairwise(
            z1,
            z2,
            loss=self.loss,
            tau=self.tau,
            margin=self.margin,
            semi_hard=self.semi_hard,
            scaling=self.scaling,
            norm=self.norm,
        )
