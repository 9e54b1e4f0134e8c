"""What draws a picture again from its representation."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate

MAP = 4  # px, the side of the map that h is spread over first


class Decoding(nn.Module):
    """The layers of a decoder, for a module that makes them in its own place.

    A linear layer to a map of 4 x 4, then three times nearest-neighbour upsampling, to a quarter,
    half and all of the view, with a 3 x 3 convolution, batch norm and ReLU of 4, 2 and 1 times
    `width` channels, and a last 3 x 3 convolution.
    """

    def make_decoder(self, h_dim: int, channels: int, width: int) -> None:
        """Make the layers, the last hidden one of `width` channels."""
        widths = [4 * width, 4 * width, 2 * width, width]
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


def check_decoder(width: int) -> None:
    """ValueError where a decoder's last hidden layer would have no channel."""
    if width < 1:
        raise ValueError(f"decoder_width = {width}: the decoder needs one channel at least")


def channels_of(encoder: nn.Module) -> int:
    """How many channels the pictures have that an encoder takes.

    Raises:
        ValueError: The encoder has no convolution, which would say it.
    """
    for each in encoder.modules():
        if isinstance(each, nn.Conv2d):
            return each.in_channels
    raise ValueError(
        f"{type(encoder).__name__} has no convolution, so it does not say how many channels its "
        "pictures have; an encoder with one is wanted, such as ResNet(channels=1)"
    )
