"""What public functions take: types, shapes and ranges, each mistake in one sentence.

Only what is known without waiting for the device is looked at: shapes and types of tensors, never
their values. While torch traces a function nothing is checked.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

from suppression.errors import UserError, unknown

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

F = TypeVar("F", bound=Callable[..., Any])

LEAST = 1.2e-38  # a number below it is 0 in float32, or loses its digits
PICTURES = "pictures are (n, channels, s, s), floating and in [0, 1]"


# --- tensors -----------------------------------------------------------------------------------


def traced(*given: Any) -> bool:
    """Whether torch records what is done to these, so that they have no shapes to be looked at."""
    import torch

    return torch.jit.is_tracing() or any(isinstance(x, torch.fx.Proxy) for x in given)


def tensor(who: str, name: str, x: Any, shape: str) -> None:
    """UserError unless x is a floating tensor of as many dimensions as `shape` has, such as (n, d).

    Args:
        who: The function, as the message begins.
        name: The argument.
        x: Its value.
        shape: The wanted shape, in words.
    """
    import torch

    if not isinstance(x, torch.Tensor):
        raise UserError(
            f"{who}: {name} is {kind(x)}; a torch.Tensor {shape} is wanted, such as "
            f"torch.as_tensor({name})"
        )
    if x.ndim != shape.count(",") + 1:
        raise UserError(f"{who}: {name} is {shape_of(x)}; {shape} is wanted")
    if not x.is_floating_point():
        raise UserError(
            f"{who}: {name} is {dtype_of(x)}; floating numbers are wanted: {name}.float()"
        )


def vectors(who: str, *, n: int = 1, **given: Any) -> None:
    """UserError unless these are tensors of one shape (n, d), one type and one device.

    Args:
        who: The function, as the message begins.
        n: The least number of rows.
        **given: The arguments, by name.
    """
    if traced(*given.values()):
        return
    for name, x in given.items():
        tensor(who, name, x, "(n, d)")
    (first, x), *others = given.items()
    for name, other in others:
        if x.shape != other.shape:
            raise UserError(
                f"{who}: {first} is {shape_of(x)} and {name} {shape_of(other)}; both need the "
                f"same shape (n, d), n >= {n}"
            )
        alike(who, first, x, name, other)
    if x.shape[0] < n or x.shape[1] < 1:
        names = " and ".join(given)
        are = "is" if len(given) == 1 else "are"
        raise UserError(
            f"{who}: {names} {are} {shape_of(x)}; (n, d) with n >= {n} and d >= 1 is wanted"
        )


def alike(who: str, first: str, x: Tensor, second: str, other: Tensor) -> None:
    """UserError unless two tensors have one type and lie on one device."""
    if x.dtype != other.dtype:
        raise UserError(
            f"{who}: {first} is {dtype_of(x)} and {second} {dtype_of(other)}; "
            f"one type is wanted: {second}.to({first})"
        )
    if x.device != other.device:
        raise UserError(
            f"{who}: {first} is on {x.device} and {second} on {other.device}; "
            f"one device is wanted: {second}.to({first})"
        )


def pictures(who: str, *, n: int = 1, square: bool = True, **given: Any) -> None:
    """UserError unless these are pictures (n, channels, s, s) of a floating type.

    Args:
        who: The function, as the message begins.
        n: The least number of pictures.
        square: Whether their sides must be equal.
        **given: The arguments, by name.
    """
    import torch

    if traced(*given.values()):
        return
    for name, x in given.items():
        if not isinstance(x, torch.Tensor):
            raise UserError(
                f"{who}: {name} is {kind(x)}; a torch.Tensor is wanted, {PICTURES}: "
                f"torch.as_tensor({name})"
            )
        if x.ndim == 3:
            raise UserError(
                f"{who}: {name} is {shape_of(x)}; {PICTURES}: {name}[None] is a batch of one"
            )
        if x.ndim != 4 or 0 in x.shape[1:]:
            raise UserError(f"{who}: {name} is {shape_of(x)}; {PICTURES}")
        if not x.is_floating_point():
            scaled = f"{name}.float() / 255" if x.dtype == torch.uint8 else f"{name}.float()"
            raise UserError(f"{who}: {name} is {dtype_of(x)}; {PICTURES}: {scaled}")
        if x.shape[0] < n:
            raise UserError(f"{who}: {name} is {shape_of(x)}; {PICTURES}, n >= {n}")
        if square and x.shape[2] != x.shape[3]:
            raise UserError(f"{who}: {name} is {shape_of(x)}, not square; {PICTURES}")


def network_input(network: nn.Module, x: Any, layer: nn.Module, canvas: int | None = None) -> None:
    """UserError unless the first convolution of a network takes these pictures.

    Args:
        network: The network.
        x: What it was given.
        layer: Its first convolution.
        canvas: The side that pictures must have, px; any if None.
    """
    if traced(x):
        return
    who = type(network).__name__
    pictures(who, n=0, square=False, x=x)
    channels: int = layer.in_channels  # type: ignore[assignment]
    if x.shape[1] != channels:
        raise UserError(
            f"{who}: x is {shape_of(x)}, pictures of {x.shape[1]} channels, and the network was "
            f"made for {channels}: {who}(channels={x.shape[1]})"
        )
    if canvas is not None and x.shape[2:] != (canvas, canvas):
        raise UserError(
            f"{who}: x is {shape_of(x)}, and the network was made for pictures of "
            f"{canvas} x {canvas} px"
        )
    type_of_weights(who, x, layer)


def type_of_weights(who: str, x: Tensor, layer: nn.Module) -> None:
    """UserError unless x has the type of a layer's weights, or autocast makes them equal."""
    import torch

    weight: Tensor = layer.weight  # type: ignore[assignment]
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise UserError(
            f"{who}: x is {dtype_of(x)} and the weights are {dtype_of(weight)}; one type is "
            f"wanted: x.to({weight.dtype})"
        )


