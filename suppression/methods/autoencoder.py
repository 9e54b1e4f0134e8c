"""An autoencoder: the view itself, drawn again from h."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from suppression.methods._decoding import Decoding, channels_of, check_decoder
from suppression.methods.base import Method, width_of


class Autoencoder(Method, Decoding):
    """The mean squared error between a view's pixels and what a decoder makes of its h.

    The planes that random bits append are pixels, too. The decoder is that of `Decoding`: a linear
    layer, then three upsampled blocks of convolution, batch norm and ReLU.

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
        check_decoder(decoder_width)
        super().__init__(encoder)
        self.make_decoder(width_of(encoder), channels_of(encoder), decoder_width)

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
