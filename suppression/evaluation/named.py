"""Named classes: which classes frozen features hold of a picture of several objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe, Shown
from suppression.evaluation.features import Row, encode_scenes
from suppression.evaluation.readouts import (
    Labelled,
    Unfit,
    as_numpy,
    convergence,
    fit,
    standardised,
)
from suppression.metrics.intervals import wilson
from suppression.metrics.units import Units


@dataclass(frozen=True)
class NamedClasses:
    """What was named on n pictures of k objects.

    Args:
        hits: Whether each object's class was named, (n, k) bool.
        guess: How often guessing is right, in [0, 1].
        converged: Whether the fits of all classes converged.
    """

    hits: Tensor
    guess: float
    converged: bool

    def row(self, objects: Sequence[int], cases: int) -> Row:
        """The recall of these of the k objects, with Wilson's interval on so many cases."""
        accuracy = self.hits[:, list(objects)].double().mean().item()
        low, high = wilson(accuracy, cases)
        score = {"accuracy": accuracy, "low": low, "high": high, "cases": cases}
        return {**score, "guess": self.guess, **convergence(self.converged)}


def named(
    train: Labelled, test: Labelled, *, classes: int = 10, C: float = 0.1, max_iter: int = 300
) -> NamedClasses:
    """Name k classes on each picture of k objects: whether each object's class is among them.

    For every class a logistic regression on standardised features is asked whether an object of it
    is there; the k classes whose answers are surest are named. Which object a class belongs to is
    not asked: so there is an answer where objects cannot be told apart, and it is exact where
    several are of one class, which then is named, or not, for each of them. Guessing is right for
    k / classes of the objects.

    Args:
        train: Features (n, d) to fit on, and the classes of the objects, (n, k) int64.
        test: Held-out features and classes.
        classes: Number of classes, 2 or more.
        C: Inverse of the penalty's strength; above 0.
        max_iter: Steps of L-BFGS at most; 1 or more.

    Returns:
        What was named; its `row` is the recall of some of the objects.

    Example:
        >>> import torch
        >>> shown = torch.tensor([[0, 1], [2, 1], [2, 2], [0, 0]]).repeat(10, 1)
        >>> features = torch.zeros(40, 3).scatter_(1, shown, 1.0)
        >>> named((features, shown), (features, shown), classes=3).row([0], cases=40)["accuracy"]
        1.0
    """
    held_out, truth = test
    sure, converged = sureness(train, held_out, classes=classes, C=C, max_iter=max_iter)
    guess = min(1.0, truth.shape[1] / classes)
    return NamedClasses(recalled(sure, truth), guess, converged)


def recalled(sure: Tensor, truth: Tensor) -> Tensor:
    """Whether each object's class is among the k surest ones, (n, k) bool.

    Args:
        sure: How sure each class is, (n, classes).
        truth: The objects' classes, (n, k).
    """
    k = min(truth.shape[1], sure.shape[1])
    surest = sure.topk(k, 1).indices
    is_named = torch.zeros_like(sure, dtype=torch.bool).scatter_(1, surest, value=True)
    return is_named.gather(1, truth)


def sureness(
    train: Labelled, held_out: Tensor, *, classes: int, C: float, max_iter: int
) -> tuple[Tensor, bool]:
    """Log-odds that a class is on a held-out picture, (n, classes), and whether all converged.

    A class that is on all pictures to fit on, or on none, has the log-odds of that, half a picture
    being added to both sides.
    """
    from sklearn.linear_model import LogisticRegression

    features, labels = as_numpy(train)
    x, asked = standardised(features, held_out.cpu().numpy())
    is_there = np.zeros((len(x), classes), dtype=bool)
    np.put_along_axis(is_there, labels, values=True, axis=1)
    sure = np.empty((len(asked), classes))
    converged = True
    for c in range(classes):
        yes = int(is_there[:, c].sum())
        if 0 < yes < len(x):
            model = LogisticRegression(C=C, max_iter=max_iter)
            converged = fit(model, x, is_there[:, c]) and converged
            sure[:, c] = model.decision_function(asked)
        else:
            sure[:, c] = np.log((yes + 0.5) / (len(x) - yes + 0.5))
    return torch.from_numpy(sure).to(held_out.device), converged


@dataclass(frozen=True)
class Named(Probe):
    """As many classes as there are objects, named on scenes that show all of them.

    It is asked where scenes show several objects of the same classes, also where no object can be
    told from another; fits have the linear readout's `C` and `max_iter`. Objects that have one
    feature together have one row, the mean of theirs.

    Args:
        named: Whether to ask; None asks nothing.
    """

    name: ClassVar[str] = "named"
    switch: ClassVar[str] = "named"
    measures: ClassVar[dict[str, Measure]] = {
        "accuracy": dataclasses.replace(ACCURACY, label="recall of the object's class, %"),
    }
    columns: ClassVar[dict[str, type]] = SCORED
    shown: ClassVar[Shown] = Shown(
        tag="named",
        caption="named: as many classes are named as there are objects; how often each one's is",
    )

    named: bool | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def applies(self, asked: Asked) -> bool:
        return len(getattr(asked.whole, "objects", ())) > 1  # `evaluate` takes less than Scenes

    def ask(self, asked: Asked) -> Iterator[Row]:
        scenes, wanted = asked.whole, asked.settings.features
        held, labels = {}, {}
        for train in (True, False):
            pool = asked.pools[train]
            drawn = scenes.factors(asked.count(train), asked.rng("probe", train), pool)
            labels[train], carriers = scenes.of_objects(drawn)  # the held-out ones last
            held[train] = encode_scenes(asked.method, asked.layers, scenes, drawn, pool, None)
        classes = len(scenes.classes(asked.pools[False])[scenes.objects[0]])
        for layer in asked.layers:
            known, test = (held[True][layer], labels[True]), (held[False][layer], labels[False])
            C, max_iter = asked.settings.C, asked.settings.max_iter
            try:
                told = named(known, test, classes=classes, C=C, max_iter=max_iter)
            except Unfit as error:
                asked.note(f"what is named at {layer} is left out: {error}")
                continue
            for feature in scenes.features:
                if wanted is not None and feature not in wanted:
                    continue
                these = [j for j, name in enumerate(scenes.objects) if name == feature]
                row = {"feature": feature, "scenes": "together", "probe": self.name}
                shown = carriers[:, these]
                score = told.row(these, len(shown.unique()))
                units = Units.of(shown.flatten().cpu(), told.hits[:, these].flatten().cpu())
                yield {**row, "layer": layer, **score, "units": units}
