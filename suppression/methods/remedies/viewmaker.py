"""Adversarial views, made by a network that is trained against the encoder (viewmaker)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from suppression.methods._decoding import channels_of
from suppression.methods.remedies._adversary import UNet, reversed_gradient
from suppression.methods.remedies.base import Clocked
from suppression.seeding import torch_rng


class Viewmaker(Clocked):
    """Each view is changed by a network that raises the loss, within a budget.

    A view gets `delta = budget tanh(y) / mean |tanh(y)|`, with y what the network makes of the
    view and a plane of noise, and is kept in [0, 1]. The network is trained along, by a gradient
    that is reversed: one backward pass trains both, with one optimiser.

    Args:
        budget: Mean absolute change of a pixel, 0 to 1 (epsilon in the paper).
        viewmaker_width: Channels of the network at half the view's side, 1 or more; few, so that
            a step stays below one and a half times the method's.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Tamkin et al. 2022, "Feature Dropout: Revisiting the Role of Augmentations in Contrastive
        Learning"; views as in Tamkin et al. 2021, "Viewmaker Networks"; budget = 0.05. Their
        network is larger, with an optimiser of its own, and they use no projection head.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Viewmaker, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Viewmaker()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "viewmaker"
    needs = "a projection, and an encoder with convolutions"

    def __init__(self, *, budget: float = 0.05, viewmaker_width: int = 6) -> None:
        if not 0 <= budget <= 1:
            raise ValueError(f"budget = {budget} is not in 0 to 1, a change of pixels in [0, 1]")
        if viewmaker_width < 1:
            raise ValueError(f"viewmaker_width = {viewmaker_width}: it needs one channel at least")
        super().__init__()
        self.budget, self.viewmaker_width = budget, viewmaker_width

    def attach(self, method: Any) -> None:
        channels = channels_of(method.encoder)
        self.network = UNet(channels + 1, channels, self.viewmaker_width)

    def delta(self, x: Tensor) -> Tensor:
        """The change of pictures (n, c, s, s), its mean absolute value `budget` in each."""
        n, _, side, _ = x.shape
        rng = torch_rng("viewmaker", self.progress, side, device=x.device)
        noise = torch.rand(n, 1, side, side, generator=rng, device=x.device)
        y = self.network(torch.cat([x, noise], 1)).float().tanh()
        size = y.abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-12)
        return self.budget * y / size

    def views(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        x1, x2 = self.perturbed(torch.cat([x1, x2])).chunk(2)
        if not local:
            return x1, x2, y
        return x1, x2, y, *self.perturbed(torch.cat(local)).chunk(len(local))

    def perturbed(self, x: Tensor) -> Tensor:
        return (x + reversed_gradient(self.delta(x))).clamp(0, 1)
