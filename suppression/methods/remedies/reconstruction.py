"""Reconstruction beside a contrastive loss: as a second term, or as a constraint (LTD)."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from suppression.methods import Method
from suppression.methods._decoding import Decoding, channels_of, check_decoder
from suppression.methods.base import width_of
from suppression.methods.remedies.base import Remedy

SPEED = 5e-3  # of the multiplier's ascent
MEMORY = 0.9  # its momentum, and its dampening


class Reconstruction(Remedy, Decoding):
    """`weight_rec` times the pixels' share that a decoder cannot draw again from h is added.

    The share is the mean squared error of both global views over that of the batch's mean
    picture: 1 for a decoder that knows nothing, 0 for a perfect one. What it takes to draw a
    picture includes features that the contrastive loss has no use for.

    Args:
        weight_rec: Weight of the share, 0 or more (lambda).
        decoder_width: Channels of the decoder's last hidden layer, 1 or more.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        As PrCL (Li et al. 2020, "Making Contrastive Learning Robust to Shortcuts"), with the
        decoder of `autoencoder`; the weight is ours.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Reconstruction, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Reconstruction()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name = "reconstruction"
    needs = "an encoder with convolutions, and projections of two views"

    def __init__(self, *, weight_rec: float = 1.0, decoder_width: int = 4) -> None:
        if not 0 <= weight_rec < math.inf:
            raise ValueError(f"weight_rec = {weight_rec}: a weight is 0 or more")
        check_decoder(decoder_width)
        super().__init__()
        self.weight_rec, self.decoder_width = weight_rec, decoder_width

    def attach(self, method: Method) -> None:
        encoder = method.encoder
        self.make_decoder(width_of(encoder), channels_of(encoder), self.decoder_width)

    def unexplained(self, x: Tensor, h: Tensor) -> Tensor:
        """The share of the pixels' variance that the decoder leaves, a scalar."""
        flat = (x - x.mean(0)).square().mean().clamp(min=1e-12)
        return mse_loss(self.decode(h, x.shape[-1]).float(), x) / flat

    def penalty(self, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        return self.weight_rec * self.unexplained(x, h)


class LTD(Reconstruction):
    """Reconstruction as a constraint: at most the share `eta` of the pixels is left unexplained.

    What is added is `lam (share / eta - 1)`. The multiplier lam rises where the constraint is not
    met and falls, to 0 at least, where it is: by gradient ascent with a learning rate of 0.005 and
    momentum and dampening of 0.9, from 1 on.

    Args:
        eta: The share of the pixels' variance that may be left, above 0.
        decoder_width: Channels of the decoder's last hidden layer, 1 or more.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Bleeker et al. 2023, "Reducing Predictive Feature Suppression in Resource-Constrained
        Contrastive Image-Caption Retrieval" (latent target decoding), and its code, where
        captions are decoded and eta is 0.1 to 0.2.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import LTD, with_remedies
        >>> from suppression.models import ResNet
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [LTD(eta=0.2)])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
        >>> method.after_step(0.5)
        >>> method.remedies[0].lam > 1  # the constraint is not met yet
        tensor(True)
    """

    name = "ltd"

    def __init__(self, *, eta: float = 0.2, decoder_width: int = 4) -> None:
        if not 0 < eta < math.inf:
            raise ValueError(f"eta = {eta}: the share that may be left is above 0")
        super().__init__(decoder_width=decoder_width)
        self.eta = eta
        self.lam: Tensor
        self.velocity: Tensor
        self.gap: Tensor  # share / eta - 1 of the last batch
        for name, value in (("lam", 1.0), ("velocity", 0.0), ("gap", 0.0)):
            self.register_buffer(name, torch.tensor(value))

    def penalty(self, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        gap = self.unexplained(x, h) / self.eta - 1
        self.gap.copy_(gap.detach())
        return self.lam * gap

    @torch.no_grad()
    def after_step(self, progress: float, method: Any) -> None:
        self.velocity.mul_(MEMORY).add_((1 - MEMORY) * self.gap)
        self.lam.add_(SPEED * self.velocity).clamp_(min=0)
