"""What a probe is: one file with its settings, its measures and its question to a network."""

from __future__ import annotations

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from suppression.data import Pool, Scenes
from suppression.data.base import Factors, Visible
from suppression.data.transforms.augmentation import Augmentation
from suppression.evaluation.features import Pools, Row, encode_scenes, scene_rng
from suppression.evaluation.spec import ProbeSettings, Setting
from suppression.methods import Method
from suppression.notes import Note, ignore

if TYPE_CHECKING:
    from suppression.evaluation.readouts import Readout

Along = Callable[[], Mapping[int, Mapping[str, Tensor]]]


@dataclass(frozen=True)
class Measure:
    """How a column of scores is shown.

    Args:
        label: What stands at the axis and above the table, with the unit.
        title: What a panel that shows it is called; the kind of scenes if empty.
        percent: Whether it is a share in [0, 1], shown times 100.
        low: Column of the lower bound of one seed's own 95 % interval, if it has one.
        high: Column of the upper bound.
        digits: Decimals in a table.
        guess: Column of what guessing scores, if rows have one.
        floor: Value of a collapsed network that is drawn as a dotted line; None draws none.

    Example:
        >>> Measure("effective rank", floor=1.0).percent
        False
    """

    label: str
    title: str = ""
    percent: bool = False
    low: str | None = None
    high: str | None = None
    digits: int = 1
    guess: str | None = None
    floor: float | None = None


@dataclass(frozen=True)
class Shown:
    """What tables and figures say of a probe's rows.

    Args:
        tag: Word behind the kind of scenes in a table; none for a probe that needs no name.
        panel_of: Probe in whose panel its points are drawn, hollow; None for panels of its own.
        legend: What the legend says of such points.
        caption: What the table's caption says of it where it is switched on.
        scenes: What is seen on kinds of scenes that no card names.
        beside: Columns that are shown of a feature besides the recipe's measure.
        layers: Layers that its rows name and the settings do not.
    """

    tag: str = ""
    panel_of: str | None = None
    legend: str = ""
    caption: str = ""
    scenes: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layers: tuple[str, ...] = ()


ACCURACY = Measure("top-1 accuracy, %", percent=True, low="low", high="high", guess="guess")
RANK = Measure("effective rank", floor=1.0)
SCORED: dict[str, type] = {
    "accuracy": float,
    "low": float,
    "high": float,
    "guess": float,
    "cases": int,
}


@dataclass(frozen=True)
class Asked:
    """A frozen network, and all that a probe may ask it with.

    Args:
        scenes: The scenes that are probed.
        whole: The scenes that the network was trained on, where these are others.
        method: The network, in evaluation mode, with its projection and classifier, if any.
        layers: Layers to probe, z among them only where there is a projection.
        pools: Instances for fitting (True), and held out (False).
        device: Where all of them are.
        settings: All settings, those that probes share among them: train, test, features.
        views: Augmentation that it was trained with; None where it was shown no views.
        along: Reads its weights along training, by the scenes seen; none if it was not trained.
        readouts: All readouts that are switched on.
        seed: Draw of the scenes; 0 is that of every experiment.
        note: Told what cannot be asked, and why.
    """

    scenes: Scenes
    whole: Scenes
    method: Method
    layers: list[str]
    pools: Pools
    device: torch.device
    settings: ProbeSettings
    views: Augmentation | None = None
    along: Along = dict
    readouts: tuple[Readout, ...] = ()
    seed: int = 0
    note: Note = ignore

    def rng(self, *names: object) -> torch.Generator:
        """A generator that depends on these names and the seed alone."""
        return scene_rng(*names, seed=self.seed, device=self.device)

    def count(self, train: bool) -> int:
        """How many scenes there are for fitting (True), or held out."""
        return self.settings.train if train else self.settings.test

    def draw(self, train: bool) -> Factors:
        """The scenes that readouts are fitted on (True), or tested with."""
        return self.scenes.factors(self.count(train), self.rng("probe", train), self.pools[train])

    def units(self, drawn: Factors) -> dict[str, np.ndarray]:
        """The number of the unit behind each feature of held-out scenes, (n,): what is one case."""
        return units_of(self.scenes, drawn, self.pools[False])

    def told_apart(
        self, labels: Mapping[str, Tensor], names: Sequence[str], *, of_its_own: bool = False
    ) -> list[str]:
        """Those of the features that are asked for and that readouts can be fitted to tell.

        Args:
            labels: Each feature's classes on the scenes that readouts are fitted on, (n,).
            names: Features that these scenes show.
            of_its_own: Whether they are a probe's, which `features` does not choose among.
        """
        wanted, found = None if of_its_own else self.settings.features, []
        for name in names:
            if wanted is not None and name not in wanted:
                continue
            if len(labels[name].unique()) > 1:
                found.append(name)
                continue
            self.note(
                f"'{name}' has one class only in the {len(labels[name])} scenes that readouts are "
                "fitted on: it is not asked for"
            )
        return found

    def encode(self, drawn: Factors, train: bool, visible: Visible = None) -> dict[str, Tensor]:
        """Features of drawn scenes at every layer, (n, d) each."""
        pool = self.pools[train]
        return encode_scenes(self.method, self.layers, self.scenes, drawn, pool, visible)


