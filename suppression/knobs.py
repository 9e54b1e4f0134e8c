"""The signature is the schema: every knob's name, type and default is read where it is declared, once."""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from suppression.errors import UserError, unknown
from suppression.methods import METHODS
from suppression.nets import Shortcut
from suppression.scenes import SCENES, SOURCES
from suppression.store import key_of
from suppression.train import Training
from suppression.views import Views

Value = Any


@dataclass(frozen=True)
class Knob:
    name: str
    type: Any
    default: Value
    room: str  # where it is declared; a cell has only the rooms it uses
    choices: Any = None  # a dict whose keys are the words allowed, read when they are checked, so that a test or a notebook can add to it
    usual: Value = None  # what a default of None is, where it has a name: an older cell's key does not know the knob

    @property
    def holds_several(self) -> bool:
        return any(get_origin(option) is tuple for option in options(self.type))


GENERAL = [
    Knob("source", str, "digits", "scenes", SOURCES),
    Knob("instances", int | None, None, "scenes"),  # of the source's training instances only the first so many are trained on; all if None
    Knob("method", str, None, "general", METHODS),
    Knob("seed", int, 0, "general"),
    Knob("net", Literal["convnet"] | None, None, "net"),  # None is the ResNet-18
    Knob("depth", Literal[10, 34] | None, None, "net", usual=18),  # of the ResNet
    Knob("width", int, 16, "net"),
    Knob("stem", Literal[1, 2, 4] | None, None, "net"),
    # Cells of the store that a cell builds on: in a recipe by the name of their [pretrain] table, in a cell by their key, so that its own key covers theirs.
    Knob("start", str | None, None, "start"),
    Knob("teacher", str | None, None, "teacher"),
]


def knobs_of(target: Any, room: str) -> list[Knob]:
    """The fields of a dataclass, or the keyword-only parameters of a class, and, if it takes `**knobs`, those of the class above that it hands them to."""
    if dataclasses.is_dataclass(target):
        hints = get_type_hints(target)
        return [Knob(field.name, hints[field.name], field.default, room) for field in dataclasses.fields(target)]
    found: dict[str, Knob] = {}
    for cls in target.__mro__:
        if "__init__" in cls.__dict__:
            hints, parameters = get_type_hints(cls.__init__), inspect.signature(cls.__init__).parameters.values()
            for p in parameters:
                if p.kind is p.KEYWORD_ONLY:
                    found.setdefault(p.name, Knob(p.name, hints[p.name], p.default, room))
            if not any(p.kind is p.VAR_KEYWORD for p in parameters):
                break
    return list(found.values())


def schema(kind: str) -> dict[str, Knob]:
    """All knobs of an experiment on scenes of this kind, by name; those of a method carry the room `methods.NAME`, shared names the first one's type.

    A generator may declare `source` or `instances` itself, and has neither if it draws from no source.
    """
    if kind not in SCENES:
        raise unknown("there is no kind of scenes", kind, SCENES)
    scenes = knobs_of(SCENES[kind], "scenes")
    own = {knob.name for knob in scenes}
    general = [knob for knob in GENERAL if knob.name not in own and (knob.room != "scenes" or SCENES[kind].sources)]
    found = [*general, *scenes, *knobs_of(Views, "views"), *knobs_of(Training, "train")]
    found += [knob for name, method in METHODS.items() for knob in knobs_of(method, f"methods.{name}")]
    table: dict[str, Knob] = {}
    for knob in found:
        if knob.name in table and not (table[knob.name].room.startswith("methods.") and knob.room.startswith("methods.")):
            raise TypeError(f"two rooms declare the knob {knob.name}: {table[knob.name].room} and {knob.room}")
        table.setdefault(knob.name, knob)
    return table


def cell_knobs(kind: str, method: str) -> dict[str, Knob]:
    """The knobs that a cell of this method has: an untrained network has no views and no training."""
    own = {knob.name: knob for knob in knobs_of(METHODS[method], f"methods.{method}")}
    rooms = {"general", "scenes", "net", *METHODS[method].builds_on} | ({"views", "train"} if METHODS[method].trains else set())
    return {name: knob for name, knob in schema(kind).items() if knob.room in rooms} | own


def idle(cell: dict[str, Value]) -> dict[str, str]:
    """The knobs of the cell that do nothing, and what makes them idle."""
    found = {name: f"{knob} = {cell[knob]}" for knob, values in METHODS[cell["method"]].idle.items() for name in values.get(cell.get(knob) or "", ())}
    return found | {name: f"{knob} is off" for knob, names in Views.idle.items() for name in names if knob in cell and not cell[knob]}


def full_key(cell: dict[str, Value]) -> str:
    """The cell's key in the store: its knobs and the versions of everything that made it. `op1` and `op2` are put on in one fixed order (`Views`), so that the two ways to
    name a pair of them are one training."""
    if pair := sorted({op for op in (cell.get("op1"), cell.get("op2")) if op}):
        cell = cell | {"op1": pair[0], "op2": pair[-1]}
    trained = METHODS[cell["method"]].trains
    versions = {"scenes": SCENES[cell["data"]].version, "method": METHODS[cell["method"]].version}
    versions |= {"views": Views.version, "train": Training.version} if trained else {}
    versions |= {"shortcut": Shortcut.version} if trained and cell["net"] is None and cell["width"] < Shortcut.narrow else {}
    return key_of(cell | {f"version_{name}": version for name, version in versions.items()})


def coerce(knob: Knob, value: Value, where: str) -> Value:
    """One value for one meaning, whether it came from TOML (`1`, `1.0`) or the command line ("1"). UserError with the place if it cannot be that type."""
    if knob.choices is not None and value not in knob.choices:
        raise unknown(f"{where}: there is no {knob.name}", str(value), knob.choices)
    if knob.usual is not None and str(value) == str(knob.usual):
        return None
    for option in options(knob.type):
        try:
            found = convert(value, option)
        except (ValueError, TypeError):
            continue
        return None if found is False and type(None) in options(knob.type) else found  # a switch that is off is one that nobody touched: one key
    wanted = " or ".join(describe(option) for option in options(knob.type))
    raise UserError(f"{where}: {knob.name} = {value!r} is not {wanted}{'' if knob.usual is None else f', which is {knob.usual}'}")


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


def told(knob: Knob) -> str:
    """What a knob takes, and its default: each method's own, where they are methods'."""

    def word(value: Value) -> str:
        return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))

    takes = f"one of {', '.join(knob.choices)}" if knob.choices else " or ".join(describe(option) for option in options(knob.type))
    if not knob.room.startswith("methods."):
        return f"{knob.room}: {takes}; default {word(knob.default if knob.usual is None else knob.usual)}"
    by_default: dict[Value, list[str]] = {}
    for name, method in METHODS.items():
        for own in knobs_of(method, ""):
            if own.name == knob.name:
                by_default.setdefault(own.default, []).append(name)
    return f"{takes}; default " + "; ".join(f"{word(default)} ({', '.join(names)})" for default, names in by_default.items())


def describe(to: Any) -> str:
    if get_origin(to) is Literal:
        return "one of " + ", ".join(map(str, get_args(to)))
    if get_origin(to) is tuple:
        return f"{describe(get_args(to)[0])}, or several joined by commas"
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a word", type(None): "none"}[to]
