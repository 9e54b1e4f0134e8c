"""Transfer: what was learned on one data set is asked the questions of another."""

from __future__ import annotations

from torch import nn

from suppression.methods.base import Method


class Frozen(Method):
    """The encoder of `start`, of which nothing is trained.

    Args:
        encoder: The network, with the weights of `start`.
        start: The trained method whose encoder this is.

    Example:
        >>> from suppression.models import ResNet
        >>> Frozen(ResNet(width=4, stem=1, channels=1)).trains
        False
    """

    trains = False
    builds_on = ("start",)

    def __init__(self, encoder: nn.Module, start: Method | None = None) -> None:
        super().__init__(encoder)
