"""What methods share that predict one view's projection from another's, and have no negatives."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from suppression.methods._projection import Projected
from suppression.metrics.representation import participation_ratio
from suppression.models.heads import Head

Predictor = Literal["mlp", "linear", "identity", "fixed"]


class Predicted(Projected):
    """A predictor q on the projections, and the mean of `pair` between the predictions q(z) of every view and the targets of the other global views.

    `predictor` is an MLP of `predictor_layers` and `predictor_width`, with or without batch norm as `nets.Head`; `linear`; `identity`, which is none; or
    `fixed`, an MLP that stays as it was initialised (SimSiam, Table 1b). Each view goes through the networks by itself, so that batch norms see one view at a
    time, as in the released code of both methods. Local crops are predicted from, never predicted (Caron et al. 2020, section 3.2).
    """

    idle = Projected.idle | {"predictor": dict.fromkeys(("identity", "linear"), ("predictor_layers", "predictor_width"))}

    def __init__(
        self,
        encoder: torch.nn.Module,
        *,
        predictor: Predictor = "mlp",
        predictor_layers: int = 2,
        predictor_width: int | None = None,
        predictor_bn: Literal["off", "hidden", "all"] | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__(encoder, **parameters)
        if predictor_layers < 1:
            raise ValueError(f"predictor_layers = {predictor_layers}: a predictor has one layer at least (predictor = identity has none)")
        if predictor_width is not None and predictor_width < 1:
            raise ValueError(f"predictor_width = {predictor_width}: a hidden layer has one unit at least")
        self.predictor = Head(
            self.head.z_dim,
            head="mlp" if predictor == "fixed" else predictor,
            layers=predictor_layers,
            width=predictor_width or self.usual_width(),
            z_dim=self.head.z_dim,
            bn=predictor_bn,
        )
        if predictor == "fixed":
            self.predictor.requires_grad_(False)

    def usual_width(self) -> int:
        """The predictor's hidden units where the user does not say."""
        raise NotImplementedError(f"{type(self).__name__} has no predictor")  # BYOL and SimSiam each have their own

    def aims(self, x: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The targets, (n, d) without gradient, of two global views x whose projections are z."""
        raise NotImplementedError(f"{type(self).__name__} has no targets")  # BYOL and SimSiam each have their own

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        return super().contrast(z1, z2) | {"directions": participation_ratio(torch.cat([z1, z2]))}

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        z = [self.embed(x) for x in (x1, x2, *local)]
        if self.watch:
            self.metrics = self.contrast(z[0], z[1])
        p = [self.predictor(each).float() for each in z]
        targets = self.aims((x1, x2), (z[0], z[1]))
        return torch.stack([self.pair(p[i], targets[j], y) for j in range(2) for i in range(len(p)) if i != j]).mean()
