"""Random features: what a network tells of which every block works and nothing was learned."""

from torch import nn

from suppression.methods.base import Method
from suppression.models.resnet import BasicBlock


class RandomFeatures(Method):
    """The encoder at its random initial weights, with all residual blocks switched on.

    The last batch norm of each block has a gain of 1, where training starts from 0. All other
    weights are those of `Untrained` at this seed. An encoder without residual blocks is the same
    as there.

    Args:
        encoder: The network.

    Example:
        >>> from suppression.models import ResNet
        >>> method = RandomFeatures(ResNet(width=4, stem=1, channels=1))
        >>> method.encoder.layer1[0].bn2.weight.min().item()
        1.0
    """

    trains = False

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder)
        for module in encoder.modules():
            if isinstance(module, BasicBlock):
                nn.init.ones_(module.bn2.weight)
