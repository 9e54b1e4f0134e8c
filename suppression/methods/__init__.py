"""Ways of training an encoder: each an `nn.Module` whose `forward(x1, x2, y)` returns the loss."""

from suppression.methods.base import Method
from suppression.methods.byol import BYOL
from suppression.methods.moco import MoCo
from suppression.methods.randbit import RandBit
from suppression.methods.simclr import SimCLR
from suppression.methods.simsiam import SimSiam
from suppression.methods.supervised import Supervised
from suppression.methods.untrained import Untrained

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "randbit": RandBit,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "supervised": Supervised,
    "untrained": Untrained,
}

__all__ = ["BYOL", "METHODS", "Method", "MoCo", "RandBit", "SimCLR", "SimSiam", "Supervised", "Untrained"]
