"""A cell of an experiment's grid: one network, what it learns from, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from suppression.data import DATASETS, Scenes
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.experiment.arms import Arm
from suppression.experiment.keys import cell_key, dumps
from suppression.experiment.schema import (
    REMEDY,
    EncoderSettings,
    Parameter,
    cell_parameters,
    remedy_names,
)
from suppression.methods import METHODS, Method
from suppression.methods.remedies import REMEDIES
from suppression.models.resnet import Shortcut
from suppression.training.loop import Training
from suppression.training.optimizers import LARS

Values = Mapping[str, Any]


class Prerequisite(NamedTuple):
    """A cell that another one builds on."""

    key: str  # in the store
    table: str  # the [pretrain] table that it comes from; the key where that is not known


@dataclass(frozen=True)
class Run:
    """One network: its data, its method, its training and its seed.

    Args:
        kind: The kind of data, a key of `DATASETS`.
        dataset: The generator of its scenes.
        source: Where the instances come from; None for kinds that draw from no source, or whose
            generator says so itself.
        instances: How many of the source's training instances are trained on; None is all.
        encoder: The encoder's settings.
        method: A key of `METHODS`.
        method_parameters: The method's own parameters, by name.
        remedies: The remedies that it is composed with, by name, each with its parameters.
        augmentation: How views are made; None where nothing is trained.
        training: How long and how it is trained; None where nothing is trained.
        prerequisites: The cells that it builds on, by the parameter that names them.
        seed: Of the initial weights and of all that is drawn.
        arm: The arm of the experiment that it belongs to.
    """

    kind: str
    dataset: Scenes
    source: str | None
    instances: int | None
    encoder: EncoderSettings
    method: str
    method_parameters: Values
    remedies: Mapping[str, Values]
    augmentation: Augmentation | None
    training: Training | None
    prerequisites: Mapping[str, Prerequisite]
    seed: int
    arm: Arm | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        values: Values,
        *,
        arm: Arm | None = None,
        tables: Mapping[str, str] | None = None,
    ) -> Run:
        """The cell with these parameters; what is left out has its default.

        Args:
            values: `data`, `method` and any others, by name, as in a row or in a stored cell.
            arm: The arm that it belongs to.
            tables: The names of the [pretrain] tables of its prerequisites.

        Raises:
            UserError: if a value is out of its range.
        """
        kind, method, remedies = values["data"], values["method"], values.get("remedy")
        known = cell_parameters(kind, method, remedies)
        full = {name: values.get(name, each.default) for name, each in known.items()}
        by_group: dict[str, dict[str, Any]] = {}
        for name, each in known.items():
            by_group.setdefault(each.group, {})[name] = full[name]
        own = {each.name for each in fields(DATASETS[kind])}  # type: ignore[arg-type]
        prerequisites = {}
        for name in METHODS[method].builds_on:
            if full.get(name) is not None:
                table = (tables or {}).get(name, full[name])
                prerequisites[name] = Prerequisite(full[name], table)
        return cls(
            kind=kind,
            dataset=part(DATASETS[kind], full),
            source=None if "source" in own else full.get("source"),
            instances=None if "instances" in own else full.get("instances"),
            encoder=part(EncoderSettings, full),
            method=method,
            method_parameters=by_group.get(f"methods.{method}", {}),
            remedies={
                name: by_group.get(f"remedies.{name}", {}) for name in remedy_names(remedies)
            },
            augmentation=part(Augmentation, full) if "augmentation" in by_group else None,
            training=part(Training, full) if "training" in by_group else None,
            prerequisites=prerequisites,
            seed=full["seed"],
            arm=arm,
        )

    @property
    def trainer(self) -> type[Method]:
        """The method's class."""
        return METHODS[self.method]

    @property
    def schema(self) -> dict[str, Parameter]:
        """The parameters that it has, by name."""
        return cell_parameters(self.kind, self.method, self._value(REMEDY))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """All parameters in one flat dict, as rows, stored cells and keys have them."""
        found: dict[str, Any] = {"data": self.kind}
        for name, each in self.schema.items():
            found[name] = as_json(self._value(each))
        return found

    def _value(self, parameter: Parameter) -> Any:
        name, group = parameter.name, parameter.group
        if group in ("start", "teacher"):
            return self.prerequisites[name].key if name in self.prerequisites else None
        if group.startswith("methods."):
            return self.method_parameters[name]
        if group == "remedies":
            return ",".join(self.remedies) or None
        if group.startswith("remedies."):
            return self.remedies[group.removeprefix("remedies.")][name]
        holder: Any = self
        if group == "dataset" and hasattr(self.dataset, name):
            holder = self.dataset
        elif group in ("encoder", "augmentation", "training"):
            holder = getattr(self, group)
        return getattr(holder, name)

    def get(self, name: str, default: Any = None) -> Any:
        """The parameter of this name; `default` where it has none, or none of its own."""
        value = self.parameters.get(name)
        return default if value is None else value

    def replace(self, **changes: Any) -> Run:
        """The cell with some parameters changed; it keeps its arm.

        Raises:
            UserError: if a value is out of its range.
        """
        tables = {name: each.table for name, each in self.prerequisites.items()}
        return Run.of({**self.parameters, **changes}, arm=self.arm, tables=tables)

    @cached_property
    def identity(self) -> str:
        """Equal for equal parameters, however they came to be."""
        return dumps(self.parameters)

    @cached_property
    def key(self) -> str:
        """Its name in the store: its parameters and the versions of all that makes it."""
        trained = self.training is not None
        narrow = self.encoder.net is None and self.encoder.width < Shortcut.narrow
        versions = {
            "scenes": DATASETS[self.kind].version,
            "method": self.trainer.version,
            "views": Augmentation.version if trained else None,
            "train": Training.version if trained else None,
            "shortcut": Shortcut.version if trained and narrow else None,
            "lars": LARS.version if self.get("optimiser") == "lars" else None,
        }
        for name in self.remedies:
            versions[f"remedy_{name}"] = REMEDIES[name].version
        defaults = {name: each.default for name, each in self.schema.items()}
        return cell_key(self.parameters, defaults=defaults, versions=versions)

    @property
    def named_parameters(self) -> dict[str, Any]:
        """The parameters as rows show them: prerequisites by the names of their tables."""
        tables = {name: each.table for name, each in self.prerequisites.items()}
        return {**self.parameters, **tables}

    @property
    def view_side(self) -> int:
        """The side of its views, px."""
        view = self.augmentation.view if self.augmentation else None
        return view or self.dataset.canvas

    def idle(self) -> dict[str, str]:
        """Its parameters that do nothing, and what makes them idle."""
        found = {}
        for name, by_value in self.trainer.idle.items():
            value = self.parameters.get(name)
            for without_effect in by_value.get(value or "", ()):
                found[without_effect] = f"{name} = {value}"
        for remedy in self.remedies:
            found.update(dict.fromkeys(REMEDIES[remedy].idle, f"remedy = {remedy}"))
        for name, without_effects in Augmentation.idle.items():
            if self.augmentation is not None and not self.parameters[name]:
                found.update(dict.fromkeys(without_effects, f"{name} is off"))
        return found


def part(cls: type, values: Values) -> Any:
    """A dataclass made of the values of its fields' names.

    Raises:
        UserError: if a value is out of its range.
    """
    given = {each.name: values[each.name] for each in fields(cls) if each.name in values}
    return made(cls, tuple((name, as_tuple(value)) for name, value in given.items()))


@lru_cache(maxsize=4096)  # of the hundreds of cells of a plan most share most of their parts
def made(cls: type, given: tuple[tuple[str, Any], ...]) -> Any:
    try:
        return cls(**dict(given))
    except ValueError as error:
        raise UserError(str(error)) from error


def as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
