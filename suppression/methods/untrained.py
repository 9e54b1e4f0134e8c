"""The untrained network: the floor under every probe (training can push a feature below it)."""

from suppression.methods.base import Method


class Untrained(Method):
    """The encoder as it was initialised; other methods start from these weights at this seed.

    Args:
        encoder: The network.

    Example:
        >>> from suppression.models import ResNet
        >>> Untrained(ResNet(width=4, stem=1, channels=1)).trains
        False
    """

    trains = False
