"""Linear probe: what logistic regression tells from frozen features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from suppression import expect
from suppression.data import Scenes
from suppression.errors import UserError
from suppression.evaluation.features import Row
from suppression.evaluation.readouts import Labelled, Readout, check_labelled, fitted
from suppression.evaluation.spec import ProbeSettings


def linear(
    train: Labelled, test: Labelled, *, cases: int, C: float = 0.1, max_iter: int = 300
) -> Row:
    """Top-1 accuracy of logistic regression (L-BFGS, l2 penalty) on standardised features.

    Args:
        train: Features (n, d) and labels (n,) to fit on; encoded once, they serve every question
            about the same pictures.
        test: Held-out features and labels.
        cases: Test pictures that count as independent for Wilson's 95 % interval: pictures of one
            digit instance at several places do not, so it is the number of distinct instances.
        C: Inverse of the penalty's strength; above 0.
        max_iter: Steps of L-BFGS at most; 1 or more.

    Returns:
        One row: accuracy, low, high, cases, guess (what naming the class most frequent in `train`
        would score), converged, and `units`, which of the pictures were told rightly.

    Example:
        >>> import torch
        >>> x, y = torch.tensor([[0.0], [1.0]]).repeat(20, 1), torch.tensor([0, 1]).repeat(20)
        >>> linear((x, y), (x, y), cases=40)["accuracy"]
        1.0
    """
    check_labelled("linear", train, test, cases)
    expect.positive("linear", C=C)
    expect.whole("linear", least=1, max_iter=max_iter)
    from sklearn.linear_model import LogisticRegression

    return fitted(LogisticRegression(C=C, max_iter=max_iter), train, test, cases)


@dataclass(frozen=True)
class Linear(Readout):
    """Logistic regression on frozen features; always asked, unless there are no `features`.

    Args:
        C: Inverse of the l2 penalty's strength; above 0.
        max_iter: Steps of L-BFGS at most; 1 or more.
    """

    name: ClassVar[str] = "linear"

    C: float = 0.1
    max_iter: int = 300

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if not self.C > 0:
            raise UserError(f"C = {self.C} is not above 0")
        if self.max_iter < 1:
            raise UserError(f"max_iter = {self.max_iter}: one step is the least")

    def read(self, train: Labelled, test: Labelled, *, cases: int) -> Row:
        return linear(train, test, cases=cases, C=self.C, max_iter=self.max_iter)
