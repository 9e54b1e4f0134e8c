"""Scenes of handwritten digits on an empty canvas: how many, how large and where are known for every picture."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from suppression.data.base import Factors, Question, Scenes
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.resample import axis_weights, resample

TRIES = 1000  # whole scenes are drawn again while boxes lie too close; past this the parameters cannot be met


class _DigitScenes(Scenes):
    """What every digit scene does; the subclasses say only which digits there are."""

    placement: str
    overlap: float
    combine: str
    box: int
    replace: bool | None

    @property
    @abstractmethod
    def digit_sizes(self) -> tuple[int, ...]:
        """The side of each digit's box, px."""

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        return {name: factors["digit"][:, j] for j, name in enumerate(self.features)}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        return {name: factors["instance"][:, j] for j, name in enumerate(self.features)}

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        return [", ".join(pool.names[int(digit)] for digit in scene) for scene in factors["digit"]]

    def spaces(self, pool: Pool) -> tuple[int, ...]:
        return (len(pool.names),)

    def targets(self, factors: Factors, pool: Pool) -> Tensor:
        """The classes of all digits in one block: which of them is the first is not told."""
        return torch.zeros(len(factors["digit"]), *self.spaces(pool), device=factors["digit"].device).scatter_(1, factors["digit"], 1.0)

    def questions(self) -> list[Question]:
        """Each digit's class where it alone is visible, and, where digits can be told apart, where all are."""
        alone: list[Question] = [("alone", (j,), [name]) for j, name in enumerate(self.features)]
        return [*alone, ("together", None, self.features)] if self.told_apart else alone

    def again(self, factors: Factors, rng: torch.Generator) -> Factors:
        """The same digits, placed anew if `replace`."""
        if not self.replace:
            return factors
        size = factors["size"]
        top, left = self._grid_corners(len(size), rng) if self.placement == "in_grid" else self._random_corners(len(size), rng, size)
        return factors | {"top": top, "left": left}

    def _check(self) -> None:
        if min(self.digit_sizes) < 1:
            raise ValueError(f"a digit size of {min(self.digit_sizes)} px is not drawable; the smallest is 1")
        if max(self.digit_sizes) > self.canvas:
            raise ValueError(f"a digit of {max(self.digit_sizes)} px does not fit on a canvas of {self.canvas} px")
        if not 0 <= self.overlap <= 1:
            raise ValueError(f"overlap = {self.overlap} is not in [0, 1] (0: boxes never overlap, 1: they may freely)")
        if not 1 <= self.box <= SIDE:
            raise ValueError(f"box = {self.box} is not in 1..{SIDE} (the side of the square kept from the {SIDE}-px picture)")
        cells = (self.canvas // max(self.digit_sizes)) ** 2
        if self.placement == "in_grid" and cells < len(self.digit_sizes):
            raise ValueError(
                f"{len(self.digit_sizes)} digits of up to {max(self.digit_sizes)} px need as many grid cells; a canvas of {self.canvas} px has {cells}"
            )

    @property
    def told_apart(self) -> bool:
        """Whether "the first", "the second" ... have a meaning on a scene that shows all: only where the sizes differ."""
        return len(set(self.digit_sizes)) == len(self.digit_sizes)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes of k digits: `instance` (index into the pool), `digit` (class), `top`, `left` (whole px of the box), `size` (px); each (n, k).

        Raises ValueError if no placement with so little overlap is found. Scenes with `overlap` < 1 wait for the device once a try, to see whether all
        are placed; all others wait for nothing.
        """
        k, device = len(self.digit_sizes), rng.device
        instance = torch.randint(len(pool), (n, k), generator=rng, device=device)
        size = torch.stack([torch.full((n,), side, device=device) for side in self.digit_sizes], 1)
        corner = self._grid_corners(n, rng) if self.placement == "in_grid" else self._random_corners(n, rng, size)
        return {"instance": instance, "digit": pool.labels[instance], "top": corner[0], "left": corner[1], "size": size}

    def _grid_corners(self, n: int, rng: torch.Generator) -> Tensor:
        side = max(self.digit_sizes)
        per_row = self.canvas // side
        cell = torch.rand(n, per_row**2, generator=rng, device=rng.device).argsort(1)[:, : len(self.digit_sizes)]
        return torch.stack([cell // per_row, cell % per_row]) * side  # (2, n, k)

    def _random_corners(self, n: int, rng: torch.Generator, size: Tensor) -> Tensor:
        k, room = len(self.digit_sizes), (self.canvas - size + 1).float()

        def corners() -> Tensor:
            return torch.rand(2, n, k, generator=rng, device=room.device).mul_(room).floor_()

        corner = corners()
        if self.overlap == 1 or k == 1:
            return corner.long()
        one, other = torch.triu_indices(k, k, 1, device=room.device)  # all pairs of digits
        limit = (1 - self.overlap) * ((size[:, one] + size[:, other]) / 2)  # (n, pairs), a share of the distance of centres at which boxes touch
        shift = (size[:, one] - size[:, other]) / 2  # from a distance of corners to one of centres
        for _ in range(TRIES):
            apart = (corner[..., one] - corner[..., other]).add_(shift).abs_().amax(0)  # (n, pairs), the larger of dx, dy
            bad = (apart < limit).any(1)
            if not bad.any():
                return corner.long()
            # Every scene draws again but only the bad ones take it: the shapes, and so the stream of random numbers, stay fixed.
            corner = torch.where(bad[:, None], corners(), corner)
        raise ValueError(
            f"no placement of digits of {', '.join(map(str, self.digit_sizes))} px on a canvas of {self.canvas} px with overlap {self.overlap} "
            f"was found in {TRIES} tries; allow more overlap or a larger canvas"
        )

    def masks(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None) -> Tensor:
        """How much ink each digit puts on each pixel: (n, k, out, out) in [0, 1]. Parameters as in `render`."""
        return torch.stack([self._sprite(factors, pool, j, view, out or self.canvas) for j in range(len(self.digit_sizes))], 1)

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: tuple[int, ...] | None = None) -> Tensor:
        """Draw the scenes, (n, 1, out, out) in [0, 1]; no random number is used.

        `view` (n, 4) are crops `top, left, height, width` in canvas px, drawn straight from the sprites at the final size (whole canvas if none);
        `visible` are the positions of the digits that are shown (all if none).
        """
        shown = visible if visible is not None else tuple(range(len(self.digit_sizes)))
        picture = self._sprite(factors, pool, shown[0], view, out or self.canvas)
        for j in shown[1:]:
            sprite = self._sprite(factors, pool, j, view, out or self.canvas)
            picture = torch.maximum(picture, sprite) if self.combine == "max" else picture + sprite
        return picture.clamp_(0, 1)[:, None]

    def _sprite(self, factors: Factors, pool: Pool, j: int, view: Tensor | None, out: int) -> Tensor:
        instance, top, left, size = (factors[name][:, j] for name in ("instance", "top", "left", "size"))
        edge = (SIDE - self.box) // 2
        keep = slice(edge, edge + self.box)
        sprites = pool.images.index_select(0, instance)[:, keep, keep] / 255  # (n, box, box)
        if view is None:
            view = torch.stack([torch.full_like(top, side) for side in (0, 0, self.canvas, self.canvas)], 1)
        start, side = view.T.split(2)  # (2, n) each: top and left, height and width
        scale = self.box / size  # sprite px per canvas px
        weights = axis_weights((start - torch.stack([top, left])) * scale, side / out * scale, self.box, out, zeros_around=True)
        return resample(sprites, *weights)


@dataclass(frozen=True)
class MultiDigits(_DigitScenes):
    """`count` digits on one canvas (the talk's MultiDigits).

    `sizes` has one entry for all digits or one for each, in px of the canvas. `placement` is random (boxes wholly inside the canvas) or in_grid (at
    most one digit a cell of the largest size). `overlap` says how far two boxes may reach into one another, as a share of the distance between centres
    at which they touch: 1 is free, 0 none. `combine` is how digits that overlap add up. `box` is the side of the central square kept from the 28-px
    source picture (MNIST's digits fill 20 of 28). With `replace` the second view places the digits anew: which digits they are is then all that two views
    share.

    Digits of one size have no first and second: the one feature is `digit`, asked for of one digit alone.

    MultiDigits(count=2, sizes=(28,)).factors(1, rng, pool) -> {"instance": [[411, 87]], "digit": [[5, 0]], "top": [[3, 61]], "left": [[70, 12]], "size": [[28, 28]]}
    """

    canvas: int = 112
    count: int = 4
    sizes: tuple[int, ...] = (28,)
    placement: Literal["random", "in_grid"] = "random"
    overlap: float = 1.0
    combine: Literal["max", "add"] = "max"
    box: int = SIDE
    replace: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count = {self.count}: a scene has at least one digit")
        if len(self.sizes) not in (1, self.count):
            raise ValueError(f"{len(self.sizes)} sizes for {self.count} digits; give one for all or one for each")
        self._check()

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        return self.sizes * self.count if len(self.sizes) == 1 else self.sizes

    @property
    def features(self) -> tuple[str, ...]:
        return ("digit",) if len(set(self.digit_sizes)) == 1 else tuple(f"digit{j + 1}" for j in range(self.count))

    def questions(self) -> list[Question]:
        return [("alone", None, self.features)] if len(self.features) == 1 else super().questions()

    def probed(self) -> MultiDigits:
        """One digit where all are alike (the published protocol)."""
        return dataclasses.replace(self, count=1, sizes=self.sizes[:1]) if len(self.features) == 1 else self


@dataclass(frozen=True)
class TwoDigits(_DigitScenes):
    """Two digits of `size1` and `size2` px: the talk's competition between a small and a large object (its Table 2). Parameters as in MultiDigits.

    TwoDigits(size1=20, size2=80).factors(1, rng, pool) -> {"instance": [[5, 911]], "digit": [[7, 2]], "top": [[88, 10]], "left": [[3, 25]], "size": [[20, 80]]}
    """

    canvas: int = 112
    size1: int = 20
    size2: int = 80
    placement: Literal["random", "in_grid"] = "random"
    overlap: float = 1.0
    combine: Literal["max", "add"] = "max"
    box: int = SIDE
    replace: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self._check()

    @property
    def features(self) -> tuple[str, ...]:
        return ("first", "second")

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        return (self.size1, self.size2)
