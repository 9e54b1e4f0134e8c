"""The projection head that stands on an encoder."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from suppression import expect
from suppression.errors import UserError

Kind = Literal["identity", "linear", "mlp"]
BatchNorm = Literal["off", "hidden", "all"]

MOST_LAYERS = 100


class Head(nn.Sequential):
    """The projection head g: representations (n, n_in) to projections z, (n, z_dim).

    Args:
        n_in: Width of the representation, 1 or more.
        head: identity hands the representation on (then z is `n_in` wide), linear is one layer,
            mlp has `layers` of them with batch norm and ReLU between.
        layers: Layers of an mlp, 1 to 100.
        width: Units of an mlp's hidden layers, 1 or more; as wide as the input if None.
        z_dim: Width of the projection, 1 or more.
        bias: Whether the last layer has a bias.
        bn: hidden puts a batch norm behind each hidden layer, all one without gain and bias
            behind the last layer, too (SimSiam's projector), off has none; None is hidden.

    Raises:
        UserError: A parameter is out of range, or representations are of another shape or type.

    Source:
        SimCLR (Chen et al. 2020), section 4.2.

    Example:
        >>> import torch
        >>> Head(8, layers=2, width=16, z_dim=4)(torch.rand(5, 8)).shape
        torch.Size([5, 4])
        >>> Head(8, head="identity").z_dim
        8
    """

    @expect.typed
    def __init__(
        self,
        n_in: int,
        *,
        head: Kind = "mlp",
        layers: int = 2,
        width: int | None = None,
        z_dim: int = 64,
        bias: bool = True,
        bn: BatchNorm | None = None,
    ) -> None:
        expect.whole("Head", least=1, n_in=n_in)
        if z_dim < 1 or (width is not None and width < 1):
            raise ValueError(
                f"z_dim = {z_dim}, head_width = {width}: a layer has one unit at least"
            )
        if not 1 <= layers <= MOST_LAYERS:
            raise ValueError(
                f"head_layers = {layers}: a head has 1 to {MOST_LAYERS} layers (head = identity "
                "has none)"
            )
        modules: list[nn.Module] = []
        if head == "mlp":
            for _ in range(layers - 1):
                n_out = width or n_in
                modules.append(nn.Linear(n_in, n_out, bias=bn == "off"))
                if bn != "off":
                    modules.append(nn.BatchNorm1d(n_out))
                modules.append(nn.ReLU(inplace=True))
                n_in = n_out
        if head == "identity":
            z_dim = n_in
            modules.append(nn.Identity())
        else:
            modules.append(nn.Linear(n_in, z_dim, bias=bias and bn != "all"))
        if bn == "all":
            modules.append(nn.BatchNorm1d(z_dim, affine=False))
        super().__init__(*modules)
        self.z_dim = z_dim

    def forward(self, h: Tensor) -> Tensor:
        """Representations (n, n_in) to projections (n, z_dim)."""
        if not torch.jit.is_scripting():
            self.check(h)
        for module in self:
            h = module(h)
        return h

    @torch.jit.unused
    def check(self, h: Tensor) -> None:
        """UserError unless these are representations that the head was made for."""
        if expect.traced(h):
            return
        expect.tensor("Head", "h", h, "(n, d)")
        layer = self[0]
        if not isinstance(layer, nn.Linear):
            return
        if h.shape[1] != layer.in_features:
            raise UserError(
                f"Head: h is {tuple(h.shape)}, and the head was made for "
                f"(n, {layer.in_features}): Head({h.shape[1]})"
            )
        expect.type_of_weights("Head", h, layer)
        if len(h) == 1 and any(isinstance(each, nn.BatchNorm1d) for each in self):
            expect.few_for_norms(self, h)
