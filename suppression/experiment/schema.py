"""The signature is the schema: every parameter's name, type and default is read where it is declared, once."""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from suppression.data import DATASETS, SOURCES
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError, unknown
from suppression.methods import METHODS
from suppression.training.loop import Training

Value = Any


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Any
    default: Value
    room: str  # where it is declared; a cell has only the rooms it uses
    choices: Any = None  # a dict whose keys are the words allowed, read when they are checked, so that a test or a notebook can add to it
    usual: Value = None  # what a default of None is, where it has a name: an older cell's key does not know the parameter

    @property
    def holds_several(self) -> bool:
        return any(get_origin(option) is tuple for option in options(self.type))


GENERAL = [
    Parameter("source", str, "digits", "scenes", SOURCES),
    Parameter("instances", int | None, None, "scenes"),  # of the source's training instances only the first so many are trained on; all if None
    Parameter("method", str, None, "general", METHODS),
    Parameter("seed", int, 0, "general"),
    Parameter("net", Literal["convnet"] | None, None, "net"),  # None is the ResNet-18
    Parameter("depth", Literal[10, 34] | None, None, "net", usual=18),  # of the ResNet
    Parameter("width", int, 16, "net"),
    Parameter("stem", Literal[1, 2, 4] | None, None, "net"),
    # Cells of the store that a cell builds on: in a recipe by the name of their [pretrain] table, in a cell by their key, so that its own key covers theirs.
    Parameter("start", str | None, None, "start"),
    Parameter("teacher", str | None, None, "teacher"),
]


def parameters_of(target: Any, room: str) -> list[Parameter]:
    """The fields of a dataclass, or the keyword-only parameters of a class, and, if it takes `**parameters`, those of the class above that it hands them to."""
    if dataclasses.is_dataclass(target):
        hints = get_type_hints(target)
        return [Parameter(field.name, hints[field.name], field.default, room) for field in dataclasses.fields(target)]
    found: dict[str, Parameter] = {}
    for cls in target.__mro__:
        if "__init__" in cls.__dict__:
            hints, parameters = get_type_hints(cls.__init__), inspect.signature(cls.__init__).parameters.values()
            for p in parameters:
                if p.kind is p.KEYWORD_ONLY:
                    found.setdefault(p.name, Parameter(p.name, hints[p.name], p.default, room))
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return list(found.values())


def schema(kind: str) -> dict[str, Parameter]:
    """All parameters of an experiment on scenes of this kind, by name; those of a method carry the room `methods.NAME`, shared names the first one's type.

    A generator may declare `source` or `instances` itself, and has neither if it draws from no source.
    """
    if kind not in DATASETS:
        raise unknown("there is no kind of scenes", kind, DATASETS)
    scenes = parameters_of(DATASETS[kind], "scenes")
    own = {parameter.name for parameter in scenes}
    general = [parameter for parameter in GENERAL if parameter.name not in own and (parameter.room != "scenes" or DATASETS[kind].sources)]
    found = [*general, *scenes, *parameters_of(Augmentation, "views"), *parameters_of(Training, "train")]
    found += [parameter for name, method in METHODS.items() for parameter in parameters_of(method, f"methods.{name}")]
    table: dict[str, Parameter] = {}
    for parameter in found:
        if parameter.name in table and not (table[parameter.name].room.startswith("methods.") and parameter.room.startswith("methods.")):
            raise TypeError(f"two rooms declare the parameter {parameter.name}: {table[parameter.name].room} and {parameter.room}")
        table.setdefault(parameter.name, parameter)
    return table


def cell_parameters(kind: str, method: str) -> dict[str, Parameter]:
    """The parameters that a cell of this method has: an untrained network has no views and no training."""
    own = {parameter.name: parameter for parameter in parameters_of(METHODS[method], f"methods.{method}")}
    rooms = {"general", "scenes", "net", *METHODS[method].builds_on} | ({"views", "train"} if METHODS[method].trains else set())
    return {name: parameter for name, parameter in schema(kind).items() if parameter.room in rooms} | own


def idle(cell: dict[str, Value]) -> dict[str, str]:
    """The parameters of the cell that do nothing, and what makes them idle."""
    found = {
        name: f"{parameter} = {cell[parameter]}"
        for parameter, values in METHODS[cell["method"]].idle.items()
        for name in values.get(cell.get(parameter) or "", ())
    }
    return found | {
        name: f"{parameter} is off" for parameter, names in Augmentation.idle.items() for name in names if parameter in cell and not cell[parameter]
    }


def coerce(parameter: Parameter, value: Value, where: str) -> Value:
    """One value for one meaning, whether it came from TOML (`1`, `1.0`) or the command line ("1"). UserError with the place if it cannot be that type."""
    if parameter.choices is not None and value not in parameter.choices:
        raise unknown(f"{where}: there is no {parameter.name}", str(value), parameter.choices)
    if parameter.usual is not None and str(value) == str(parameter.usual):
        return None
    for option in options(parameter.type):
        try:
            found = convert(value, option)
        except (ValueError, TypeError):
            continue
        return None if found is False and type(None) in options(parameter.type) else found  # a switch that is off is one that nobody touched: one key
    wanted = " or ".join(describe(option) for option in options(parameter.type))
    raise UserError(f"{where}: {parameter.name} = {value!r} is not {wanted}{'' if parameter.usual is None else f', which is {parameter.usual}'}")


def options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def convert(value: Value, to: Any) -> Value:
    if get_origin(to) is Literal:
        for choice in get_args(to):
            if value == choice or (isinstance(value, str) and value == str(choice)):
                return choice
        raise ValueError
    if to is type(None):
        if value is None or value == "none":
            return None
        raise ValueError
    if get_origin(to) is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        return [convert(part, get_args(to)[0]) for part in (parts if isinstance(parts, (list, tuple)) else [parts])]
    if to is bool:
        if not isinstance(value, (bool, str)) or str(value).lower() not in ("true", "false"):
            raise ValueError
        return str(value).lower() == "true"
    if isinstance(value, bool) or value is None or isinstance(value, (list, tuple)):
        raise ValueError
    if to is int:
        number = float(value)
        if number != int(number):
            raise ValueError
        return int(number)
    if to is float:
        if math.isnan(number := float(value)):
            raise ValueError
        return number
    return str(value)


def told(parameter: Parameter) -> str:
    """What a parameter takes, and its default: each method's own, where they are methods'."""

    def word(value: Value) -> str:
        return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))

    takes = f"one of {', '.join(parameter.choices)}" if parameter.choices else " or ".join(describe(option) for option in options(parameter.type))
    if not parameter.room.startswith("methods."):
        return f"{parameter.room}: {takes}; default {word(parameter.default if parameter.usual is None else parameter.usual)}"
    by_default: dict[Value, list[str]] = {}
    for name, method in METHODS.items():
        for own in parameters_of(method, ""):
            if own.name == parameter.name:
                by_default.setdefault(own.default, []).append(name)
    return f"{takes}; default " + "; ".join(f"{word(default)} ({', '.join(names)})" for default, names in by_default.items())


def describe(to: Any) -> str:
    if get_origin(to) is Literal:
        return "one of " + ", ".join(map(str, get_args(to)))
    if get_origin(to) is tuple:
        return f"{describe(get_args(to)[0])}, or several joined by commas"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "none"}[to]
