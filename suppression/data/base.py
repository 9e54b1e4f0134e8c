"""What a generator of scenes is: the one contract between the scenes and the rest of the house."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from suppression.data.pool import Pool
from suppression.errors import UserError

Factors = dict[str, Tensor]
Visible = tuple[int, ...] | None  # positions in `features` of what is shown; all if None
Question = tuple[str, Visible, Sequence[str]]  # what such scenes are called in the rows, what is visible on them, which features are asked for


class Scenes(ABC):
    """A frozen dataclass whose fields are its parameters.

    `factors` draws, with the generator that is handed in, everything that differs between scenes; `render` turns factors into pictures and draws no random
    number. Both work on whole batches and wait for no device. What is left here has a default: a generator overrides what is not true of it.

    A network sees `channels` channels: those of `render`, and `planes` more that `append` puts behind them once a view is augmented, each of one value
    over a picture.
    """

    version: ClassVar[int] = 1  # part of a cell's key: goes up when the same parameters draw other pictures
    sources: ClassVar[tuple[str, ...]] = ("source",)  # the parameters that name what pools are loaded from; a second one's is the first one's `photos`

    canvas: int  # side of a scene, px

    @property
    def channels(self) -> int:
        return 1

    @property
    def planes(self) -> int:
        return 0

    @property
    def photo_side(self) -> int:
        """The side at which photographs are shown, px of the canvas: none is held any larger."""
        return self.canvas

    @property
    def shared_bits(self) -> float | None:
        """How strong the discrete competitor is: log2 of how many equally frequent values it has, so that two scenes share one with probability
        2 ** -bits. None where the competitor is not a value but a size, or of an unknown number."""
        return None

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """What can be asked for, in the order of the card."""

    @abstractmethod
    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw n scenes, on the device of `rng` and of `pool`: (n, ...) each."""

    def of_instances(self, instance: Tensor, pool: Pool) -> Factors:
        """The scenes of these instances (n,), where there is nothing to a scene but its instance; then one can go through the pool, and not only draw."""
        raise UserError(f"{type(self).__name__} draws more than an instance for a scene, so its scenes do not come in epochs")

    @abstractmethod
    def render(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None, visible: Visible = None) -> Tensor:
        """Draw the scenes, (n, channels - planes, out, out) in [0, 1].

        `view` (n, 4) are crops `top, left, height, width` in px of the canvas (the whole canvas if None), drawn at `out` px (the canvas's if None).
        """

    def masks(self, factors: Factors, pool: Pool, *, view: Tensor | None = None, out: int | None = None) -> Tensor:
        """How much ink each digit puts on each pixel, (n, digits, out, out) in [0, 1], in the order of the factor `digit`; parameters as in `render`.

        UserError where where they lie is not told.
        """
        raise UserError(f"{type(self).__name__} has no masks")

    def append(self, x: Tensor, factors: Factors, *, visible: Visible = None) -> Tensor:
        """Pictures of the scenes, augmented or not, with what augmentation does not reach: (n, channels - planes, s, s) -> (n, channels, s, s)."""
        return x

    def again(self, factors: Factors, rng: torch.Generator) -> Factors:
        """The scenes as the second view sees them: what is the same in both results is what two views share."""
        return factors

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        """The class of each feature, (n,) int64."""
        return {name: factors[name] for name in self.features}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        """What carries each feature, (n,): pictures of one carrier are not independent cases of a probe."""
        return dict.fromkeys(self.features, factors["instance"])

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        """What the classes of each feature are called, in the order of their labels."""
        return dict.fromkeys(self.features, pool.names)

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        """What to write above each scene."""
        labels, classes = self.labels(factors), self.classes(pool)
        return [", ".join(classes[name][int(labels[name][i])] for name in self.features) for i in range(len(labels[self.features[0]]))]

    @property
    def told(self) -> tuple[str, ...]:
        """The features whose labels supervised training is told."""
        return self.features

    def spaces(self, pool: Pool) -> tuple[int, ...]:
        """The widths of the blocks of `targets`: how many classes each label has that supervised training is told."""
        classes = self.classes(pool)
        return tuple(len(classes[name]) for name in self.told)

    def targets(self, factors: Factors, pool: Pool) -> Tensor:
        """The labels that supervised training is told, a block each (one-hot; multi-hot where one block tells of several): (n, sum of `spaces`)."""
        labels = self.labels(factors)
        return torch.cat([one_hot(labels[name], width) for name, width in zip(self.told, self.spaces(pool), strict=True)], 1)

    def questions(self) -> list[Question]:
        """What a probe asks, of held-out scenes of `probed()`."""
        return [("together", None, self.features)]

    def probed(self) -> Scenes:
        """The scenes that are probed, where they are not those that are trained on."""
        return self


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(n,) -> (n, classes) float32; torch's own reads the labels to check them, and waits for the device."""
    return torch.zeros(len(labels), classes, device=labels.device).scatter_(1, labels[:, None], 1.0)
