"""Generators of pictures whose features are known, and the sources they draw from."""

from suppression.scenes.base import Scenes
from suppression.scenes.multidigits import MultiDigits, TwoDigits
from suppression.scenes.sources import SOURCES, MissingSource, Pool

SCENES: dict[str, type[Scenes]] = {"multi_digits": MultiDigits, "two_digits": TwoDigits}

__all__ = ["SCENES", "SOURCES", "MissingSource", "MultiDigits", "Pool", "Scenes", "TwoDigits"]
