"""Generators of pictures whose features are known, and the sources they draw from."""

from suppression.scenes.base import Scenes
from suppression.scenes.digits_on_photos import DigitsOnPhotos
from suppression.scenes.multidigits import MultiDigits, TwoDigits
from suppression.scenes.photos import PHOTOGRAPHS, photographs
from suppression.scenes.shared_bits import ColouredDigits, RandomBits
from suppression.scenes.sources import SOURCES, MissingSource, Pool

SCENES: dict[str, type[Scenes]] = {
    "coloured_digits": ColouredDigits,
    "digits_on_photos": DigitsOnPhotos,
    "multi_digits": MultiDigits,
    "random_bits": RandomBits,
    "two_digits": TwoDigits,
}

__all__ = [
    "PHOTOGRAPHS",
    "SCENES",
    "SOURCES",
    "ColouredDigits",
    "DigitsOnPhotos",
    "MissingSource",
    "MultiDigits",
    "Pool",
    "RandomBits",
    "Scenes",
    "TwoDigits",
    "photographs",
]
