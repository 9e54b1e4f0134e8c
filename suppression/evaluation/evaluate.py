"""`evaluate`: any network, frozen, asked which features of a data set it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suppression import expect
from suppression.data import Pool, Scenes
from suppression.data.loader import load_pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError, unknown
from suppression.evaluation.adapters import as_encoder
from suppression.evaluation.curve import Curve
from suppression.evaluation.evaluator import Moved, ask, check
from suppression.evaluation.features import Pools, Row, called, features, scene_rng
from suppression.evaluation.spec import ProbeSettings, filled_in
from suppression.methods import Method
from suppression.metrics.units import without_units
from suppression.notes import warn

# What evaluation needs of a data set.
MEMBERS = (
    "factors",
    "render",
    "append",
    "features",
    "labels",
    "carriers",
    "questions",
    "probed",
    "sources",
    "canvas",
    "channels",
    "planes",
)
FEW = 4  # pictures that are shown before and after, to see that the answers are the same


@expect.typed
def evaluate(
    encoder: Any,
    scenes: Scenes,
    *,
    source: str = "digits",
    layers: Sequence[str] = ("h",),
    features: Sequence[str] | None = None,
    train: int = 2000,
    test: int = 1000,
    seed: int = 0,
    device: str | torch.device = "cpu",
    root: Path | str | None = None,
    views: Augmentation | None = None,
    **probe_settings: Any,
) -> list[Row]:
    """Which features of a data set a frozen encoder holds, told by probes.

    Nothing is trained but the readouts. The encoder is proven frozen: a fingerprint of all weights
    and buffers, and its features of a few pictures, are the same before and after. Its mode and its
    device are left as they were.

    Args:
        encoder: A trained method, an encoder of this package, any module or any callable (see
            `as_encoder`); a network of three channels is shown gray scenes as three equal ones.
        scenes: A data set, such as `TwoDigits(canvas=32, size1=8, size2=24)`.
        source: Source of instances to draw from: digits, mnist, mnist5k; scenes that name their
            sources in fields of their own take those.
        layers: Layers to probe: h, the output; z of a method with a projection; of an encoder its
            layers; of any other module its submodules by name.
        features: Features of the data set that are asked for; all if None.
        train: Scenes that readouts are fitted on; 1 or more.
        test: Held-out scenes that they are tested with; 1 or more.
        seed: Draw of the scenes; 0 is that of every experiment.
        device: Where to compute, such as cpu or cuda.
        root: Folder of data sets that are not part of the package.
        views: Augmentation for the contrastive task (`contrast`); SimCLR's if None.
        **probe_settings: Settings of the probes, such as `mlp=128`, `knn=20`, `rankme=True`.

    Returns:
        A row for each feature, kind of scenes, probe and layer: `accuracy` with its 95 % interval
        `low` to `high`, `guess`, `cases`, and what other probes measure; `encoder` is the
        fingerprint. Left out with a warning are a feature that has one class only in the scenes, a
        readout that cannot be fitted on them, a layer that is not finite beside others, and files
        that are no pictures.

    Raises:
        UserError: For a data set without factors, a layer, a feature or a setting that is not there
            (with the nearest one), pictures that the encoder does not take, an output of a wrong
            shape or that is not finite, and an encoder that moved while it was probed.

    Example:
        >>> from suppression.data import TwoDigits
        >>> scenes = TwoDigits(canvas=16, size1=4, size2=12)
        >>> rows = evaluate(lambda x: x.flatten(1), scenes, train=100, test=50)
        >>> [(row["feature"], row["scenes"]) for row in rows[:2]]
        [('first', 'alone'), ('second', 'alone')]
    """
    check_data_set(scenes)
    expect.names("evaluate", layers=layers, features=() if features is None else features)
    expect.instance("evaluate", "views", views or Augmentation(), Augmentation, "Augmentation()")
    device = expect.device("evaluate", device)
    method = as_method(encoder, layers)
    settings = read_settings(
        {"layers": list(layers), "train": train, "test": test, **probe_settings}, features
    )
    pools = load_pools(scenes, source, root, device)
    rows = answered(method, scenes, settings, pools, device, views=views, seed=seed)
    return [without_units(row) for row in rows]


def answered(
    method: Method,
    scenes: Scenes,
    settings: ProbeSettings,
    pools: Pools,
    device: torch.device,
    *,
    views: Augmentation | None = None,
    seed: int = 0,
) -> list[Row]:
    """The rows of `evaluate`, with the correctness behind accuracies (`units`).

    Raises:
        UserError: as `evaluate` does, also for a network that moved.
    """
    with left_as_it_was(method, device):
        few = some_pictures(scenes, pools[False], seed, device)
        before = first_look(method, few)
        check(type(scenes).__name__, scenes, settings, method.encoder)
        try:
            rows = ask(
                scenes,
                settings,
                method,
                pools,
                device,
                views=views or Augmentation(),
                seed=seed,
                note=warn,
            )
        except Moved as error:
            raise UserError(f"{called(method.encoder)} moved while it was probed") from error
        check_still(method, few, before)
    return rows


def check_data_set(scenes: Any) -> None:
    """UserError for something that is no data set, which names what it lacks."""
    if isinstance(scenes, type):
        raise UserError(f"{scenes.__name__} is a class: make a data set of it, {scenes.__name__}()")
    who = type(scenes).__name__
    for member in MEMBERS:
        if not hasattr(scenes, member):
            own = [name for name in dir(scenes) if not name.startswith("_")]
            raise lacking(who, member, own)
    if not is_dataclass(scenes):
        raise UserError(f"{who} is no dataclass, whose fields are its parameters")


def lacking(who: str, member: str, own: list[str]) -> UserError:
    """The error that names a missing member, and what may be meant by it."""
    hint = str(unknown("", member, own)) if own else ""
    near = hint.partition("; ")[2] if "did you mean" in hint else ""
    text = f"{who} is no data set with factors: it has no '{member}'"
    if near:
        text += f" ({near})"
    return UserError(f"{text}; suppression.data has some, and Scenes is what one is made from")


def as_method(encoder: Any, layers: Sequence[str]) -> Method:
    """A trained method as it is; anything else in the place of a method's encoder."""
    if isinstance(encoder, Method):
        return encoder
    if "z" in layers and not is_layer(encoder, "z"):
        raise UserError("z is the output of a method's projection head; an encoder has none")
    return Method(as_encoder(encoder, layers=[layer for layer in layers if layer != "h"]))


