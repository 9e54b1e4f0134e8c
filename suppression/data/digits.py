"""Scenes of handwritten digits on an empty canvas: how many, how large and where is known."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

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
from suppression.data.pool import SIDE, Pool
from suppression.data.transforms.resample import axis_weights, resample
from suppression.data.transforms.sprites import central, check_box

TRIES = 1000  # times scenes are drawn again while boxes lie too close; then the overlap is refused


class _DigitScenes(Scenes):
    """What every digit scene does; the subclasses say only which digits there are."""

    placement: str
    overlap: float
    combine: str
    box: int
    replace: bool | None
    redraw: float
    blank: bool | None

    @property
    @abstractmethod
    def digit_sizes(self) -> tuple[int, ...]:
        """The side of each digit's box, px."""

    @property
    @abstractmethod
    def digit_names(self) -> tuple[str, ...]:
        """What each digit is called as a feature, also where it is not asked for."""

    @property
    def features(self) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(self.digit_names))
        return names[:1] if self.blank else names

    @property
    def competitors(self) -> tuple[str, ...]:
        return () if self.blank else tuple(dict.fromkeys(self.digit_names[1:]))

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        return {name: factors["digit"][:, j] for j, name in enumerate(self.features)}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        return {name: factors["instance"][:, j] for j, name in enumerate(self.features)}

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        def caption(digits: list[int]) -> str:
            return ", ".join(pool.names[digit] for digit in digits)

        return list(map(caption, factors["digit"].tolist()))

    def spaces(self, pool: Pool) -> tuple[int, ...]:
        return (len(pool.names),)

    def targets(self, factors: Factors, pool: Pool) -> Tensor:
        """The classes of all digits in one multi-hot block: not which digit has which class.

        Blank digits have no label.
        """
        digit = factors["digit"][:, :1] if self.blank else factors["digit"]
        blank = torch.zeros(len(digit), *self.spaces(pool), device=digit.device)
        return blank.scatter_(1, digit, 1.0)

    def questions(self) -> list[Question]:
        """Each digit's class where it alone is visible, and where all are, if digits differ."""
        questions: list[Question] = []
        for j, name in enumerate(self.features):
            questions.append(("alone", (j,), [name]))
        if self.sizes_differ:
            questions.append(("together", None, self.features))
        return questions

    @property
    def objects(self) -> tuple[str, ...]:
        return self.digit_names if len(self.digit_names) > 1 else ()

    def of_objects(self, factors: Factors) -> tuple[Tensor, Tensor]:
        return factors["digit"], factors["instance"]

    def again(self, factors: Factors, rng: torch.Generator, pool: Pool) -> Factors:
        """The same digits, placed anew if `replace`; others but for the first by `redraw`.

        Other digits lie where those of the first view would have lain.
        """
        if self.replace:
            top, left = self._corners(factors["size"], rng)
            factors = factors | {"top": top, "left": left}
        if self.redraw:
            instance = self._redrawn(factors["instance"], rng, pool)
            factors = factors | {"instance": instance, "digit": pool.labels[instance]}
        return factors

    def _redrawn(self, instance: Tensor, rng: torch.Generator, pool: Pool) -> Tensor:
        """The instances (n, k), in some scenes with others in place of all but the first."""
        n, k = instance.shape
        others = torch.randint(len(pool), (n, k), generator=rng, device=rng.device)
        competes = torch.arange(k, device=rng.device) > 0
        anew = chosen(self.redraw, n, rng)[:, None] & competes
        return torch.where(anew, others, instance)

    def _check(self) -> None:
        check_competitor(self.redraw, self.blank)
        smallest, largest = min(self.digit_sizes), max(self.digit_sizes)
        if smallest < 1:
            raise ValueError(f"a digit size of {smallest} px is not drawable; the smallest is 1")
        if largest > self.canvas:
            raise ValueError(
                f"a digit of {largest} px does not fit on a canvas of {self.canvas} px"
            )
        if not 0 <= self.overlap <= 1:
            raise ValueError(
                f"overlap = {self.overlap} is not in [0, 1] "
                "(0: boxes never overlap, 1: they may freely)"
            )
        check_box(self.box)
        cells = (self.canvas // largest) ** 2
        if self.placement == "in_grid" and cells < len(self.digit_sizes):
            raise ValueError(
                f"{len(self.digit_sizes)} digits of up to {largest} px need as many grid cells; "
                f"a canvas of {self.canvas} px has {cells}"
            )

    @property
    def sizes_differ(self) -> bool:
        """Whether "the first", "the second" ... have a meaning on a scene that shows all."""
        return len(set(self.digit_sizes)) == len(self.digit_sizes)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes of k digits.

        Scenes with `overlap` < 1 wait for the device once a try, to see whether all digits are
        placed; all others wait for nothing.

        Args:
            n: Number of scenes, above 0.
            rng: The only source of random numbers.
            pool: The digits.

        Returns:
            `instance` (number of the pool's instance), `digit` (its class), `top`, `left`
            (whole px, of the box's corner) and `size` (px); each (n, k).

        Raises:
            ValueError: No placement with so little overlap was found.
        """
        k, device = len(self.digit_sizes), rng.device
        instance = torch.randint(len(pool), (n, k), generator=rng, device=device)
        if self.blank:
            instance[:, 1:] = 0
        size = torch.stack([torch.full((n,), side, device=device) for side in self.digit_sizes], 1)
        top, left = self._corners(size, rng)
        return {
            "instance": instance,
            "digit": pool.labels[instance],
            "top": top,
            "left": left,
            "size": size,
        }

    def _corners(self, size: Tensor, rng: torch.Generator) -> Tensor:
        """Tops and lefts of digits of these sizes (n, k), (2, n, k) whole px."""
        if self.placement == "in_grid":
            return self._grid_corners(len(size), rng)
        return self._random_corners(len(size), rng, size)

    def _grid_corners(self, n: int, rng: torch.Generator) -> Tensor:
        side = max(self.digit_sizes)
        per_row = self.canvas // side
        shuffled = torch.rand(n, per_row**2, generator=rng, device=rng.device).argsort(1)
        cell = shuffled[:, : len(self.digit_sizes)]
        return torch.stack([cell // per_row, cell % per_row]) * side  # (2, n, k)

    def _random_corners(self, n: int, rng: torch.Generator, size: Tensor) -> Tensor:
        k = len(self.digit_sizes)
        room = (self.canvas - size + 1).float()

        def corners() -> Tensor:
            return torch.rand(2, n, k, generator=rng, device=room.device).mul_(room).floor_()

        corner = corners()
        if self.overlap == 1 or k == 1:
            return corner.long()
        one, other = torch.triu_indices(k, k, 1, device=room.device)  # all pairs of digits
        touching = (size[:, one] + size[:, other]) / 2  # distance of centres at which boxes touch
        limit = (1 - self.overlap) * touching  # (n, pairs)
        shift = (size[:, one] - size[:, other]) / 2  # from a distance of corners to one of centres
        for _ in range(TRIES):
            between = corner[..., one] - corner[..., other]
            apart = between.add_(shift).abs_().amax(0)  # (n, pairs), the larger of dx, dy
            bad = (apart < limit).any(1)
            if not bad.any():
                return corner.long()
            # Every scene draws again but only the bad ones take it: the shapes, and so the stream
            # of random numbers, stay fixed.
            corner = torch.where(bad[:, None], corners(), corner)
        sizes = ", ".join(map(str, self.digit_sizes))
        raise ValueError(
            f"no placement of digits of {sizes} px on a canvas of {self.canvas} px with overlap "
            f"{self.overlap} was found in {TRIES} tries; allow more overlap or a larger canvas"
        )

    def masks(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
    ) -> Tensor:
        """How much ink each digit puts on each pixel, (n, k, out, out) in [0, 1]."""
        side, digits = out or self.canvas, range(len(self.digit_sizes))
        return torch.stack([self._sprite(factors, pool, j, view, side) for j in digits], 1)

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """Draw the scenes, (n, 1, out, out); a view is drawn straight at its final size."""
        shown = tuple(range(len(self.digit_sizes))) if visible is None else visible
        combine = torch.maximum if self.combine == "max" else torch.add
        picture = self._sprite(factors, pool, shown[0], view, out or self.canvas)
        for j in shown[1:]:
            picture = combine(picture, self._sprite(factors, pool, j, view, out or self.canvas))
        return picture.clamp_(0, 1)[:, None]

    def _sprite(
        self, factors: Factors, pool: Pool, j: int, view: Tensor | None, out: int
    ) -> Tensor:
        """Digit number j of each scene as the view shows it, (n, out, out)."""
        top, left, size = factors["top"][:, j], factors["left"][:, j], factors["size"][:, j]
        keep = central(self.box)
        images = pool.images.index_select(0, factors["instance"][:, j])
        sprites = images[:, keep, keep] / 255  # (n, box, box)
        if view is None:
            whole = (0, 0, self.canvas, self.canvas)
            view = torch.stack([torch.full_like(top, side) for side in whole], 1)
        start, side = view.T.split(2)  # (2, n) each: top and left, height and width
        scale = self.box / size  # sprite px per canvas px
        first = (start - torch.stack([top, left])) * scale
        weights = axis_weights(first, side / out * scale, self.box, out, zeros_around=True)
        return resample(sprites, *weights)


@dataclass(frozen=True)
class MultiDigits(_DigitScenes):
    """Several digits on one canvas.

    MultiDigits of Ting Chen's talk (Table 3) and of "Intriguing Properties of Contrastive Losses"
    (Chen, Luo and Li 2021). Digits of one size have no first and second: the one feature is
    `digit`, asked for of one digit alone. Where each has a size of its own, the features are
    `digit1`, `digit2` ...

    Args:
        canvas: Side of a scene, px; the largest digit or more.
        count: Number of digits, 1 or more.
        sizes: Side of a digit's box, px, 1 to canvas; one for all digits or one for each.
        placement: Where digits lie: `random`, wholly inside the canvas, or `in_grid`, at most
            one in a cell of the largest size.
        overlap: How far two boxes may reach into one another, as a share of the distance of
            centres at which they touch, in [0, 1]; 0 not at all, 1 freely.
        combine: How digits that overlap add up: `max`, pixel by pixel, or `add`, cut at white.
        box: Side of the central square kept of the 28-px source picture, px, 1 to 28; MNIST's
            digits fill 20.
        replace: Place the digits anew for the second view, so that two views share only which
            digits they are.
        redraw: Probability that the second view shows other digits, drawn from the same pool, in
            place of all but the first, in [0, 1]; at 1 views share nothing of what these are.
        blank: All digits but the first are one and the same instance everywhere, so that they
            carry nothing and are not asked for.

    >>> import torch
    >>> from suppression.data import SOURCES
    >>> scenes = MultiDigits(count=2, sizes=(28,))
    >>> pool = SOURCES["digits"](train=True)
    >>> drawn = scenes.factors(3, torch.Generator().manual_seed(0), pool)
    >>> list(drawn), drawn["digit"].shape, scenes.render(drawn, pool).shape
    (['instance', 'digit', 'top', 'left', 'size'], torch.Size([3, 2]), torch.Size([3, 1, 112, 112]))
    """

    canvas: int = 112
    count: int = 4
    sizes: tuple[int, ...] = (28,)
    placement: Literal["random", "in_grid"] = "random"
    overlap: float = 1.0
    combine: Literal["max", "add"] = "max"
    box: int = SIDE
    replace: bool | None = None
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.count < 1:
            raise ValueError(f"count = {self.count}: a scene has at least one digit")
        if self.count == 1 and (self.redraw or self.blank):
            raise ValueError(
                "count = 1: one digit alone has no competitor to be drawn anew or left blank"
            )
        if len(self.sizes) not in (1, self.count):
            raise ValueError(
                f"{len(self.sizes)} sizes for {self.count} digits; give one for all or one for each"
            )
        self._check()

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        return self.sizes * self.count if len(self.sizes) == 1 else self.sizes

    @property
    def of_one_size(self) -> bool:
        return len(set(self.digit_sizes)) == 1

    @property
    def digit_names(self) -> tuple[str, ...]:
        if self.of_one_size:
            return ("digit",) * self.count
        return tuple(f"digit{j + 1}" for j in range(self.count))

    def questions(self) -> list[Question]:
        if self.of_one_size:
            return [("alone", None, self.features)]
        return super().questions()

    def probed(self) -> MultiDigits:
        """One digit where all are alike (the published protocol)."""
        if not self.of_one_size:
            return self
        return dataclasses.replace(self, count=1, sizes=self.sizes[:1], redraw=0.0, blank=None)


@dataclass(frozen=True)
class TwoDigits(_DigitScenes):
    """Two digits of two sizes, of which the larger competes with the smaller.

    The competition between a small and a large object of Ting Chen's talk (Table 2) and of
    "Intriguing Properties of Contrastive Losses" (Chen, Luo and Li 2021). The features are `first`
    and `second`.

    Args:
        canvas: Side of a scene, px; the larger digit or more.
        size1: Side of the first digit's box, px, 1 to canvas.
        size2: Side of the second digit's box, px, 1 to canvas.
        placement: Where digits lie: `random`, wholly inside the canvas, or `in_grid`, at most
            one in a cell of the larger size.
        overlap: How far the boxes may reach into one another, as a share of the distance of
            centres at which they touch, in [0, 1]; 0 not at all, 1 freely.
        combine: How digits that overlap add up: `max`, pixel by pixel, or `add`, cut at white.
        box: Side of the central square kept of the 28-px source picture, px, 1 to 28; MNIST's
            digits fill 20.
        replace: Place the digits anew for the second view, so that two views share only which
            digits they are.
        redraw: Probability that the second view shows another second digit, drawn from the same
            pool, in its place, in [0, 1]; at 1 views share nothing of what it is.
        blank: The second digit is one and the same instance everywhere, so that it carries
            nothing and is not asked for.

    >>> import torch
    >>> from suppression.data import SOURCES
    >>> scenes = TwoDigits(size1=20, size2=80)
    >>> pool = SOURCES["digits"](train=True)
    >>> drawn = scenes.factors(3, torch.Generator().manual_seed(0), pool)
    >>> drawn["size"][0].tolist(), scenes.render(drawn, pool).shape
    ([20, 80], torch.Size([3, 1, 112, 112]))
    """

    canvas: int = 112
    size1: int = 20
    size2: int = 80
    placement: Literal["random", "in_grid"] = "random"
    overlap: float = 1.0
    combine: Literal["max", "add"] = "max"
    box: int = SIDE
    replace: bool | None = None
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check()

    @property
    def digit_names(self) -> tuple[str, ...]:
        return ("first", "second")

    @property
    def digit_sizes(self) -> tuple[int, ...]:
        return (self.size1, self.size2)
