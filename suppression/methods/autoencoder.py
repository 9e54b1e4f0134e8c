"""An autoencoder: the view itself, drawn again from h."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from suppression.methods.base import Method

MAP = 4  # px, the side of the map that h is spread over first


class Autoencoder(Method):
    """The mean squared error between a view's pixels, planes that scenes append included, and what a decoder makes of its h.

    The decoder: a linear layer to a map of 4 x 4, then three times nearest-neighbour upsampling, to a quarter, half and all of the view, a 3 x 3 convolution,
    batch norm and ReLU, with 4, 2 and 1 times `decoder_width` channels; a last 3 x 3 convolution. The bound under which "Intriguing Properties of Contrastive
    Losses" finds little suppression; its own architecture is not known. ValueError if `decoder_width` is below 1.
    """

    def __init__(self, encoder: nn.Module, *, decoder_width: int = 16) -> None:
        if decoder_width < 1:
            raise ValueError(f"decoder_width = {decoder_width}: the decoder needs one channel at least")
        super().__init__(encoder)
        channels = next(module for module in encoder.modules() if isinstance(module, nn.Conv2d)).in_channels
        widths = [4 * decoder_width, 4 * decoder_width, 2 * decoder_width, decoder_width]
        self.spread = nn.Linear(encoder.h_dim, widths[0] * MAP**2)  # type: ignore[arg-type]
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU(inplace=True)) for n_in, n_out in pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def decode(self, h: Tensor, side: int) -> Tensor:
        """h (n, h_dim) -> pictures (n, channels, side, side), not kept in [0, 1]."""
        x = self.spread(h).unflatten(1, (-1, MAP, MAP))
        for block, part in zip(self.blocks, (4, 2, 1), strict=True):
            x = block(interpolate(x, size=-(-side // part)))
        return self.last(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(self.encoder(x), x.shape[-1]).float()

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        x = torch.cat([x1, x2])
        loss = mse_loss(self.reconstruct(x), x)
        if self.watch:
            flat = (x - x.mean(0)).square().mean()
            self.metrics = {"explained": 1 - loss.detach() / flat.clamp(min=1e-12)}  # 0 is what the mean picture explains
        if not local:
            return loss
        small = torch.cat(local)
        return (2 * loss + len(local) * mse_loss(self.reconstruct(small), small)) / (2 + len(local))
