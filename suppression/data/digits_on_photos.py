"""Digits laid on photographs: few unique digits are an easy feature, which suppresses the scene."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from suppression.data._digit_and_photo import DigitAndPhoto, photos_of
from suppression.data.base import Factors, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.sprites import filling, placed

LATTICE = (33 / 224, 100 / 224, 168 / 224)  # the released notebook's offsets, in x and in y


@dataclass(frozen=True)
class DigitsOnPhotos(DigitAndPhoto):
    """One of few unique digits on a photograph, before any augmentation.

    MNIST on ImageNet of "Intriguing Properties of Contrastive Losses" (Chen, Luo and Li 2021).
    The features are `digit` and `scene`, the photograph's class. Where a scene is seen through a
    view, digits and photograph are each resized and then combined.

    Args:
        canvas: Side of a scene, px, 1 or more.
        photos: Source of the photographs: photos or colour_photos (embedded), cifar10, stl10,
            imagenette or folder:PATH.
        instances: Number of unique digits, 1 or more; all of the source's if none.
        placement: Where the digit lies: `lattice`, nine copies in rows of three, or `one`, a
            single one anywhere.
        combine: How digit and photograph are put together: `max`, pixel by pixel (the released
            code), `add`, their sum cut at 1 (the paper's channel addition), or `alpha`, white
            laid on.
        alpha: Opacity of the digit where combine is alpha, in [0, 1].
        share: Side of a digit as a share of the canvas's, in (0, 1], or (0, 0.25] on a lattice.
        box: Side of the central square kept of the 28-px digit, px, 1 to 28.
        redraw: Probability that the second view shows another digit, drawn by the same law, in
            its place, in [0, 1]; at 1 views share no more of it than two scenes do.
        blank: The digit is one and the same instance everywhere, so that it carries nothing and
            is not asked for.

    >>> import torch
    >>> from dataclasses import replace
    >>> from suppression.data import SOURCES, photographs
    >>> pool = replace(SOURCES["digits"](train=True), photos=photographs("photos", True, side=64))
    >>> scenes = DigitsOnPhotos(placement="one")
    >>> drawn = scenes.factors(3, torch.Generator().manual_seed(0), pool)
    >>> drawn["digit"].shape, drawn["top"].shape, scenes.render(drawn, pool).shape
    (torch.Size([3]), torch.Size([3, 1]), torch.Size([3, 3, 64, 64]))
    """

    canvas: int = 64
    photos: str = "photos"
    instances: int | None = None
    placement: Literal["lattice", "one"] = "lattice"
    combine: Literal["max", "add", "alpha"] = "max"
    alpha: float = 0.5
    share: float = 28 / 224
    box: int = SIDE
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check()
        most = 1 if self.placement == "one" else 1 - LATTICE[-1]
        if not 0 < self.share <= most:
            raise ValueError(
                f"share = {self.share} is not in (0, {most:g}] "
                f"(the side of a digit as a share of the canvas, {self.placement} placement)"
            )
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha = {self.alpha} is not in [0, 1]")

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes.

        Returns:
            `instance` and `photo` with their classes `digit` and `scene`, (n,); `top` and `left`
            of the copies, (n, 3) on a lattice and (n, 1) of a single one, px of the canvas.
        """
        photos = photos_of(pool)
        instance = self._draw_digits(n, rng, pool)
        photo = torch.randint(len(photos), (n,), generator=rng, device=rng.device)
        if self.placement == "one":
            room = math.floor(self.canvas * (1 - self.share)) + 1
            top, left = torch.rand(2, n, 1, generator=rng, device=rng.device).mul_(room).floor_()
        else:
            offsets = [self.canvas * offset for offset in LATTICE]
            rows = [torch.full((n,), offset, device=rng.device) for offset in offsets]
            top = left = torch.stack(rows, 1)
        return {
            "instance": instance,
            "digit": pool.labels[instance],
            "photo": photo,
            "scene": photos.labels[photo],
            "top": top,
            "left": left,
        }

    def _draw_digits(self, n: int, rng: torch.Generator, pool: Pool) -> Tensor:
        instance = torch.randint(len(pool), (n,), generator=rng, device=rng.device)
        return self._unless_blank(instance)

    def _instances(self, photo: Tensor, rng: torch.Generator, pool: Pool) -> Tensor:
        return self._draw_digits(len(photo), rng, pool)

    def masks(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
    ) -> Tensor:
        """How much ink the copies of the digit put on each pixel, (n, 1, out, out) in [0, 1]."""
        sprites, size = self.sprites(factors, pool), self.share * self.canvas
        return placed(sprites, factors["top"], factors["left"], size, self.canvas, view, out)

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """Draw the scenes, (n, 3, out, out); black for a photograph that is not visible."""
        images = photos_of(pool).images.index_select(0, factors["photo"])
        photo = filling(images, self.canvas, view, out)
        if not self.shows("digit", visible):
            return photo
        if not self.shows("scene", visible):
            photo = torch.zeros_like(photo)
        ink = self.masks(factors, pool, view=view, out=out)
        if self.combine == "max":
            return torch.maximum(photo, ink)
        if self.combine == "alpha":
            return photo + self.alpha * ink * (1 - photo)
        return (photo + ink).clamp_(max=1)
