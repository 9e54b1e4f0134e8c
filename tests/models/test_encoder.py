"""The protocol of an encoder: who keeps it, in members and on outputs."""

import pytest
import torch
from torch import nn

from suppression.models import ConvNet, Encoder, ResNet

ENCODERS = {
    "resnet18": lambda: ResNet(width=4, stem=1, channels=3),
    "resnet10 of stride 4": lambda: ResNet(width=4, stem=4, channels=3, depth=10),
    "convnet": lambda: ConvNet(width=4, canvas=32, channels=3),
}


@pytest.mark.parametrize("build", ENCODERS.values(), ids=ENCODERS)
def test_our_networks_are_encoders_by_their_members_and_by_what_they_give(build):
    encoder = build().eval()
    assert isinstance(encoder, Encoder)
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    taps = encoder.taps(x)
    assert tuple(taps) == encoder.layers
    assert encoder.layers[-1] == "h"
    for name, tap in taps.items():
        assert tap.ndim == (2 if name == "h" else 4)
        assert len(tap) == 3
        if name != "h":
            assert tap.shape[2] == tap.shape[3]
    assert taps["h"].shape == (3, encoder.h_dim)
    assert torch.equal(taps["h"], encoder(x))
    assert taps["h"].std() > 0


@pytest.mark.parametrize("missing", ["layers", "taps", "h_dim", "forward"])
def test_what_lacks_a_member_is_no_encoder(missing):
    members = {
        "layers": ("h",),
        "h_dim": 3,
        "taps": lambda self, x: {"h": x},
        "forward": lambda self, x: x,
    }
    assert isinstance(type("Whole", (), members)(), Encoder)
    del members[missing]
    assert not isinstance(type("Part", (), members)(), Encoder)


def test_a_plain_network_of_torch_is_no_encoder():
    assert not isinstance(nn.Linear(3, 3), Encoder)
