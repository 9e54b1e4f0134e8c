"""Linear evaluation: logistic regression on standardised, frozen features."""

from __future__ import annotations

import hashlib
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from suppression.stats import wilson

VERSION = 1
Labelled = tuple[Tensor, Tensor]


def linear(train: Labelled, test: Labelled, *, cases: int, C: float = 0.1, max_iter: int = 300) -> dict[str, object]:
    """Top-1 accuracy of logistic regression (L-BFGS, l2 penalty 1/C) on standardised features, one row.

    `train` and `test` are features (n, d) with labels (n,): encoded once, they serve every question about the same pictures. `cases` is how many of the
    test pictures count as independent for Wilson's 95 % interval: pictures of one digit instance at several places are not, so it is the number of
    distinct instances.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, labels = train[0].cpu().numpy(), train[1].cpu().numpy()
    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=C, max_iter=max_iter)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(scaler.transform(features), labels)
    predicted = model.predict(scaler.transform(test[0].cpu().numpy()))
    accuracy = float(np.mean(predicted == test[1].cpu().numpy()))
    low, high = wilson(accuracy, cases)
    return {
        "accuracy": accuracy,
        "low": low,
        "high": high,
        "cases": cases,
        "converged": not any(issubclass(w.category, ConvergenceWarning) for w in caught),
    }


def fingerprint(module: nn.Module) -> str:
    """sha256 of every weight and buffer, batch-norm statistics included: equal before and after a probe, or the encoder was not frozen."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def features(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Features of pictures at `h` and at each block group (its maps averaged over places), float32 (n, d), in evaluation mode; `module` is left as it was."""
    was_training = module.training
    module.eval()
    try:
        taps = module.taps(x)  # type: ignore[operator]
    finally:
        module.train(was_training)
    return {layer: (tap.mean((2, 3)) if tap.ndim == 4 else tap).float() for layer, tap in taps.items()}
