"""Competitors of a known strength: bits tied to an instance, and so the same in both views."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
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
from suppression.data.pool import SIDE, Pool
from suppression.data.sources.photos import check_photographs, is_photographs
from suppression.data.transforms.sprites import filling

MOST_BITS = 24  # with 20 every picture of MNIST has its own; colours of 8 bits a channel hold 24

DARKEST = 0.4


class _InstanceBits(Scenes):
    """One instance that fills the canvas, and the last `bits` bits of the hash of its pixels."""

    bits: int
    redraw: float
    blank: bool | None
    blank_bit: ClassVar[int] = 0  # what all bits are where they are blank

    def _check(self) -> None:
        check_competitor(self.redraw, self.blank)
        if not 0 <= self.bits <= MOST_BITS:
            raise ValueError(f"bits = {self.bits} is not in 0..{MOST_BITS}")
        if self.canvas < 4:
            raise ValueError(
                f"canvas = {self.canvas} px is too small for any network here; the least is 4"
            )

    @property
    @abstractmethod
    def picture(self) -> str:
        """The name of the picture's class as a feature."""

    @property
    def bit_names(self) -> tuple[str, ...]:
        told = 0 if self.blank else self.bits
        return tuple(f"bit{i + 1}" for i in range(told))

    @property
    def competitors(self) -> tuple[str, ...]:
        return self.bit_names

    @property
    def shared_bits(self) -> float:
        return float(len(self.bit_names))

    @property
    def features(self) -> tuple[str, ...]:
        return (self.picture, *self.bit_names)

    @property
    def told(self) -> tuple[str, ...]:
        """The class alone: bits are nobody's label."""
        return (self.picture,)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes: `instance` and its class, (n,), and `bits`, (n, bits), 0 or 1."""
        instance = torch.randint(len(pool), (n,), generator=rng, device=rng.device)
        return self.of_instances(instance, pool)

    def of_instances(self, instance: Tensor, pool: Pool) -> Factors:
        """All there is to a scene is its instance, so training can go through the pool."""
        bits = self._bits_of(instance, pool)
        return {"instance": instance, self.picture: pool.labels[instance], "bits": bits}

    def _bits_of(self, instance: Tensor, pool: Pool) -> Tensor:
        """The bits that are tied to these instances (n,), (n, bits)."""
        shifts = torch.arange(self.bits, device=instance.device)
        bits = pool.hashes[instance][:, None] >> shifts & 1
        return torch.full_like(bits, self.blank_bit) if self.blank else bits

    def again(self, factors: Factors, rng: torch.Generator, pool: Pool) -> Factors:
        """The same pictures; by `redraw` with the bits of any other one."""
        if not self.redraw:
            return factors
        n = len(factors["instance"])
        others = torch.randint(len(pool), (n,), generator=rng, device=rng.device)
        anew = chosen(self.redraw, n, rng)[:, None]
        bits = torch.where(anew, self._bits_of(others, pool), factors["bits"])
        return factors | {"bits": bits}

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        labels = {self.picture: factors[self.picture]}
        for i, name in enumerate(self.bit_names):
            labels[name] = factors["bits"][:, i]
        return labels

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        return {self.picture: pool.names} | dict.fromkeys(self.bit_names, ("0", "1"))

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        names = [pool.names[int(label)] for label in factors[self.picture]]
        if not self.bit_names:
            return names
        captions = []
        for name, bits in zip(names, factors["bits"].tolist(), strict=True):
            captions.append(f"{name}\n{''.join(map(str, bits))}")
        return captions

    def questions(self) -> list[Question]:
        """The class where bits are hidden, the bits where the picture is, and everything."""
        together: Question = ("together", None, self.features)
        if not self.bit_names:
            return [together]
        positions = tuple(range(1, self.bits + 1))
        return [
            ("alone", (0,), [self.picture]),
            ("alone", positions, self.bit_names),
            together,
        ]


@dataclass(frozen=True)
class RandomBits(_InstanceBits):
    """A picture and bits of its own, each a plane of zeros or ones beside the picture.

    RandBit of "Intriguing Properties of Contrastive Losses" (Chen, Luo and Li 2021): augmentation
    does not reach the planes. Bit i is that of the sha256 of the instance's pixels, of held-out
    instances too; a larger number of bits has the smaller one's bits and more. The features are
    `class`, the picture's, and `bit1`, `bit2` ...

    Args:
        canvas: Side of a scene, px, 4 or more; the picture fills it.
        source: Source of the pictures: digits, mnist or mnist5k, or photographs (photos,
            colour_photos, cifar10, stl10, imagenette or folder:PATH).
        bits: Number of bits, 0 to 24.
        redraw: Probability that the second view has the bits of another instance, in [0, 1]; at 1
            views share no more of them than two scenes do.
        blank: All bits are 0, so that they carry nothing and are not asked for.

    >>> import torch
    >>> from suppression.data import SOURCES
    >>> pool, scenes = SOURCES["digits"](train=True), RandomBits(bits=3)
    >>> drawn = scenes.factors(5, torch.Generator().manual_seed(0), pool)
    >>> drawn["bits"].shape, scenes.append(scenes.render(drawn, pool), drawn).shape
    (torch.Size([5, 3]), torch.Size([5, 4, 28, 28]))
    """

    canvas: int = SIDE
    source: str = "digits"
    bits: int = 5
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1

    picture = "class"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_photographs(self.source, or_digits=True)
        self._check()

    @property
    def channels(self) -> int:
        colours = 3 if is_photographs(self.source) else 1
        return colours + self.bits

    @property
    def planes(self) -> int:
        return self.bits

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """The pictures without their bits, (n, 1 or 3, out, out); black if not visible."""
        pictures = pool.images.index_select(0, factors["instance"])
        if pictures.ndim == 3:
            pictures = pictures[:, None]
        x = filling(pictures, self.canvas, view, out)
        if visible is None or 0 in visible:
            return x
        return torch.zeros_like(x)

    def append(self, x: Tensor, factors: Factors, *, visible: Visible = None) -> Tensor:
        """Add a plane for each bit, (n, 1 or 3 + bits, s, s); zeros for bits not visible."""
        bits = factors["bits"]
        if visible is not None and self.bits:
            shown = [bits[:, i] * (i + 1 in visible) for i in range(self.bits)]
            bits = torch.stack(shown, 1)
        # With the channels last, as the network wants them: (n, s, s, bits).
        planes = bits[:, None, None].to(x.dtype).expand(-1, *x.shape[2:], -1)
        return torch.cat([x.movedim(1, 3), planes], 3).movedim(3, 1)


@dataclass(frozen=True)
class ColouredDigits(_InstanceBits):
    """A digit in one of 2 ** bits colours, the same whenever that instance is drawn.

    These are the bits of RandomBits as an object shows them, so that crops and jitter reach them.
    Bits go to red, green, blue, red ... in turn, the first of a channel being its most
    significant: few bits give colours far apart, and more bits are the fewer and finer shades. No
    channel is darker than 0.4, so that the digit can be seen in every colour. The features are
    `digit` and `bit1`, `bit2` ...

    Args:
        canvas: Side of a scene, px, 4 or more; the digit fills it.
        bits: Number of bits, 0 to 24.
        redraw: Probability that the second view has the colour of another instance, in [0, 1]; at
            1 views share no more of it than two scenes do.
        blank: Every digit is white, so that its colour carries nothing; bits are not asked for.

    >>> import torch
    >>> from suppression.data import SOURCES
    >>> pool, scenes = SOURCES["digits"](train=True), ColouredDigits(bits=3)
    >>> drawn = scenes.factors(5, torch.Generator().manual_seed(0), pool)
    >>> drawn["bits"].shape, scenes.render(drawn, pool).shape
    (torch.Size([5, 3]), torch.Size([5, 3, 28, 28]))
    """

    canvas: int = SIDE
    bits: int = 3
    redraw: float = 0.0
    blank: bool | None = None
    version: ClassVar[int] = 1
    blank_bit: ClassVar[int] = 1  # ones in all channels are white

    picture = "digit"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check()

    @property
    def channels(self) -> int:
        return 3

    def colours(self, factors: Factors) -> Tensor:
        """The colour of each digit, (n, 3) in [0.4, 1]; a channel without bits is 1."""
        channels = []
        for channel in range(3):
            bits = factors["bits"][:, channel::3]
            places = bits.shape[1]
            if places == 0:
                channels.append(torch.ones(len(bits), device=bits.device))
                continue
            weights = 0.5 ** torch.arange(1, places + 1, device=bits.device)
            level = (1 - DARKEST) * (bits * weights).sum(1) / weights.sum()
            channels.append(DARKEST + level)
        return torch.stack(channels, 1)

    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """Draw the scenes, (n, 3, out, out).

        The digit is white if no bit is visible; if the digit is not, its colour fills the canvas.
        """
        digits = pool.images.index_select(0, factors["instance"])[:, None]
        ink = filling(digits, self.canvas, view, out).expand(-1, 3, -1, -1)
        if visible is not None and 0 not in visible:
            ink = torch.ones_like(ink)
        if visible == (0,):
            return ink
        return ink * self.colours(factors)[:, :, None, None]
