"""Ways of training an encoder: each an `nn.Module` whose `forward(x1, x2, y)` returns the loss."""

from suppression.methods.base import Method
from suppression.methods.distil import Distil
from suppression.methods.finetune import Finetune
from suppression.methods.frozen import Frozen
from suppression.methods.randbit import RandBit
from suppression.methods.simclr import SimCLR
from suppression.methods.supervised import Supervised
from suppression.methods.untrained import Untrained

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "randbit": RandBit,
    "supervised": Supervised,
    "finetune": Finetune,
    "distil": Distil,
    "frozen": Frozen,
    "untrained": Untrained,
}

__all__ = ["METHODS", "Distil", "Finetune", "Frozen", "Method", "RandBit", "SimCLR", "Supervised", "Untrained"]
