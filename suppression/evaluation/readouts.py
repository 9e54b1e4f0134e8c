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

MORE_STEPS = 4  # times as many, where a fit did not converge

DECODABLE = 0.75  # a bit is held where its lower bound is nearer to certain than to the guess


class Unfit(UserError):
    """A readout cannot be fitted on these features."""


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
            scores = answers(readouts, asked, name, held, known, units[name])
            rows += [{"feature": name, "scenes": kind, **row} for row in scores]
        yield from rows
        yield from over_bits(rows)


def answers(
    readouts: Sequence[Readout],
    asked: Asked,
    feature: str,
    held: Held,
    labels: dict[bool, Tensor],
    units: np.ndarray,
) -> Iterator[Row]:
    """One question to every readout at every layer; those that cannot be fitted are told.

    `units` (n,) are the instances behind the held-out scenes.
    """
    if not asked.told_apart({feature: labels[True]}, [feature], of_its_own=True):
        return
    cases = len(np.unique(units))
    for readout in readouts:
        for layer in asked.layers:
            train = held[True][layer], labels[True]
            test = held[False][layer], labels[False]
            try:
                score = readout.read(train, test, cases=cases)
            except Unfit as error:
                asked.note(f"'{feature}' at {layer} is left out: {readout.name}: {error}")
                continue
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
            mean |= convergence(all(row["converged"] for row in bits))
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

    `right` (n,) says which of the held-out `labels` (n,) were told rightly, or (m, n) in each of m
    questions about the same pictures; the most frequent class is that of `train_labels`. `units` in
    the row are the pictures, each by itself.
    """
    asked = np.atleast_2d(right)
    accuracy = float(np.mean(right))
    low, high = wilson(accuracy, cases)
    guess = float(np.mean(labels == np.bincount(train_labels).argmax()))
    score = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": guess}
    return {**score, "units": Units.of(np.arange(len(labels)), asked.sum(0), len(asked))}


def fitted(model: Any, train: Labelled, test: Labelled, cases: int) -> Row:
    """A scikit-learn classifier on standardised features, and whether its fit converged.

    Raises:
        Unfit: if it cannot be fitted.
    """
    features, labels = as_numpy(train)
    held_out, truth = as_numpy(test)
    x, asked = standardised(features, held_out)
    converged = fit(model, x, labels)
    right = model.predict(asked) == truth
    return {**scored(right, labels, truth, cases), **convergence(converged)}


def standardised(features: np.ndarray, held_out: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with the means and the standard deviations of the first; `Unfit` if these are none."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    both = scaler.transform(features), scaler.transform(held_out)
    if not all(np.isfinite(x).all() for x in both):
        raise Unfit("the features are too small to be standardised")
    return both


def fit(model: Any, x: np.ndarray, labels: np.ndarray) -> bool:
    """Fit a scikit-learn classifier, once more with more steps if need be: whether it converged.

    Raises:
        Unfit: if it cannot be fitted.
    """
    from sklearn.exceptions import ConvergenceWarning

    steps = model.max_iter
    for times in (1, MORE_STEPS):
        model.set_params(max_iter=times * steps)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            try:
                model.fit(x, labels)
            except ValueError as error:  # what it lacks of this data only scikit-learn knows
                reason = str(error).splitlines()[0]
                raise Unfit(f"it cannot be fitted on {len(x)} pictures ({reason})") from error
        if not any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            return True
    return False


def convergence(converged: bool) -> Row:
    """The columns that tell whether a fit converged, and that one which did not was retried."""
    return {"converged": True} if converged else {"converged": False, "retried": True}


def to_be_retried(rows: Sequence[Row]) -> bool:
    """Whether rows have a fit that did not converge, from before such fits were retried."""
    return any(row.get("converged") is False and not row.get("retried") for row in rows)


def as_numpy(data: Labelled) -> tuple[np.ndarray, np.ndarray]:
    features, labels = data
    return features.detach().cpu().numpy(), labels.cpu().numpy()
