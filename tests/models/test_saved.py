"""An encoder in a file of its own: the same features to the bit, and nothing that is damaged."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file
from torch import nn

import suppression as sup
from suppression.errors import UserError
from suppression.methods import METHODS
from suppression.models import ConvNet, RawPixels, ResNet, load_encoder, save_encoder
from suppression.models import saved as module
from suppression.models.resnet import channels_last


def lived_in(encoder):
    """With other statistics and gains than it began with."""
    torch.manual_seed(0)
    for value in [*encoder.parameters(), *encoder.buffers()]:
        if value.is_floating_point():
            value.data.uniform_(0.1, 0.6)
    return channels_last(encoder.eval())


ENCODERS = [
    (ResNet(width=3, stem=1, channels=1), 16),
    (ResNet(width=4, stem=2, channels=3, depth=10), 24),
    (ResNet(width=2, stem=4, channels=5, depth=34), 32),
    (ConvNet(width=3, canvas=20, channels=2), 20),
]


@pytest.mark.parametrize(("encoder", "side"), ENCODERS)
def test_a_loaded_encoder_gives_the_same_features_to_the_bit(tmp_path, encoder, side):
    encoder = lived_in(encoder)
    x = torch.rand(3, encoder.conv1.in_channels, side, side)
    found = load_encoder(save_encoder(encoder, tmp_path / "e.safetensors"))
    assert type(found) is type(encoder)
    assert not found.training
    taps, again = encoder.taps(x), found.taps(x)
    assert list(taps) == list(again)
    assert all(map(torch.equal, taps.values(), again.values()))


def test_a_trained_one_says_how_it_was_trained_and_a_method_gives_its_encoder(tmp_path):
    scenes = sup.datasets.TwoDigits(canvas=16, size1=6, size2=12)
    encoder = sup.fit(scenes, steps=1, batch=8, width=2, tau=0.3, seed=5, progress=False)
    file = sup.save_encoder(encoder, tmp_path / "e.safetensors")
    made = sup.load_encoder(file).made
    assert (made["data"], made["tau"], made["seed"], made["size1"]) == ("two_digits", 0.3, 5, 6)
    with safe_open(file, framework="pt") as opened:
        assert json.loads(opened.metadata()["settings"])["width"] == 2
    method = METHODS["simclr"](lived_in(ResNet(width=2, stem=1, channels=1)))
    found = load_encoder(save_encoder(method, tmp_path / "m.safetensors"))
    assert torch.equal(found.conv1.weight, method.encoder.conv1.weight)


def test_any_bit_that_is_flipped_and_any_cut_is_told(tmp_path):
    file = save_encoder(lived_in(ConvNet(width=1, canvas=15)), tmp_path / "e.safetensors")
    whole = file.read_bytes()
    places = [*range(0, 1200, 7), *range(1200, len(whole), 101)]
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=r"is damaged|no safetensors|not what builds"):
            load_encoder(file)
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"is no safetensors file, or is damaged"):
            load_encoder(file)


def forged(path, tensors=None, **changes):
    """A stranger's file: its checksum is right, whatever it says."""
    file = save_encoder(lived_in(ConvNet(width=1, canvas=15)), path)
    with safe_open(file, framework="pt") as opened:
        about = {**opened.metadata(), **changes}
    tensors = load_file(file) if tensors is None else tensors
    about["sha256"] = module.digest_of(tensors, about)
    file.write_bytes(save(tensors, metadata=about))
    return file


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "ConvNets"}, "there is no encoder 'ConvNets'; did you mean 'ConvNet'"),
        ({"kind": "ResNet"}, "settings that no ResNet has"),
        ({"settings": '{"width": 1000000000}'}, "width = 1000000000; 4096 at most"),
        ({"settings": '{"width": 4096}'}, "of another encoder than it says: "),
        ({"settings": '{"width": "1"}'}, "is not a whole number"),
        ({"settings": '{"canvas": 3}'}, "settings that no ConvNet has: canvas = 3 px"),
        ({"settings": "[]"}, "a table is wanted"),
        ({"settings": "[" * 100_000}, "no JSON"),
        ({"made": "{"}, "no JSON"),
        ({"format": "suppression-encoder-2"}, "not what builds an encoder"),
        ({"tensors": {"conv1.weight": torch.ones(1)}}, "conv1.weight is not as it is"),
    ],
)
def test_a_file_of_a_stranger_is_refused_for_what_it_says(tmp_path, changes, told):
    with pytest.raises(UserError) as error:
        load_encoder(forged(tmp_path / "e.safetensors", **changes))
    assert told in str(error.value)


def test_tensors_that_an_encoder_has_not_are_told(tmp_path):
    encoder = lived_in(ConvNet(width=1, canvas=15))
    tensors = {name: value.contiguous() for name, value in encoder.state_dict().items()}
    with pytest.raises(UserError, match="holds more tensors"):
        load_encoder(forged(tmp_path / "e.safetensors", {**tensors, "more": torch.ones(1)}))


def test_foreign_files_are_named(tmp_path, monkeypatch):
    other = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(2)}, other)
    with pytest.raises(UserError, match=r"other\.safetensors holds tensors, but not what builds"):
        load_encoder(other)
    torch.save({"weight": torch.ones(2)}, tmp_path / "pickle.safetensors")
    with pytest.raises(UserError, match="is no safetensors file"):
        load_encoder(tmp_path / "pickle.safetensors")
    with pytest.raises(UserError, match="there is no file"):
        load_encoder(tmp_path)
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    with pytest.raises(UserError, match="is larger than 10 bytes"):
        load_encoder(other)


@pytest.mark.parametrize(
    ("encoder", "name", "told"),
    [
        (nn.Linear(2, 2), "e.safetensors", r"an encoder of this package \(ConvNet, ResNet\)"),
        (RawPixels(), "e.safetensors", "and got a RawPixels"),
        ("simclr", "e.safetensors", "and got 'simclr'"),
        (ENCODERS[3][0], "e.pt", r"has to end in \.safetensors"),
        (ENCODERS[3][0], "no/e.safetensors", "there is no folder"),
    ],
)
def test_what_cannot_be_saved_is_told(tmp_path, encoder, name, told):
    with pytest.raises(UserError, match=told):
        save_encoder(encoder, tmp_path / name)
    assert list(tmp_path.iterdir()) == []
