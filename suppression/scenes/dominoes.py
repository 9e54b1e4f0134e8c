"""Dominoes: a digit above a photograph, whose classes may go together."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from suppression.scenes.base import Factors, Question, Scenes, Visible
from suppression.scenes.draw import placed
from suppression.scenes.photos import check_photographs
from suppression.scenes.sources import SIDE, Pool


@dataclass(frozen=True)
class Dominoes(Scenes):
    """A digit above a photograph, two squares of half the canvas's side, black beside them (Shah et al. 2020, "The Pitfalls of Simplicity Bias").

    On a share `correlation` of the scenes the digit is of the class that goes with the photograph's (the same number, counted on from 0 after the last
    digit); on the others it is any. Both views share both. Scenes that are probed have no correlation, or one feature would be read off the other.
    `photos` is as in DigitsOnPhotos, `instances` the number of unique digits (all of the source's if None), `box` the central square kept of a digit.

    Dominoes(correlation=1.0).factors(1, rng, pool) -> {"instance": [411], "digit": [3], "photo": [87], "scene": [3]}
    """

    canvas: int = 64
    photos: str = "photos"
    correlation: float = 0.0
    instances: int | None = None
    box: int = SIDE
    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ("source", "photos")

    def __post_init__(self) -> None:
        check_photographs(self.photos)
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation = {self.correlation} is not in [0, 1]")
        if self.instances is not None and self.instances < 1:
            raise ValueError(f"instances = {self.instances}: one unique digit is the least")
        if not 1 <= self.box <= SIDE:
            raise ValueError(f"box = {self.box} is not in 1..{SIDE} (the side of the square kept from the {SIDE}-px picture)")

    @property
    def channels(self) -> int:
        return 3

    @property
    def photo_side(self) -> int:
        return math.ceil(self.canvas / 2)

    @property
    def features(self) -> tuple[str, ...]:
        return ("digit", "scene")

    @property
    def shared_bits(self) -> float | None:
        return math.log2(self.instances) if self.instances else None

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """`instance` and `photo` with their classes `digit` and `scene`, (n,)."""
        assert pool.photos is not None
        photo = torch.randint(len(pool.photos), (n,), generator=rng, device=rng.device)
        scene = pool.photos.labels[photo]
        which, chance = torch.rand(2, n, generator=rng, device=rng.device)
        instance = torch.where(chance < self.correlation, pool.of_class(scene % len(pool.names), which), (which * len(pool)).long())
        return {"instance": instance, "digit": pool.labels[instance], "photo": photo, "scene": scene}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        return {"digit": factors["instance"], "scene": factors["photo"]}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        assert pool.photos is not None
        return {"digit": pool.names, "scene": pool.photos.names}

    def questions(self) -> list[Question]:
        """Each half without the other, and both as they are."""
        return [("alone", (0,), ["digit"]), ("alone", (1,), ["scene"]), ("together", None, self.features)]

    def probed(self) -> Dominoes:
        return dataclasses.replace(self, correlation=0.0)

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        assert pool.photos is not None
        edge, half = (SIDE - self.box) // 2, self.canvas / 2
        keep = slice(edge, edge + self.box)
        above, below = pool.images.index_select(0, factors["instance"])[:, None, keep, keep], pool.photos.images.index_select(0, factors["photo"])
        left = torch.full((len(below), 1), half / 2, device=below.device)
        halves = [
            placed(sprites, torch.full_like(left, top), left, half, self.canvas, view, out)
            for i, (sprites, top) in enumerate(((above, 0.0), (below, half)))
            if visible is None or i in visible
        ]
        return sum(halves[1:], halves[0]).clamp(max=1).expand(-1, 3, -1, -1)
