"""The untrained network: where other methods start from at this seed."""

from suppression.methods.base import Method


class Untrained(Method):
    """The encoder as it was initialised; other methods start from these weights at this seed.

    It is less than a random network: the last batch norm of every block starts at zero, which
    switches the block's convolutions off, so what is left of a ResNet is its stem and three
    strided shortcuts. What a random network of this shape tells is asked of `RandomFeatures`, what
    the pictures tell without any network of `Pixels`.

    Args:
        encoder: The network.

    Example:
        >>> from suppression.models import ResNet
        >>> Untrained(ResNet(width=4, stem=1, channels=1)).trains
        False
    """

    trains = False
