"""One trained network, frozen and asked everything that its probes want to know: long-form rows."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import torch
from torch import nn

from suppression.data import Scenes
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError, unknown
from suppression.evaluation.base import Along, Asked, Probe
from suppression.evaluation.features import Pools, Row, Unusable, fingerprint
from suppression.evaluation.probes import switched_on
from suppression.evaluation.readouts import Readout, about_features
from suppression.evaluation.spec import SHARED, ProbeSettings
from suppression.methods import Method
from suppression.models.pixels import RawPixels
from suppression.notes import Note, ignore

VERSION = 2  # part of a record's name: 2 tells the majority's guess, and the mean over all bits

# Settings that names of stored answers held before probes had files of their own: they are part of
# the name whatever their value, but for None.
FROM_THE_START = {
    *SHARED,
    "C",
    "max_iter",
    "mlp",
    "transformations",
    "clusters",
    "cluster_images",
    "resolution",
    "online",
    "contrast",
}


class Moved(RuntimeError):
    """The network changed while it was probed."""


def record_name(settings: ProbeSettings) -> str:
    """The name of the probe's record in the store.

    Changed settings or a changed version ask again, and retrain nothing. A setting or a probe that
    is added later leaves the names of answers alone that were stored before: a later setting is
    part of the name only where its probe is switched on and its value is not the default, and a
    probe's version only from 2 on. Whoever changes a default raises the version, then.
    """
    named = settings.model_dump(exclude_none=True, include=FROM_THE_START)
    versions = ""
    for probe in switched_on(settings):
        named |= later_settings(probe)
        if probe.version > 1:
            versions += f" {probe.name} {probe.version}"
    described = f"{VERSION} {sorted(named.items())}{versions}"
    return f"probe-{hashlib.sha256(described.encode()).hexdigest()[:12]}"


def later_settings(probe: Probe) -> dict[str, Any]:
    """The settings of a probe that names of records did not always hold, and not at defaults."""
    found = {}
    for name, (_, default) in probe.settings().items():
        value = getattr(probe, name)
        if name not in FROM_THE_START and value is not None and value != default:
            found[name] = value
    return found


def check(kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
    """UserError for what cannot be asked, before the first second of work.

    `encoder` may be narrow and of any weights.
    """
    check_features(kind, scenes, settings.features or [])
    layers = [*encoder.layers, "z"]  # type: ignore[misc]
    for layer in settings.layers:
        if layer not in layers and not isinstance(encoder, RawPixels):  # told by `ask`
            raise unknown(f"{type(encoder).__name__} has no layer", layer, layers)
    for probe in switched_on(settings):
        probe.check(kind, scenes, settings, encoder)


def check_features(kind: str, scenes: Scenes, wanted: list[str]) -> None:
    """UserError for a feature that scenes have not, or not where their competitor is blank."""
    blank: tuple[str, ...] = ()
    if getattr(scenes, "blank", None):
        blank = dataclasses.replace(scenes, blank=None).competitors  # type: ignore[type-var]
    for name in wanted:
        if name in scenes.features:
            continue
        if name in blank:
            raise UserError(
                f"features: '{name}' is the competitor of {kind}, which is blank here and carries "
                f"nothing; ask for {', '.join(scenes.features)}"
            )
        raise unknown(f"{kind} has no feature", name, scenes.features)


def ask(
    scenes: Scenes,
    settings: ProbeSettings,
    method: Method,
    pools: Pools,
    device: torch.device,
    *,
    views: Augmentation | None = None,
    along: Along = dict,
    seed: int = 0,
    note: Note = ignore,
) -> list[Row]:
    """All rows of all probes that are switched on, on held-out instances, float32 throughout.

    `views` are those of its training, `along` reads its weights by the scenes seen until then;
    `note` is told what cannot be asked. `Moved` if the encoder moved meanwhile.
    """
    method.eval()  # one loaded from the store is in training mode, where its batch norms would move
    before = fingerprint(method)
    probes = switched_on(settings)
    layers = [layer for layer in settings.layers if layer != "z" or method.has_z]
    if isinstance(method.encoder, RawPixels):
        lacking = [layer for layer in layers if layer not in method.encoder.layers]
        layers = [layer for layer in layers if layer not in lacking]
        if lacking:
            note(f"raw pixels are no network, so {', '.join(lacking)} is not probed")
    asked = Asked(
        scenes=scenes.probed(),
        whole=scenes,
        method=method,
        layers=layers,
        pools=pools,
        device=device,
        settings=settings,
        views=views,
        along=along,
        readouts=tuple(probe for probe in probes if isinstance(probe, Readout)),
        seed=seed,
        note=once(note),
    )
    rows = answers_where_usable(probes, asked)
    after = fingerprint(method)
    if before != after:
        raise Moved("the encoder changed while it was probed")
    return [{**row, "encoder": before[:16], "frozen": before == after} for row in rows]


def once(note: Note) -> Note:
    """A note that is told once, however many probes have cause to."""
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    return tell


def answers_where_usable(probes: list[Probe], asked: Asked) -> list[Row]:
    """The rows of these probes; a layer whose features are no numbers is told and left out.

    Raises:
        Unusable: if no other layer is left.
    """
    while True:
        try:
            return answers(probes, asked)
        except Unusable as error:
            left = [layer for layer in asked.layers if layer != error.layer]
            if not left or left == asked.layers:
                raise
            asked.note(f"{error}: that layer is left out")
            asked = dataclasses.replace(asked, layers=left)


def answers(probes: list[Probe], asked: Asked) -> list[Row]:
    """The rows of these probes: readouts first, which share their pictures, then one by one."""
    able = [probe for probe in probes if probe.applies(asked)]
    replaced: set[str] = set()
    for probe in able:
        replaced.update(probe.instead_of)
    able = [probe for probe in able if probe.name not in replaced]
    readouts = [probe for probe in able if isinstance(probe, Readout)]
    rows = list(about_features(asked, readouts)) if readouts else []
    for probe in able:
        if not isinstance(probe, Readout):
            rows += probe.ask(asked)
    return rows
