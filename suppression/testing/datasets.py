"""Checks of contracts, for those who add to the toolkit from outside."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

from suppression.data.base import Factors, Scenes
from suppression.data.loader import draw_batch, load_training_pool
from suppression.data.pool import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError, unknown
from suppression.seeding import torch_rng
from suppression.training.loop import Training

N = 16  # scenes that are drawn for a check
CLOSE = 1e-4  # of pixels in [0, 1]
ROUNDING = 1e-5  # a blur's weights add up to 1 but for that

PROPERTIES = (
    "features",
    "competitors",
    "objects",
    "channels",
    "planes",
    "photo_side",
    "shared_bits",
    "told",
)
METHODS = (
    "factors",
    "of_instances",
    "render",
    "masks",
    "append",
    "again",
    "labels",
    "carriers",
    "classes",
    "captions",
    "spaces",
    "targets",
    "questions",
    "of_objects",
    "probed",
)


def check_dataset(dataset: type[Scenes] | Scenes, *, pool: Pool | None = None) -> None:
    """Check that a generator keeps the contract of `suppression.data.Scenes`.

    Args:
        dataset: The class, which is checked with its defaults, or one of its instances.
        pool: The instances to draw from; those of the generator's sources if None.

    Raises:
        UserError: A member is missing, misnamed or declared wrongly; the message has the nearest
            right name.
        AssertionError: A member gives something else than the contract says; the message names
            it, what it gave, and what is right.

    >>> from suppression.data import TwoDigits
    >>> check_dataset(TwoDigits(canvas=40, size1=12, size2=28))
    """
    cls = dataset if isinstance(dataset, type) else type(dataset)
    check_declaration(cls)
    scenes = dataset() if isinstance(dataset, type) else dataset
    check_parameters(scenes)
    check_properties(scenes)
    if pool is None:
        pool = load_training_pool(scenes)
    drawn = check_factors(scenes, pool)
    check_labels(scenes, drawn, pool)
    check_objects(scenes, drawn, pool)
    check_render(scenes, drawn, pool)
    check_crops(scenes, drawn, pool)
    check_append(scenes, drawn, pool)
    check_masks(scenes, drawn, pool)
    check_again(scenes, drawn, pool)
    check_of_instances(scenes, drawn, pool)
    check_targets(scenes, drawn, pool)
    check_questions(scenes, pool)
    check_views(scenes, pool)


# --- the class -------------------------------------------------------------------------------


def check_declaration(cls: type) -> None:
    """A frozen dataclass, below Scenes, with all that has no default."""
    name = cls.__name__
    if not issubclass(cls, Scenes):
        raise UserError(f"{name} is no subclass of suppression.data.Scenes")
    for member in sorted(cls.__abstractmethods__):
        raise missing_member(name, member, own_names(cls))
    declared_as = getattr(cls, "__dataclass_params__", None)
    if declared_as is None or not declared_as.frozen:
        raise UserError(f"{name} is no frozen dataclass; put @dataclass(frozen=True) above it")
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    for declared in undeclared(cls, {field.name for field in fields}):
        raise UserError(
            f"{name}.{declared} is no parameter; put @dataclass(frozen=True) above {name} itself"
        )
    for field in fields:
        if field.default is dataclasses.MISSING:
            raise UserError(f"{name}.{field.name} has no default; every parameter needs one")
    if "canvas" not in [field.name for field in fields]:
        raise missing_member(name, "canvas", [field.name for field in fields])
    for member in METHODS:
        check_signature(cls, member)


def missing_member(name: str, member: str, others: Iterable[str]) -> UserError:
    """The error for a member that is not there, with the one that may be meant for it."""
    near = difflib.get_close_matches(member, list(others), n=1, cutoff=0.6)
    if near:
        return UserError(f"{name} lacks '{member}'; is its '{near[0]}' meant to be that?")
    return UserError(f"{name} lacks '{member}'; see suppression.data.Scenes for what it must give")


def own_names(cls: type) -> list[str]:
    """The public names that a class adds to Scenes."""
    return [name for name in dir(cls) if not name.startswith("_") and not hasattr(Scenes, name)]


def undeclared(cls: type, fields: set[str]) -> list[str]:
    """What a class annotates as a parameter, though it is none."""
    hints = get_type_hints(cls)
    names = [name for name in vars(cls).get("__annotations__", {}) if name not in fields]
    return [name for name in names if get_origin(hints[name]) is not ClassVar]


def check_signature(cls: type[Scenes], member: str) -> None:
    """A member takes what the contract hands it, by the same keywords."""
    given = inspect.signature(getattr(cls, member)).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in given.values()):
        return
    wanted = inspect.signature(getattr(Scenes, member)).parameters.values()
    keywords = [parameter.name for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY]
    where = f"{cls.__name__}.{member}"
    for keyword in keywords:
        if keyword not in given:
            others = set(given) - set(keywords) - {"self"}
            raise missing_member(where, keyword, others)
    positional = len(wanted) - len(keywords)
    try:
        inspect.signature(getattr(cls, member)).bind(
            *[None] * positional, **dict.fromkeys(keywords)
        )
    except TypeError as error:
        names = ", ".join(parameter.name for parameter in wanted)
        raise UserError(f"{where} does not take ({names}): {error}") from error


# --- what the scenes say of themselves -------------------------------------------------------


def check_parameters(scenes: Scenes) -> None:
    """Parameters can be part of a key, and no other part of a training has their names."""
    name = type(scenes).__name__
    own = [field.name for field in dataclasses.fields(scenes)]  # type: ignore[arg-type]
    for group in (Augmentation, Training):
        for field in dataclasses.fields(group):
            if field.name in own:
                raise UserError(
                    f"{name} has the parameter '{field.name}', which {group.__name__} has, too; "
                    "give it another name"
                )
    try:
        hash(scenes)
    except TypeError as error:
        raise UserError(f"a parameter of {name} cannot be part of a key: {error}") from error
    for source in scenes.sources:
        if source != "source" and source not in own:
            raise unknown(f"{name}.sources names a parameter that it has not,", source, own)


def check_properties(scenes: Scenes) -> None:
    name = type(scenes).__name__
    for member in PROPERTIES:
        if callable(getattr(scenes, member)):
            raise UserError(f"{name}.{member} is a method; put @property above it")
    features, told = scenes.features, scenes.told
    require(
        isinstance(features, tuple) and len(features) > 0 and len(set(features)) == len(features),
        f"{name}.features is {features!r}; it is a tuple of different names, one at least",
    )
    for member, named in (("told", told), ("competitors", scenes.competitors)):
        for feature in named:
            if feature not in features:
                raise unknown(f"{name}.{member} names no feature,", feature, features)
    colours = scenes.channels - scenes.planes
    require(
        colours in (1, 3) and scenes.planes >= 0,
        f"{name} has {scenes.channels} channels with {scenes.planes} planes; "
        "augmentation wants pictures of 1 or of 3 channels, and planes besides",
    )
    require(
        isinstance(scenes.version, int) and scenes.version >= 1,
        f"{name}.version is {scenes.version!r}; it is a whole number from 1 on",
    )
    require(
        scenes.canvas >= 1 and scenes.photo_side >= 1,
        f"{name}.canvas is {scenes.canvas}, photo_side {scenes.photo_side}; both are 1 px or more",
    )
    require(
        scenes.shared_bits is None or scenes.shared_bits >= 0,
        f"{name}.shared_bits is {scenes.shared_bits}; it is None, or 0 bits or more",
    )


# --- what is drawn ---------------------------------------------------------------------------


def check_factors(scenes: Scenes, pool: Pool) -> Factors:
    """All random numbers come from the generator handed in; n rows each."""
    where = f"{type(scenes).__name__}.factors"
    with no_other_random_numbers(where):
        drawn = scenes.factors(N, torch_rng("check", 0), pool)
        same = scenes.factors(N, torch_rng("check", 0), pool)
        other = scenes.factors(N, torch_rng("check", 1), pool)
        one = scenes.factors(1, torch_rng("check", 0), pool)
    check_rows(where, drawn, N)
    check_rows(where, one, 1)
    require(list(one) == list(drawn), f"{where} gives other names for one scene than for {N}")
    require(
        equal(drawn, same), f"{where} draws other scenes from an equal generator; draw with rng"
    )
    require(not equal(drawn, other), f"{where} draws the same scenes from every generator; use rng")
    return drawn


def check_rows(where: str, factors: Factors, n: int) -> None:
    require(isinstance(factors, dict), f"{where} gives a {type(factors).__name__}, not a dict")
    for name, value in factors.items():
        require(isinstance(value, Tensor), f"{where}: '{name}' is no tensor")
        shape = tuple(value.shape)
        require(
            value.ndim > 0 and len(value) == n,
            f"{where}: '{name}' has the shape {shape}; it has a row for each of {n} scenes",
        )


def check_labels(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """Labels, classes, carriers, units and captions of every feature."""
    name = type(scenes).__name__
    try:
        labels, carriers = scenes.labels(drawn), scenes.carriers(drawn)
    except KeyError as error:
        factor = str(error.args[0])
        raise unknown(
            f"{name}.labels or .carriers asks for a factor that was not drawn,", factor, drawn
        ) from error
    classes, units = scenes.classes(pool), scenes.units(drawn, pool)
    found: dict[str, dict[str, Any]] = {"labels": labels, "carriers": carriers}
    for member, features in {**found, "classes": classes, "units": units}.items():
        check_names(f"{name}.{member}", features, scenes.features)
    for feature in scenes.features:
        check_label(f"{name}.labels['{feature}']", labels[feature], len(classes[feature]))
        require(
            len(set(classes[feature])) == len(classes[feature]) >= 2,
            f"{name}.classes['{feature}'] is {classes[feature]!r}; two different names at least",
        )
        for member, numbers in (("carriers", carriers), ("units", units)):
            shape = tuple(numbers[feature].shape)
            told = f"{name}.{member}['{feature}'] has the shape {shape}, not ({N},)"
            require(shape == (N,), told)
    captions = scenes.captions(drawn, pool)
    require(
        len(captions) == N and all(isinstance(caption, str) for caption in captions),
        f"{name}.captions gives {len(captions)} captions for {N} scenes, or some that are no str",
    )


def check_objects(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """Several objects have classes and carriers, and the first one's feature is asked for."""
    name, objects = type(scenes).__name__, scenes.objects
    if not objects:
        return
    if objects[0] not in scenes.features:
        raise unknown(f"{name}.objects names no feature first,", objects[0], scenes.features)
    classes = len(scenes.classes(pool)[objects[0]])
    shape = (N, len(objects))
    for member, found in zip(("classes", "carriers"), scenes.of_objects(drawn), strict=True):
        is_right = tuple(found.shape) == shape and found.dtype == torch.int64
        given = f"{tuple(found.shape)} {found.dtype}"
        where = f"the {member} of {name}.of_objects"
        require(is_right, f"{where} are {given}; they are {shape} torch.int64")
    labels, of_objects = scenes.labels(drawn), scenes.of_objects(drawn)[0]
    for j, feature in enumerate(objects):
        check_label(f"{name}.of_objects, number {j}", of_objects[:, j], classes)
        if feature in labels and objects.count(feature) == 1:
            is_same = torch.equal(of_objects[:, j], labels[feature])
            require(is_same, f"{name}.of_objects has another class of '{feature}' than `labels`")


