"""Dominoes: a digit above a photograph, whose classes may go together."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data._digit_and_photo import DigitAndPhoto
from suppression.data.base import Factors, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.sprites import placed


@dataclass(frozen=True)
class Dominoes(DigitAndPhoto):
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

    def __post_init__(self) -> None:
        self._check()
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation = {self.correlation} is not in [0, 1]")

    @property
    def photo_side(self) -> int:
        return math.ceil(self.canvas / 2)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """`instance` and `photo` with their classes `digit` and `scene`, (n,)."""
        assert pool.photos is not None
        photo = torch.randint(len(pool.photos), (n,), generator=rng, device=rng.device)
        scene = pool.photos.labels[photo]
        which, chance = torch.rand(2, n, generator=rng, device=rng.device)
        instance = torch.where(chance < self.correlation, pool.of_class(scene % len(pool.names), which), (which * len(pool)).long())
        return {"instance": instance, "digit": pool.labels[instance], "photo": photo, "scene": scene}

    def probed(self) -> Dominoes:
        return dataclasses.replace(self, correlation=0.0)

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        assert pool.photos is not None
        half = self.canvas / 2
        above, below = self.sprites(factors, pool), pool.photos.images.index_select(0, factors["photo"])
        left = torch.full((len(below), 1), half / 2, device=below.device)
        halves = [
            placed(sprites, torch.full_like(left, top), left, half, self.canvas, view, out)
            for i, (sprites, top) in enumerate(((above, 0.0), (below, half)))
            if visible is None or i in visible
        ]
        return sum(halves[1:], halves[0]).clamp(max=1).expand(-1, 3, -1, -1)
