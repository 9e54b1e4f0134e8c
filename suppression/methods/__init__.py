"""Ways of training an encoder: each an `nn.Module` whose `forward(x1, x2, y)` returns the loss."""

from suppression.methods.barlow import Barlow
from suppression.methods.base import Method
from suppression.methods.byol import BYOL
from suppression.methods.generalised import SWD, Decoupled
from suppression.methods.moco import MoCo
from suppression.methods.randbit import RandBit
from suppression.methods.simclr import SimCLR
from suppression.methods.simsiam import SimSiam
from suppression.methods.supcon import SupCon
from suppression.methods.supervised import Supervised
from suppression.methods.untrained import Untrained
from suppression.methods.vicreg import VICReg

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "decoupled": Decoupled,
    "swd": SWD,
    "vicreg": VICReg,
    "barlow": Barlow,
    "randbit": RandBit,
    "supcon": SupCon,
    "supervised": Supervised,
    "untrained": Untrained,
}

__all__ = ["BYOL", "METHODS", "SWD", "Barlow", "Decoupled", "Method", "MoCo", "RandBit", "SimCLR", "SimSiam", "SupCon", "Supervised", "Untrained", "VICReg"]
