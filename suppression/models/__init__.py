"""Compact encoders, what an encoder is, and the heads that stand on them."""

from suppression.models.convnet import ConvNet
from suppression.models.encoder import Encoder
from suppression.models.heads import Head
from suppression.models.onnx_file import to_onnx
from suppression.models.pixels import RawPixels
from suppression.models.resnet import ResNet
from suppression.models.saved import load_encoder, save_encoder

__all__ = [
    "ConvNet",
    "Encoder",
    "Head",
    "RawPixels",
    "ResNet",
    "load_encoder",
    "save_encoder",
    "to_onnx",
]
