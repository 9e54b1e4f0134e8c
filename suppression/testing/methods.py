"""Whether a method or a remedy keeps its contract: for those who add one."""

from __future__ import annotations

import difflib
import inspect
import math
import types
from collections.abc import Callable, Iterable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from suppression.data import SOURCES, TwoDigits
from suppression.errors import UserError, unknown
from suppression.methods import METHODS, Method
from suppression.methods._projection import Projected
from suppression.methods.remedies import HOOKS, Remedy, Stream, with_remedies
from suppression.models import ResNet

CLASSES = 10
IMAGES = 32
BATCH = 16
SIDE = 16  # px
FLAGS = ("trains", "labelled", "instanced", "takes_local", "has_z", "has_classifier")
GROUND = ("start", "teacher")  # what a method may build on


def check_method(cls: type[Method]) -> None:
    """Whether a class keeps the contract of a method.

    Looks at its members and signatures, then builds it on a tiny encoder: the loss is a finite
    scalar, its gradient reaches the encoder, `after_step` runs, stored weights give the same loss
    again, and the hooks that it names for remedies are called. A second or so on one core.

    Args:
        cls: The class, derived from `suppression.methods.Method`.

    Raises:
        UserError: A part of the contract is not kept; the message names it, and the nearest
            right name where one is misspelt.

    Example:
        >>> from suppression.methods import SimCLR
        >>> check_method(SimCLR)
        >>> class Silent(SimCLR):
        ...     version = "two"
        >>> check_method(Silent)
        Traceback (most recent call last):
            ...
        suppression.errors.UserError: Silent: version = 'two' is not a whole number
    """
    check_method_members(cls)
    method = _build_method(cls)
    if cls.trains:
        _check_training(cls.__name__, lambda: _build_method(cls), cls)
        if issubclass(cls, Projected):
            _check_hooks(cls)
    h = method.encoder(_views(1)[0])
    if cls.has_z:
        _check_rows(cls.__name__, "project", method.project(h))
    if cls.has_classifier and cls.classifier_on == method.classifier_on == "h":
        _check_rows(cls.__name__, "classify", method.classify(h))


def check_method_members(cls: type[Method]) -> None:
    """The part of `check_method` that builds nothing: members, signatures, parameters.

    Raises:
        UserError: A member is missing or misspelt, or has the wrong type or signature.
    """
    _check_class(cls, Method, "method", "suppression.methods.Method")
    name = cls.__name__
    _check_misspelt(cls, Method)
    _check_version(cls)
    for flag in FLAGS:
        if not isinstance(getattr(cls, flag), bool):
            raise UserError(f"{name}: {flag} = {getattr(cls, flag)!r} is not True or False")
    if cls.labelled and cls.instanced:
        raise UserError(f"{name} is labelled and instanced; its second argument can be one of both")
    for ground in cls.builds_on:
        if ground not in GROUND:
            raise unknown(f"{name} builds on", ground, GROUND)
    if cls.trains and cls.forward is Method.forward:
        raise UserError(f"{name} has no forward(x1, x2, y, *local) that returns the loss")
    if issubclass(cls, Projected) and cls.forward is Projected.forward:
        if cls.pair is Projected.pair:
            raise UserError(f"{name} has no pair(z1, z2, y) that returns the loss")
        _check_call(cls, "pair", "z1", "z2", "y")
    if cls.has_z and cls.project is Method.project:
        raise UserError(f"{name} has_z, but has no project(h) that returns z")
    if cls.has_classifier and cls.classify is Method.classify:
        raise UserError(f"{name} has_classifier, but has no classify(h) that returns logits")
    local = ("crop", "crop") if cls.takes_local else ()
    _check_call(cls, "forward", "x1", "x2", "y", *local)
    _check_call(cls, "after_step", "progress")
    _check_call(cls, "check_batch", "batch")
    _check_call(cls, "check_view", "side")
    _check_call(cls, "notes", "classes")
    parameters = _check_parameters(cls)
    _check_call(cls, "__init__", "encoder", *_told(cls), *cls.builds_on)
    for parameter, values in cls.idle.items():
        for idle in values.values():
            for each in idle:
                if parameter in parameters and each not in parameters:
                    raise unknown(f"{name}: idle names the parameter", each, parameters)
    if issubclass(cls, Projected):
        for hook in cls.hooks:
            if hook not in HOOKS:
                raise unknown(f"{name}: hooks names", hook, HOOKS)


