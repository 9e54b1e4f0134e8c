"""Encoders as ONNX: what onnxruntime computes is what torch does."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import torch

from suppression.errors import UserError
from suppression.models import ConvNet, ResNet, to_onnx


def lived_in(encoder):
    torch.manual_seed(0)
    for name, value in encoder.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.is_floating_point():
            value.normal_(0, 0.3)
    return encoder.eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("encoder", "side", "layer"),
    [
        (ResNet(width=4, stem=2, channels=3, depth=10), 40, "h"),
        (ConvNet(width=4, canvas=28), None, "block2"),
    ],
)
def test_onnxruntime_gives_the_same_features_for_any_number_of_pictures(
    tmp_path, encoder, side, layer
):
    onnx = pytest.importorskip("onnx", reason="extra interop")
    pytest.importorskip("onnxscript", reason="extra interop")
    runtime = pytest.importorskip("onnxruntime", reason="extra interop")
    lived_in(encoder)
    file = to_onnx(encoder, tmp_path / "e.onnx", canvas=side, layer=layer)
    assert [path.name for path in tmp_path.iterdir()] == ["e.onnx"]
    onnx.checker.check_model(onnx.load(file), full_check=True)
    session = runtime.InferenceSession(str(file))
    for n in (1, 7):
        x = torch.rand(n, encoder.conv1.in_channels, side or 28, side or 28)
        with torch.no_grad():
            wanted = encoder.taps(x)[layer].numpy()
        (found,) = session.run(None, {"pictures": x.numpy()})
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": "e.pt"}, r"has to end in \.onnx"),
        ({"layer": "hh"}, "there is no layer 'hh'; did you mean 'h'"),
        ({}, "nothing says how large the pictures are"),
        ({"canvas": 0}, "canvas = 0; the least is 1"),
        ({"encoder": ConvNet(width=1, canvas=16), "canvas": 17}, "was made for 16 px"),
        ({"encoder": torch.nn.Linear(2, 2)}, "to_onnx takes an encoder of this package"),
    ],
)
def test_mistakes_are_told(tmp_path, given, told):
    encoder = given.get("encoder", ResNet(width=2, stem=1, channels=1))
    path = tmp_path / given.get("path", "e.onnx")
    options = {name: given[name] for name in ("layer", "canvas") if name in given}
    with pytest.raises(UserError, match=told):
        to_onnx(encoder, path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"onnx is not installed: pip install .suppression\[inter"):
        to_onnx(ConvNet(width=1, canvas=16), tmp_path / "e.onnx")
