"""Any network as an encoder: torchvision's ResNet tap by tap, callables, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from suppression.errors import UserError
from suppression.evaluation import as_encoder
from suppression.evaluation.features import fingerprint
from suppression.models import Encoder, ResNet
from suppression.seeding import torch_rng

BLOCKS = {f"block{i}": f"layer{i}" for i in range(1, 5)}


@pytest.fixture(scope="module")
def net():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return resnet18(weights=None).eval()


@pytest.fixture
def x():
    return torch.rand(2, 3, 32, 32, generator=torch_rng("pictures"))


@torch.no_grad()
def test_torchvisions_resnet_has_its_groups_as_layers(net, x):
    encoder = as_encoder(net, layers=BLOCKS)
    assert encoder.layers == ("block1", "block2", "block3", "block4", "h")
    taps = encoder.taps(x)
    step = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    for i in range(1, 5):
        step = getattr(net, f"layer{i}")(step)
        assert torch.equal(taps[f"block{i}"], step)
    assert torch.equal(taps["h"], net(x))
    assert torch.equal(encoder(x), net(x))
    assert encoder.h_dim == 1000
    assert isinstance(encoder, Encoder)


@torch.no_grad()
def test_a_tap_is_a_copy_that_layers_behind_do_not_change():
    net = nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True))
    given = torch.tensor([[-1.0, 2.0]])
    taps = as_encoder(net, layers=["0"]).taps(given.clone())
    assert torch.equal(taps["0"], given)
    assert torch.equal(taps["h"], given.relu())


def test_no_hook_stays_behind(net, x):
    as_encoder(net, layers=BLOCKS).taps(x)
    assert not any(module._forward_hooks for module in net.modules())
    with pytest.raises(RuntimeError):
        as_encoder(net, layers=BLOCKS).taps(x[:, :2])
    assert not any(module._forward_hooks for module in net.modules())


@torch.no_grad()
def test_gray_pictures_are_shown_to_a_network_of_three_channels_as_three_equal_ones(net, x):
    gray = x[:, :1]
    assert torch.equal(as_encoder(net).taps(gray)["h"], net(torch.cat([gray] * 3, 1)))


def test_the_adapter_has_the_weights_of_the_network_and_no_others(net):
    encoder = as_encoder(net)
    assert [id(p) for p in encoder.parameters()] == [id(p) for p in net.parameters()]
    before = fingerprint(encoder)
    net.fc.bias.data += 1
    assert fingerprint(encoder) != before
    net.fc.bias.data -= 1


def test_an_encoder_is_returned_as_it_is():
    encoder = ResNet(width=2, stem=1)
    assert as_encoder(encoder, layers=["block2"]) is encoder
    with pytest.raises(UserError, match="ResNet has no layer 'blok2'; did you mean 'block2'"):
        as_encoder(encoder, layers=["blok2"])


CALLABLES = {
    "vectors": (lambda x: x.flatten(1), lambda x: x.flatten(1)),
    "map": (lambda x: 2 * x, lambda x: 2 * x.mean((2, 3))),
    "tokens": (lambda x: x.flatten(2), lambda x: x.flatten(2).mean(1)),
    "mapping": (lambda x: {"early": x, "h": x.flatten(1)}, lambda x: x.flatten(1)),
    "mapping of one": (lambda x: {"out": x.flatten(1)}, lambda x: x.flatten(1)),
    "transformers": (
        lambda x: {"last_hidden_state": x.flatten(2), "pooler_output": x.flatten(1)},
        lambda x: x.flatten(1),
    ),
    "without a pooler": (
        lambda x: {"last_hidden_state": x.flatten(2), "pooler_output": None},
        lambda x: x.flatten(2).mean(1),
    ),
    "tuple": (lambda x: (x.flatten(1), None), lambda x: x.flatten(1)),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_h_of_a_callable_is_its_output_as_vectors(name, x):
    model, expected = CALLABLES[name]
    encoder = as_encoder(model)
    assert torch.equal(encoder.taps(x)["h"], expected(x))
    assert encoder.layers == ("h",)
    assert encoder.h_dim == expected(x).shape[1]


def test_tokens_of_a_layer_are_averaged():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.Identity()

        def forward(self, x):
            return self.block(x.flatten(2)).sum(2)

    x = torch.rand(2, 5, 4, 4)
    taps = as_encoder(Tokens(), layers=["block"]).taps(x)
    assert torch.equal(taps["block"], x.flatten(2).mean(1))


def unused():
    module = nn.Sequential(nn.Flatten())
    module.spare = nn.Linear(1, 1)
    module.forward = lambda x: x.flatten(1)
    return module


@pytest.mark.parametrize(
    ("model", "given", "told"),
    [
        (resnet18(), {"layers": ["layr3"]}, "ResNet has no layer 'layr3'; did you mean 'layer3'"),
        (resnet18(), {"layers": [""]}, "ResNet has no layer ''"),
        (lambda x: x, {"layers": ["layer1"]}, "is no module, so it has no layer 'layer1' but h"),
        (SimpleNamespace(), {}, "SimpleNamespace is no encoder: it cannot be called"),
        (unused(), {"layers": ["spare"]}, "did not use its layer 'spare'"),
        (lambda x: {"a": x, "b": x}, {}, "gives a, b; one of them must be called h"),
        (lambda x: x.sum(), {}, r"gives \(\); \(n, d\)"),
        (lambda x: "no", {}, "gives str, and no tensor"),
        (lambda x: x.flatten(1), {"h_dim": 7}, "gives 3072 numbers at h; h_dim = 7"),
    ],
)
def test_what_is_no_encoder_is_told_why(model, given, told, x):
    with pytest.raises(UserError, match=told):
        as_encoder(model, **given).taps(x)


def test_h_dim_is_as_given_or_as_the_first_pictures_showed(x):
    assert as_encoder(lambda x: x.flatten(1), h_dim=3072).h_dim == 3072
    encoder = as_encoder(lambda x: x.flatten(1))
    assert encoder.h_dim == 0
    encoder.taps(x)
    assert encoder.h_dim == 3072
