"""Readouts: probes that tell labels from features, and the questions that all of them are asked."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from suppression import expect
from suppression.errors import UserError
from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe, Shown
from suppression.evaluation.features import Held, Row
from suppression.metrics.intervals import wilson
from suppression.metrics.units import Units, summed

Labelled = tuple[Tensor, Tensor]  # features (n, d), labels (n,)

DECODABLE = 0.75  # a bit is held where its lower bound is nearer to certain than to the guess


class Readout(Probe):
    """A probe that is fitted on features with labels and tells those of other features.

    A subclass says how in `read`; what is asked, of which scenes and at which layers, is the same
    for all: each feature with it alone visible and with all together, the mean over bits, and what
    was done to pictures where `transformations` are asked for.
    """

    measures: ClassVar[dict[str, Measure]] = {
        "accuracy": ACCURACY,
        "decodable": Measure("bits held"),
    }
    columns: ClassVar[dict[str, type]] = {**SCORED, "decodable": int}
    shown: ClassVar[Shown] = Shown(beside={"bit": ("decodable",)})

    @abstractmethod
    def read(self, train: Labelled, test: Labelled, *, cases: int) -> Row:
        """Fit on `train`, score on `test`.

        Args:
            train: Features (n, d) and labels (n,) to fit on.
            test: Held-out features and labels.
            cases: Held-out pictures that count as independent, for the interval.

        Returns:
            The columns accuracy, low, high, cases and guess, all shares in [0, 1] but `cases`, and
            `units`, which pictures were told rightly; without them intervals are over seeds alone.
        """

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def ask(self, asked: Asked) -> Iterator[Row]:
        yield from about_features(asked, [self])


def about_features(asked: Asked, readouts: Sequence[Readout]) -> Iterator[Row]:
    """Each feature's class, by every readout, as the scenes' `questions` say.

    Readouts take turns at each question, so that pictures are drawn and encoded once for all.
    """
    if asked.settings.features == []:
        return
    drawn = {train: asked.draw(train) for train in (True, False)}
    labels = {train: asked.scenes.labels(some) for train, some in drawn.items()}
    units = asked.units(drawn[False])
    for kind, visible, visible_features in asked.scenes.questions():
        names = asked.told_apart(labels[True], visible_features)
        if not names:
            continue
        held = {train: asked.encode(some, train, visible) for train, some in drawn.items()}
        rows = []
        for name in names:
            known = {train: some[name] for train, some in labels.items()}
            scores = answers(readouts, asked.layers, held, known, units[name])
            rows += [{"feature": name, "scenes": kind, **row} for row in scores]
        yield from rows
        yield from over_bits(rows)


def answers(
    readouts: Sequence[Readout],
    layers: Sequence[str],
    held: Held,
    labels: dict[bool, Tensor],
    units: np.ndarray,
) -> Iterator[Row]:
    """One question to every readout at every layer.

    `units` (n,) are the instances behind the held-out scenes.
    """
    cases = len(np.unique(units))
    for readout in readouts:
        for layer in layers:
            train = held[True][layer], labels[True]
            test = held[False][layer], labels[False]
            score = readout.read(train, test, cases=cases)
            if "units" in score:
                score["units"] = score["units"].regrouped(units)
            yield {"probe": readout.name, "layer": layer, **score}


def over_bits(rows: list[Row]) -> Iterator[Row]:
    """`bit`, the mean over bit1, bit2, ..., and how many of them are `decodable`.

    Its interval is that of one bit on as many cases.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["feature"].startswith("bit"):
            groups.setdefault((row["probe"], row["layer"]), []).append(row)
    for bits in groups.values():
        mean = dict(bits[0])
        for name in ("accuracy", "low", "high", "guess"):
            mean[name] = sum(row[name] for row in bits) / len(bits)
        mean["feature"] = "bit"
        if all("units" in row for row in bits):
            mean["units"] = summed([row["units"] for row in bits])
        mean["decodable"] = sum(row["low"] > DECODABLE for row in bits)
        if "converged" in mean:
            mean["converged"] = all(row["converged"] for row in bits)
        yield mean


def check_labelled(who: str, train: Any, test: Any, cases: Any) -> None:
    """UserError unless these are features with labels, and held-out ones of the same width."""
    expect.whole(who, least=1, cases=cases)
    for part, data in (("train", train), ("test", test)):
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise UserError(
                f"{who}: {part} is {expect.kind(data)}; a pair is wanted, features (n, d) and "
                "labels (n,)"
            )
        features, labels = data
        expect.vectors(who, **{f"{part}[0]": features})
        n, what = len(features), expect.kind(labels)
        if not isinstance(labels, Tensor) or labels.dtype not in (torch.int32, torch.int64):
            raise UserError(f"{who}: {part}[1] is {what}; labels ({n},) int64 are wanted")
        if labels.shape != (n,) or labels.min() < 0:
            raise UserError(f"{who}: {part}[1] is {what}; {n} labels, 0 or more, are wanted")
        if features.dtype == torch.bfloat16:
            raise UserError(f"{who}: {part}[0] is bfloat16; float32 is wanted: features.float()")
        if not features.isfinite().all():
            raise UserError(f"{who}: {part}[0] has NaN or infinity; finite features are wanted")
    d, held_out = train[0].shape[1], test[0].shape[1]
    if d != held_out:
        raise UserError(f"{who}: features of {d} numbers for fitting, and {held_out} held out")


def scored(right: np.ndarray, train_labels: np.ndarray, labels: np.ndarray, cases: int) -> Row:
    """Accuracy with Wilson's interval, and what naming the most frequent class would score.

    `right` (n,) says which of the held-out `labels` (n,) were told rightly; the most frequent class
    is that of `train_labels`. `units` in the row are the pictures, each by itself.
    """
    accuracy = float(np.mean(right))
    low, high = wilson(accuracy, cases)
    guess = float(np.mean(labels == np.bincount(train_labels).argmax()))
    score = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": guess}
    return {**score, "units": Units.of(np.arange(len(right)), right)}


def fitted(model: Any, train: Labelled, test: Labelled, cases: int) -> Row:
    """A scikit-learn classifier on standardised features, and whether its fit converged."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    features, labels = as_numpy(train)
    held_out, truth = as_numpy(test)
    scaler = StandardScaler().fit(features)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(scaler.transform(features), labels)
    right = model.predict(scaler.transform(held_out)) == truth
    warned = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return {**scored(right, labels, truth, cases), "converged": not warned}


def as_numpy(data: Labelled) -> tuple[np.ndarray, np.ndarray]:
    features, labels = data
    return features.detach().cpu().numpy(), labels.cpu().numpy()
