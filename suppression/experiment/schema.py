"""The signature is the schema: a parameter's name, type and default are read where it is declared.

Flags, recipe keys, columns of the rows and keys of the store all follow from it.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from numbers import Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from suppression.data import DATASETS, SOURCES
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError, unknown
from suppression.methods import METHODS
from suppression.methods.remedies import REMEDIES
from suppression.training.loop import Training

Value = Any


@dataclass(frozen=True)
class Parameter:
    """One parameter of a cell.

    Args:
        name: Flag, recipe key and column.
        type: Its annotation.
        default: The value of a cell that says nothing else.
        group: What it belongs to: `general`, `dataset`, `encoder`, `augmentation`, `training`,
            `start`, `teacher`, `methods.NAME`, `remedies` or `remedies.NAME`. A cell has only
            the groups that it uses.
        choices: A dict whose keys are the words allowed, looked up when a word is checked, so
            that whatever is registered later counts, too.
        usual: What a default of None stands for, where that has a name.
        text: What it is, from the `Args:` of the class that declares it.
    """

    name: str
    type: Any
    default: Value
    group: str
    choices: Mapping[str, Any] | None = None
    usual: Value = None
    text: str = ""

    @property
    def holds_several(self) -> bool:
        return any(get_origin(option) is tuple for option in options(self.type))


@dataclass(frozen=True)
class EncoderSettings:
    """The encoder of a cell.

    Args:
        net: The encoder: convnet is the small one of the released RandBit-MNIST notebook; none is
            a ResNet.
        depth: Layers of the ResNet, 10, 18 or 34.
        width: Channels of the first block group, 1 or more; the last one has eight times as many.
        stem: Total stride before the first block group, 1, 2 or 4; none chooses it by the canvas.
    """

    net: Literal["convnet"] | None = None
    depth: Literal[10, 34] | None = field(default=None, metadata={"usual": 18})
    width: int = 16
    stem: Literal[1, 2, 4] | None = None


# Of kinds of data that draw from a source, unless a generator declares the parameter itself.
SOURCE = [
    Parameter("source", str, "digits", "dataset", SOURCES, text="Where the instances come from."),
    Parameter(
        "instances",
        int | None,
        None,
        "dataset",
        text="Only so many of the source's training instances are trained on; none takes all.",
    ),
]
GENERAL = [
    Parameter("method", str, None, "general", METHODS, text="How the network is trained."),
    Parameter("seed", int, 0, "general", text="Of the initial weights and of all that is drawn."),
]
# In a recipe the name of a [pretrain] table, in a cell the key of the cell in the store.
PREREQUISITES = [
    Parameter(
        "start",
        str | None,
        None,
        "start",
        text="The [pretrain] table whose encoder it starts from.",
    ),
    Parameter(
        "teacher", str | None, None, "teacher", text="The [pretrain] table that is its teacher."
    ),
]
REMEDY = Parameter(
    "remedy",
    str | None,
    None,
    "remedies",
    text="The remedy against feature suppression, or several with a comma.",
)
# Whole numbers are this large at most: sides, widths, layers, and all that is made so many times.
LARGEST = 10**6
# Of these, which only count, as large as torch can hold.
LARGEST_COUNT = 2**63 - 1
# Of float32, in which networks compute.
SMALLEST_FLOAT, LARGEST_FLOAT = 1.2e-38, 3.4e38
COUNTS = ("seed", "samples", "images", "instances")
SHARED = ("methods.", "remedies.")  # groups whose members may declare the same names

Classes = tuple[tuple[str, type], ...]


@cache
def parameters_of(target: Any, group: str) -> tuple[Parameter, ...]:
    """The parameters that a class declares.

    These are the fields of a dataclass, or the keyword-only parameters of a class and, if it
    takes `**parameters`, those of the class above that it hands them to.
    """
    texts = documented(target)
    if dataclasses.is_dataclass(target):
        hints = get_type_hints(target)
        return tuple(
            Parameter(
                each.name,
                hints[each.name],
                each.default,
                group,
                usual=each.metadata.get("usual"),
                text=texts.get(each.name, ""),
            )
            for each in dataclasses.fields(target)
        )
    found: dict[str, Parameter] = {}
    for cls in target.__mro__:
        if "__init__" not in cls.__dict__:
            continue
        constructor = cls.__dict__["__init__"]
        hints = get_type_hints(constructor)
        declared = inspect.signature(constructor).parameters.values()
        for each in declared:
            if each.kind is each.KEYWORD_ONLY and each.name not in found:
                text = texts.get(each.name, "")
                found[each.name] = Parameter(
                    each.name, hints[each.name], each.default, group, text=text
                )
        if not any(each.kind is each.VAR_KEYWORD for each in declared):
            break
    return tuple(found.values())


@cache
def documented(target: type) -> dict[str, str]:
    """What the `Args:` of a class's docstring, and of those of the classes above, say."""
    found: dict[str, str] = {}
    for cls in reversed(target.__mro__):
        doc = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        _, _, after = doc.partition("\nArgs:\n")
        section = re.split(r"\n(?=\S)", after, maxsplit=1)[0]
        for name, text in re.findall(r"^ {4}(\w+): ((?:.*)(?:\n {8,}.*)*)", section, re.M):
            found[name] = re.sub(r"\s+", " ", text).strip()
    return found


