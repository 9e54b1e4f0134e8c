"""An autoencoder: the view itself, drawn again from h."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from suppression.methods.base import Method, width_of

MAP = 4  # px, the side of the map that h is spread over first


class Autoencoder(Method):
    """The mean squared error between a view's pixels and what a decoder makes of its h.

    The planes that random bits append are pixels, too. The decoder has a linear layer to a map of
    4 x 4, then three times nearest-neighbour upsampling, to a quarter, half and all of the view,
    with a 3 x 3 convolution, batch norm and ReLU of 4, 2 and 1 times `decoder_width` channels,
    and a last 3 x 3 convolution.

    Args:
        encoder: The network to be trained.
        decoder_width: Channels of the decoder's last hidden layer, 1 or more.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        "Intriguing Properties of Contrastive Losses" (Chen, Luo & Li 2021) finds little
        suppression in autoencoders; the architecture of its own is not known.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> method = Autoencoder(ResNet(width=4, stem=1, channels=1), decoder_width=4)
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    def __init__(self, encoder: nn.Module, *, decoder_width: int = 16) -> None:
        if decoder_width < 1:
            raise ValueError(
                f"decoder_width = {decoder_width}: the decoder needs one channel at least"
            )
        super().__init__(encoder)
        h_dim = width_of(encoder)
        convolutions = [each for each in encoder.modules() if isinstance(each, nn.Conv2d)]
        channels = convolutions[0].in_channels
        widths = [4 * decoder_width, 4 * decoder_width, 2 * decoder_width, decoder_width]
        self.spread = nn.Linear(h_dim, widths[0] * MAP**2)
        self.blocks = nn.ModuleList()
        for n_in, n_out in pairwise(widths):
            convolution = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
            block = nn.Sequential(convolution, nn.BatchNorm2d(n_out), nn.ReLU(inplace=True))
            self.blocks.append(block)
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
            explained = 1 - loss.detach() / flat.clamp(min=1e-12)  # 0 is the mean picture's
            self.metrics = {"explained": explained}
        if not local:
            return loss
        small = torch.cat(local)
        loss_local = mse_loss(self.reconstruct(small), small)
        return (2 * loss + len(local) * loss_local) / (2 + len(local))