def check_remedy(cls: type[Remedy]) -> None:
    """Whether a class keeps the contract of a remedy.

    Looks at its members and signatures, then composes it with every method that it says it goes
    with, and checks these as `check_method` does; a method without a projection must be refused.
    One that chooses the scenes of a batch must choose the same ones again.

    Args:
        cls: The class, derived from `suppression.methods.remedies.Remedy`.

    Raises:
        UserError: A part of the contract is not kept; the message names it, and the nearest
            right name where one is misspelt.

    Example:
        >>> from suppression.methods.remedies import IFM
        >>> check_remedy(IFM)
    """
    check_remedy_members(cls)
    going = {name: kind for name, kind in METHODS.items() if kind.trains and cls.goes_with(kind)}
    if not going:
        raise UserError(f"{cls.__name__} goes with no method; they are: {', '.join(METHODS)}")
    for name, kind in going.items():

        def build(name: str = name, kind: type[Method] = kind) -> Method:
            try:
                return with_remedies(_build_method(kind), [cls()])
            except ValueError as refusal:
                raise UserError(
                    f"{cls.__name__}: goes_with takes {name}, check refuses it: {refusal}"
                ) from refusal

        _check_training(f"{cls.__name__} on {name}", build, kind)
        if "sample" in cls.changes():
            _check_sample(cls.__name__, build)
    try:
        cls().check(_build_method(METHODS["supervised"]))
    except ValueError as refusal:
        if not any(name in str(refusal) for name in going):
            raise UserError(
                f"{cls.__name__}: check refuses a method without naming those that go: {refusal}"
            ) from refusal
    else:
        raise UserError(f"{cls.__name__}: check takes supervised, which has no projection")


def check_remedy_members(cls: type[Remedy]) -> None:
    """The part of `check_remedy` that builds nothing: members, signatures, parameters.

    Raises:
        UserError: A member is missing or misspelt, or has the wrong type or signature.
    """
    _check_class(cls, Remedy, "remedy", "suppression.methods.remedies.Remedy")
    name = cls.__name__
    _check_misspelt(cls, Remedy)
    _check_version(cls)
    if not (isinstance(cls.name, str) and cls.name):
        raise UserError(f"{name} has no name, by which the command line can call it")
    if not (isinstance(cls.needs, str) and cls.needs):
        raise UserError(f"{name}: needs does not say in words what a method must have")
    if not cls.changes() and cls.after_step is Remedy.after_step:
        raise UserError(f"{name} changes nothing; its hooks are: {', '.join(HOOKS)}, after_step")
    _check_call(cls, "sample", "stream", "n")
    _check_call(cls, "batch", "x1", "x2", "y", "crop", "crop")
    _check_call(cls, "views", "x1", "x2", "y", "crop", "crop")
    _check_call(cls, "head", "h", "method")
    _check_call(cls, "embeddings", "z1", "z2", "y")
    _check_call(cls, "loss", "z1", "z2", "y", "method")
    _check_call(cls, "penalty", "x", "h", "z")
    _check_call(cls, "after_step", "progress", "method")
    _check_call(cls, "before_step", "method")
    _check_call(cls, "attach", "method")
    _check_call(cls, "check_scenes", "scenes")
    _check_call(cls, "check", "method")
    _check_parameters(cls)
    _check_call(cls, "__init__")


def parameters_with_owner(cls: type) -> dict[str, tuple[inspect.Parameter, type]]:
    """The keyword-only parameters of a class by name, each with the class that declares it.

    A class that takes `**parameters` has those of the class above it, too.
    """
    found: dict[str, tuple[inspect.Parameter, type]] = {}
    for owner in cls.__mro__:
        if "__init__" not in owner.__dict__:
            continue
        signature = inspect.signature(owner.__init__)  # type: ignore[misc]
        hands_on = False
        for parameter in signature.parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                found.setdefault(parameter.name, (parameter, owner))
            hands_on = hands_on or parameter.kind is parameter.VAR_KEYWORD
        if not hands_on:
            break
    return found


# Members


def _check_class(cls: Any, base: type, what: str, where: str) -> None:
    if not isinstance(cls, type):
        raise UserError(f"{cls!r} is not a class; a {what} is one that derives from {where}")
    if not issubclass(cls, base) or cls is base:
        raise UserError(f"{cls.__name__} is not a {what}: it does not derive from {where}")


def _check_misspelt(cls: type, base: type) -> None:
    """UserError where the class defines nearly what the contract has, under another name."""
    above = [owner for owner in cls.__mro__[1:] if issubclass(owner, base)]
    contract: set[str] = set()
    for owner in above:
        contract.update(name for name in vars(owner) if not name.startswith("_"))
    for name in vars(cls):
        if name.startswith("_") or any(hasattr(owner, name) for owner in above):
            continue
        for near in difflib.get_close_matches(name, contract, n=1, cutoff=0.85):
            if near not in vars(cls):
                raise unknown(f"{cls.__name__} defines", name, [near])


