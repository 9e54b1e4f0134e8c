"""The untrained network: where other methods start from at this seed."""

from suppression.methods.base import Method


class Untrained(Method):
    """The encoder as it was initialised; other methods start from these weights at this seed.

    It is less than a random network. The last batch norm of every block has a gain of zero, which
    switches the block's convolutions off, and all batch-norm statistics are 0 and 1, which
    normalises nothing: what is left of a ResNet is its stem and three strided 1 x 1 shortcuts.
    What a random network of this shape tells is asked of `RandomFeatures`, what the pictures tell
    without any network of `Pixels`; "below the untrained network" is said of a feature that is
    below both networks, `untrained` and `random_features`.

    Args:
        encoder: The network.

    Example:
        >>> from suppression.models import ResNet
        >>> Untrained(ResNet(width=4, stem=1, channels=1)).trains
        False
    """

    trains = False
