"""What scenes of one digit and one photograph have in common, however the two are put together."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import Tensor

from suppression.data.base import Factors, Question, Scenes
from suppression.data.pool import SIDE, Pool
from suppression.data.sources.photos import check_photographs


class DigitAndPhoto(Scenes):
    """Features `digit` and `scene`, carried by one of `instances` unique digits (all of the source's if None) and one photograph of the source `photos`;
    `box` is the side of the central square kept of the 28-px digit.
    """

    sources: ClassVar[tuple[str, ...]] = ("source", "photos")

    photos: str
    instances: int | None
    box: int

    def _check(self) -> None:
        check_photographs(self.photos)
        if self.instances is not None and self.instances < 1:
            raise ValueError(f"instances = {self.instances}: one unique digit is the least")
        if not 1 <= self.box <= SIDE:
            raise ValueError(f"box = {self.box} is not in 1..{SIDE} (the side of the square kept from the {SIDE}-px picture)")

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
        assert pool.photos is not None
        return {"digit": pool.names, "scene": pool.photos.names}

    def questions(self) -> list[Question]:
        """The digit without its photograph, the photograph without its digit, and both as they are."""
        return [("alone", (0,), ["digit"]), ("alone", (1,), ["scene"]), ("together", None, self.features)]

    def sprites(self, factors: Factors, pool: Pool) -> Tensor:
        """The digits, uint8 (n, 1, box, box)."""
        edge = (SIDE - self.box) // 2
        keep = slice(edge, edge + self.box)
        return pool.images.index_select(0, factors["instance"])[:, None, keep, keep]