def check_names(where: str, found: dict[str, Any], features: tuple[str, ...]) -> None:
    """There is an entry for each feature, and no other."""
    for feature in found:
        if feature not in features:
            raise unknown(f"{where} has no feature's name,", feature, features)
    for feature in features:
        require(feature in found, f"{where} lacks the feature '{feature}'")


def check_label(where: str, label: Tensor, classes: int) -> None:
    require(
        tuple(label.shape) == (N,) and label.dtype == torch.int64,
        f"{where} is {tuple(label.shape)} {label.dtype}; it is ({N},) torch.int64",
    )
    low, high = int(label.min()), int(label.max())
    require(
        low >= 0 and high < classes,
        f"{where} has labels from {low} to {high}; classes names {classes}, from 0 on",
    )


def check_render(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """Pictures depend on their own factors alone."""
    where = f"{type(scenes).__name__}.render"
    kept = {name: value.clone() for name, value in drawn.items()}
    with no_other_random_numbers(where):
        x = scenes.render(drawn, pool)
        again = scenes.render(drawn, pool)
    require(equal(kept, drawn), f"{where} changes the factors it is given; work on a copy")
    check_pictures(where, x, scenes.channels - scenes.planes, scenes.canvas)
    require(torch.equal(x, again), f"{where} draws other pictures of the same factors")
    alike = bool((x == x[:1]).all())
    require(not alike, f"{where} draws {N} different scenes alike; read the factors")
    few = scenes.render({name: value[:3] for name, value in drawn.items()}, pool)
    require(
        close(few, x[:3]), f"{where} draws a scene differently beside others; treat each by itself"
    )


def check_pictures(where: str, x: Tensor, channels: int, side: int, n: int = N) -> None:
    wanted = (n, channels, side, side)
    require(
        tuple(x.shape) == wanted, f"{where} gives the shape {tuple(x.shape)}; it is {wanted} here"
    )
    require(x.dtype == torch.float32, f"{where} gives {x.dtype}; pictures are torch.float32")
    low, high = float(x.min()), float(x.max())
    require(
        low >= 0 and high <= 1 + ROUNDING,  # false for nan, too
        f"{where} gives values from {low} to {high}; pictures are in [0, 1]",
    )


def check_crops(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """A view is `top, left, height, width` in px of the canvas, drawn at `out` px."""
    where = f"{type(scenes).__name__}.render"
    canvas, colours = scenes.canvas, scenes.channels - scenes.planes
    whole = scenes.render(drawn, pool)
    x = scenes.render(drawn, pool, view=boxes(0, 0, canvas, canvas))
    require(close(x, whole), f"{where} with a view of the whole canvas differs from one without")
    half = max(1, canvas // 2)
    x = scenes.render(drawn, pool, view=boxes(0, canvas - half, half, half), out=half)
    check_pictures(f"{where}(view=..., out={half})", x, colours, half)
    require(
        close(x, whole[:, :, :half, canvas - half :]),
        f"{where}: the view of the upper right quarter is not the scene's upper right quarter; "
        "a view is `top, left, height, width` in px of the canvas, and transforms.resample.crop "
        "cuts it out of a scene that is drawn whole",
    )
    check_pictures(
        f"{where}(out={canvas + 3})",
        scenes.render(drawn, pool, out=canvas + 3),
        colours,
        canvas + 3,
    )


def boxes(*box: float) -> Tensor:
    return torch.tensor([box], dtype=torch.float32).expand(N, -1)


def check_append(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """What is appended stands behind the pictures and leaves them as they are."""
    where = f"{type(scenes).__name__}.append"
    x = scenes.render(drawn, pool)
    seen = scenes.append(x, drawn)
    check_pictures(where, seen, scenes.channels, scenes.canvas)
    colours = scenes.channels - scenes.planes
    require(
        torch.equal(seen[:, :colours], x),
        f"{where} changes the pictures; it adds {scenes.planes} channels behind them",
    )


def check_masks(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """Ink in [0, 1], if the scenes know where it lies."""
    where, canvas = f"{type(scenes).__name__}.masks", scenes.canvas
    try:
        ink = scenes.masks(drawn, pool)
    except UserError:
        return
    require(ink.ndim == 4, f"{where} gives {ink.ndim} dimensions; it is (n, digits, out, out)")
    check_pictures(where, ink, ink.shape[1], canvas)
    half = max(1, canvas // 2)
    part = scenes.masks(drawn, pool, view=boxes(0, canvas - half, half, half), out=half)
    require(
        close(part, ink[:, :, :half, canvas - half :]),
        f"{where} of a view is not what `render` shows there",
    )


def check_again(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """The second view may see other factors; of all but competitors the same classes."""
    where = f"{type(scenes).__name__}.again"
    kept = {name: value.clone() for name, value in drawn.items()}
    with no_other_random_numbers(where):
        again = scenes.again(drawn, torch_rng("again", 0), pool)
        same = scenes.again(drawn, torch_rng("again", 0), pool)
    require(equal(kept, drawn), f"{where} changes the factors it is given; give a new dict")
    check_rows(where, again, N)
    require(list(again) == list(drawn), f"{where} gives other names than `factors`")
    require(equal(again, same), f"{where} gives others from an equal generator; draw with rng")
    labels, labels_again = scenes.labels(drawn), scenes.labels(again)
    for feature in scenes.features:
        if feature in scenes.competitors:
            continue
        require(
            torch.equal(labels[feature], labels_again[feature]),
            f"{where} changes the class of '{feature}', which both views share; "
            f"{type(scenes).__name__}.competitors names the features that they need not share",
        )


def check_of_instances(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """Where there is nothing to a scene but its instance, its factors follow from that."""
    where = f"{type(scenes).__name__}.of_instances"
    instance = torch.arange(min(N, len(pool)))
    try:
        with no_other_random_numbers(where):
            factors = scenes.of_instances(instance, pool)
    except UserError:
        return
    check_rows(where, factors, len(instance))
    require(set(factors) == set(drawn), f"{where} gives other names than `factors`")
    require(
        torch.equal(factors["instance"], instance), f"{where} draws other instances than asked for"
    )


# --- what training and probes get ------------------------------------------------------------


def check_targets(scenes: Scenes, drawn: Factors, pool: Pool) -> None:
    """A block for each label, or one for all, with a one where the class is."""
    name = type(scenes).__name__
    spaces, targets = scenes.spaces(pool), scenes.targets(drawn, pool)
    require(
        len(spaces) in (1, len(scenes.told)),
        f"{name}.spaces has {len(spaces)} widths; one, or one for each of {len(scenes.told)} told",
    )
    wanted = (N, sum(spaces))
    require(
        tuple(targets.shape) == wanted,
        f"{name}.targets has the shape {tuple(targets.shape)}; by `spaces` it is {wanted}",
    )
    require(
        bool(((targets == 0) | (targets == 1)).all()), f"{name}.targets has others than 0 and 1"
    )
    labels, blocks = scenes.labels(drawn), targets.split(list(spaces), 1)
    for i, feature in enumerate(scenes.told):
        block = blocks[i] if len(blocks) > 1 else blocks[0]
        hit = block.gather(1, labels[feature][:, None])
        require(bool((hit == 1).all()), f"{name}.targets lacks the label of '{feature}'")


def check_questions(scenes: Scenes, pool: Pool) -> None:
    """Every feature is asked for, of scenes on which it is visible."""
    name, probed = type(scenes).__name__, scenes.probed()
    require(
        probed.features == scenes.features and probed.channels == scenes.channels,
        f"{name}.probed() has other features or channels than the scenes that are trained on",
    )
    drawn = probed.factors(N, torch_rng("check", 0), pool)
    whole = probed.append(probed.render(drawn, pool), drawn)
    positions = range(len(probed.features))
    asked: set[str] = set()
    for _, visible, features in probed.questions():
        asked |= set(features)
        for feature in features:
            if feature not in probed.features:
                raise unknown(f"{name}.questions asks for no feature,", feature, probed.features)
        if visible is None:
            continue
        require(
            set(visible) <= set(positions),
            f"{name}.questions shows {visible}; positions in `features` are below {len(positions)}",
        )
        x = probed.append(probed.render(drawn, pool, visible=visible), drawn, visible=visible)
        check_pictures(f"{name}.render(visible={visible})", x, probed.channels, probed.canvas)
        hides = len(set(visible)) < len(positions)
        require(
            not (hides and torch.equal(x, whole)),
            f"{name}.render(visible={visible}) hides nothing; heed `visible`",
        )
    for feature in probed.features:
        require(feature in asked, f"{name}.questions never asks for '{feature}'")


def check_views(scenes: Scenes, pool: Pool) -> None:
    """A training step's two views can be drawn, with every kind of augmentation."""
    augmentation = Augmentation(flip=0.5, jitter=0.5, gray=0.2, blur=0.5, local=1)
    rng = torch_rng("check", 0)
    (x1, x2, *_), _, _ = draw_batch(scenes, augmentation, pool, N, rng)
    for x in (x1, x2):
        check_pictures(f"a view of {type(scenes).__name__}", x, scenes.channels, scenes.canvas)


# --- tools -----------------------------------------------------------------------------------


def require(condition: bool, message: str) -> None:
    """As `assert`, and also where Python leaves asserts out."""
    if not condition:
        raise AssertionError(message)


def equal(one: Factors, other: Factors) -> bool:
    """Whether both have the same names and values."""
    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def close(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= CLOSE)


@contextmanager
def no_other_random_numbers(where: str) -> Iterator[None]:
    """AssertionError where a random number is drawn that no generator was handed in for."""
    states: dict[str, Callable[[], Any]] = {
        "torch": lambda: torch.get_rng_state().tolist(),
        "numpy": lambda: np.random.get_state()[1].tolist(),  # type: ignore[index]
        "random": random.getstate,
    }
    before = {library: state() for library, state in states.items()}
    yield
    for library, state in states.items():
        require(
            state() == before[library],
            f"{where} draws random numbers of {library}'s own; draw with the generator handed in",
        )
