"""A compact ResNet with taps on its block groups."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from suppression import expect

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # by depth: He et al. 2015, Table 1
LAYERS = ("block1", "block2", "block3", "block4", "h")


class Shortcut(nn.Conv2d):
    """A 1 x 1 convolution, which, strided, sees one place in `stride`^2.

    A narrow one picks these places first: the weight gradient of oneDNN's strided kernel writes
    beyond its workspace where a map has fewer channels than a vector register, which ends
    processes or gives wrong gradients (oneDNN issue 6035; met here on AVX2 with 2 to 7 channels,
    AVX-512 takes 16).
    """

    version = 1  # part of the key of nets with narrow ones: earlier results are not to be believed
    narrow = 16

    def forward(self, x: Tensor) -> Tensor:
        step = self.stride[0]
        if step > 1 and self.in_channels < self.narrow:
            return nn.functional.conv2d(x[:, :, ::step, ::step], self.weight)
        return super().forward(x)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut (He et al. 2015); names as in torchvision."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or n_in != n_out:
            shortcut = Shortcut(n_in, n_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


def stem_for(canvas: int) -> Literal[1, 2, 4]:
    """The stem's total stride that leaves the block groups a map of about 20 to 40 cells.

    Args:
        canvas: Side of the pictures, px.

    Returns:
        4 from 96 px on, 2 from 40 px on, else 1.

    Example:
        >>> stem_for(28), stem_for(64), stem_for(112)
        (1, 2, 4)
    """
    if canvas >= 96:
        return 4
    if canvas >= 40:
        return 2
    return 1


class ResNet(nn.Module):
    """A ResNet of basic blocks: pictures (n, channels, s, s) in [0, 1] to h, (n, 8 width).

    At `width=64, stem=4, channels=3` it equals torchvision's `resnet18` (or 34) without its last
    layer. The last batch norm of every block starts at zero (as in SimCLR's released code; Goyal
    et al. 2017).

    Args:
        width: Channels of the first block group, 1 or more; each further group has twice as many.
        stem: Total stride before the first block group, 1, 2 or 4: 4 is the standard one (7 x 7
            of stride 2, then 3 x 3 max pooling), 2 and 1 are a 3 x 3 convolution of that stride.
        channels: Channels of the pictures, 1 or more.
        depth: Layers, 10, 18 or 34.

    Raises:
        UserError: A parameter is out of range.

    Source:
        He et al. 2015, Table 1.

    Example:
        >>> import torch
        >>> encoder = ResNet(width=4, stem=1, channels=1)
        >>> encoder(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 32])
        >>> encoder.taps(torch.rand(2, 1, 32, 32))["block2"].shape
        torch.Size([2, 8, 16, 16])
    """

    layers: tuple[str, ...] = LAYERS

    @expect.typed
    def __init__(
        self,
        *,
        width: int = 64,
        stem: Literal[1, 2, 4] = 4,
        channels: int = 3,
        depth: Literal[10, 18, 34] = 18,
    ) -> None:
        super().__init__()
        expect.whole("ResNet", least=1, width=width, channels=channels)
        if stem == 4:
            self.conv1 = nn.Conv2d(channels, width, 7, 2, 3, bias=False)
        else:
            self.conv1 = nn.Conv2d(channels, width, 3, stem, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if stem == 4 else nn.Identity()
        n_in = width
        for i, blocks in enumerate(BLOCKS[depth]):
            n_out = width * 2**i
            group = [BasicBlock(n_in, n_out, 1 if i == 0 else 2)]
            group += [BasicBlock(n_out, n_out, 1) for _ in range(blocks - 1)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*group))
            n_in = n_out
        self.h_dim = n_in
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name.

        Args:
            x: Pictures, (n, channels, s, s) in [0, 1].

        Returns:
            `block1`..`block4`, maps (n, c, s', s'), and `h`, (n, h_dim).

        Raises:
            UserError: The pictures are of another shape or type.
        """
        if not torch.jit.is_scripting():
            expect.network_input(self, x, self.conv1)
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        out = {}
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
            out[f"block{i}"] = x
        out["h"] = x.mean((2, 3))
        return out

    def forward(self, x: Tensor) -> Tensor:
        """The representation h, (n, h_dim)."""
        return self.taps(x)["h"]


def channels_last(module: nn.Module) -> nn.Module:
    """The memory layout in which a step is faster, on CPUs and on GPUs under bf16 (measured)."""
    return module.to(memory_format=torch.channels_last)