def _check_version(cls: Any) -> None:
    if type(cls.version) is not int:
        raise UserError(f"{cls.__name__}: version = {cls.version!r} is not a whole number")


def _check_call(cls: type, member: str, *arguments: str) -> None:
    """UserError where the member cannot be called with so many arguments by position."""
    function = inspect.getattr_static(cls, member)
    if isinstance(function, (classmethod, staticmethod)):
        function = function.__func__
    signature = inspect.signature(function)
    try:
        signature.bind("self", *arguments)
    except TypeError as error:
        wanted = ", ".join(dict.fromkeys(["self", *arguments])).replace("crop", "*local")
        called = f"{member}({wanted})"
        raise UserError(
            f"{cls.__name__}.{member}{signature} is not called {called}: {error}"
        ) from error


def _told(cls: type[Method]) -> list[str]:
    """What a method of this class is built with behind its encoder."""
    if cls.labelled:
        return ["blocks"]
    return ["images"] if cls.instanced else []


def _check_parameters(cls: type) -> list[str]:
    """The names of the keyword-only parameters; UserError where one lacks type or default."""
    found = parameters_with_owner(cls)
    for name, (parameter, owner) in found.items():
        where = f"{cls.__name__}: parameter {name}"
        if parameter.default is parameter.empty:
            raise UserError(f"{where} has no default")
        if parameter.annotation is parameter.empty:
            raise UserError(f"{where} has no type")
        try:
            hint = get_type_hints(owner.__init__)[name]  # type: ignore[misc]
        except NameError as error:
            raise UserError(f"{where} has a type that cannot be read: {error}") from error
        if not _is_plain(hint):
            raise UserError(
                f"{where} has the type {parameter.annotation}; a command line takes bool, int, "
                "float, str, a Literal, a tuple of one of them, or None"
            )
    return list(found)


def _is_plain(hint: Any) -> bool:
    """Whether the command line can read a value of this type."""
    if hint in (bool, int, float, str, type(None)):
        return True
    if get_origin(hint) is Literal:
        return True
    if get_origin(hint) in (Union, types.UnionType):
        return all(_is_plain(option) for option in get_args(hint))
    if get_origin(hint) is tuple:
        return all(option is Ellipsis or _is_plain(option) for option in get_args(hint))
    return False


# One step


def _build_method(cls: type[Method]) -> Method:
    """The method at its defaults on a tiny ResNet, with the same initial weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = ResNet(width=4, stem=1, channels=1)
        told: list[Any] = []
        if cls.labelled:
            told.append((CLASSES,))
        elif cls.instanced:
            told.append(IMAGES)
        ground = [None] * len(cls.builds_on)
        try:
            return cls(encoder, *told, *ground)
        except Exception as error:
            raise UserError(f"{cls.__name__} cannot be built at its defaults: {error}") from error


def _views(seed: int, side: int = SIDE) -> tuple[Tensor, Tensor]:
    """Two views of BATCH pictures."""
    rng = torch.Generator().manual_seed(seed)
    x1, x2 = torch.rand(2, BATCH, 1, side, side, generator=rng)
    return x1, x2


def _batch(cls: type[Method], *, local: bool = False) -> tuple[Tensor, ...]:
    """A batch as the loop gives it to methods of this class."""
    number = torch.arange(BATCH)
    y = number
    if not cls.instanced:
        y = torch.nn.functional.one_hot(number % CLASSES, CLASSES).float()
    crops = _views(2, SIDE // 2) if local else ()
    return *_views(1), y, *crops


def _loss(name: str, method: Method, batch: Iterable[Tensor]) -> Tensor:
    """The loss, which must be a finite scalar with gradient."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        try:
            loss = method(*batch)
        except Exception as error:
            raise UserError(f"{name}: forward fails: {type(error).__name__}: {error}") from error
    if not isinstance(loss, Tensor):
        raise UserError(f"{name}: forward returns {type(loss).__name__}, not the loss as a Tensor")
    if loss.ndim:
        raise UserError(f"{name}: forward returns a loss of shape {tuple(loss.shape)}, no scalar")
    if not math.isfinite(loss.item()):
        raise UserError(f"{name}: forward returns a loss of {loss.item()}")
    if not loss.requires_grad:
        raise UserError(f"{name}: forward returns a loss without gradient")
    return loss