def is_layer(encoder: Any, name: str) -> bool:
    return isinstance(encoder, nn.Module) and name in dict(encoder.named_modules())


def read_settings(given: dict[str, Any], features: Sequence[str] | None) -> ProbeSettings:
    """The probes' settings; UserError for one that is not there, or of a wrong type."""
    for name in given:
        if name not in ProbeSettings.model_fields:
            raise unknown("no probe has the setting", name, ProbeSettings.model_fields)
        if name == Curve.switch:
            raise UserError("curve is of a training that a recipe describes; this network is one")
    if features is not None:
        given = {**given, "features": list(features)}
    settings = filled_in(ProbeSettings, given, "")
    return settings.model_copy(update={"layers": list(dict.fromkeys(settings.layers))})


def load_pools(scenes: Scenes, source: str, root: Path | str | None, device: torch.device) -> Pools:
    """The instances that the scenes are drawn from, for fitting (True), and held out."""
    pools = {}
    for train in (True, False):
        pools[train] = load_pool(scenes, source, train=train, root=root, note=warn).to(device)
    return pools


@contextmanager
def left_as_it_was(method: nn.Module, device: torch.device) -> Iterator[None]:
    """While it lasts the network is in evaluation mode on the device."""
    modes = {module: module.training for module in method.modules()}
    weights = [*method.parameters(), *method.buffers()]
    home = weights[0].device if weights else device
    method.eval()
    method.to(device)
    try:
        yield
    finally:
        method.to(home)
        for module, mode in modes.items():
            module.training = mode


def some_pictures(scenes: Scenes, pool: Pool, seed: int, device: torch.device) -> Tensor:
    """A few held-out pictures."""
    scenes = scenes.probed()
    drawn = scenes.factors(FEW, scene_rng("look", seed=seed, device=device), pool)
    return scenes.append(scenes.render(drawn, pool), drawn)


@torch.no_grad()
def first_look(method: Method, pictures: Tensor) -> dict[str, Tensor]:
    """The features of a few pictures; UserError where the encoder does not take them."""
    try:
        return features(method.encoder, pictures)
    except UserError:
        raise
    except Exception as error:
        shape = tuple(pictures.shape)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"{called(method.encoder)} does not take pictures of {shape}: {reason}"
        ) from error


def check_still(method: Method, pictures: Tensor, before: dict[str, Tensor]) -> None:
    """UserError where the same pictures have other features than before."""
    for layer, value in features(method.encoder, pictures).items():
        was = before[layer]
        same = value.shape == was.shape
        if not (same and torch.allclose(value, was, rtol=1e-3, atol=1e-5, equal_nan=True)):
            raise UserError(
                f"{called(method.encoder)} moved while it was probed: the same pictures have other "
                f"features at {layer}"
            )
