"""An encoder asked at every place, with what stands beside it: rows, kept in the store."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from suppression.auditing.controls import with_random_weights
from suppression.auditing.networks import Network
from suppression.auditing.places import Place
from suppression.data import Scenes
from suppression.data.loader import source_names
from suppression.data.sources.fingerprint import fingerprint as fingerprint_of_source
from suppression.evaluation.evaluate import (
    answered,
    left_as_it_was,
    load_pools,
    read_settings,
    some_pictures,
)
from suppression.evaluation.evaluator import record_name
from suppression.evaluation.features import Pools, Row, fingerprint
from suppression.evaluation.foreign import Foreign, foreign
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.store import Store
from suppression.experiment.keys import key_of
from suppression.methods import Method
from suppression.models.pixels import RawPixels
from suppression.notes import Note, ignore

VERSION = 1  # part of the name of what is stored
ENCODER, RANDOM, PIXELS = "encoder", "random weights", "raw pixels"
BLANK, FIXED, LABELS = "competitor blank", "fixed place", "more labels"
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Settings:
    """What is asked of every network.

    Args:
        train: Scenes that readouts are fitted on.
        test: Held-out scenes.
        mlp: Hidden units of the second readout of the encoder; None asks none.
        more_labels: Scenes for the control with more labels, at the last place; None asks none.
        seed: Draw of the scenes, and of random weights.
    """

    train: int = 2000
    test: int = 1000
    mlp: int | None = 128
    more_labels: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Subject:
    """A network that is asked.

    Args:
        role: The encoder, or what stands beside it.
        title: What tables call it.
        method: It, as probes take it.
        layers: The layers that are asked.
        described: All that its answers depend on but for the scenes; None where it has no weights
            by which they could be found again.
    """

    role: str
    title: str
    method: Method
    layers: list[str]
    described: dict[str, Any] | None


@dataclass(frozen=True)
class Question:
    """Scenes, and what is asked of them."""

    place: Place
    scenes: Scenes
    control: str
    settings: ProbeSettings


def asked(
    network: Network,
    places: Sequence[Place],
    settings: Settings,
    *,
    layers: Sequence[str] = (),
    tokens: int | None = None,
    batch: int = 50,
    store: Store | None = None,
    device: torch.device = CPU,
    root: Path | None = None,
    note: Note = ignore,
) -> tuple[Foreign, list[Row]]:
    """The encoder as it was asked, and the rows of all networks, with their `units`."""
    pools: dict[int, Pools] = {}

    def pools_at(i: int) -> Pools:
        if i not in pools:
            pools.clear()  # one place's at a time: photographs are large
            pools[i] = load_pools(places[i].scenes, places[i].source, root, device)
        return pools[i]

    encoder = encoder_of(network, places[0], pools_at(0), layers, tokens, batch, device)
    subjects = list(subjects_of(encoder, network, settings))
    rows: list[Row] = []
    for i, place in enumerate(places):
        for subject in subjects:
            is_last = i == len(places) - 1
            for question in questions(subject, place, settings, is_last=is_last):
                key = key_of_question(subject, question, settings.seed, root)
                found = store.answers(key) if store and key else None
                if found is None:
                    start = time.perf_counter()
                    found = answered(
                        subject.method,
                        question.scenes,
                        question.settings,
                        pools_at(i),
                        device,
                        seed=settings.seed,
                    )
                    words = [subject.title, place.name, question.control]
                    where = ", ".join(word for word in words if word)
                    note(f"{where}: {time.perf_counter() - start:.0f} s")
                    if store and key:
                        store.put_answers(key, found)
                rows += [told(row, subject, question) for row in found]
    return encoder, rows


def encoder_of(
    network: Network,
    place: Place,
    pools: Pools,
    layers: Sequence[str],
    tokens: int | None,
    batch: int,
    device: torch.device,
) -> Foreign:
    """The network as an encoder, once it was shown a few pictures; its mode is left as it was."""
    assert network.preprocessing is not None
    few = some_pictures(place.scenes, pools[False], 0, device)
    model = network.model
    holder = model if isinstance(model, nn.Module) else nn.Module()
    with left_as_it_was(holder, device):
        return foreign(
            model,
            network.preprocessing,
            few,
            layers=layers,
            title=network.title,
            tokens=tokens,
            batch=batch,
        )


def subjects_of(encoder: Foreign, network: Network, settings: Settings) -> Iterator[Subject]:
    """The encoder, the same with random weights where it has any, and the pictures themselves."""
    layers = list(encoder.layers)
    has_weights = any(True for _ in encoder.parameters())
    described = description(encoder, network) if has_weights else None
    yield Subject(ENCODER, encoder.title, Method(encoder), layers, described)
    if has_weights:
        twin = with_random_weights(encoder, seed=settings.seed)
        yield Subject(RANDOM, RANDOM, Method(twin), layers, description(twin, network))
    pixels = Method(RawPixels())
    yield Subject(PIXELS, PIXELS, pixels, ["h"], {"pixels": RawPixels.__name__})


def description(encoder: Foreign, network: Network) -> dict[str, Any]:
    """All that the answers of an encoder depend on but for the scenes."""
    kind = type(encoder.model)
    return {
        "weights": fingerprint(encoder),
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "code": network.code,
        "preprocessing": dataclasses.asdict(encoder.preprocessing) | {"source": None},
        "layers": encoder.layers,
        "tokens": encoder.tokens,
    }


def questions(
    subject: Subject, place: Place, settings: Settings, *, is_last: bool
) -> Iterator[Question]:
    """What a network is asked at a place: the controls are the encoder's alone."""
    is_encoder = subject.role == ENCODER
    given: dict[str, Any] = {
        "layers": subject.layers,
        "train": settings.train,
        "test": settings.test,
    }
    own = dict(given)
    if len(place.scenes.objects) > 1:
        own["named"] = True
    if is_encoder and settings.mlp:
        own["mlp"] = settings.mlp
    yield Question(place, place.scenes, "", read_settings(own, None))
    if not is_encoder:
        return
    blank = place.blank
    if blank is not None:
        yield Question(place, blank, BLANK, read_settings(given, None))
    fixed = place.fixed
    if fixed is not None:
        first = list(fixed.features[:1])
        yield Question(place, fixed, FIXED, read_settings(given, first))
    if is_last and settings.more_labels:
        more = {**given, "train": settings.more_labels}
        yield Question(place, place.scenes, LABELS, read_settings(more, None))


def key_of_question(
    subject: Subject, question: Question, seed: int, root: Path | None
) -> str | None:
    """The name under which the answer is stored; None for what cannot be found again."""
    if subject.described is None:
        return None
    scenes = question.scenes
    sources = source_names(scenes, question.place.source)
    return key_of(
        {
            "audit": VERSION,
            **subject.described,
            "scenes": type(scenes).__name__,
            "scenes_version": scenes.version,
            "parameters": dataclasses.asdict(scenes),  # type: ignore[call-overload]
            "sources": sources,
            "contents": {each: fingerprint_of_source(each, root) for each in sources.values()},
            "probe": record_name(question.settings),
            "seed": seed,
        }
    )


def told(row: Row, subject: Subject, question: Question) -> Row:
    """A row with the network, the place and the control that it is of."""
    leading = {
        "network": subject.role,
        "title": subject.title,
        "at": question.place.name,
        "control": question.control,
    }
    return {**leading, **row, "train": question.settings.train, "test": question.settings.test}
