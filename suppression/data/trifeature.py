"""Trifeature: one object of ten shapes, ten textures and ten colours, which may go together."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data.base import Factors, Scenes, Visible, check_competitor, chosen
from suppression.data.pool import Pool
from suppression.data.transforms.sprites import placed

SIDE = 64  # of a drawn sprite, px
FINER = 4  # times, when sprites are drawn
TURNS = 9  # of shape and of texture, evenly within +-TURN degrees
TURN = 30
BACKGROUND = 0.35  # brightness of an object between the marks of its texture

Where = Callable[[Tensor, Tensor], Tensor]  # x, y in [-1, 1], y down -> whether it is inside


def polygon(corners: int, radius: float) -> Where:
    """Regular, one corner up."""

    def inside(x: Tensor, y: Tensor) -> Tensor:
        half = math.pi / corners
        sector = (torch.atan2(x, -y) + half) % (2 * math.pi / corners) - half  # from a corner
        return torch.hypot(x, y) * torch.cos(half - sector.abs()) < radius * math.cos(half)

    return inside


def star(x: Tensor, y: Tensor, outer: float = 0.98, inner: float = 0.42, points: int = 5) -> Tensor:
    half = math.pi / points
    sector = ((torch.atan2(x, -y) + half) % (2 * half) - half).abs()  # 0 at a point
    u, v = torch.hypot(x, y) * sector.cos(), torch.hypot(x, y) * sector.sin()
    notch_u, notch_v = inner * math.cos(half), inner * math.sin(half)
    return (u - outer) * notch_v - v * (notch_u - outer) < 0


def box(
    x: Tensor,
    y: Tensor,
    half_width: float,
    half_height: float,
    right: float = 0.0,
    down: float = 0.0,
) -> Tensor:
    """A rectangle, its centre moved to the right and down."""
    return ((x - right).abs() < half_width) & ((y - down).abs() < half_height)


SHAPES: dict[str, Where] = {
    "circle": lambda x, y: torch.hypot(x, y) < 0.8,
    "square": lambda x, y: box(x, y, 0.68, 0.68),
    "triangle": polygon(3, 0.98),
    "pentagon": polygon(5, 0.9),
    "star": star,
    "plus": lambda x, y: box(x, y, 0.27, 0.9) | box(x, y, 0.9, 0.27),
    "tee": lambda x, y: box(x, y, 0.72, 0.25, down=-0.4) | box(x, y, 0.25, 0.75, down=0.1),
    "rhombus": lambda x, y: x.abs() / 0.98 + y.abs() / 0.5 < 1,
    "trapezoid": lambda x, y: (y.abs() < 0.5) & (x.abs() < 0.55 + 0.5 * y),
    "quincunx": lambda x, y: box(x, y, 0.22, 0.22) | box(x.abs(), y.abs(), 0.22, 0.22, 0.44, 0.44),
}


def wave(x: Tensor, period: float = 0.4) -> Tensor:
    """The place within its period, in [-1/2, 1/2)."""
    return (x / period + 0.5) % 1 - 0.5


def bricks(x: Tensor, y: Tensor) -> Tensor:
    row = (y / 0.32).floor()
    return (wave(y - 0.16, 0.32).abs() < 0.32) & (wave(x + 0.28 * (row % 2), 0.56).abs() < 0.4)


def noise(x: Tensor, y: Tensor) -> Tensor:
    cells = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) < 0.5
    return cells[((y + 1.6) / 0.2).long().clamp(0, 15), ((x + 1.6) / 0.2).long().clamp(0, 15)]


def pluses(x: Tensor, y: Tensor) -> Tensor:
    across, down = wave(x, 0.5), wave(y, 0.5)
    return box(across, down, 0.12, 0.36) | box(across, down, 0.36, 0.12)


TEXTURES: dict[str, Where] = {
    "solid": lambda x, y: torch.ones_like(x, dtype=torch.bool),
    "stripes": lambda x, y: wave(y).abs() < 0.25,
    "grid": lambda x, y: (wave(x).abs() < 0.15) | (wave(y).abs() < 0.15),
    "checks": lambda x, y: (wave(x, 0.6) < 0) ^ (wave(y, 0.6) < 0),
    "dots": lambda x, y: torch.hypot(wave(x), wave(y)) < 0.32,
    "rings": lambda x, y: wave(torch.hypot(x, y)).abs() < 0.25,
    "zigzags": lambda x, y: wave(y + 0.5 * wave(x, 0.6).abs()).abs() < 0.22,
    "bricks": bricks,
    "noise": noise,
    "pluses": pluses,
}

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (1.0, 0.1, 0.1),
    "green": (0.1, 0.75, 0.1),
    "blue": (0.2, 0.3, 1.0),
    "yellow": (1.0, 1.0, 0.1),
    "cyan": (0.1, 1.0, 1.0),
    "magenta": (1.0, 0.1, 1.0),
    "orange": (1.0, 0.5, 0.0),
    "purple": (0.5, 0.1, 0.75),
    "pink": (1.0, 0.65, 0.7),
    "white": (1.0, 1.0, 1.0),
}
WHITE = list(COLOURS).index("white")
ATTRIBUTES = {"shape": tuple(SHAPES), "texture": tuple(TEXTURES), "colour": tuple(COLOURS)}


@lru_cache(maxsize=4)
def sprites(device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Every shape and texture at every turn, uint8 (10 * TURNS, SIDE, SIDE), colours (10, 3)."""
    place = (torch.arange(SIDE * FINER) + 0.5) / (SIDE * FINER / 2) - 1
    angle = torch.linspace(-TURN, TURN, TURNS).deg2rad()[:, None, None]
    y, x = torch.meshgrid(place, place, indexing="ij")
    cos, sin = angle.cos(), angle.sin()
    x, y = cos * x + sin * y, cos * y - sin * x  # (TURNS, side, side)
    shapes = [coverage(inside(x, y)) for inside in SHAPES.values()]
    textures = [coverage(inside(x, y)) for inside in TEXTURES.values()]
    colours = torch.tensor(list(COLOURS.values()))
    return torch.cat(shapes).to(device), torch.cat(textures).to(device), colours.to(device)


