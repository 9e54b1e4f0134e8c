"""MLP probe: what a perceptron with one hidden layer tells from frozen features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from suppression import expect
from suppression.data import Scenes
from suppression.errors import UserError
from suppression.evaluation.base import Shown
from suppression.evaluation.features import Row
from suppression.evaluation.readouts import Labelled, Readout, check_labelled, fitted
from suppression.evaluation.spec import ProbeSettings


def mlp(train: Labelled, test: Labelled, *, cases: int, hidden: int = 128) -> Row:
    """As `linear`, by a perceptron with one hidden layer.

    ReLU and Adam; the weights that are best on a tenth of `train` held back for that. What it reads
    and `linear` does not is hidden from a linear readout, not erased.

    Args:
        train: Features (n, d) and labels (n,) to fit on.
        test: Held-out features and labels.
        cases: Test pictures that count as independent for the interval.
        hidden: Hidden units; 1 or more.

    Returns:
        One row, as that of `linear`.

    Example:
        >>> import torch
        >>> x, y = torch.tensor([[0.0], [9.0]]).repeat(60, 1), torch.tensor([0, 1]).repeat(60)
        >>> mlp((x, y), (x, y), cases=120, hidden=8)["guess"]
        0.5
    """
    check_labelled("mlp", train, test, cases)
    expect.whole("mlp", least=1, hidden=hidden)
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        (hidden,),
        batch_size=100,
        early_stopping=True,
        n_iter_no_change=30,
        max_iter=200,
        random_state=0,
    )
    return fitted(model, train, test, cases)


@dataclass(frozen=True)
class MLP(Readout):
    """A perceptron on frozen features, beside the linear readout.

    Args:
        mlp: Hidden units; 1 or more. None asks nothing.
    """

    name: ClassVar[str] = "mlp"
    switch: ClassVar[str] = "mlp"
    shown: ClassVar[Shown] = Shown(
        tag="mlp",
        panel_of="linear",
        legend="mlp readout instead of a linear one",
        caption="mlp: one hidden layer instead",
        beside=Readout.shown.beside,
    )

    mlp: int | None = None

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if self.mlp is not None and self.mlp < 1:
            raise UserError(f"mlp = {self.mlp}: one hidden unit is the least")

    def read(self, train: Labelled, test: Labelled, *, cases: int) -> Row:
        assert self.mlp is not None
        return mlp(train, test, cases=cases, hidden=self.mlp)
