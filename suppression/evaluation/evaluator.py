"""One trained network, frozen and asked everything that its probe names; answers are long-form rows."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

from suppression.data import Scenes
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import unknown
from suppression.evaluation.clustering import about_clusters, check_clusters
from suppression.evaluation.contrastive_task import about_pairs
from suppression.evaluation.features import Pools, Row, fingerprint
from suppression.evaluation.linear import about_features
from suppression.evaluation.online import from_the_method_itself
from suppression.evaluation.spec import Probe
from suppression.evaluation.transformations import TRANSFORMATIONS, about_transformations
from suppression.methods import Method

VERSION = 2  # part of a record's name: 2 tells the majority's guess, and the mean over all bits


def record_name(probe: Probe) -> str:
    """The name of the probe's record in the store: changed parameters or a changed version ask again, and retrain nothing."""
    told = f"{VERSION} {sorted(probe.model_dump(exclude_none=True).items())}"
    return f"probe-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def check(kind: str, scenes: Scenes, probe: Probe, encoder: nn.Module) -> None:
    """UserError for a feature, a transformation or a layer that is not there, and for clusters that cannot be, before the first second of work. `encoder`
    may be narrow and of any weights."""
    for name in probe.features or []:
        if name not in scenes.features:
            raise unknown(f"{kind} has no feature", name, scenes.features)
    there = [*encoder.layers, "z"]  # type: ignore[misc]
    for layer in probe.layers:
        if layer not in there:
            raise unknown(f"{type(encoder).__name__} has no layer", layer, there)
    for name in probe.transformations or []:
        if name not in TRANSFORMATIONS:
            raise unknown("there is no transformation", name, TRANSFORMATIONS)
    if probe.clusters:
        check_clusters(kind, scenes, probe, encoder)


def ask(scenes: Scenes, probe: Probe, method: Method, pools: Pools, device: torch.device, *, views: Augmentation | None = None) -> list[Row]:
    """All rows of the probe, on held-out instances, float32 throughout; `views` are those of its training. RuntimeError if the encoder moved meanwhile."""
    whole, scenes = scenes, scenes.probed()
    method.eval()  # a method loaded from the store is in training mode, where its batch norms would move
    before = fingerprint(method)
    layers = [layer for layer in probe.layers if layer != "z" or method.has_z]
    if probe.online and method.has_classifier:
        rows = list(from_the_method_itself(scenes, probe, method, pools[False]))
    else:
        rows = list(about_features(scenes, probe, method, layers, pools, device))
    rows += about_transformations(scenes, probe, method, layers, pools, device)
    rows += about_clusters(whole, probe, method, layers, pools[False], device)
    rows += about_pairs(whole, probe, method, views, pools[False], device)
    after = fingerprint(method)
    if before != after:
        raise RuntimeError("the encoder changed while it was probed")
    return [row | {"encoder": before[:16], "frozen": before == after} for row in rows]
