"""SimCLR that goes on from a network which another method has trained."""

from __future__ import annotations

from typing import Any

from torch import nn

from suppression.methods.base import Method
from suppression.methods.simclr import SimCLR
from suppression.models.heads import Head


class Continued(SimCLR):
    """SimCLR from the encoder of `start` and, where it has one, its projection head.

    The head goes on, too: a new one would first have to be learned, and what the encoder loses
    meanwhile would not be the competitor's doing. Where `start` projects nothing (supervised,
    untrained), the head is new. The optimiser and its schedule begin anew.

    Args:
        encoder: The network to be trained, with the weights of `start`.
        start: The trained method that this one goes on from.
        **parameters: Those of `SimCLR` and of the head, which has to be that of `start`.

    Raises:
        ValueError: A parameter is out of range, or the head of `start` has other layers.

    Source:
        Chen et al. 2020, Algorithm 1, for the loss; that it goes on is not published.

    Example:
        >>> import torch
        >>> from suppression.models import ResNet
        >>> start = SimCLR(ResNet(width=4, stem=1, channels=1))
        >>> method = Continued(start.encoder, start, tau=0.2)
        >>> torch.equal(method.head[0].weight, start.head[0].weight)
        True
    """

    builds_on = ("start",)

    def __init__(self, encoder: nn.Module, start: Method | None = None, **parameters: Any) -> None:
        super().__init__(encoder, **parameters)
        head = getattr(start, "head", None)
        if isinstance(head, Head):
            check_same_layers(self.head, head)
            self.head.load_state_dict(head.state_dict())


def check_same_layers(mine: Head, theirs: Head) -> None:
    """ValueError with the first weight that only one of two heads has, or of another shape."""
    here, there = shapes(mine), shapes(theirs)
    for name in {**there, **here}:
        if here.get(name) != there.get(name):
            raise ValueError(
                f"the head of start does not fit: its weight {name} is "
                f"{there.get(name, 'missing')}, here it is {here.get(name, 'missing')}; give both "
                "the same head, head_layers, head_width, z_dim and head_bn"
            )


def shapes(head: Head) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weight.shape) for name, weight in head.state_dict().items()}
