"""What scenes of one digit and one photograph have in common."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from suppression.data.base import Factors, Question, Scenes
from suppression.data.pool import Pool
from suppression.data.sources.photos import check_photographs
from suppression.data.transforms.sprites import central, check_box


class DigitAndPhoto(Scenes):
    """Features `digit` and `scene`: a unique digit and a photograph carry them."""

    sources: ClassVar[tuple[str, ...]] = ("source", "photos")

    photos: str
    instances: int | None
    box: int

    def _check(self) -> None:
        check_photographs(self.photos)
        if self.instances is not None and self.instances < 1:
            raise ValueError(f"instances = {self.instances}: one unique digit is the least")
        check_box(self.box)

    @property
    def channels(self) -> int:
        return 3

    @property
    def features(self) -> tuple[str, ...]:
        return ("digit", "scene")

    @property
    def shared_bits(self) -> float | None:
        return math.log2(self.instances) if self.instances else None

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        return {"digit": factors["instance"], "scene": factors["photo"]}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        return {"digit": pool.names, "scene": photos_of(pool).names}

    def questions(self) -> list[Question]:
        """The digit without its photograph, the photograph without its digit, and both."""
        return [
            ("alone", (0,), ["digit"]),
            ("alone", (1,), ["scene"]),
            ("together", None, self.features),
        ]

    def sprites(self, factors: Factors, pool: Pool) -> Tensor:
        """The digits, uint8 (n, 1, box, box)."""
        keep = central(self.box)
        return pool.images.index_select(0, factors["instance"])[:, None, keep, keep]


def photos_of(pool: Pool) -> Pool:
    """The photographs beside the digits."""
    assert pool.photos is not None, "these scenes need a pool with photographs beside the digits"
    return pool.photos
