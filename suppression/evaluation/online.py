"""Online probe: the classifier that a method has trained along with its encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from suppression.data import Pool, Scenes
from suppression.data.base import Factors
from suppression.evaluation.base import (
    ACCURACY,
    SCORED,
    Asked,
    Measure,
    Probe,
    Shown,
    units_of,
)
from suppression.evaluation.features import Row, encode_scenes, scene_rng
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method
from suppression.metrics.intervals import wilson
from suppression.metrics.units import Units


def from_the_method_itself(
    scenes: Scenes, settings: ProbeSettings, method: Method, pool: Pool, *, seed: int = 0
) -> Iterator[Row]:
    """What the layer that was trained along says of scenes as they are.

    No view is drawn, and batch norms are frozen. Where a label tells of several digits, each is
    asked for by itself.
    """
    drawn = held_out(scenes, settings, pool, seed)
    units = units_of(scenes, drawn, pool)
    widths = scenes.spaces(pool)
    together = len(widths) == len(scenes.told)  # whether each feature has logits of its own
    layer = method.classifier_on
    for kind, visible, visible_features in scenes.questions():
        names = [name for name in visible_features if is_asked(name, scenes, settings)]
        if not names or (visible is None) is not together:
            continue
        features = encode_scenes(method, [layer], scenes, drawn, pool, visible)[layer]
        with torch.no_grad():
            logits = method.classify(features).split(widths, 1)
        for name in names:
            block = scenes.told.index(name) if together else 0
            truth = scenes.labels(drawn)[name]
            row = {"feature": name, "probe": "online", "layer": layer, "scenes": kind}
            yield {**row, **score(logits[block], truth, units[name])}


def held_out(scenes: Scenes, settings: ProbeSettings, pool: Pool, seed: int) -> Factors:
    """Every held-out instance once, or `test` scenes where there is more to a scene than that."""
    device = pool.labels.device
    if type(scenes).of_instances is not Scenes.of_instances:
        return scenes.of_instances(torch.arange(len(pool), device=device), pool)
    rng = scene_rng("probe", False, seed=seed, device=device)
    return scenes.factors(settings.test, rng, pool)


def is_asked(name: str, scenes: Scenes, settings: ProbeSettings) -> bool:
    """Whether the classifier was told this feature, and the settings ask for it."""
    return name in scenes.told and (settings.features is None or name in settings.features)


def score(logits: Tensor, truth: Tensor, units: np.ndarray) -> Row:
    """The row of logits (n, classes) for labels (n,); guessing names the most frequent of these.

    `units` (n,) are the instances behind the pictures.
    """
    right = logits.argmax(1) == truth
    accuracy, cases = right.double().mean().item(), len(np.unique(units))
    low, high = wilson(accuracy, cases)
    guess = truth.bincount().max().item() / len(truth)
    row = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": guess}
    return {**row, "units": Units.of(units, right.cpu().numpy())}


@dataclass(frozen=True)
class Online(Probe):
    """The layer that was trained along, asked instead of fitted readouts, where there is one.

    It is asked about every held-out instance once, or, where there is more to a scene than an
    instance, about as many scenes as the other probes are tested with.

    Args:
        online: Whether to ask it; None fits readouts everywhere.
    """

    name: ClassVar[str] = "online"
    switch: ClassVar[str] = "online"
    measures: ClassVar[dict[str, Measure]] = {"accuracy": ACCURACY}
    columns: ClassVar[dict[str, type]] = SCORED
    instead_of: ClassVar[tuple[str, ...]] = ("linear", "mlp")
    shown: ClassVar[Shown] = Shown(caption="a layer trained along with the encoder reads")

    online: bool | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def applies(self, asked: Asked) -> bool:
        return asked.method.has_classifier

    def ask(self, asked: Asked) -> Iterator[Row]:
        pool = asked.pools[False]
        yield from from_the_method_itself(
            asked.scenes, asked.settings, asked.method, pool, seed=asked.seed
        )
