"""kNN probe: the vote of the nearest neighbours of a frozen feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from suppression import expect
from suppression.data import Scenes
from suppression.errors import UserError
from suppression.evaluation.base import Shown
from suppression.evaluation.features import Row
from suppression.evaluation.readouts import Labelled, Readout, check_labelled, scored
from suppression.evaluation.spec import ProbeSettings

AT_ONCE = 1000  # held-out vectors that are compared with all others at a time


def knn(
    train: Labelled, test: Labelled, *, cases: int, k: int = 20, tau: float | None = None
) -> Row:
    """Top-1 accuracy of the k nearest neighbours by cosine (Wu et al. 2018, section 3.4).

    Nothing is fitted, so that it says how the features lie, not what can be made of them. Of
    classes with equally many votes the first one wins.

    Args:
        train: Features (n, d) and labels (n,) of the neighbours.
        test: Held-out features and labels.
        cases: Test pictures that count as independent for the interval.
        k: Neighbours that vote; 1 to n.
        tau: Temperature of the votes, exp(cosine / tau), above 0 (the paper's is 0.07); None lets
            all neighbours count the same.

    Returns:
        One row: accuracy, low, high, cases, guess, and `units`, which pictures were told rightly.

    Example:
        >>> data = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), torch.tensor([0, 0, 1])
        >>> knn(data, data, cases=3, k=1)["accuracy"]
        1.0
    """
    check_labelled("knn", train, test, cases)
    expect.whole("knn", least=1, k=k)
    if k > len(train[0]):
        raise UserError(f"knn: k = {k}: of {len(train[0])} neighbours 1 to all can vote")
    if tau is not None:
        expect.positive("knn", tau=tau)
    features, labels = train
    held_out, truth = test
    told = vote(normalize(features, dim=1), labels, normalize(held_out, dim=1), k=k, tau=tau)
    right = (told == truth).cpu().numpy()
    return scored(right, labels.cpu().numpy(), truth.cpu().numpy(), cases)


def vote(known: Tensor, labels: Tensor, asked: Tensor, *, k: int, tau: float | None) -> Tensor:
    """The class that the nearest of the `known` unit vectors (n, d) give each of `asked`, (m,)."""
    told = []
    classes = int(labels.max()) + 1
    for some in asked.split(AT_ONCE):
        cosine, nearest = (some @ known.T).topk(k, dim=1)  # (m, k)
        weight = torch.ones_like(cosine) if tau is None else (cosine / tau).exp()
        votes = torch.zeros(len(some), classes, device=some.device, dtype=weight.dtype)
        told.append(votes.scatter_add_(1, labels[nearest], weight).argmax(1))
    return torch.cat(told)


@dataclass(frozen=True)
class KNN(Readout):
    """The nearest neighbours' vote on l2-normalised features.

    Args:
        knn: Neighbours that vote; 1 to train. None asks nothing.
        knn_tau: Temperature of their votes, above 0; None lets all count the same.
    """

    name: ClassVar[str] = "knn"
    switch: ClassVar[str] = "knn"
    shown: ClassVar[Shown] = Shown(
        tag="knn",
        caption="knn: the vote of the nearest neighbours by cosine",
        beside=Readout.shown.beside,
    )

    knn: int | None = None
    knn_tau: float | None = None

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        k = self.knn or 0
        if not 1 <= k <= settings.train:
            raise UserError(f"knn = {k}: of {settings.train} neighbours 1 to all can vote")
        if self.knn_tau is not None and not self.knn_tau > 0:
            raise UserError(f"knn_tau = {self.knn_tau} is not above 0")

    def read(self, train: Labelled, test: Labelled, *, cases: int) -> Row:
        assert self.knn is not None
        return knn(train, test, cases=cases, k=self.knn, tau=self.knn_tau)