def coverage(inside: Tensor) -> Tensor:
    """How much of each pixel is inside, uint8 (TURNS, SIDE, SIDE), by FINER x FINER points."""
    shares = torch.nn.functional.avg_pool2d(255.0 * inside[:, None], FINER)[:, 0]
    return shares.round().to(torch.uint8)


@dataclass(frozen=True)
class Trifeature(Scenes):
    """One object, anywhere on black, with a shape, a texture and a colour that may go together.

    After "What shapes feature representations?" (Hermann and Lampinen 2020), whose shapes,
    textures and colours are others. Shape and texture are turned by up to 30 degrees each. The
    shape is any; each of the features `shape`, `texture` and `colour` has ten values, log2(10)
    bits. Scenes that are probed have no correlation, or one feature would be read off another.

    Args:
        canvas: Side of a scene, px, 1 or more.
        correlation: Share of the scenes whose texture has the shape's number, and, drawn apart,
            of those whose colour has it, in [0, 1]; in the others they are any.
        share: Side of the object as a share of the canvas's, in (0, 1].
        redraw: Probability that the second view shows the object in a colour drawn anew, by the
            same law, in [0, 1]; at 1 views share no more of it than the correlation says.
        blank: Every object is white, so that its colour carries nothing and is not asked for.

    >>> import torch
    >>> from suppression.data.pool import NOTHING
    >>> scenes = Trifeature()
    >>> drawn = scenes.factors(3, torch.Generator().manual_seed(0), NOTHING)
    >>> drawn["shape"].shape, scenes.render(drawn, NOTHING).shape
    (torch.Size([3]), torch.Size([3, 3, 64, 64]))
    """

    canvas: int = 64
    correlation: float = 0.0
    share: float = 0.6
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1
    sources: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_competitor(self.redraw, self.blank)
        if not 0 <= self.correlation <= 1:
            raise ValueError(f"correlation = {self.correlation} is not in [0, 1]")
        if not 0 < self.share <= 1:
            raise ValueError(
                f"share = {self.share} is not in (0, 1] "
                "(the side of the object as a share of the canvas)"
            )

    @property
    def channels(self) -> int:
        return 3

    @property
    def features(self) -> tuple[str, ...]:
        return ("shape", "texture") if self.blank else tuple(ATTRIBUTES)

    @property
    def competitors(self) -> tuple[str, ...]:
        return () if self.blank else ("colour",)

    @property
    def shared_bits(self) -> float:
        return 0.0 if self.blank else math.log2(10)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes, each of which is an instance.

        Returns:
            The classes `shape`, `texture`, `colour` and `instance`, (n,); `turn` of shape and of
            texture, (n, 2), one of 9; `top`, `left`, (n, 1) whole px.
        """
        shape, *others = torch.randint(10, (3, n), generator=rng, device=rng.device)
        together = torch.rand(2, n, generator=rng, device=rng.device) < self.correlation
        texture = torch.where(together[0], shape, others[0])
        colour = torch.where(together[1], shape, others[1])
        if self.blank:
            colour = torch.full_like(colour, WHITE)
        turn = torch.randint(TURNS, (n, 2), generator=rng, device=rng.device)
        room = math.floor(self.canvas * (1 - self.share)) + 1
        top, left = torch.rand(2, n, 1, generator=rng, device=rng.device).mul_(room).floor_()
        return {
            "shape": shape,
            "texture": texture,
            "colour": colour,
            "turn": turn,
            "top": top,
            "left": left,
            "instance": torch.arange(n, device=rng.device),
        }

    def again(self, factors: Factors, rng: torch.Generator, pool: Pool) -> Factors:
        """The same objects; by `redraw` in another colour, drawn by the same law."""
        if not self.redraw:
            return factors
        n = len(factors["shape"])
        other = torch.randint(10, (n,), generator=rng, device=rng.device)
        drawn = torch.where(chosen(self.correlation, n, rng), factors["shape"], other)
        colour = torch.where(chosen(self.redraw, n, rng), drawn, factors["colour"])
        return factors | {"colour": colour}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        return {name: ATTRIBUTES[name] for name in self.features}

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        return [caption.replace(", ", "\n") for caption in super().captions(factors, pool)]

    def probed(self) -> Trifeature:
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
        """Draw the scenes, (n, 3, out, out); no feature can be hidden."""
        shapes, textures, colours = sprites(str(factors["shape"].device))
        turn_of_shape, turn_of_texture = factors["turn"].unbind(1)
        shape = shapes.index_select(0, factors["shape"] * TURNS + turn_of_shape)
        texture = textures.index_select(0, factors["texture"] * TURNS + turn_of_texture) / 255
        brightness = shape * (BACKGROUND + (1 - BACKGROUND) * texture)
        top, left, size = factors["top"], factors["left"], self.share * self.canvas
        object_ = placed(brightness[:, None], top, left, size, self.canvas, view, out)
        return object_ * colours[factors["colour"]][:, :, None, None]