def few_for_norms(network: nn.Module, x: Tensor) -> None:
    """UserError where batch norms would have to take the variance of one row."""
    if not traced(x) and network.training and len(x) == 1:
        raise UserError(
            f"{type(network).__name__}: one row in training mode, where batch norms need two at "
            "least; give more, or use it after .eval()"
        )


# --- plain values ------------------------------------------------------------------------------


def positive(who: str, **given: Any) -> None:
    """UserError unless these are finite numbers above 0, such as temperatures."""
    for name, value in given.items():
        if not is_number(value):
            raise UserError(f"{who}: {name} is {kind(value)}; a number above 0 is wanted")
        if not LEAST <= value < math.inf:
            raise UserError(f"{who}: {name} = {value}; a finite number above 0 is wanted")


def at_least(who: str, least: float, **given: Any) -> None:
    """UserError unless these are finite numbers, `least` or more."""
    for name, value in given.items():
        if not is_number(value):
            raise UserError(f"{who}: {name} is {kind(value)}; a number is wanted")
        if not least <= value < math.inf:
            raise UserError(f"{who}: {name} = {value}; a finite number from {least:g} on is wanted")


def numbers(who: str, **given: Any) -> None:
    """UserError unless these are sequences of finite numbers."""
    for name, values in given.items():
        if not hasattr(values, "__len__") or isinstance(values, (str, Mapping)):
            raise UserError(f"{who}: {name} is {kind(values)}; a list of numbers is wanted")
        for value in values:
            if not is_number(value) or not math.isfinite(value):
                raise UserError(f"{who}: {name} has {kind(value)}; finite numbers are wanted")


def names(who: str, **given: Any) -> None:
    """UserError unless these are lists of words; a single word is none."""
    for name, words in given.items():
        if isinstance(words, str):
            raise UserError(f"{who}: {name} is a list of names: {name}=['{words}']")
        if not isinstance(words, Iterable) or not all(isinstance(each, str) for each in words):
            raise UserError(f"{who}: {name} is {kind(words)}; a list of names is wanted")


def share(who: str, *, inside: bool = False, **given: Any) -> None:
    """UserError unless these are numbers in [0, 1], or, `inside`, in (0, 1)."""
    for name, value in given.items():
        if not is_number(value):
            raise UserError(f"{who}: {name} is {kind(value)}; a number is wanted")
        if not 0 <= value <= 1 or (inside and value in (0, 1)):
            raise UserError(f"{who}: {name} = {value} is not in {'(0, 1)' if inside else '[0, 1]'}")


def whole(who: str, *, least: int = 0, **given: Any) -> None:
    """UserError unless these are whole numbers, `least` or more."""
    for name, value in given.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise UserError(f"{who}: {name} = {shown(value)} is not a whole number")
        if value < least:
            raise UserError(f"{who}: {name} = {value}; the least is {least}")


def one_of(who: str, name: str, value: Any, words: Sequence[str]) -> None:
    """UserError, with the nearest word, unless the value is one of these."""
    if value not in words:
        raise unknown(f"{who}: there is no {name}", str(value), words)


def instance(who: str, name: str, value: Any, cls: type, example: str) -> None:
    """UserError unless the value is of this class; the example is what would be right."""
    if not isinstance(value, cls):
        wanted = f"{article(cls.__name__)} {cls.__name__} is wanted, such as {example}"
        raise UserError(f"{who}: {name} is {kind(value)}; {wanted}")


