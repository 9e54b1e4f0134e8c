"""Digits laid on photographs: few unique digits are an easy feature, and the photograph's class is what they suppress."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from suppression.data._digit_and_photo import DigitAndPhoto
from suppression.data.base import Factors, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.sprites import filling, placed

LATTICE = (33 / 224, 100 / 224, 168 / 224)  # the released notebook's offsets on its canvas, in x and in y


@dataclass(frozen=True)
class DigitsOnPhotos(DigitAndPhoto):
    """One of `instances` unique digits (all of the source's if None) on a photograph, before any augmentation.

    `placement` is a lattice of nine copies or one at random, each with a side of `share` of the canvas. `combine` is the pixel-wise maximum (the released
    code), the sum cut at 1 ("channel addition" of the text), or alpha: white laid on with opacity `alpha`. `photos` is the source of the photographs:
    photos (embedded), cifar10, stl10, imagenette or folder:PATH. `box` is the side of the central square kept of the 28-px digit.

    Where a scene is seen through a view, digits and photograph are each resized and combined then.

    DigitsOnPhotos(placement="one").factors(1, rng, pool) ->
        {"instance": [411], "digit": [5], "photo": [87], "scene": [3], "top": [[12.]], "left": [[40.]]}
    """

    canvas: int = 64
    photos: str = "photos"
    instances: int | None = None
    placement: Literal["lattice", "one"] = "lattice"
    combine: Literal["max", "add", "alpha"] = "max"
    alpha: float = 0.5
    share: float = 28 / 224
    box: int = SIDE
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self._check()
        most = 1 if self.placement == "one" else 1 - LATTICE[-1]
        if not 0 < self.share <= most:
            raise ValueError(f"share = {self.share} is not in (0, {most:g}] (the side of a digit as a share of the canvas, {self.placement} placement)")
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha = {self.alpha} is not in [0, 1]")

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """`instance` and `photo` with their classes `digit` and `scene`, (n,); `top` and `left` of the copies, (n, 3 or 1) px of the canvas."""
        assert pool.photos is not None
        instance, photo = (torch.randint(len(some), (n,), generator=rng, device=rng.device) for some in (pool, pool.photos))
        if self.placement == "one":
            room = math.floor(self.canvas * (1 - self.share)) + 1
            top, left = torch.rand(2, n, 1, generator=rng, device=rng.device).mul_(room).floor_()
        else:
            top = left = torch.stack([torch.full((n,), self.canvas * offset, device=rng.device) for offset in LATTICE], 1)
        return {"instance": instance, "digit": pool.labels[instance], "photo": photo, "scene": pool.photos.labels[photo], "top": top, "left": left}

    def masks(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None) -> Tensor:
        """How much ink the copies of the digit put on each pixel: (n, 1, out, out) in [0, 1]. Parameters as in `render`."""
        return placed(self.sprites(factors, pool), factors["top"], factors["left"], self.share * self.canvas, self.canvas, view, out)

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        assert pool.photos is not None
        photo = filling(pool.photos.images.index_select(0, factors["photo"]), self.canvas, view, out)
        if visible is not None and 0 not in visible:
            return photo
        if visible is not None and 1 not in visible:
            photo = torch.zeros_like(photo)
        ink = self.masks(factors, pool, view=view, out=out)
        if self.combine == "max":
            return torch.maximum(photo, ink)
        return photo + self.alpha * ink * (1 - photo) if self.combine == "alpha" else (photo + ink).clamp_(max=1)
