"""Generators of pictures whose features are known, and the sources they draw from."""

from suppression.data.base import Scenes
from suppression.data.digits import MultiDigits, TwoDigits
from suppression.data.digits_on_photos import DigitsOnPhotos
from suppression.data.dominoes import Dominoes
from suppression.data.pool import MissingSource, Pool
from suppression.data.random_bits import ColouredDigits, RandomBits
from suppression.data.sources.digits import SOURCES
from suppression.data.sources.photos import PHOTOGRAPHS, photographs
from suppression.data.trifeature import Trifeature

DATASETS: dict[str, type[Scenes]] = {
    "coloured_digits": ColouredDigits,
    "digits_on_photos": DigitsOnPhotos,
    "dominoes": Dominoes,
    "multi_digits": MultiDigits,
    "random_bits": RandomBits,
    "trifeature": Trifeature,
    "two_digits": TwoDigits,
}

__all__ = [
    "DATASETS",
    "PHOTOGRAPHS",
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
