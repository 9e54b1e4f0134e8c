"""The small encoder of the released RandBit-MNIST notebook, and Keras's ways of starting and normalising."""

from __future__ import annotations

from torch import Tensor, nn


class ConvNet(nn.Module):
    """(n, channels, canvas, canvas) pictures in [0, 1] -> h, (n, 4 width).

    Three 3 x 3 convolutions of stride 2 without padding, to `width`, 2 `width`, 2 `width` channels, and on what is left, flattened, a dense layer of
    4 `width`; each without bias, then batch norm and ReLU. The notebook's width is 32. It starts and normalises as Keras does (`as_keras`).
    """

    layers = ("block1", "block2", "block3", "h")

    def __init__(self, *, width: int = 32, canvas: int = 28, channels: int = 1) -> None:
        super().__init__()
        side = canvas
        for _ in range(3):
            side = (side - 1) // 2
        if side < 1:
            raise ValueError(f"canvas = {canvas} px is too small for a convnet, whose three convolutions want 15")
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
        """Every layer's output by name: `block1`..`block3`, (n, c, s, s) maps, and `h`, (n, h_dim)."""
        block1 = self.relu(self.bn1(self.conv1(x)))
        block2 = self.relu(self.bn2(self.conv2(block1)))
        block3 = self.relu(self.bn3(self.conv3(block2)))
        return {"block1": block1, "block2": block2, "block3": block3, "h": self.relu(self.bn4(self.dense(block3.flatten(1))))}

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x)["h"]


def as_keras(module: nn.Module) -> None:
    """Start convolutions and dense layers as Keras does (Glorot's uniform distribution, biases at 0), and give batch norms Keras's momentum and epsilon.

    What is left of Keras: the running variances of its dense layers' norms are those of the batch itself, torch's are n / (n - 1) of it.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            layer.momentum, layer.eps = 0.01, 1e-3
