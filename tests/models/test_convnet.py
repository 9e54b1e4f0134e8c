"""The notebook's encoder: its shapes and its start by hand, and its layers one after another."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from suppression.models.convnet import ConvNet, as_keras


def pictures(n, own, planes, side=28, dtype=torch.float64):
    rng = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (n, planes, 1, 1), generator=rng).to(dtype).expand(-1, -1, side, side)
    return torch.cat([torch.rand(n, own, side, side, generator=rng, dtype=dtype) ** 3, bits], 1)


@pytest.mark.parametrize(
    ("channels", "width", "canvas", "side"),
    [(1, 32, 28, 2), (21, 32, 28, 2), (3, 4, 15, 1), (1, 5, 40, 4)],
)
def test_its_parameters_can_be_counted_by_hand(channels, width, canvas, side):
    net = ConvNet(width=width, canvas=canvas, channels=channels)
    kernels = (
        9 * channels * width
        + 9 * width * 2 * width
        + 9 * 2 * width * 2 * width
        + side**2 * 2 * width * 4 * width
    )
    assert sum(p.numel() for p in net.parameters()) == kernels + 2 * (
        width + 2 * width + 2 * width + 4 * width
    )  # no bias but the norms'
    assert net(torch.rand(2, channels, canvas, canvas)).shape == (2, net.h_dim) == (2, 4 * width)


def test_its_taps_are_what_three_convolutions_without_padding_leave():
    taps = ConvNet(channels=6).taps(torch.rand(4, 6, 28, 28))
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
    assert {
        (m.momentum, m.eps)
        for m in net.modules()
        if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))
    } == {(0.01, 1e-3)}  # Keras's 0.99 and 0.001
    layer = nn.Linear(3, 2)
    as_keras(layer)
    assert not layer.bias.any()


def test_h_is_what_the_layers_give_one_after_another():
    """In training, where norms see the batch: by hand, with Keras's epsilon in every norm."""
    net, x = ConvNet(width=4, channels=3).double().train(), pictures(9, 1, 2)
    y = x
    for kernel, norm in (
        (net.conv1, net.bn1),
        (net.conv2, net.bn2),
        (net.conv3, net.bn3),
        (net.dense, net.bn4),
    ):
        y = (
            conv2d(y, kernel.weight, stride=2)
            if kernel.weight.ndim == 4
            else y.flatten(1) @ kernel.weight.T
        )
        over = (0, *range(2, y.ndim))
        y = (y - y.mean(over, keepdim=True)) / (
            y.var(over, correction=0, keepdim=True) + 1e-3
        ).sqrt()
        y = y.clamp(min=0)
        assert norm.weight.unique().tolist() == [1]
    torch.testing.assert_close(net(x), y)


def test_in_evaluation_it_uses_the_running_statistics_and_moves_none():
    net, x = ConvNet(width=4, channels=3), pictures(20, 1, 2, dtype=torch.float32)
    for _ in range(5):
        net.train()(x)
    before = copy.deepcopy(net.state_dict())
    net.eval()
    one_by_one = torch.cat([net(picture[None]) for picture in x])
    torch.testing.assert_close(net(x), one_by_one, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