def device(who: str, name: Any, *, here: bool = True) -> torch.device:
    """The device of this name; UserError if there is none, or, `here`, none on this machine."""
    import torch

    try:
        found = torch.device(name)
    except (RuntimeError, TypeError):
        found = None
    there = ["cpu", "meta"]
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    is_name = isinstance(name, (str, torch.device))
    if is_name and found is not None and (found.type in there or not here):
        return found
    raise UserError(f"{who}: there is no device {shown(name)} here; cpu is always there")


# --- annotations -------------------------------------------------------------------------------


def typed(function: F) -> F:
    """A function that first holds its plain arguments against their annotations.

    A whole number, a finite number, true or false, a word, or one of the words of a Literal;
    arguments of any other type are left alone.

    >>> @typed
    ... def square(side: int, colour: Literal["red", "blue"] = "red") -> int:
    ...     return side**2
    >>> square(2.5)
    Traceback (most recent call last):
    suppression.errors.UserError: square: side = 2.5 is not a whole number
    """
    who = function.__qualname__.removesuffix(".__init__")
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # Python's own message names the function
            return function(*args, **kwargs)
        known = plain_annotations(function)
        plain_arguments = [name for name in known if name in given]
        for name in plain_arguments:
            plain(who, name, given[name], known[name], finite=False)
        result = function(*args, **kwargs)
        # Last, as the function's own message names the range that a number must be in.
        for name in plain_arguments:
            plain(who, name, given[name], known[name])
        return result

    return checked  # type: ignore[return-value]


def fields(owner: Any, *, may_lack: Sequence[str] = ()) -> None:
    """UserError unless the fields of a dataclass are what their annotations say, as in `typed`.

    Those that it `may_lack` may be None, too.
    """
    who = type(owner).__name__
    cls: Any = type(owner)
    known = plain_annotations(cls)
    for each in dataclasses.fields(owner):
        value = getattr(owner, each.name)
        is_lacking = value is None and each.name in may_lack
        if each.name in known and not is_lacking:
            plain(who, each.name, value, known[each.name])


@functools.cache
def plain_annotations(target: Any) -> dict[str, Any]:
    """The annotations that `plain` understands, by name."""
    found = {}
    for owner in reversed(inspect.getmro(target)) if isinstance(target, type) else [target]:
        names = vars(sys.modules[owner.__module__])
        for name, annotation in inspect.get_annotations(owner).items():
            if isinstance(annotation, str):
                try:
                    annotation = eval(annotation, names)
                except NameError:  # imported for type checkers only: no plain type
                    continue
            found[name] = annotation
    found.pop("return", None)
    return {name: each for name, each in found.items() if all(map(is_plain, options(each)))}


def is_plain(to: Any) -> bool:
    return to in (int, float, bool, str, Path, type(None)) or get_origin(to) is Literal


def options(annotation: Any) -> tuple[Any, ...]:
    """The types of a union; of any other type itself."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def plain(who: str, name: str, value: Any, annotation: Any, *, finite: bool = True) -> None:
    """UserError unless a value is what an annotation of plain types says."""
    if not any(fits(value, each, finite) for each in options(annotation)):
        wanted = " or ".join(map(described, options(annotation)))
        raise UserError(f"{who}: {name} = {shown(value)} is not {wanted}")


def fits(value: Any, to: Any, finite: bool) -> bool:
    """Whether a value is of a plain type; a number must be finite if `finite` is set."""
    if get_origin(to) is Literal:
        return isinstance(value, (str, int, float)) and value in get_args(to)
    if to is int:
        return isinstance(value, Integral) and not isinstance(value, bool)
    if to is float:
        return is_number(value) and (math.isfinite(value) or not finite)
    return isinstance(value, to)


def described(to: Any) -> str:
    """A plain type in words."""
    if get_origin(to) is Literal:
        return "one of " + ", ".join(map(str, get_args(to)))
    names = {
        int: "a whole number",
        float: "a finite number",
        bool: "True or False",
        str: "a word",
        Path: "a path",
    }
    return names.get(to, "None")


# --- words -------------------------------------------------------------------------------------


def is_number(value: Any) -> bool:
    """Whether it is a real number of Python or NumPy; a tensor is none, as reading it may wait."""
    return isinstance(value, (float, int, Real)) and not isinstance(value, bool)


def shape_of(x: Tensor) -> str:
    return str(tuple(x.shape))


def dtype_of(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def kind(value: Any) -> str:
    """What something is, for a message."""
    import torch

    if value is None:
        return "None"
    if isinstance(value, torch.Tensor):
        return f"a tensor {shape_of(value)} of {dtype_of(value)}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, (str, int, float)):
        return shown(value)
    name = type(value).__name__
    return f"{article(name)} {name}"


def article(name: str) -> str:
    return "an" if name.startswith((*"aeioAEIO", "nd")) else "a"


def shown(value: Any) -> str:
    """The value, if it is short, else its type."""
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
