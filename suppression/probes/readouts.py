"""Readouts: what can be told from frozen features, by a linear classifier and by one with a hidden layer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from torch import Tensor

from suppression.stats import wilson

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