def _check_training(name: str, build: Callable[[], Method], cls: type[Method]) -> None:
    """One step, with and without local crops, and a second build that takes the state over."""
    method = build().train()
    try:
        method.check_batch(BATCH)
        method.check_view(SIDE)
    except ValueError as error:
        raise UserError(f"{name} cannot be trained at its defaults: {error}") from error
    method.watch = True
    _loss(name, method, _batch(cls)).backward()
    for metric, value in method.metrics.items():
        if not isinstance(value, Tensor) or value.ndim or value.requires_grad:
            raise UserError(f"{name}: metrics['{metric}'] is not a scalar Tensor without gradient")
    if not _has_gradient(method.encoder.parameters()):
        raise UserError(f"{name}: no gradient reaches the encoder")
    with torch.no_grad():
        for weight in method.parameters():
            if weight.grad is not None:
                weight.sub_(weight.grad, alpha=0.01)
    method.after_step(0.5)
    if cls.takes_local:
        _loss(f"{name} with local crops", method, _batch(cls, local=True))
    method.after_step(1.0)
    state = {}
    for key, value in method.state_dict().items():
        state[key] = value.clone() if isinstance(value, Tensor) else value
    again = build().train()
    again.load_state_dict(state)
    batch = _batch(cls)
    before, after = _loss(name, method, batch), _loss(name, again, batch)
    if not torch.allclose(before, after, rtol=1e-5, atol=1e-7):
        raise UserError(
            f"{name}: its state_dict does not hold all of it: the loss was {before.item()}, and is "
            f"{after.item()} once the state is loaded into a new one"
        )


def _check_sample(name: str, build: Callable[[], Method]) -> None:
    """UserError unless a remedy chooses so many scenes, and the same ones for the same step."""
    scenes = TwoDigits(canvas=SIDE, size1=5, size2=8)
    pool = SOURCES["digits"](train=True)
    found = []
    for _ in range(2):
        method: Any = build()
        rng = torch.Generator().manual_seed(0)
        drawn = method.remedies[0].sample(Stream(scenes, pool, rng, seed=0, step=3), BATCH)
        found.append(drawn)
        for factor, value in drawn.items():
            if len(value) != BATCH:
                raise UserError(
                    f"{name}: sample gives {len(value)} of the factor {factor}, not {BATCH}"
                )
    for factor, value in found[0].items():
        if not torch.equal(value, found[1][factor]):
            raise UserError(
                f"{name}: sample gives another {factor} at the second call; it may depend on the "
                "stream alone, so that a training can go on from any step"
            )


def _has_gradient(weights: Iterable[Tensor]) -> bool:
    return any(weight.grad is not None and bool(weight.grad.any()) for weight in weights)


def _check_rows(name: str, member: str, out: Tensor) -> None:
    if out.ndim != 2 or len(out) != BATCH:
        raise UserError(f"{name}: {member}(h) returns {tuple(out.shape)}, not ({BATCH}, d)")


class _Counted(Remedy):
    """Changes nothing, and counts the hooks that were called."""

    name = "counted"

    def __init__(self) -> None:
        super().__init__()
        self.called: set[str] = set()

    def batch(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        self.called.add("batch")
        return super().batch(x1, x2, y, *local)

    def views(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        self.called.add("views")
        return super().views(x1, x2, y, *local)

    def head(self, h: Tensor, method: Any) -> Tensor:
        self.called.add("head")
        return super().head(h, method)

    def embeddings(self, z1: Tensor, z2: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        self.called.add("embeddings")
        return super().embeddings(z1, z2, y)

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: Any) -> Tensor:
        self.called.add("loss")
        return super().loss(z1, z2, y, method)

    def penalty(self, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        self.called.add("penalty")
        return super().penalty(x, h, z)

    def after_step(self, progress: float, method: Any) -> None:
        self.called.add("after_step")


def _check_hooks(cls: type[Projected]) -> None:
    """UserError where the method does not call the hooks that it names, or calls another."""
    method: Any = _build_method(cls)
    counted = _Counted()
    method.remedies.append(counted)
    _loss(cls.__name__, method, _batch(cls))
    method.after_step(0.5)
    in_a_step = {*cls.hooks, "after_step"} - {"sample"}  # before there are pictures
    for hook in (*HOOKS, "after_step"):
        if hook in in_a_step and hook not in counted.called:
            raise UserError(
                f"{cls.__name__} does not call the remedies' {hook}: "
                "its forward begins with self.remedied_batch(x1, x2, y, *local), hooks names what "
                "it calls, and its after_step calls super().after_step(progress)"
            )
    beyond = counted.called - in_a_step - {"head"}  # which all that projects passes
    if beyond:
        raise UserError(f"{cls.__name__} calls {', '.join(sorted(beyond))}, which hooks lacks")
