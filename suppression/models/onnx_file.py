"""An encoder as an ONNX file, for programs without torch."""

from __future__ import annotations

import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suppression import expect
from suppression.errors import UserError
from suppression.models.convnet import ConvNet
from suppression.models.saved import file_of, own_encoder, settings_of, written

NEEDS = ("onnx", "onnxscript")


@expect.typed
def to_onnx(
    encoder: nn.Module,
    path: str | Path,
    *,
    canvas: int | None = None,
    layer: str = "h",
) -> Path:
    """Write an encoder of this package as ONNX: `pictures` (n, c, s, s) in [0, 1] -> `features`.

    Any number of pictures goes through, of one size. Weights are in the same file.

    Args:
        encoder: What `fit`, `encoder` or `load_encoder` hands out.
        path: The file, which ends in .onnx; one that is there is replaced.
        canvas: Side of the pictures, px; the one it was trained on if None.
        layer: Which layer is given out, of `encoder.layers`.

    Returns:
        The file.

    Raises:
        UserError: onnx or onnxscript is not installed, there is no such layer, nothing says how
            large the pictures are, or the file cannot be written.

    Example:
        >>> from suppression.models import ResNet
        >>> to_onnx(ResNet(width=4, stem=1, channels=1), "encoder.onnx", layer="block5", canvas=16)
        Traceback (most recent call last):
        suppression.errors.UserError: to_onnx: there is no layer 'block5'; did you mean 'block4'?
    """
    place = file_of("to_onnx", path, ".onnx")
    own = own_encoder("to_onnx", encoder)
    expect.one_of("to_onnx", "layer", layer, own.layers)
    side = side_of(own, canvas)
    for name in NEEDS:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f'to_onnx: {name} is not installed: pip install "suppression[interop]" brings it'
            )
    channels = settings_of(own)["channels"]
    weight = next(own.parameters())
    pictures = torch.zeros(2, channels, side, side, device=weight.device, dtype=weight.dtype)
    was_training = own.training
    try:
        with quiet():
            program = torch.onnx.export(
                OneLayer(own.eval(), layer),
                (pictures,),
                dynamo=True,
                input_names=["pictures"],
                output_names=["features"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )
    finally:
        own.train(was_training)
    assert program is not None
    written(place, program.model_proto.SerializeToString())
    return place


class OneLayer(nn.Module):
    """Pictures -> what one layer gives."""

    def __init__(self, encoder: Any, layer: str) -> None:
        super().__init__()
        self.encoder: Any = encoder
        self.layer = layer

    def forward(self, pictures: Tensor) -> Tensor:
        return self.encoder.taps(pictures)[self.layer]


def side_of(encoder: nn.Module, canvas: int | None) -> int:
    known = encoder.canvas if isinstance(encoder, ConvNet) else None
    if canvas is None:
        canvas = known or getattr(encoder, "made", {}).get("canvas")
    if canvas is None:
        raise UserError(
            "to_onnx: nothing says how large the pictures are: give canvas, their side in px"
        )
    expect.whole("to_onnx", least=1, canvas=canvas)
    if known not in (None, canvas):
        raise UserError(f"to_onnx: canvas = {canvas}; this ConvNet was made for {known} px")
    return canvas


@contextmanager
def quiet() -> Iterator[None]:
    """While it lasts the exporter tells nothing of its own steps."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
