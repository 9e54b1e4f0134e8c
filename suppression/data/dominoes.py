"""Dominoes: a digit above a photograph, whose classes may go together."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data._digit_and_photo import DigitAndPhoto, photos_of
from suppression.data.base import Factors, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.sprites import placed


@dataclass(frozen=True)
class Dominoes(DigitAndPhoto):
    """A digit above a photograph, each a square of half the canvas's side, black beside them.

    After "The Pitfalls of Simplicity Bias in Neural Networks" (Shah et al. 2020). Both views show
    the same digit and photograph; the features are `digit` and `scene`, the photograph's class.
    Scenes that are probed have no correlation, or one feature would be read off the other.

    Args:
        canvas: Side of a scene, px, 1 or more.
        photos: Source of the photographs: photos or colour_photos (embedded), cifar10, stl10,
            imagenette or folder:PATH.
        correlation: Share of the scenes whose digit has the class that goes with the
            photograph's (the same number, counted on from 0 after the last digit), in [0, 1];
            the digits of the others are any.
        instances: Number of unique digits, 1 or more; all of the source's if none.
        box: Side of the central square kept of the 28-px digit, px, 1 to 28.
        redraw: Probability that the second view shows another digit, drawn by the same law, in
            its place, in [0, 1]; at 1 views share no more of it than two scenes do.
        blank: The digit is one and the same instance everywhere, so that it carries nothing and
            is not asked for.

    >>> import torch
    >>> from dataclasses import replace
    >>> from suppression.data import SOURCES, photographs
    >>> pool = replace(SOURCES["digits"](train=True), photos=photographs("photos", True, side=32))
    >>> scenes = Dominoes(correlation=1.0)
    >>> drawn = scenes.factors(3, torch.Generator().manual_seed(0), pool)
    >>> bool((drawn["digit"] == drawn["scene"] % 10).all()), scenes.render(drawn, pool).shape
    (True, torch.Size([3, 3, 64, 64]))
    """

    canvas: int = 64
    photos: str = "photos"
    correlation: float = 0.0
    instances: int | None = None
    box: int = SIDE
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check()
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation = {self.correlation} is not in [0, 1]")

    @property
    def photo_side(self) -> int:
        return math.ceil(self.canvas / 2)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes: `instance` and `photo` with their classes `digit` and `scene`, (n,)."""
        photos = photos_of(pool)
        photo = torch.randint(len(photos), (n,), generator=rng, device=rng.device)
        instance = self._instances(photo, rng, pool)
        digit, scene = pool.labels[instance], photos.labels[photo]
        return {"instance": instance, "digit": digit, "photo": photo, "scene": scene}

    def _instances(self, photo: Tensor, rng: torch.Generator, pool: Pool) -> Tensor:
        scene = photos_of(pool).labels[photo]
        which, chance = torch.rand(2, len(photo), generator=rng, device=rng.device)
        matching = pool.of_class(scene % len(pool.names), which)
        of_all = (which * len(pool)).long()
        instance = torch.where(chance < self.correlation, matching, of_all)
        return self._unless_blank(instance)

    def probed(self) -> Dominoes:
        return dataclasses.replace(self, correlation=0.0)

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """Draw the scenes, (n, 3, out, out); the half of what is not visible is black."""
        half = self.canvas / 2
        above = self.sprites(factors, pool)
        below = photos_of(pool).images.index_select(0, factors["photo"])
        left = torch.full((len(below), 1), half / 2, device=below.device)
        halves = []
        for name, sprites, height in (("digit", above, 0.0), ("scene", below, half)):
            if self.shows(name, visible):
                top = torch.full_like(left, height)
                halves.append(placed(sprites, top, left, half, self.canvas, view, out))
        return sum(halves[1:], halves[0]).clamp(max=1).expand(-1, 3, -1, -1)
