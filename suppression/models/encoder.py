"""What an encoder is: anything with named layers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Encoder(Protocol):
    """A network whose layers have names, so that probes can ask any of them.

    `ResNet` and `ConvNet` are encoders. A network from elsewhere becomes one through a class
    with these four members around it. `isinstance(network, Encoder)` looks whether the members
    are there; whether they give what they should is seen on their outputs.

    Attributes:
        layers: Names of the layers, from the first to the last; the last one is "h".
        h_dim: Width of the representation h, 1 at least.

    Example:
        >>> import torch
        >>> from suppression.models import Encoder, ResNet
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> isinstance(encoder, Encoder)
        True
        >>> taps = encoder.taps(torch.rand(2, 1, 16, 16))
        >>> tuple(taps) == encoder.layers
        True
        >>> taps["h"].shape == (2, encoder.h_dim)
        True
    """

    layers: tuple[str, ...]
    h_dim: int

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name, in the order of `layers`.

        Args:
            x: Pictures, (n, channels, s, s) in [0, 1].

        Returns:
            Maps (n, c, s', s') or vectors (n, d); "h" is (n, h_dim), and what `forward` gives.
        """
        ...

    def forward(self, x: Tensor) -> Tensor:
        """The representation h, (n, h_dim), of pictures (n, channels, s, s) in [0, 1]."""
        ...
