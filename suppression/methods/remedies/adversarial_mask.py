"""Adversarial masks: a network hides what the encoder relies on (ADIOS)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from suppression.methods._decoding import channels_of
from suppression.methods.remedies._adversary import UNet, reversed_gradient
from suppression.methods.remedies.base import Clocked
from suppression.seeding import rng


class AdversarialMask(Clocked):
    """The second view is seen through a mask that is trained to raise the loss.

    A network makes `masks` soft masks of each second view, which sum to 1 at each pixel, and
    hides one of them, the same for the whole batch and another at each step: x (1 - m). The
    network is trained along by a gradient that is reversed.

    Args:
        masks: Masks of a view, 2 or more.
        mask_width: Channels of the network at half the view's side, 1 or more.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Shi et al. 2022, "Adversarial Masking for Self-Supervised Learning"; six masks, no
        penalties on them, as in the authors' scripts for STL-10. They sum the loss over all masks
        of a step; one is drawn here.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import AdversarialMask, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [AdversarialMask()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "adversarial_mask"
    needs = "a projection, and an encoder with convolutions"

    def __init__(self, *, masks: int = 6, mask_width: int = 8) -> None:
        if masks < 2:
            raise ValueError(f"masks = {masks}: one mask would hide everything; the least is 2")
        if mask_width < 1:
            raise ValueError(f"mask_width = {mask_width}: the network needs one channel at least")
        super().__init__()
        self.masks, self.mask_width = masks, mask_width

    def attach(self, method: Any) -> None:
        self.network = UNet(channels_of(method.encoder), self.masks, self.mask_width)

    def soft_masks(self, x: Tensor) -> Tensor:
        """The masks of pictures (n, c, s, s): (n, masks, s, s) in [0, 1], their sum 1."""
        return self.network(x).float().softmax(1)

    def views(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        number = int(rng("adversarial_mask", self.progress).integers(self.masks))
        mask = self.soft_masks(x2)[:, number : number + 1]
        return x1, x2 * (1 - reversed_gradient(mask)), y, *local
