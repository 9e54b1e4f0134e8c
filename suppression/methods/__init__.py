"""Ways of training an encoder: each an `nn.Module` whose `forward(x1, x2, y)` returns the loss."""

from suppression.methods.autoencoder import Autoencoder
from suppression.methods.barlow import Barlow
from suppression.methods.base import Method
from suppression.methods.byol import BYOL
from suppression.methods.continued import Continued
from suppression.methods.cpc import CPC
from suppression.methods.decoupled import Decoupled
from suppression.methods.dino import DINO
from suppression.methods.distil import Distil
from suppression.methods.finetune import Finetune
from suppression.methods.frozen import Frozen
from suppression.methods.instdisc import InstDisc
from suppression.methods.moco import MoCo
from suppression.methods.pixels import Pixels
from suppression.methods.randbit import RandBit
from suppression.methods.random_features import RandomFeatures
from suppression.methods.simclr import SimCLR
from suppression.methods.simsiam import SimSiam
from suppression.methods.supcon import SupCon
from suppression.methods.supervised import Supervised
from suppression.methods.swav import SwAV
from suppression.methods.swd import SWD
from suppression.methods.untrained import Untrained
from suppression.methods.vicreg import VICReg

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "moco": MoCo,
    "byol": BYOL,
    "simsiam": SimSiam,
    "swav": SwAV,
    "dino": DINO,
    "cpc": CPC,
    "instdisc": InstDisc,
    "decoupled": Decoupled,
    "swd": SWD,
    "vicreg": VICReg,
    "barlow": Barlow,
    "randbit": RandBit,
    "autoencoder": Autoencoder,
    "supcon": SupCon,
    "supervised": Supervised,
    "continued": Continued,
    "finetune": Finetune,
    "distil": Distil,
    "frozen": Frozen,
    "untrained": Untrained,
    "random_features": RandomFeatures,
    "pixels": Pixels,
}

__all__ = [
    "BYOL",
    "CPC",
    "DINO",
    "METHODS",
    "SWD",
    "Autoencoder",
    "Barlow",
    "Continued",
    "Decoupled",
    "Distil",
    "Finetune",
    "Frozen",
    "InstDisc",
    "Method",
    "MoCo",
    "Pixels",
    "RandBit",
    "RandomFeatures",
    "SimCLR",
    "SimSiam",
    "SupCon",
    "Supervised",
    "SwAV",
    "Untrained",
    "VICReg",
]
