"""The projection head that stands on an encoder."""

from __future__ import annotations

from typing import Literal

from torch import nn


class Head(nn.Sequential):
    """The projection head g, (n, n_in) -> z, (n, z_dim): identity, linear, or an MLP of `layers` with batch norm and ReLU between (SimCLR, section 4.2).

    `bias` is the last layer's. `bn` off leaves the batch norms out (None is `hidden`), `all` puts one, without gain and bias, behind the last layer, too (SimSiam's projector).
    """

    def __init__(
        self,
        n_in: int,
        *,
        head: Literal["identity", "linear", "mlp"] = "mlp",
        layers: int = 2,
        width: int | None = None,
        z_dim: int = 64,
        bias: bool = True,
        bn: Literal["off", "hidden", "all"] | None = None,
    ) -> None:
        if z_dim < 1 or (width is not None and width < 1):
            raise ValueError(f"z_dim = {z_dim}, head_width = {width}: a layer has one unit at least")
        if layers < 1:
            raise ValueError(f"head_layers = {layers}: a head has one layer at least (head = identity has none)")
        hidden: list[nn.Module] = []
        for _i in range(layers - 1 if head == "mlp" else 0):
            n_out = width or n_in
            hidden += [nn.Linear(n_in, n_out, bias=bn == "off"), *([] if bn == "off" else [nn.BatchNorm1d(n_out)]), nn.ReLU(inplace=True)]
            n_in = n_out
        last = [nn.Identity()] if head == "identity" else [nn.Linear(n_in, z_dim, bias=bias and bn != "all")]
        super().__init__(*hidden, *last, *([nn.BatchNorm1d(n_in if head == "identity" else z_dim, affine=False)] if bn == "all" else []))
        self.z_dim = n_in if head == "identity" else z_dim