def registered() -> Classes:
    """Methods and remedies as they are registered now: what is cached is cached for these."""
    remedies = [(f"remedies.{name}", cls) for name, cls in REMEDIES.items()]
    return (*((f"methods.{name}", cls) for name, cls in METHODS.items()), *remedies)


def kind_of_data(kind: str) -> type:
    """The generator's class; UserError with the nearest name if there is none."""
    if kind not in DATASETS:
        raise unknown("there is no kind of scenes", kind, DATASETS)
    return DATASETS[kind]


def schema(kind: str) -> dict[str, Parameter]:
    """All parameters of an experiment on data of this kind, by name.

    Those of a method carry the group `methods.NAME`, those of a remedy `remedies.NAME`; a name
    that several of them share has the type of the first one.
    """
    return dict(schema_of(kind_of_data(kind), registered()))


@cache
def schema_of(cls: Any, classes: Classes) -> dict[str, Parameter]:
    own = parameters_of(cls, "dataset")
    names = {each.name for each in own}
    source = [each for each in SOURCE if cls.sources and each.name not in names]
    found = [*source, *GENERAL, *parameters_of(EncoderSettings, "encoder"), *PREREQUISITES]
    found += [*own, *parameters_of(Augmentation, "augmentation")]
    found += parameters_of(Training, "training")
    for group, declaring in classes:
        found += parameters_of(declaring, group)
    found.append(REMEDY)
    table: dict[str, Parameter] = {}
    for each in found:
        other = table.setdefault(each.name, each)
        shared = each.group.startswith(SHARED) and other.group.startswith(SHARED)
        if other is not each and not shared:
            raise TypeError(
                f"{other.group} and {each.group} both declare the parameter {each.name}"
            )
    return table


def cell_parameters(kind: str, method: str, remedies: str | None = None) -> dict[str, Parameter]:
    """The parameters that a cell of this method has.

    An untrained network has no augmentation and no training.

    Args:
        kind: The kind of data.
        method: The method.
        remedies: The remedies that it is composed with, joined by commas.

    Raises:
        UserError: if there is no such remedy.
    """
    names = tuple(remedy_names(remedies))
    return dict(cell_parameters_of(kind_of_data(kind), method, names, registered()))


def remedy_names(remedies: str | None) -> list[str]:
    """The remedies of one word, in the order of the alphabet: theirs makes no difference.

    Raises:
        UserError: for a remedy that is not there, with the nearest name.
    """
    if remedies is None:
        return []
    names = sorted(set(remedies.split(",")))
    for name in names:
        if name not in REMEDIES:
            raise unknown("there is no remedy", name, REMEDIES)
    return names


@cache
def cell_parameters_of(
    cls: Any, method: str, remedies: tuple[str, ...], classes: Classes
) -> dict[str, Parameter]:
    trained: Any = dict(classes)[f"methods.{method}"]
    groups = {"general", "dataset", "encoder", *trained.builds_on}
    if trained.trains:
        groups |= {"augmentation", "training"}
    found = {name: each for name, each in schema_of(cls, classes).items() if each.group in groups}
    if not trained.trains:
        found.pop("redraw", None)  # what only second views show is nothing to a network without
    for each in parameters_of(trained, f"methods.{method}"):
        found[each.name] = each
    if remedies:
        found[REMEDY.name] = REMEDY
    for remedy in remedies:
        for each in parameters_of(dict(classes)[f"remedies.{remedy}"], f"remedies.{remedy}"):
            if each.name in found:
                raise UserError(
                    f"remedy {remedy} and {found[each.name].group} both have a parameter "
                    f"{each.name}, so they do not go together"
                )
            found[each.name] = each
    return found


def going_with(method: str, remedies: Iterable[str]) -> list[str]:
    """Those of the remedies that go with a method."""
    return [name for name in remedies if REMEDIES[name].goes_with(METHODS[method])]


def coerce(parameter: Parameter, value: Value, where: str) -> Value:
    """One value for one meaning, whether it came from TOML (`1`, `1.0`) or a flag ("1").

    A switch that is off is one that nobody touched: both are None.

    Raises:
        UserError: naming `where`, if the value cannot be of the parameter's type.
    """
    if parameter.choices is not None and (
        not isinstance(value, str) or value not in parameter.choices
    ):
        raise unknown(f"{where}: there is no {parameter.name}", str(value), parameter.choices)
    may_be_none = type(None) in options(parameter.type)
    if parameter.usual is not None and str(value) == str(parameter.usual):
        return None
    if may_be_none and value in (None, "none"):
        return None
    least, largest = (0, LARGEST_COUNT) if parameter.name in COUNTS else (-LARGEST, LARGEST)
    for option in options(parameter.type):
        if option is type(None):
            continue
        try:
            found = convert(value, option, least, largest)
        except (ValueError, TypeError):
            continue
        if parameter is REMEDY:
            found = ",".join(remedy_names(found))
        return None if found is False and may_be_none else found
    wanted = " or ".join(describe(option) for option in options(parameter.type))
    if parameter.usual is not None:
        wanted += f", which is {parameter.usual}"
    if int in options(parameter.type):
        between = f"from 0 to {largest:,}" if least == 0 else f"up to {largest:,}"
        wanted = wanted.replace("a whole number", f"a whole number {between}")
    if float in options(parameter.type) and is_plain_number(value):
        between = f"0, or {SMALLEST_FLOAT} to {LARGEST_FLOAT} on either side of it"
        wanted = wanted.replace("a number", f"a number of single precision, {between}")
    raise UserError(f"{where}: {parameter.name} = {value!r} is not {wanted}")


