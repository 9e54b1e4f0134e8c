"""The probes there are, and what follows from them for settings, tables, figures and csv files."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable

from suppression.errors import UserError
from suppression.evaluation.anew import Anew
from suppression.evaluation.at_place import AtPlace
from suppression.evaluation.base import Measure, Probe
from suppression.evaluation.clustering import Clustering
from suppression.evaluation.contrastive_task import ContrastiveTask
from suppression.evaluation.curve import Curve
from suppression.evaluation.knn import KNN
from suppression.evaluation.linear import Linear
from suppression.evaluation.mlp import MLP
from suppression.evaluation.named import Named
from suppression.evaluation.online import Online
from suppression.evaluation.patterns import Patterns
from suppression.evaluation.rankme import RankMe
from suppression.evaluation.spec import SHARED, ProbeSettings, Setting, add_settings, drop_settings
from suppression.evaluation.transformations import Transformations

# In the order in which they are asked, by what their rows say in the column `probe`.
PROBES: dict[str, type[Probe]] = {
    "linear": Linear,
    "mlp": MLP,
    "knn": KNN,
    "online": Online,
    "named": Named,
    "curve": Curve,
    "anew": Anew,
    "patterns": Patterns,
    "at place": AtPlace,
    "transformations": Transformations,
    "k-means": Clustering,
    "contrast": ContrastiveTask,
    "rankme": RankMe,
}

# All of these follow from `PROBES`, and grow with it.
MEASURES: dict[str, Measure] = {}  # the columns that can be shown
COLUMNS: dict[str, type] = {}  # the columns of numbers
AXES: dict[str, str] = {}  # columns that take several values in a cell, and the settings that list
SCENES: dict[str, str] = {}  # what is seen on kinds of scenes that no card names
BESIDE: dict[str, tuple[str, ...]] = {}  # of a feature, the columns shown besides the measure


def derive() -> None:
    """Fill in what follows from `PROBES`; where several have a column, the first one says how."""
    for derived in (MEASURES, COLUMNS, AXES, SCENES, BESIDE):
        derived.clear()
    AXES["layer"] = "layers"
    for probe in PROBES.values():
        for column, measure in probe.measures.items():
            MEASURES.setdefault(column, measure)
        for column, kind in probe.columns.items():
            COLUMNS.setdefault(column, kind)
        AXES.update(probe.axes)
        SCENES.update(probe.shown.scenes)
        BESIDE.update(probe.shown.beside)


def register(probe: type[Probe]) -> type[Probe]:
    """Add a probe from outside the package; usable as a decorator.

    Its settings are keys of every recipe's `probe` table from then on, and its columns are shown.

    Args:
        probe: A subclass of `Probe`.

    Returns:
        The same class.

    Raises:
        UserError: Where a member is missing, or the name or a setting is another probe's.

    Example:
        >>> from suppression.evaluation import PROBES, register
        >>> register(PROBES["linear"])
        Traceback (most recent call last):
        suppression.errors.UserError: there is already a probe 'linear': Linear
    """
    for fault in faults(probe):
        raise UserError(fault)
    name = probe.name
    if name in PROBES:
        raise UserError(f"there is already a probe '{name}': {PROBES[name].__name__}")
    check_settings(probe, PROBES.values())
    PROBES[name] = probe
    add_settings(probe.settings())
    derive()
    return probe


def unregister(name: str) -> None:
    """Take away a probe that was registered."""
    probe = PROBES.pop(name)
    drop_settings(list(probe.settings()))
    derive()


def faults(probe: type[Probe]) -> list[str]:
    """What a class lacks of the contract of `Probe`, one sentence a fault."""
    who = getattr(probe, "__name__", repr(probe))
    if not (isinstance(probe, type) and issubclass(probe, Probe)):
        return [f"{who} is no subclass of suppression.evaluation.Probe"]
    wanted = ("name", "measures", "columns")
    found = [f"{who} has no {member}" for member in wanted if not getattr(probe, member, None)]
    if not dataclasses.is_dataclass(probe):
        found.append(f"{who} is no dataclass, so it has no settings: add @dataclass(frozen=True)")
    found += [f"{who} has no method {member}" for member in sorted(probe.__abstractmethods__)]
    if not inspect.isabstract(probe) and dataclasses.is_dataclass(probe):
        found += faults_of_settings(probe, who)
    for column in getattr(probe, "measures", {}):
        if column not in getattr(probe, "columns", {}):
            found.append(f"{who} has the measure '{column}' and no such column in columns")
    return found


def faults_of_settings(probe: type[Probe], who: str) -> list[str]:
    """Settings without a default, and names of settings that are none."""
    found = []
    for name, (_, default) in probe.settings().items():
        if default is dataclasses.MISSING:
            found.append(f"{who} has no default for the setting '{name}'")
    named = [probe.switch] if probe.switch is not None else []
    for name in [*named, *probe.axes.values()]:
        if name not in probe.settings():
            settings = ", ".join(probe.settings()) or "none"
            found.append(f"{who} has no setting '{name}', which it names; it has: {settings}")
    return found


def check_settings(probe: type[Probe], others: Iterable[type[Probe]]) -> None:
    """UserError for a setting that is another probe's, or one that all share."""
    owners = dict.fromkeys(SHARED, "all probes")
    for other in others:
        owners.update(dict.fromkeys(other.settings(), other.__name__))
    for name in probe.settings():
        if name in owners:
            raise UserError(f"{probe.__name__}: the setting '{name}' is that of {owners[name]}")


def switched_on(settings: ProbeSettings) -> list[Probe]:
    """The probes that these settings ask for, each with its own settings."""
    probes = [probe.of(settings) for probe in PROBES.values()]
    return [probe for probe in probes if probe.is_on]


def subjects(settings: ProbeSettings, features: Iterable[str]) -> list[str]:
    """What rows can say in the column `feature`, in the order of a table.

    `features` are those of the data set.
    """
    wanted = list(features) if settings.features is None else settings.features
    found: dict[str, None] = {}
    for probe in switched_on(settings):
        found.update(dict.fromkeys(probe.subjects(wanted)))
    return list(found)


def line_of(name: str) -> str:
    """The probe in whose line rows of this one stand: a network is asked one or the other."""
    probe = PROBES.get(name)
    if probe is None or not probe.instead_of:
        return name
    return probe.instead_of[0]


def all_settings() -> dict[str, Setting]:
    """The settings of all probes, one form's fields."""
    found: dict[str, Setting] = {}
    before: list[type[Probe]] = []
    for probe in PROBES.values():
        check_settings(probe, before)
        found.update(probe.settings())
        before.append(probe)
    return found


add_settings(all_settings())
derive()
