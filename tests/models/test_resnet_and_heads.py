"""The encoder against torchvision's ResNet-18, the head against its formula."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import linear

from suppression.models.heads import Head
from suppression.models.resnet import LAYERS, ResNet, Shortcut, channels_last, stem_for


@pytest.fixture(scope="module")
def twins() -> tuple[ResNet, nn.Module]:
    """Ours and torchvision's with the same weights; all norms are drawn at random, or the branches
    that start at zero would be left out."""
    theirs = torchvision.models.resnet18()
    theirs.fc = nn.Identity()
    rng = torch.Generator().manual_seed(0)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (
                module.weight.data,
                module.bias.data,
                module.running_mean,
                module.running_var,
            ):
                tensor.copy_(torch.rand(tensor.shape, generator=rng) + 0.1)
    ours = ResNet(width=64, stem=4, channels=3)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def test_the_state_dict_has_torchvisions_names_and_shapes_but_for_the_last_layer():
    ours = {
        name: value.shape
        for name, value in ResNet(width=64, stem=4, channels=3).state_dict().items()
    }
    theirs = {
        name: value.shape
        for name, value in torchvision.models.resnet18().state_dict().items()
        if not name.startswith("fc.")
    }
    assert ours == theirs


@pytest.mark.parametrize("training", [False, True])
def test_at_width_64_the_output_and_a_gradient_equal_torchvisions(twins, training):
    x = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(2, 512, generator=torch.Generator().manual_seed(2))
    outputs, gradients = [], []
    for net in twins:
        net.train(training)
        net.zero_grad()
        outputs.append(net(x))
        (outputs[-1] * direction).sum().backward()
        gradients.append({name: p.grad for name, p in net.named_parameters()})
    assert outputs[1].std() > 1e-2
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)
    for name in ("conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.bn2.weight"):
        assert gradients[1][name].abs().max() > 1e-6
        torch.testing.assert_close(gradients[0][name], gradients[1][name], atol=1e-5, rtol=1e-4)


def test_the_norms_that_start_at_zero_are_those_of_torchvisions_zero_init_residual():
    def zero(net: nn.Module) -> set[str]:
        return {
            name for name, p in net.named_parameters() if name.endswith("weight") and not p.any()
        }

    theirs = torchvision.models.resnet18(zero_init_residual=True)
    assert zero(ResNet()) == zero(theirs)
    assert len(zero(theirs)) == 8  # two blocks in each of four groups


def test_convolutions_start_with_the_fan_out_variance_of_he():
    for name, p in ResNet(width=64).named_parameters():
        if p.ndim == 4:
            fan_out = p.shape[0] * p.shape[2] * p.shape[3]
            assert p.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05), name


@pytest.mark.parametrize(
    ("canvas", "stem", "side"),  # side of the map that the first block group sees
    [
        (28, 1, 28),
        (39, 1, 39),
        (40, 2, 20),
        (64, 2, 32),
        (95, 2, 48),
        (96, 4, 24),
        (112, 4, 28),
        (160, 4, 40),
        (224, 4, 56),
    ],
)
def test_the_stem_for_a_canvas_leaves_the_map_of_the_table(canvas, stem, side):
    assert stem_for(canvas) == stem
    net = ResNet(width=1, stem=stem, channels=1).eval()
    assert net.taps(torch.zeros(1, 1, canvas, canvas))["block1"].shape == (1, 1, side, side)


@pytest.mark.parametrize(
    ("stem", "sides"), [(1, (32, 16, 8, 4)), (2, (16, 8, 4, 2)), (4, (8, 4, 2, 1))]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_taps_have_the_shapes_of_their_block_groups(stem, sides, channels):
    net = ResNet(width=4, stem=stem, channels=channels)
    x = torch.rand(3, channels, 32, 32)
    taps = net.taps(x)
    assert tuple(taps) == LAYERS
    for i, side in enumerate(sides):
        assert taps[f"block{i + 1}"].shape == (3, 4 * 2**i, side, side)
    assert taps["h"].shape == (3, 32) == (3, net.h_dim)


def test_taps_are_torchvisions_intermediate_layers_and_h_their_mean(twins):
    ours, theirs = (net.eval() for net in twins)
    seen = {}
    hooks = [
        getattr(theirs, f"layer{i}").register_forward_hook(
            lambda module, args, out, i=i: seen.update({f"block{i}": out})
        )
        for i in range(1, 5)
    ]
    x = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        taps, h = ours.taps(x), theirs(x)
    for hook in hooks:
        hook.remove()
    assert len(seen) == 4
    for name, value in seen.items():
        torch.testing.assert_close(taps[name], value, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(taps["h"], h, atol=1e-5, rtol=1e-5)
    assert torch.equal(ours(x), taps["h"])


def test_the_memory_layout_changes_no_number_of_the_output():
    net = ResNet(width=4, stem=2, channels=1).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    x = torch.rand(2, 1, 32, 32)
    plain = net(x)
    turned = channels_last(net)
    assert turned.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(turned(x), plain, atol=1e-5, rtol=1e-5)


# The head


@pytest.mark.parametrize("channels", [1, 2, 4, 7, 8, 15, 16, 32])
def test_the_shortcuts_gradients_are_the_sums_they_stand_for_also_where_onednns_kernel_fails(
    channels,
):
    x = (
        torch.rand(8, channels, 12, 12)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
    )
    conv = channels_last(Shortcut(channels, 2 * channels, 1, 2, bias=False))
    weight, seen = conv.weight[:, :, 0, 0].detach(), x.detach()[:, :, ::2, ::2]
    y = conv(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    assert torch.allclose(y, torch.einsum("oc,nchw->nohw", weight, seen), atol=1e-5)
    assert torch.allclose(
        conv.weight.grad[:, :, 0, 0], torch.einsum("nohw,nchw->oc", dy, seen), atol=1e-3
    )
    dx = torch.zeros_like(x)
    dx[:, :, ::2, ::2] = torch.einsum("nohw,oc->nchw", dy, weight)
    assert torch.allclose(x.grad, dx, atol=1e-5)


def test_the_identity_head_gives_h_itself():
    h = torch.randn(3, 8)
    head = Head(8, head="identity", z_dim=5)
    assert torch.equal(head(h), h)
    assert not list(head.parameters())


def test_the_linear_head_is_one_matrix_and_a_bias():
    head, h = Head(8, head="linear", layers=4, z_dim=5), torch.randn(3, 8)
    weight, bias = head.parameters()
    assert weight.shape == (5, 8)
    torch.testing.assert_close(head(h), linear(h, weight, bias))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [None, 6])
def test_an_mlp_head_is_linear_layers_with_batch_norm_and_relu_between(layers, width):
    head, h = Head(8, layers=layers, width=width, z_dim=5), torch.randn(7, 8)
    matrices = [p for p in head.parameters() if p.ndim == 2]
    inner = width or 8
    sides = [8] + [inner] * (layers - 1) + [5]
    assert [tuple(p.shape) for p in matrices] == [(sides[i + 1], sides[i]) for i in range(layers)]
    z = h
    for weight in matrices[:-1]:
        z = z @ weight.T
        z = (z - z.mean(0)) / (
            z.var(0, correction=0) + 1e-5
        ).sqrt()  # batch norm starts with scale 1 and shift 0
        z = z.clamp(min=0)
    expected = z @ matrices[-1].T + head[-1].bias
    torch.testing.assert_close(head(h), expected, atol=1e-5, rtol=1e-5)
    assert (
        sum(p.numel() for p in head.parameters())
        == sum(p.numel() for p in matrices) + 2 * inner * (layers - 1) + 5
    )  # no other biases


def test_the_head_has_two_layers_and_64_outputs_unless_told():
    assert [tuple(p.shape) for p in Head(32).parameters() if p.ndim == 2] == [(32, 32), (64, 32)]


def test_at_full_size_a_deeper_one_has_the_layers_of_torchvisions_resnet34():
    import torchvision

    theirs = {
        name: tuple(p.shape)
        for name, p in torchvision.models.resnet34(weights=None).state_dict().items()
        if not name.startswith("fc.")
    }
    ours = {
        name: tuple(p.shape)
        for name, p in ResNet(width=64, stem=4, channels=3, depth=34).state_dict().items()
    }
    assert ours == theirs
    assert sum("conv" in name for name in ResNet(width=4, depth=10).state_dict()) == 1 + 4 * 2
