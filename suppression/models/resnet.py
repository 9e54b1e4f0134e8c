"""A compact ResNet with taps on its block groups, and the projection head that stands on an encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # in each group (He et al. 2015, Table 1)
LAYERS = ("block1", "block2", "block3", "block4", "h")


class Shortcut(nn.Conv2d):
    """A 1 x 1 convolution, which, strided, sees one place in `stride`^2. Narrow ones pick these first: the weight gradient of oneDNN's strided kernel writes beyond its
    workspace where a map has fewer channels than a vector register, which ends processes or gives wrong gradients (oneDNN issue 6035; met here on AVX2
    with 2 to 7 channels, AVX-512 takes 16)."""

    version = 1  # of nets that have narrow ones: trained before, they are not to be believed
    narrow = 16

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] > 1 and self.in_channels < self.narrow:
            return nn.functional.conv2d(x[:, :, :: self.stride[0], :: self.stride[1]], self.weight)
        return super().forward(x)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2015), parameter names as in torchvision."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample = None if stride == 1 and n_in == n_out else nn.Sequential(Shortcut(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


def stem_for(canvas: int) -> int:
    """The stem's total stride that leaves the block groups a map of about 20 to 40 cells: 4 from 96 px on, 2 from 40 px on, else 1."""
    return 4 if canvas >= 96 else 2 if canvas >= 40 else 1


class ResNet(nn.Module):
    """ResNet of basic blocks, 18 layers deep if `depth` does not say otherwise: (n, channels, s, s) pictures in [0, 1] -> h, (n, 8 width).

    `stem` is the total stride before the first block group: 4 is the standard one (7 x 7 stride 2, then 3 x 3 max pooling), 2 a 3 x 3 convolution of
    stride 2, 1 of stride 1. At `width=64, stem=4, channels=3` it equals torchvision's `resnet18` (or 34) without its last layer. The last batch norm of
    every block starts at zero (facts of the SimCLR code; Goyal et al. 2017).
    """

    layers = LAYERS

    def __init__(self, *, width: int = 64, stem: int = 4, channels: int = 3, depth: int = 18) -> None:
        super().__init__()
        kernel, stride, padding = (7, 2, 3) if stem == 4 else (3, stem, 1)
        self.conv1 = nn.Conv2d(channels, width, kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == 4 else nn.Identity()
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        for i in range(1, 5):
            blocks = [BasicBlock(widths[i - 1], widths[i], 1 if i == 1 else 2)] + [BasicBlock(widths[i], widths[i], 1) for _ in range(BLOCKS[depth][i - 1] - 1)]
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


def channels_last(module: nn.Module) -> nn.Module:
    """The memory layout in which a step of this net is faster on CPUs (measured: benchmarks/README.md) and on GPUs under bf16."""
    return module.to(memory_format=torch.channels_last)
