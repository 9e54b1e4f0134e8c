"""Ways of training an encoder: each an `nn.Module` whose `forward(x1, x2, y)` returns the loss."""

from suppression.methods.autoencoder import Autoencoder
from suppression.methods.base import Method
from suppression.methods.cpc import CPC
from suppression.methods.dino import DINO
from suppression.methods.instdisc import InstDisc
from suppression.methods.randbit import RandBit
from suppression.methods.simclr import SimCLR
from suppression.methods.supervised import Supervised
from suppression.methods.swav import SwAV
from suppression.methods.untrained import Untrained

METHODS: dict[str, type[Method]] = {
    "simclr": SimCLR,
    "randbit": RandBit,
    "swav": SwAV,
    "dino": DINO,
    "instdisc": InstDisc,
    "cpc": CPC,
    "autoencoder": Autoencoder,
    "supervised": Supervised,
    "untrained": Untrained,
}

__all__ = ["CPC", "DINO", "METHODS", "Autoencoder", "InstDisc", "Method", "RandBit", "SimCLR", "Supervised", "SwAV", "Untrained"]
