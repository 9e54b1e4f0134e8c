"""The small encoder of the released RandBit-MNIST notebook, and Keras's ways of starting and normalising."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

CHUNK = 64  # pictures whose first maps, 1.4 MB, stay in a core's cache between two operations


class ConvNet(nn.Module):
    """(n, channels, canvas, canvas) pictures in [0, 1] -> h, (n, 4 width).

    Three 3 x 3 convolutions of stride 2 without padding, to `width`, 2 `width`, 2 `width` channels, and on what is left, flattened, a dense layer of
    4 `width`; each without bias, then batch norm and ReLU. The notebook's width is 32. It starts and normalises as Keras does (`as_keras`).
    The last `planes` channels must be constant over each picture, as `scenes.base.Scenes.append` makes them.
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
        folded = self.training and not x.requires_grad
        block1 = first_block(x, self.conv1, self.bn1, planes=self.planes) if folded else self.relu(self.bn1(self.conv1(x)))
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


def first_block(x: Tensor, conv: nn.Conv2d, bn: nn.BatchNorm2d, *, planes: int) -> Tensor:
    """`relu(bn(conv(x)))` in training, for x (n, c, s, s) that needs no gradient and whose last `planes` channels are constant over each picture.

    A convolution of so few inputs is a linear map of patches, so that its mean and variance over the batch follow from those of the patches: batch norm
    becomes a scale of the weights and a shift, and neither direction has to go over the maps, the largest of the net, more than once. What a plane
    adds is the same at every place of a picture.
    """
    with torch.autocast(x.device.type, enabled=False):
        n, own = len(x), x.shape[1] - planes
        pictures, bits = x[:, :own].contiguous(), x[:, own:, 0, 0]
        windows = pictures.unfold(2, 3, 2).unfold(3, 3, 2).permute(1, 4, 5, 0, 2, 3)  # (own, 3, 3, n, s', s')
        side = windows.shape[-1]
        patches = windows.reshape(-1, n, side**2)  # (9 own, n, s' s'), in this layout because its rows are long
        inputs = torch.cat([patches.mean(2), bits.T])  # (9 own + planes, n), of each picture
        mean = inputs.mean(1, keepdim=True)
        covariance = (inputs - mean) @ (inputs - mean).T / n  # between pictures, which is all there is to bits; patches vary within one, too
        k, flat = len(patches), patches.flatten(1)
        covariance[:k, :k] = flat @ flat.T / flat.shape[1] - mean[:k] @ mean[:k].T

        weights = torch.cat([conv.weight[:, :own].flatten(1), conv.weight[:, own:].sum((2, 3))], 1).T  # (9 own + planes, width)
        centre, variance = (mean.T @ weights)[0], (weights * (covariance @ weights)).sum(0)
        update_running(bn, centre.detach(), variance.detach(), flat.shape[1])
        weights = weights * (bn.weight * (variance + bn.eps).rsqrt())
        shift = bn.bias - mean.T @ weights  # (1, width)
        y = _AffineReLU.apply(patches, weights[:k], bits @ weights[k:] + shift)
        return y.view(n, side, side, -1).permute(0, 3, 1, 2)


def update_running(bn: nn.BatchNorm2d, mean: Tensor, variance: Tensor, n: int) -> None:
    """What a batch norm does to its running statistics when it sees n values a channel of this mean and (biased) variance."""
    running_mean, running_var, seen, momentum = bn.running_mean, bn.running_var, bn.num_batches_tracked, bn.momentum
    assert running_mean is not None
    assert running_var is not None
    assert seen is not None
    assert momentum is not None
    running_mean.lerp_(mean, momentum)
    running_var.lerp_(variance * (n / (n - 1)), momentum)
    seen.add_(1)


class _AffineReLU(torch.autograd.Function):
    """relu(x' w + b): x (k, n, m), w (k, d), b (n, d) -> (n, m, d), some pictures at a time, so that what lies between is never held. x has no gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        y = x.new_empty(*x.shape[1:], w.shape[1])
        for some in chunks(x):
            torch.mm(x[:, some].flatten(1).T, w, out=y[some].flatten(0, 1))
            y[some].add_(b[some, None]).clamp_(min=0)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_y: Tensor) -> tuple[Tensor | None, ...]:
        x, y = ctx.saved_tensors
        d_w, d_b = x.new_zeros(len(x), y.shape[2]), x.new_empty(len(y), y.shape[2])
        for some in chunks(x):
            through = torch.ops.aten.threshold_backward(d_y[some], y[some], 0)
            d_w.addmm_(x[:, some].flatten(1), through.flatten(0, 1))
            torch.sum(through, 1, out=d_b[some])
        return None, d_w, d_b


def chunks(x: Tensor) -> list[slice]:
    """Slices of the pictures of x (k, n, m): those that a core's cache holds; on a card, all of them."""
    n = x.shape[1]
    step = CHUNK if x.device.type == "cpu" else n
    return [slice(start, start + step) for start in range(0, n, step)]
