"""Data sets: generators of scenes whose features are known, and the sources they draw from.

>>> from suppression.data import TwoDigits, stream
>>> scenes = TwoDigits(canvas=64, size1=12, size2=40)
>>> sample = scenes.sample(8)  # `sample.show()` draws it
>>> x1, x2, factors = next(iter(stream(scenes, batch=16)))
>>> x1.shape, sorted(factors)
(torch.Size([16, 1, 64, 64]), ['digit', 'first', 'instance', 'left', 'second', 'size', 'top'])
"""

from suppression.data.base import Scenes
from suppression.data.digits import MultiDigits, TwoDigits
from suppression.data.digits_on_photos import DigitsOnPhotos
from suppression.data.dominoes import Dominoes
from suppression.data.export import export
from suppression.data.fixed import fixed
from suppression.data.loader import load_pool
from suppression.data.pool import MissingSource, Pool
from suppression.data.random_bits import ColouredDigits, RandomBits
from suppression.data.sample import Sample
from suppression.data.sources.digits import SOURCES
from suppression.data.sources.photos import PHOTOGRAPHS, photographs
from suppression.data.table import TableScenes, from_table
from suppression.data.torch_dataset import stream
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.trifeature import Trifeature

DATASETS: dict[str, type[Scenes]] = {
    "coloured_digits": ColouredDigits,
    "digits_on_photos": DigitsOnPhotos,
    "dominoes": Dominoes,
    "multi_digits": MultiDigits,
    "random_bits": RandomBits,
    "table": TableScenes,
    "trifeature": Trifeature,
    "two_digits": TwoDigits,
}

__all__ = [
    "DATASETS",
    "PHOTOGRAPHS",
    "SOURCES",
    "Augmentation",
    "ColouredDigits",
    "DigitsOnPhotos",
    "Dominoes",
    "MissingSource",
    "MultiDigits",
    "Pool",
    "RandomBits",
    "Sample",
    "Scenes",
    "TableScenes",
    "Trifeature",
    "TwoDigits",
    "export",
    "fixed",
    "from_table",
    "load_pool",
    "photographs",
    "stream",
]
