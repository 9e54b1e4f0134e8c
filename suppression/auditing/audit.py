"""`audit`: what any encoder reads alone and under competition, beside what has learned nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from suppression import expect, plugins
from suppression.auditing.asking import Settings, asked
from suppression.auditing.networks import load, of_object, with_preprocessing
from suppression.auditing.places import Place, places_of
from suppression.auditing.result import Audit
from suppression.data import Scenes
from suppression.data.loader import source_names
from suppression.execution.environment import facts, pick_device
from suppression.execution.provenance import without_places
from suppression.execution.store import Store
from suppression.notes import Note, ignore


@expect.typed
def audit(
    encoder: Any,
    data: str | Scenes,
    *,
    scale: str = "laptop",
    at: Sequence[Any] | None = None,
    source: str | None = None,
    layers: Sequence[str] = (),
    size: int | None = None,
    mean: Sequence[float] | float = (),
    std: Sequence[float] | float = (),
    raw: bool = False,
    tokens: int | None = None,
    title: str | None = None,
    train: int = 2000,
    test: int = 1000,
    mlp: int | None = 128,
    more_labels: int | None = None,
    seed: int = 0,
    batch: int = 50,
    device: str = "auto",
    store: Path | str | None = None,
    keep: bool = True,
    root: Path | str | None = None,
    note: Note = ignore,
    argv: list[str] | None = None,
    before: Callable[[str, str], None] | None = None,
) -> Audit:
    """Ask an encoder that others trained what it reads, alone and beside something larger.

    Nothing is trained but the readouts, and the encoder is proven unmoved: a fingerprint of all
    weights and buffers, and its features of a few pictures, are the same before and after. Beside
    it stand the same network with random weights, the raw pixels, and what guessing scores.
    Answers are kept in the store by the weights' fingerprint and the preprocessing; those of a
    callable without weights are not.

    Args:
        encoder: A name such as "timm:resnet18.a1_in1k" (`networks.load` has all of them), a
            module, or any callable: pictures (n, 3, s, s) in [0, 1] -> a tensor (n, d), a map,
            tokens, a mapping of them, or an output of transformers.
        data: The name of a recipe (all places of its axis) or of a card, or a generator of scenes.
        scale: Of a recipe: smoke, demo, laptop, evening or paper.
        at: Places of a recipe's axis, in place of its own.
        source: Where digits come from, in place of what the recipe says.
        layers: Submodules that are read besides the output, by their names in `named_modules()`.
        size: Side in px that pictures are resized to, in place of what the library says.
        mean: Subtracted from pictures, one or one a channel; a bare callable needs it, or `raw`.
        std: Divided by then, above 0.
        raw: That pictures in [0, 1] are taken as they are drawn.
        tokens: How many tokens stand in front of those of patches, the class token first; read off
            the names of parameters if None.
        title: What tables call the encoder.
        train: Scenes that readouts are fitted on; 1 or more.
        test: Held-out scenes; 1 or more.
        mlp: Hidden units of the second readout; None asks none.
        more_labels: Scenes of the control with more labels, at the last place; None asks none.
        seed: Draw of the scenes, and of random weights.
        batch: Pictures through the encoder at a time.
        device: auto (cuda, else mps, else cpu), cpu, cuda or mps.
        store: Where answers are kept.
        keep: Whether they are.
        root: Where data sets lie.
        note: Told what takes its time, and how long.
        argv: The command line, for how it was made.
        before: Called with the encoder's title and `data` before anything is asked; what it
            raises ends the audit.

    Returns:
        The result: `rows`, `table()`, `verdict()`, `caption()`, `plot()`, `report()`.

    Raises:
        UserError: For a name that is not there (with the nearest one), weights that cannot be had
            here, pictures of a size that is not taken (with one that is), features that are no
            numbers, and an encoder that moved while it was asked.

    Example:
        >>> import suppression as sup
        >>> scenes = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
        >>> asked = {"train": 60, "test": 30, "mlp": None}
        >>> result = sup.audit(lambda x: x.flatten(1), scenes, raw=True, **asked)
        >>> result.table().split()[2:]  # doctest: +ELLIPSIS
        ['alone', 'together', 'left', 'blank', 'fixed', 'named', "'first'", ...
    """
    plugins.load()
    expect.names("audit", layers=layers)
    expect.whole("audit", least=1, train=train, test=test, batch=batch)
    for name, value in {"mlp": mlp, "more_labels": more_labels}.items():
        if value is not None:
            expect.whole("audit", least=1, **{name: value})
    network = load(encoder, store) if isinstance(encoder, str) else of_object(encoder)
    network = with_preprocessing(
        network, size=size, mean=numbers(mean), std=numbers(std), raw=raw, title=title
    )
    asked_about = places_of(data, scale=scale, at=at, source=source)
    named = data if isinstance(data, str) else type(data).__name__
    if before is not None:
        before(network.title, named)
    on = torch.device(pick_device(device))
    start = time.perf_counter()
    seen, rows = asked(
        network,
        asked_about,
        Settings(train=train, test=test, mlp=mlp, more_labels=more_labels, seed=seed),
        layers=list(dict.fromkeys([*network.layers, *layers])),
        tokens=tokens,
        batch=batch,
        store=Store(store) if keep else None,
        device=on,
        root=None if root is None else Path(root),
        note=note,
    )
    made = {**facts(on), "seconds": round(time.perf_counter() - start)}
    if argv is not None:
        made["command"] = " ".join(["python", "-m", "suppression.audit", *without_places(argv)])
    if isinstance(data, str):
        named += f", {scale} scale" + sources_text(asked_about)
    return Audit(seen.title, named, str(seen.preprocessing), rows, made)


def sources_text(asked_about: Sequence[Place]) -> str:
    """Where instances come from; nothing of scenes that are drawn from no source."""
    found: dict[str, None] = {}
    for place in asked_about:
        found.update(dict.fromkeys(source_names(place.scenes, place.source).values()))
    return f", source {', '.join(found)}" if found else ""


def numbers(given: Sequence[float] | float) -> tuple[float, ...]:
    """One number for all channels, or one for each."""
    if isinstance(given, (int, float)):
        return (float(given),)
    expect.numbers("audit", values=given)
    return tuple(float(each) for each in given)
