"""Competitors whose strength is a number: bits that are tied to an instance, and so are the same in both of its views."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data.base import Factors, Question, Scenes, Visible
from suppression.data.pool import SIDE, Pool
from suppression.data.sources.photos import check_photographs, is_photographs
from suppression.data.transforms.sprites import filling

MOST_BITS = 24  # what float32 planes, colours of 8 bits a channel and patience allow; with 20 every picture of MNIST has its own

DARKEST = 0.4


class _InstanceBits(Scenes):
    """One instance that fills the canvas, and the last `bits` bits of the hash of its pixels."""

    bits: int

    def _check(self) -> None:
        if not 0 <= self.bits <= MOST_BITS:
            raise ValueError(f"bits = {self.bits} is not in 0..{MOST_BITS}")
        if self.canvas < 4:
            raise ValueError(f"canvas = {self.canvas} px is too small for any network here; the least is 4")

    @property
    @abstractmethod
    def picture(self) -> str:
        """What the class of the picture is called as a feature."""

    @property
    def shared_bits(self) -> float:
        return float(self.bits)

    @property
    def features(self) -> tuple[str, ...]:
        return (self.picture, *(f"bit{i + 1}" for i in range(self.bits)))

    @property
    def told(self) -> tuple[str, ...]:
        """The class alone: bits are nobody's label."""
        return (self.picture,)

    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """`instance` and its class (n,), and `bits` (n, bits), 0 or 1."""
        return self.of_instances(torch.randint(len(pool), (n,), generator=rng, device=rng.device), pool)

    def of_instances(self, instance: Tensor, pool: Pool) -> Factors:
        shifts = torch.arange(self.bits, device=instance.device)
        return {"instance": instance, self.picture: pool.labels[instance], "bits": pool.hashes[instance][:, None] >> shifts & 1}

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        return {self.picture: factors[self.picture]} | {f"bit{i + 1}": factors["bits"][:, i] for i in range(self.bits)}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.features, ("0", "1")) | {self.picture: pool.names}

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        names = [pool.names[int(label)] for label in factors[self.picture]]
        return [f"{name}\n{''.join(map(str, bits))}" for name, bits in zip(names, factors["bits"].tolist(), strict=True)] if self.bits else names

    def questions(self) -> list[Question]:
        """Everything of scenes as they are; the class where the bits are hidden, and the bits where the picture is, if there are bits."""
        alone: list[Question] = [("alone", (0,), [self.picture]), ("alone", tuple(range(1, self.bits + 1)), self.features[1:])]
        return [*(alone if self.bits else []), ("together", None, self.features)]


@dataclass(frozen=True)
class RandomBits(_InstanceBits):
    """A picture and `bits` bits, each a plane of zeros or ones that augmentation does not reach (RandBit of "Intriguing Properties of Contrastive Losses").

    Bit i is that of the sha256 of the instance's pixels, held-out instances too: a larger number of bits has the smaller one's bits and more. The picture
    is of any source, digits or photographs, and fills the canvas.

    RandomBits(bits=3).factors(1, rng, pool) -> {"instance": [411], "class": [5], "bits": [[1, 0, 1]]}
    """

    canvas: int = SIDE
    source: str = "digits"
    bits: int = 5
    version: ClassVar[int] = 1

    picture = "class"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        check_photographs(self.source, or_digits=True)
        self._check()

    @property
    def channels(self) -> int:
        return (3 if is_photographs(self.source) else 1) + self.bits

    @property
    def planes(self) -> int:
        return self.bits

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        """The pictures without their bits, (n, 1 or 3, out, out); black if the class is not visible."""
        pictures = pool.images.index_select(0, factors["instance"])
        x = filling(pictures if pictures.ndim == 4 else pictures[:, None], self.canvas, view, out)
        return x if visible is None or 0 in visible else torch.zeros_like(x)

    def append(self, x: Tensor, factors: Factors, *, visible: Visible = None) -> Tensor:
        """A plane a bit, (n, 1 or 3 + bits, s, s); zeros for bits that are not visible."""
        bits = factors["bits"]
        if visible is not None and self.bits:
            bits = torch.stack([bits[:, i] * (i + 1 in visible) for i in range(self.bits)], 1)
        planes = bits[:, None, None].to(x.dtype).expand(-1, *x.shape[2:], -1)  # (n, s, s, bits): with the channels last, as the net wants them
        return torch.cat([x.movedim(1, 3), planes], 3).movedim(3, 1)


@dataclass(frozen=True)
class ColouredDigits(_InstanceBits):
    """A digit in one of 2 ** `bits` colours, the same whenever that instance is drawn: random bits as an object shows them, so that crops and jitter reach them.

    Bits go to red, green, blue, red, ... in turn, the first of a channel being its most significant: few bits give colours far apart, and more bits are
    the fewer and finer shades. No channel is darker than 0.4, so that the digit can be seen in every colour. It fills the canvas.

    ColouredDigits(bits=3).factors(1, rng, pool) -> {"instance": [411], "digit": [5], "bits": [[1, 0, 1]]}
    """

    canvas: int = SIDE
    bits: int = 3
    version: ClassVar[int] = 1

    picture = "digit"  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self._check()

    @property
    def channels(self) -> int:
        return 3

    def colours(self, factors: Factors) -> Tensor:
        """(n, 3), in [DARKEST, 1]; a channel without bits is 1."""
        channels = []
        for bits in (factors["bits"][:, channel::3] for channel in range(3)):
            weights = 0.5 ** torch.arange(1, bits.shape[1] + 1, device=bits.device)
            channels.append(DARKEST + (1 - DARKEST) * (bits * weights).sum(1) / weights.sum() if bits.shape[1] else torch.ones(len(bits), device=bits.device))
        return torch.stack(channels, 1)

    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        """(n, 3, out, out); a white digit if no bit is visible, all of the canvas in the colour if the digit is not."""
        ink = filling(pool.images.index_select(0, factors["instance"])[:, None], self.canvas, view, out).expand(-1, 3, -1, -1)
        if visible is not None and 0 not in visible:
            ink = torch.ones_like(ink)
        return ink if visible == (0,) else ink * self.colours(factors)[:, :, None, None]
