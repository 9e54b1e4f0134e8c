"""Generators of pictures whose features are known, and the sources they draw from."""

from suppression.scenes.base import Scenes
from suppression.scenes.digits_on_photos import DigitsOnPhotos
from suppression.scenes.dominoes import Dominoes
from suppression.scenes.multidigits import MultiDigits, TwoDigits
from suppression.scenes.photos import PHOTOGRAPHS, photographs
from suppression.scenes.shared_bits import ColouredDigits, RandomBits
from suppression.scenes.sources import SOURCES, MissingSource, Pool
from suppression.scenes.trifeature import Trifeature

SCENES: dict[str, type[Scenes]] = {
    "coloured_digits": ColouredDigits,
    "digits_on_photos": DigitsOnPhotos,
    "dominoes": Dominoes,
    "multi_digits": MultiDigits,
    "random_bits": RandomBits,
    "trifeature": Trifeature,
    "two_digits": TwoDigits,
}

__all__ = [
    "PHOTOGRAPHS",
    "SCENES",
    "SOURCES",
    "ColouredDigits",
    "DigitsOnPhotos",
    "Dominoes",
    "MissingSource",
    "MultiDigits",
    "Pool",
    "RandomBits",
    "Scenes",
    "Trifeature",
    "TwoDigits",
    "photographs",
]
