"""The contract of a data set: what a generator of scenes gives to training, probes and figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from suppression import expect
from suppression.data.pool import Pool
from suppression.errors import UserError

if TYPE_CHECKING:
    from suppression.data.sample import Sample
    from suppression.data.transforms.augmentation import Augmentation

Factors = dict[str, Tensor]  # what was drawn for n scenes, by name, (n, ...) each
Visible = tuple[int, ...] | None  # positions in `features` of what is shown; all if None
Question = tuple[str, Visible, Sequence[str]]  # name of the scenes, what is visible, what is asked


class Scenes(ABC):
    """A generator of scenes whose features are known.

    A subclass is a frozen dataclass; its fields are its parameters: flags, columns and parts of
    the key of a training. So each field has a type and a default. `__post_init__` calls that of
    this class, which checks the types, then raises ValueError for a value that cannot be drawn.
    `suppression.testing.check_dataset` checks a subclass against all that follows.

    A subclass must give:

    - `canvas`, a field: the side of a scene, px.
    - `features`: the names of what a probe can ask for.
    - `factors`: draws everything that differs between scenes, with the generator handed in.
    - `render`: turns factors into pictures and draws no random number.

    The rest has a default, which a subclass overrides where it is not true:

    - `channels` (1) and `planes` (0): what a network sees of a scene.
    - `labels` (the factor of the feature's name), `classes` (those of the pool), `carriers`
      (the factor `instance`) and `units` (the carriers, or what they are cut out of).
    - `again` (the same factors): what of a scene the second view sees drawn anew; and
      `competitors` (none): the features whose class that may change.
    - `objects` (none) and `of_objects`: the objects of the same classes that a scene shows.
    - `questions` (all features, all visible) and `probed` (itself): what probes ask, of which
      scenes.
    - `told`, `spaces` and `targets` (one-hot labels of all features): what supervised training
      gets.
    - `append`, `masks`, `of_instances`, `captions`, `shared_bits`, `photo_side`.

    All work on whole batches, on the device of what they are given, and wait for no device.

    >>> from dataclasses import dataclass
    >>> import torch
    >>> @dataclass(frozen=True)
    ... class Grays(Scenes):
    ...     canvas: int = 16
    ...     sources = ()
    ...     features = ("level",)
    ...
    ...     def factors(self, n, rng, pool):
    ...         level = torch.randint(4, (n,), generator=rng, device=rng.device)
    ...         return {"level": level, "instance": torch.arange(n, device=rng.device)}
    ...
    ...     def classes(self, pool):
    ...         return {"level": ("black", "dark", "light", "white")}
    ...
    ...     def render(self, factors, pool, *, view=None, out=None, visible=None):
    ...         side = out or self.canvas
    ...         return (factors["level"] / 3)[:, None, None, None].expand(-1, 1, side, side)
    >>> Grays().sample(4).x.shape
    torch.Size([4, 1, 16, 16])
    >>> from suppression.testing import check_dataset
    >>> check_dataset(Grays)
    """

    version: ClassVar[int] = 1
    """Part of the key of a training: goes up when equal parameters draw other pictures."""

    sources: ClassVar[tuple[str, ...]] = ("source",)
    """The parameters that name the sources of instances; the second one's are `pool.photos`."""

    canvas: int

    def __post_init__(self) -> None:
        """UserError for a parameter that is not of its type; a subclass checks ranges behind it."""
        # Rows from before there was `redraw` have none of it.
        expect.fields(self, may_lack=("redraw",))

    @property
    def channels(self) -> int:
        """How many channels a network sees: those of `render` and, behind them, `planes`."""
        return 1

    @property
    def planes(self) -> int:
        """How many channels `append` adds, each of one value over a picture."""
        return 0

    @property
    def photo_side(self) -> int:
        """The side at which photographs are shown, px of the canvas: none is held any larger."""
        return self.canvas

    @property
    def shared_bits(self) -> float | None:
        """The strength of a discrete competitor, bits; 0 or more.

        It is log2 of its number of equally frequent values, so that two scenes share one with
        probability 2 ** -bits. None where the competitor is a size, or the number is unknown.
        """
        return None

    @property
    @abstractmethod
    def features(self) -> tuple[str, ...]:
        """What a probe can ask for, in the order of the card."""

    @property
    def competitors(self) -> tuple[str, ...]:
        """The features that compete with the others, whose class the second view may have anew.

        None where the generator cannot draw a competitor anew, or it is blank.
        """
        return ()

    @abstractmethod
    def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
        """Draw everything that differs between scenes.

        Args:
            n: Number of scenes, above 0.
            rng: The only source of random numbers; the factors are on its device.
            pool: The instances to draw from, on the same device.

        Returns:
            Tensors by name, n rows each. `instance` is the number of the pool's instance.
        """

    def of_instances(self, instance: Tensor, pool: Pool) -> Factors:
        """The factors of the scenes of these instances, so that training can go through the pool.

        Args:
            instance: Numbers of the pool's instances, (n,) int64.
            pool: The instances.

        Raises:
            UserError: A scene has more to it than its instance (the default).
        """
        name = type(self).__name__
        raise UserError(
            f"{name} draws more than an instance for a scene, so its scenes do not come in epochs"
        )

    @abstractmethod
    def render(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
        visible: Visible = None,
    ) -> Tensor:
        """Draw the scenes; no random number is used.

        `suppression.data.transforms` helps with views: `sprites.placed` and `sprites.filling` draw
        sprites and pictures through them, `resample.crop` cuts them out of what is drawn whole.

        Args:
            factors: What `factors` drew, n rows.
            pool: The instances they were drawn from.
            view: Crops `top, left, height, width`, (n, 4) px of the canvas; the whole canvas if
                None.
            out: Side at which the crop is drawn, px; the canvas's if None.
            visible: Positions in `features` of what is shown; all if None.

        Returns:
            Pictures (n, channels - planes, out, out) float32 in [0, 1].
        """

    def masks(
        self,
        factors: Factors,
        pool: Pool,
        *,
        view: Tensor | None = None,
        out: int | None = None,
    ) -> Tensor:
        """How much ink each digit puts on each pixel.

        Args:
            factors: As for `render`.
            pool: As for `render`.
            view: As for `render`.
            out: As for `render`.

        Returns:
            Ink (n, digits, out, out) in [0, 1], in the order of the factor `digit`.

        Raises:
            UserError: The scenes do not know where their features lie (the default).
        """
        raise UserError(f"{type(self).__name__} has no masks")

    def append(self, x: Tensor, factors: Factors, *, visible: Visible = None) -> Tensor:
        """Add the channels that no augmentation reaches.

        Args:
            x: Pictures of the scenes, augmented or not, (n, channels - planes, s, s).
            factors: As for `render`.
            visible: As for `render`.

        Returns:
            Pictures (n, channels, s, s).
        """
        return x

    def again(self, factors: Factors, rng: torch.Generator, pool: Pool) -> Factors:
        """The factors of the second view; two views share what is equal in both.

        Args:
            factors: What `factors` drew, which the first view shows.
            rng: The only source of random numbers.
            pool: The instances they were drawn from.
        """
        return factors

    def labels(self, factors: Factors) -> dict[str, Tensor]:
        """The class of each feature, (n,) int64, in the order of `features`."""
        return {name: factors[name] for name in self.features}

    def carriers(self, factors: Factors) -> dict[str, Tensor]:
        """The number of the instance that carries each feature, (n,) int64.

        Pictures of one carrier are not independent cases for a probe's interval.
        """
        return dict.fromkeys(self.features, factors["instance"])

    def units(self, factors: Factors, pool: Pool) -> dict[str, Tensor]:
        """The number of the held-out unit behind each feature, (n,) int64.

        That is the carrier, or the picture that it was cut out of: what a probe's interval counts
        as one case.
        """
        carriers = self.carriers(factors)
        return {name: pool.original(carrier) for name, carrier in carriers.items()}

    def classes(self, pool: Pool) -> dict[str, tuple[str, ...]]:
        """The names of each feature's classes, in the order of their labels."""
        return dict.fromkeys(self.features, pool.names)

    def captions(self, factors: Factors, pool: Pool) -> list[str]:
        """What to write above each scene."""
        labels, classes = self.labels(factors), self.classes(pool)
        captions = []
        for i in range(len(labels[self.features[0]])):
            words = [classes[name][int(labels[name][i])] for name in self.features]
            captions.append(", ".join(words))
        return captions

    @property
    def told(self) -> tuple[str, ...]:
        """The features whose labels supervised training gets."""
        return self.features

    def spaces(self, pool: Pool) -> tuple[int, ...]:
        """The widths of the blocks of `targets`: the number of classes of each label."""
        classes = self.classes(pool)
        return tuple(len(classes[name]) for name in self.told)

    def targets(self, factors: Factors, pool: Pool) -> Tensor:
        """The labels that supervised training gets.

        Returns:
            A block for each feature of `told`, one-hot, or multi-hot where one block holds the
            labels of several features: (n, sum of `spaces`) float32.
        """
        labels = self.labels(factors)
        blocks = []
        for name, width in zip(self.told, self.spaces(pool), strict=True):
            blocks.append(one_hot(labels[name], width))
        return torch.cat(blocks, 1)

    def questions(self) -> list[Question]:
        """What a probe asks, of held-out scenes of `probed()`.

        Returns:
            For each question the name of the scenes in the rows (`alone`, `together`), what is
            visible on them, and the features asked for.
        """
        return [("together", None, self.features)]

    @property
    def objects(self) -> tuple[str, ...]:
        """The feature of each object, where a scene shows several objects of the same classes.

        Several objects may have one feature; the first one's is asked for in any case.
        """
        return ()

    def of_objects(self, factors: Factors) -> tuple[Tensor, Tensor]:
        """The class of each of `objects`, and the number of the instance that carries it.

        Returns:
            Two tensors (n, objects) int64.

        Raises:
            UserError: The scenes have no `objects` (the default).
        """
        raise UserError(f"{type(self).__name__} has no scenes of several objects")

    def probed(self) -> Scenes:
        """The generator of the scenes that probes see, where training sees others."""
        return self

    @expect.typed
    def sample(
        self,
        n: int = 8,
        *,
        seed: int = 0,
        source: str = "digits",
        augmentation: Augmentation | None = None,
        root: str | Path | None = None,
    ) -> Sample:
        """Draw a few scenes and both views of each, to look at.

        Args:
            n: Number of scenes, 1 or more.
            seed: Of all that is drawn.
            source: Where the instances come from (see `suppression.data.SOURCES`); without
                effect where the scenes name their source themselves or draw from none.
            augmentation: What is done to the views; random resized crops if None.
            root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.

        Returns:
            The scenes, their views, factors, labels and captions; `show()` draws them.

        Raises:
            UserError: There is no such source, or the scenes cannot be drawn.

        >>> from suppression.data import TwoDigits
        >>> sample = TwoDigits(canvas=64, size1=12, size2=40).sample(4)
        >>> sample.x.shape, sample.labels["first"].shape
        (torch.Size([4, 1, 64, 64]), torch.Size([4]))
        """
        from suppression.data.loader import load_training_pool
        from suppression.data.sample import take_sample
        from suppression.data.transforms.augmentation import Augmentation
        from suppression.seeding import torch_rng

        pool = load_training_pool(self, source, root=root)
        views = Augmentation() if augmentation is None else augmentation
        return take_sample(self, views, pool, n, torch_rng("sample", seed))


def check_competitor(redraw: float | None, blank: bool | None) -> None:
    """ValueError where `redraw` is no probability, or `blank` leaves nothing to draw anew.

    A `redraw` of None is that of a row from before there was the parameter.
    """
    if redraw is not None and not 0 <= redraw <= 1:
        raise ValueError(f"redraw = {redraw} is not a probability in [0, 1]")
    if redraw and blank:
        raise ValueError(
            f"redraw = {redraw}: a competitor that is blank has nothing to be drawn anew; "
            "give one of redraw and blank"
        )


def chosen(p: float, n: int, rng: torch.Generator) -> Tensor:
    """Which of n scenes something of probability p happens to, (n,) bool; always at 1."""
    return torch.rand(n, generator=rng, device=rng.device) < p


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(n,) -> (n, classes) float32; torch's own reads the labels and waits for the device."""
    blank = torch.zeros(len(labels), classes, device=labels.device)
    return blank.scatter_(1, labels[:, None], 1.0)
