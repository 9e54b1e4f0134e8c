"""The notebook's encoder: its shapes and its start by hand, and its first block against the layers that it stands for."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn

from suppression.convnet import ConvNet, as_keras, first_block


def pictures(n, own, planes, side=28, dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (n, planes, 1, 1), generator=rng).to(dtype).expand(-1, -1, side, side)
    return torch.cat([torch.rand(n, own, side, side, generator=rng, dtype=dtype) ** 3, bits], 1)


@pytest.mark.parametrize(("channels", "width", "canvas", "side"), [(1, 32, 28, 2), (21, 32, 28, 2), (3, 4, 15, 1), (1, 5, 40, 4)])
def test_its_parameters_can_be_counted_by_hand(channels, width, canvas, side):
    net = ConvNet(width=width, canvas=canvas, channels=channels)
    kernels = 9 * channels * width + 9 * width * 2 * width + 9 * 2 * width * 2 * width + side**2 * 2 * width * 4 * width
    assert sum(p.numel() for p in net.parameters()) == kernels + 2 * (width + 2 * width + 2 * width + 4 * width)  # no bias but the norms'
    assert net(torch.rand(2, channels, canvas, canvas)).shape == (2, net.h_dim) == (2, 4 * width)


def test_its_taps_are_what_three_convolutions_without_padding_leave():
    taps = ConvNet(channels=6, planes=5).taps(torch.rand(4, 6, 28, 28))
    assert {name: tuple(tap.shape) for name, tap in taps.items()} == {
        "block1": (4, 32, 13, 13),
        "block2": (4, 64, 6, 6),
        "block3": (4, 64, 2, 2),
        "h": (4, 128),
    }
    assert tuple(taps) == ConvNet.layers


def test_a_canvas_of_which_nothing_is_left_is_refused():
    with pytest.raises(ValueError, match="canvas = 14 px is too small"):
        ConvNet(canvas=14)


def test_it_starts_uniformly_within_glorots_bounds_and_normalises_as_keras():
    net = ConvNet(channels=3)
    for name, p in net.named_parameters():
        if p.ndim > 1:
            bound = math.sqrt(6 / ((p.shape[0] + p.shape[1]) * p[0, 0].numel()))
            assert 0.98 * bound < p.abs().max() <= bound, name
            assert p.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05), name
    assert {(m.momentum, m.eps) for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))} == {(0.01, 1e-3)}  # Keras's 0.99 and 0.001
    layer = nn.Linear(3, 2)
    as_keras(layer)
    assert not layer.bias.any()


@pytest.mark.parametrize("n", [2, 130])  # less than a chunk, and two and a bit
@pytest.mark.parametrize(("own", "planes"), [(1, 0), (1, 7), (3, 2)])
def test_the_first_block_is_convolution_norm_and_relu(own, planes, n):
    """Output, gradients, running statistics, in float64: what a block of separate layers gives."""
    torch.manual_seed(0)
    conv, bn = nn.Conv2d(own + planes, 4, 3, 2, bias=False).double(), nn.BatchNorm2d(4, eps=1e-3, momentum=0.01).double()
    nn.init.uniform_(bn.weight, 0.5, 2)
    nn.init.normal_(bn.bias)
    plain_conv, plain_bn = copy.deepcopy(conv), copy.deepcopy(bn)
    x = pictures(n, own, planes).contiguous(memory_format=torch.channels_last)
    y, expected = first_block(x, conv, bn, planes=planes), plain_bn(plain_conv(x)).relu()
    torch.testing.assert_close(y, expected, rtol=1e-9, atol=1e-9)
    direction = torch.randn_like(expected)
    (y * direction).sum().backward()
    (expected * direction).sum().backward()
    for ours, theirs in ((conv.weight, plain_conv.weight), (bn.weight, plain_bn.weight), (bn.bias, plain_bn.bias)):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-7, atol=1e-7)
    for ours, theirs in zip(bn.buffers(), plain_bn.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_in_evaluation_it_uses_the_running_statistics_and_moves_none():
    net, x = ConvNet(width=4, channels=3, planes=2), pictures(20, 1, 2, dtype=torch.float32)
    for _ in range(5):
        net.train()(x)
    before = copy.deepcopy(net.state_dict())
    net.eval()
    one_by_one = torch.cat([net(picture[None]) for picture in x])
    torch.testing.assert_close(net(x), one_by_one, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_the_first_block_waits_for_no_device(no_host_sync):
    net, x = ConvNet(width=4, channels=3, planes=2).train(), pictures(20, 1, 2, dtype=torch.float32)
    with no_host_sync():
        net(x).sum().backward()


def test_a_gradient_to_the_picture_takes_the_separate_layers():
    net, x = ConvNet(width=4).train(), pictures(5, 1, 0, dtype=torch.float32).requires_grad_()
    net(x).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0
