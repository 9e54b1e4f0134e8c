"""What scenes of one digit and one photograph have in common."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data.base import (
    Factors,
    Question,
    Scenes,
    Visible,
    check_competitor,
    chosen,
)
from suppression.data.pool import Pool
from suppression.data.sources.photos import check_photographs
from suppression.data.transforms.sprites import central, check_box


class DigitAndPhoto(Scenes):
    """Features `digit` and `scene`: a unique digit and a photograph carry them.

    The digit is the photograph's competitor.
    """

    sources: ClassVar[tuple[str, ...]] = ("source", "photos")

    photos: str
    instances: int | None
    box: int
    redraw: float
    blank: bool | None

    def _check(self) -> None:
        check_competitor(self.redraw, self.blank)
        check_photographs(self.photos)
        if self.instances is not None and self.instances < 1:
            raise ValueError(f"instances = {self.instances}: one unique digit is the least")
        check_box(self.box)

    @property
    def channels(self) -> int:
        return 3

    @property
    def features(self) -> tuple[str, ...]:
        return ("scene",) if self.blank else ("digit", "scene")

    @property
    def competitors(self) -> tuple[str, ...]:
        return () if self.blank else ("digit",)

    @property
    def shared_bits(self) -> float | None:
        if self.blank:
            return 0.0
        return math.log2(self.instances) if self.instances else None

    @abstractmethod
    def _instances(self, photo: Tensor, rng: torch.Generator, pool: Pool) -> Tensor:
        """Draw a digit for each of these photographs (n,), whether digits are blank or not."""

    def _unless_blank(self, instance: Tensor) -> Tensor:
        return torch.zeros_like(instance) if self.blank else instance

    def again(self, factors: Factors, rng: torch.Generator, pool: Pool) -> Factors:
        """The same photographs; by `redraw` other digits, drawn by the same law, in place."""
        if not self.redraw:
            return factors
        others = self._instances(factors["photo"], rng, pool)
        anew = chosen(self.redraw, len(others), rng)
        instance = torch.where(anew, others, factors["instance"])
        return factors | {"instance": instance, "digit": pool.labels[instance]}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        carrier = {"digit": factors["instance"], "scene": factors["photo"]}
        return {name: carrier[name] for name in self.features}

    def units(self, factors: Factors, pool: Pool) -> dict[str, Tensor]:
        units = {"digit": factors["instance"], "scene": photos_of(pool).original(factors["photo"])}
        return {name: units[name] for name in self.features}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        names = {"digit": pool.names, "scene": photos_of(pool).names}
        return {name: names[name] for name in self.features}

    def questions(self) -> list[Question]:
        """The digit without its photograph, the photograph without its digit, and both."""
        alone: list[Question] = []
        for position, name in enumerate(self.features):
            alone.append(("alone", (position,), [name]))
        return [*alone, ("together", None, self.features)]

    def shows(self, name: str, visible: Visible) -> bool:
        """Whether the digit or the photograph is visible; a blank digit only beside it."""
        if visible is None:
            return True
        return name in self.features and self.features.index(name) in visible

    def sprites(self, factors: Factors, pool: Pool) -> Tensor:
        """The digits, uint8 (n, 1, box, box)."""
        keep = central(self.box)
        return pool.images.index_select(0, factors["instance"])[:, None, keep, keep]


def photos_of(pool: Pool) -> Pool:
    """The photographs beside the digits."""
    assert pool.photos is not None, "these scenes need a pool with photographs beside the digits"
    return pool.photos
