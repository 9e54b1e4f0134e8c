"""The classifier that a method has trained along with its encoder, asked instead of a probe."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from suppression.data import Pool, Scenes
from suppression.evaluation.features import Row, encode_scenes
from suppression.evaluation.spec import Probe
from suppression.methods import Method
from suppression.metrics.intervals import wilson
from suppression.seeding import torch_rng


def from_the_method_itself(scenes: Scenes, probe: Probe, method: Method, pool: Pool) -> Iterator[Row]:
    """What the layer that was trained along with the encoder says of scenes as they are (no view, batch norms frozen): of every held-out instance once each,
    or, where there is more to a scene than an instance, of as many as the probe is tested with. Where one label tells of several digits, of each by itself."""
    device, whole = pool.labels.device, type(scenes).of_instances is not Scenes.of_instances
    drawn = (
        scenes.of_instances(torch.arange(len(pool), device=device), pool)
        if whole
        else scenes.factors(probe.test, torch_rng("probe", False, device=device), pool)
    )
    cases = {name: len(carrier.unique()) for name, carrier in scenes.carriers(drawn).items()}
    together, layer = len(scenes.spaces(pool)) == len(scenes.told), method.classifier_on
    for shown, visible, features_shown in scenes.questions():
        asked = [name for name in features_shown if name in scenes.told and (probe.features is None or name in probe.features)]
        if not asked or (visible is None) is not together:
            continue
        with torch.no_grad():
            logits = method.classify(encode_scenes(method, [layer], scenes, drawn, pool, visible)[layer]).split(scenes.spaces(pool), 1)
        for name in asked:
            truth = scenes.labels(drawn)[name]
            accuracy = (logits[scenes.told.index(name) if together else 0].argmax(1) == truth).double().mean().item()
            low, high = wilson(accuracy, cases[name])
            row = {"feature": name, "probe": "online", "layer": layer, "scenes": shown, "accuracy": accuracy, "low": low, "high": high, "cases": cases[name]}
            yield row | {"guess": truth.bincount().max().item() / len(truth)}
