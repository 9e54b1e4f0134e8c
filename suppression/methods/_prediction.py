"""What methods share that predict one view's projection from another's, without negatives."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from suppression.methods._projection import Projected
from suppression.metrics.representation import participation_ratio
from suppression.models.heads import Head

Predictor = Literal["mlp", "linear", "identity", "fixed"]


class Predicted(Projected):
    """A predictor q on the projections, and a loss between predictions and targets.

    The loss is the mean of `pair` over the predictions q(z) of every view and the targets of
    every other global view. Each view goes through the networks by itself, so that batch norms
    see one view at a time, as in the released code of BYOL and SimSiam. Local crops are
    predicted from, never predicted (Caron et al. 2020, section 3.2).

    Args:
        encoder: The network to be trained.
        predictor: mlp, linear, identity (no predictor), or fixed, an mlp that stays as it was
            initialised (SimSiam, Table 1b).
        predictor_layers: Layers of an mlp predictor, 1 or more.
        predictor_width: Units of the predictor's hidden layers, 1 or more; if none, BYOL's are
            as wide as h, SimSiam's a quarter as wide as z.
        predictor_bn: Batch norms of the predictor, as `head_bn` of the head.
    """

    hooks = ("batch", "views")
    idle = Projected.idle | {
        "predictor": {
            "identity": ("predictor_layers", "predictor_width"),
            "linear": ("predictor_layers", "predictor_width"),
        },
        "predictor_layers": {1: ("predictor_width",)},
    }

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
            raise ValueError(
                f"predictor_layers = {predictor_layers}: a predictor has one layer at least "
                "(predictor = identity has none)"
            )
        if predictor_width is not None and predictor_width < 1:
            raise ValueError(
                f"predictor_width = {predictor_width}: a hidden layer has one unit at least"
            )
        z_dim = self.head.z_dim
        self.predictor = Head(
            z_dim,
            head="mlp" if predictor == "fixed" else predictor,
            layers=predictor_layers,
            width=predictor_width or self.usual_width(),
            z_dim=z_dim,
            bn=predictor_bn,
        )
        if predictor == "fixed":
            self.predictor.requires_grad_(False)

    def usual_width(self) -> int:
        """The predictor's hidden units where the user does not say."""
        # BYOL and SimSiam each say their own; this class is not in METHODS.
        raise NotImplementedError(f"{type(self).__name__} has no predictor")

    def aims(self, x: tuple[Tensor, Tensor], z: tuple[Tensor, Tensor]) -> list[Tensor]:
        """The targets, (n, d) without gradient, of two global views x with projections z."""
        raise NotImplementedError(f"{type(self).__name__} has no targets")

    def contrast(self, z1: Tensor, z2: Tensor) -> dict[str, Tensor]:
        directions = participation_ratio(torch.cat([z1, z2]))
        return super().contrast(z1, z2) | {"directions": directions}

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x1, x2, y, *local = self.remedied_batch(x1, x2, y, *local)
        z = [self.embed(x) for x in (x1, x2, *local)]
        if self.watch:
            self.metrics = self.contrast(z[0], z[1])
        p = [self.predictor(each).float() for each in z]
        targets = self.aims((x1, x2), (z[0], z[1]))
        losses = []
        for j, target in enumerate(targets):
            for i, prediction in enumerate(p):
                if i != j:
                    losses.append(self.pair(prediction, target, y))
        return torch.stack(losses).mean()
