"""The small encoder of the released RandBit-MNIST notebook; it starts as Keras does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from suppression import expect


class ConvNet(nn.Module):
    """The encoder of the RandBit-MNIST notebook: pictures of one size to h, (n, 4 width).

    Three 3 x 3 convolutions of stride 2 without padding, to `width`, 2 `width` and 2 `width`
    channels. What is left is flattened, and a dense layer makes 4 `width` of it. Each is without
    bias, then batch norm and ReLU. It starts and normalises as Keras does (`as_keras`).

    Args:
        width: Channels of the first convolution, 1 or more; the notebook's are 32.
        canvas: Side of the pictures, px, 15 or more.
        channels: Channels of the pictures, 1 or more.

    Raises:
        UserError: A parameter is no whole number, or the convolutions leave nothing of a canvas
            of this side.

    Source:
        google-research/simclr, colabs/intriguing_properties (the notebook on random bits).

    Example:
        >>> import torch
        >>> encoder = ConvNet(width=4, canvas=28)
        >>> encoder(torch.rand(2, 1, 28, 28)).shape
        torch.Size([2, 16])
        >>> list(encoder.taps(torch.rand(2, 1, 28, 28)))
        ['block1', 'block2', 'block3', 'h']
    """

    layers: tuple[str, ...] = ("block1", "block2", "block3", "h")

    @expect.typed
    def __init__(self, *, width: int = 32, canvas: int = 28, channels: int = 1) -> None:
        super().__init__()
        expect.whole("ConvNet", least=1, width=width, channels=channels)
        self.canvas = canvas
        side = canvas
        for _ in range(3):
            side = (side - 1) // 2
        if side < 1:
            raise ValueError(
                f"canvas = {canvas} px is too small for a convnet: "
                "its three convolutions take 15 px at least"
            )
        self.h_dim = 4 * width
        self.conv1 = nn.Conv2d(channels, width, 3, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, 2, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.conv3 = nn.Conv2d(2 * width, 2 * width, 3, 2, bias=False)
        self.bn3 = nn.BatchNorm2d(2 * width)
        self.dense = nn.Linear(2 * width * side**2, self.h_dim, bias=False)
        self.bn4 = nn.BatchNorm1d(self.h_dim)
        self.relu = nn.ReLU(inplace=True)
        as_keras(self)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name.

        Args:
            x: Pictures, (n, channels, canvas, canvas) in [0, 1].

        Returns:
            `block1`..`block3`, maps (n, c, s, s), and `h`, (n, h_dim).

        Raises:
            UserError: The pictures are of another shape or type.
        """
        if not torch.jit.is_scripting():
            expect.network_input(self, x, self.conv1, self.canvas)
            expect.few_for_norms(self, x)
        block1 = self.relu(self.bn1(self.conv1(x)))
        block2 = self.relu(self.bn2(self.conv2(block1)))
        block3 = self.relu(self.bn3(self.conv3(block2)))
        h = self.relu(self.bn4(self.dense(block3.flatten(1))))
        return {"block1": block1, "block2": block2, "block3": block3, "h": h}

    def forward(self, x: Tensor) -> Tensor:
        """The representation h, (n, h_dim)."""
        return self.taps(x)["h"]


def as_keras(module: nn.Module) -> None:
    """Give layers Keras's initial weights, and batch norms Keras's momentum and epsilon.

    Convolutions and dense layers start with Glorot's uniform distribution and biases of 0. One
    difference is left: the running variance of a dense layer's norm is the batch's own in Keras,
    and n / (n - 1) times as large in torch.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum, layer.eps = 0.01, 1e-3