def units_of(scenes: Scenes, drawn: Factors, pool: Pool) -> dict[str, np.ndarray]:
    """The number of the unit behind each feature of scenes, (n,).

    A data set that is evaluated may be less than `Scenes`, and have carriers only.
    """
    has_units = hasattr(scenes, "units")
    found = scenes.units(drawn, pool) if has_units else scenes.carriers(drawn)
    return {name: unit.cpu().numpy() for name, unit in found.items()}


class Probe(ABC):
    """A question to a frozen network: a frozen dataclass whose fields are its settings.

    A setting is a key of a recipe's `probe` table; its default is the field's, and no two probes
    may have one of the same name. To add a probe, write this class in a file and add a line to
    `PROBES`, or call `register` from outside the package.

    `name` is what its rows say in the column `probe`. `switch` is the setting that switches it on;
    without one it is always asked. `measures` are the columns that can be shown, the first one
    being the main one; `columns` are all columns of numbers, with their types, so that a csv file
    can be read. `axes` are columns that take several values within one cell, with the setting that
    lists them: an axis along one costs no training. `instead_of` are probes that are not asked
    where this one is; its rows stand in the line of the first. `shown` is what tables and figures
    say. `version` goes up when equal settings give other rows, or when a default changes: stored
    answers of networks that were asked this probe are then asked anew.

    Example:
        >>> @dataclass(frozen=True)
        ... class Brightness(Probe):
        ...     name = "brightness"
        ...     switch = "brightness"
        ...     measures = {"mean": Measure("mean feature")}
        ...     columns = {"mean": float}
        ...     brightness: bool | None = None
        ...
        ...     def ask(self, asked):
        ...         for layer, x in asked.encode(asked.draw(False), False).items():
        ...             row = {"feature": "picture", "scenes": "together", "layer": layer}
        ...             yield {**row, "probe": self.name, "mean": x.mean().item()}
        >>> Brightness.settings()
        {'brightness': (bool | None, None)}
    """

    name: ClassVar[str]
    switch: ClassVar[str | None] = None
    version: ClassVar[int] = 1
    measures: ClassVar[dict[str, Measure]]
    columns: ClassVar[dict[str, type]]
    axes: ClassVar[dict[str, str]] = {}
    instead_of: ClassVar[tuple[str, ...]] = ()
    shown: ClassVar[Shown] = Shown()

    @classmethod
    @cache  # read once: every name of a record asks for it
    def settings(cls) -> dict[str, Setting]:
        """Annotation and default of each of its settings."""
        hints = typing.get_type_hints(cls)
        found = {}
        for one in dataclasses.fields(cls):  # type: ignore[arg-type]
            found[one.name] = (hints[one.name], one.default)
        return found

    @classmethod
    def of(cls, settings: ProbeSettings) -> Probe:
        """The probe with its own of these settings."""
        own = {}
        for name, (_, default) in cls.settings().items():
            own[name] = getattr(settings, name, default)
        return cls(**own)

    @property
    def is_on(self) -> bool:
        """Whether the settings ask for it."""
        return self.switch is None or bool(getattr(self, self.switch))

    def subjects(self, features: Sequence[str]) -> list[str]:
        """What its rows say in the column `feature`, in the order of a table.

        Args:
            features: Features of the data set that are asked for.
        """
        return []

    def check(  # noqa: B027  # most probes have nothing to check
        self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module
    ) -> None:
        """Check the settings before training starts.

        Args:
            kind: Name of the data set, for messages.
            scenes: Scenes that are trained on.
            settings: All settings, those that probes share among them.
            encoder: An encoder of the layers that will be there, of any width and weights.

        Raises:
            UserError: Where the question cannot be asked.
        """

    def applies(self, asked: Asked) -> bool:
        """Whether this network can be asked at all; one that cannot gets no rows."""
        return True

    @abstractmethod
    def ask(self, asked: Asked) -> Iterator[Row]:
        """Ask the network.

        Args:
            asked: The network and the scenes. Draw random numbers from `asked.rng` alone.

        Returns:
            Rows with `feature`, `scenes`, `probe`, `layer` and the probe's columns.
        """
