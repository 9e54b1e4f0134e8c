"""Raw pixels: what a readout tells from the pictures without any network."""

from torch import nn

from suppression.methods.base import Method
from suppression.models.pixels import RawPixels


class Pixels(Method):
    """No network: the readout is fitted on the pictures themselves.

    Args:
        encoder: A network, whose place the pictures take; none of its settings matter.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> Pixels(ResNet(width=4, stem=1, channels=1)).encoder(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 64])
    """

    trains = False
    seeded = False

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(RawPixels())