def options(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def convert(value: Value, to: Any, least: int = -LARGEST, largest: int = LARGEST) -> Value:
    """The value as one of this type; ValueError or TypeError where it is none."""
    if get_origin(to) is Literal:
        return chosen(value, get_args(to))
    if get_origin(to) is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)):
            parts = [parts]
        return [convert(part, get_args(to)[0], least, largest) for part in parts]
    if to is bool:
        if not isinstance(value, (bool, str)) or str(value).lower() not in ("true", "false"):
            raise ValueError
        return str(value).lower() == "true"
    if isinstance(value, bool) or not isinstance(value, (str, Real, Decimal)):
        raise ValueError
    if to is int:
        return whole_number(value, least, largest)
    if to is float:
        return finite_number(value)
    if not str(value).isprintable():
        raise ValueError
    return str(value)


def whole_number(value: Value, least: int, largest: int) -> int:
    """The very whole number: 7, 7.0, "7" and "7e0" are one, no digit is lost.

    Raises:
        ValueError: for one that has a fraction, is not finite, or is not in least..largest.
    """
    if isinstance(value, str):
        value = Decimal(plain_number(value))
    if not least <= value <= largest or value != int(value):
        raise ValueError
    return int(value)


def finite_number(value: Value) -> float:
    """The number; ValueError for what is none, and for what is 0 or infinite in float32."""
    number = float(plain_number(value) if isinstance(value, str) else value)
    if number != 0 and not SMALLEST_FLOAT <= abs(number) <= LARGEST_FLOAT:
        raise ValueError
    return number


def plain_number(text: str) -> str:
    """The text, if it is a number in plain digits, as TOML has it; else ValueError."""
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
        raise ValueError
    return text


def is_plain_number(value: Value) -> bool:
    """Whether it is a number, or the text of one."""
    try:
        plain_number(str(value))
    except ValueError:
        return False
    return True


def chosen(value: Value, words: tuple[Value, ...]) -> Value:
    for word in words:
        if value == word or (isinstance(value, str) and value == str(word)):
            return word
    raise ValueError


def describe(to: Any) -> str:
    if get_origin(to) is Literal:
        return "one of " + ", ".join(map(str, get_args(to)))
    if get_origin(to) is tuple:
        return f"{describe(get_args(to)[0])}, or several joined by commas"
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    return names.get(to, "none")


def help_text(parameter: Parameter, methods: Iterable[str] | None = None) -> str:
    """What a parameter is, what it takes, and its default.

    Args:
        parameter: The parameter.
        methods: The methods that are told of; None is all of them, and the remedies.
    """
    takes = " or ".join(describe(option) for option in options(parameter.type))
    if parameter.choices:
        takes = f"one of {', '.join(parameter.choices)}"
    if parameter.usual is not None:
        takes = takes.removesuffix("none") + as_word(parameter.usual)
    if parameter is REMEDY:
        takes = f"{', '.join(REMEDIES)} or none"
    if not parameter.group.startswith(SHARED):
        usual = parameter.default if parameter.usual is None else parameter.usual
        return f"{parameter.text} ({takes}; default {as_word(usual)})".strip()
    texts: dict[Value, list[str]] = {}
    defaults: dict[Value, list[str]] = {}
    for name, own in declared_by(parameter.name, methods).items():
        texts.setdefault(own.text, []).append(name)
        defaults.setdefault(as_word(own.default), []).append(name)
    return f"{with_owners(texts, ' ')} ({takes}; default {with_owners(defaults, '; ')})".strip()


def declared_by(name: str, methods: Iterable[str] | None) -> dict[str, Parameter]:
    """The parameter as each method and remedy that has it declares it."""
    found = {}
    for group, cls in registered():
        owner = group.split(".")[1]
        for own in parameters_of(cls, group):
            if own.name == name and (methods is None or owner in methods):
                found[owner] = own
    return found


def with_owners(texts: Mapping[Value, list[str]], between: str) -> str:
    """Texts with the names of those that have each, if there are several texts."""
    if len(texts) == 1:
        return str(next(iter(texts)))
    return between.join(f"{text} ({', '.join(names)})" for text, names in texts.items())


def as_word(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))
