"""Readouts: what can be told from frozen features, by a linear classifier and by one with a hidden layer."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from suppression.data import Scenes
from suppression.evaluation.features import Pools, Row, encode_scenes
from suppression.evaluation.spec import Probe
from suppression.methods import Method
from suppression.metrics.intervals import wilson
from suppression.seeding import torch_rng

Labelled = tuple[Tensor, Tensor]


def linear(train: Labelled, test: Labelled, *, cases: int, C: float = 0.1, max_iter: int = 300) -> dict[str, object]:
    """Top-1 accuracy of logistic regression (L-BFGS, l2 penalty 1/C) on standardised features, one row.

    `train` and `test` are features (n, d) with labels (n,): encoded once, they serve every question about the same pictures. `cases` is how many of the
    test pictures count as independent for Wilson's 95 % interval: pictures of one digit instance at several places are not, so it is the number of
    distinct instances. `guess` is what naming the class most frequent in `train` would score.
    """
    from sklearn.linear_model import LogisticRegression

    return fitted(LogisticRegression(C=C, max_iter=max_iter), train, test, cases)


def mlp(train: Labelled, test: Labelled, *, cases: int, hidden: int = 128) -> dict[str, object]:
    """As `linear`, by a perceptron with one hidden layer (ReLU, Adam; the weights that are best on a tenth of `train` held back for that): what it
    reads and `linear` does not is hidden from a linear readout, not erased."""
    from sklearn.neural_network import MLPClassifier

    return fitted(MLPClassifier((hidden,), batch_size=100, early_stopping=True, n_iter_no_change=30, max_iter=200, random_state=0), train, test, cases)


def fitted(model: Any, train: Labelled, test: Labelled, cases: int) -> dict[str, object]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    (features, labels), (held_out, truth) = ((x.cpu().numpy(), y.cpu().numpy()) for x, y in (train, test))
    scaler = StandardScaler().fit(features)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(scaler.transform(features), labels)
    accuracy = float(np.mean(model.predict(scaler.transform(held_out)) == truth))
    low, high = wilson(accuracy, cases)
    return {
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "cases": cases,
        "guess": float(np.mean(truth == np.bincount(labels).argmax())),
        "converged": not any(issubclass(w.category, ConvergenceWarning) for w in caught),
    }


DECODABLE = 0.75  # a bit counts as held where its accuracy's lower bound is nearer to certain than to the guess


def about_features(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pools: Pools, device: torch.device) -> Iterator[Row]:
    """Each feature's class as the scenes' `questions` say: with it alone visible, with all together."""
    if probe.features == []:
        return
    drawn = {train: scenes.factors(n, torch_rng("probe", train, device=device), pools[train]) for train, n in ((True, probe.train), (False, probe.test))}
    labels = {train: scenes.labels(some) for train, some in drawn.items()}
    cases = {name: len(carrier.unique()) for name, carrier in scenes.carriers(drawn[False]).items()}
    for shown, visible, features_shown in scenes.questions():
        asked = [name for name in features_shown if probe.features is None or name in probe.features]
        held = {train: encode_scenes(method, layers, scenes, drawn[train], pools[train], visible) for train in (True, False)} if asked else {}
        rows = [
            {"feature": name, "scenes": shown} | row
            for name in asked
            for row in answers(held, {train: labels[train][name] for train in labels}, probe, layers, cases[name])
        ]
        yield from rows
        yield from over_bits(rows)


def answers(held: dict[bool, dict[str, Tensor]], labels: dict[bool, Tensor], probe: Probe, layers: list[str], cases: int) -> Iterator[Row]:
    """Every readout that the probe names, at every layer."""
    for readout in ("linear", "mlp") if probe.mlp else ("linear",):
        parameters = {"C": probe.C, "max_iter": probe.max_iter} if readout == "linear" else {"hidden": probe.mlp}
        for layer in layers:
            train, test = ((held[train][layer], labels[train]) for train in (True, False))
            yield {"probe": readout, "layer": layer} | READOUTS[readout](train, test, cases=cases, **parameters)


def over_bits(rows: list[Row]) -> Iterator[Row]:
    """`bit`, the mean over bit1, bit2, ..., and how many of them are `decodable`; its interval is that of one bit on as many cases."""
    bits = [row for row in rows if row["feature"].startswith("bit")]
    for readout, layer in dict.fromkeys((row["probe"], row["layer"]) for row in bits):
        these = [row for row in bits if (row["probe"], row["layer"]) == (readout, layer)]
        mean = {name: sum(row[name] for row in these) / len(these) for name in ("accuracy", "low", "high", "guess")}
        held = sum(row["low"] > DECODABLE for row in these)
        yield these[0] | mean | {"feature": "bit", "decodable": held, "converged": all(row["converged"] for row in these)}


READOUTS: dict[str, Callable[..., dict[str, Any]]] = {"linear": linear, "mlp": mlp}
