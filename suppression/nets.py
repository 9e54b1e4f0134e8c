"""The encoders, a compact ResNet-18 and the small ConvNet of RandBit-MNIST, with taps on their block groups, and the projection head that stands on them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

LAYERS = ("block1", "block2", "block3", "block4", "h")


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2015), parameter names as in torchvision."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = None if stride == 1 and n_in == n_out else nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


def stem_for(canvas: int) -> int:
    """The stem's total stride that leaves the block groups a map of about 20 to 40 cells: 4 from 96 px on, 2 from 40 px on, else 1."""
    return 4 if canvas >= 96 else 2 if canvas >= 40 else 1


class ResNet18(nn.Module):
    """ResNet-18: (n, channels, s, s) pictures in [0, 1] -> h, (n, 8 width).

    `stem` is the total stride before the first block group: 4 is the standard one (7 x 7 stride 2, then 3 x 3 max pooling), 2 a 3 x 3 convolution of
    stride 2, 1 of stride 1. At `width=64, stem=4, channels=3` it equals torchvision's `resnet18` without its last layer. The last batch norm of
    every block starts at zero (facts of the SimCLR code; Goyal et al. 2017).
    """

    layers = LAYERS

    def __init__(self, *, width: int = 64, stem: int = 4, channels: int = 3) -> None:
        super().__init__()
        kernel, stride, padding = (7, 2, 3) if stem == 4 else (3, stem, 1)
        self.conv1 = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == 4 else nn.Identity()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        for i in range(1, 5):
            blocks = [BasicBlock(widths[i - 1], widths[i], 1 if i == 1 else 2), BasicBlock(widths[i], widths[i], 1)]
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        self.h_dim = widths[4]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name: `block1`..`block4`, (n, c, s, s) maps, and `h`, (n, h_dim)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        out = {}
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
            out[f"block{i}"] = x
        out["h"] = x.mean((2, 3))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x)["h"]


class ConvNet(nn.Module):
    """The encoder of the released RandBit-MNIST notebook: (n, channels, canvas, canvas) pictures in [0, 1] -> h, (n, 4 width).

    Three 3 x 3 convolutions of stride 2 without padding, to `width`, 2 `width`, 2 `width` channels, and on what is left, flattened, a dense layer of
    4 `width`; each without bias, then batch norm and ReLU. The notebook's width is 32. It starts and normalises as Keras does (`as_keras`).

    The last `planes` channels must be constant over each picture, as `scenes.base.Scenes.append` makes them: what a constant adds to a convolution without
    padding is the same everywhere, so it is computed once a picture.
    """

    layers = ("block1", "block2", "block3", "h")

    def __init__(self, *, width: int = 32, canvas: int = 28, channels: int = 1, planes: int = 0) -> None:
        super().__init__()
        side = canvas
        for _ in range(3):
            side = (side - 1) // 2
        if side < 1:
            raise ValueError(f"canvas = {canvas} px is too small for a convnet, whose three convolutions want 15")
        self.planes, self.h_dim = planes, 4 * width
        widths = [channels, width, 2 * width, 2 * width]
        for i in range(1, 4):
            setattr(self, f"conv{i}", nn.Conv2d(widths[i - 1], widths[i], 3, 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(widths[i]))
        self.dense = nn.Linear(2 * width * side**2, self.h_dim, bias=False)
        self.bn4 = nn.BatchNorm1d(self.h_dim)
        self.relu = nn.ReLU(inplace=True)
        as_keras(self)

    def first(self, x: Tensor) -> Tensor:
        """The first convolution."""
        if not self.planes:
            return self.conv1(x)
        (pictures, planes), (w, v) = (both.tensor_split((-self.planes,), 1) for both in (x, self.conv1.weight))
        return conv2d(pictures, w, stride=2) + (planes[:, :, 0, 0] @ v.sum((2, 3)).T)[:, :, None, None]

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name: `block1`..`block3`, (n, c, s, s) maps, and `h`, (n, h_dim)."""
        out = {}
        for i, conv in enumerate((self.first, self.conv2, self.conv3), 1):
            out[f"block{i}"] = x = self.relu(getattr(self, f"bn{i}")(conv(x)))
        return out | {"h": self.relu(self.bn4(self.dense(x.flatten(1))))}

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


class Head(nn.Sequential):
    """The projection head g, (n, n_in) -> z, (n, z_dim): identity, linear, or an MLP of `layers` with batch norm and ReLU between (SimCLR, section 4.2).

    `bias` is the last layer's.
    """

    def __init__(
        self,
        n_in: int,
        *,
        head: Literal["identity", "linear", "mlp"] = "mlp",
        layers: int = 2,
        width: int | None = None,
        z_dim: int = 64,
        bias: bool = True,
    ) -> None:
        if layers < 1:
            raise ValueError(f"head_layers = {layers}: a head has one layer at least (head = identity has none)")
        hidden: list[nn.Module] = []
        for _i in range(layers - 1 if head == "mlp" else 0):
            n_out = width or n_in
            hidden += [nn.Linear(n_in, n_out, bias=False), nn.BatchNorm1d(n_out), nn.ReLU(inplace=True)]
            n_in = n_out
        super().__init__(*hidden, nn.Identity() if head == "identity" else nn.Linear(n_in, z_dim, bias=bias))


def channels_last(module: nn.Module) -> nn.Module:
    """The memory layout in which a step of this net is faster on CPUs (measured: benchmarks/README.md) and on GPUs under bf16."""
    return module.to(memory_format=torch.channels_last)
