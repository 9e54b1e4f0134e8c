"""Patterns of bits: is what one linear map misses there within each pattern of the bits?"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from suppression import expect
from suppression.data import Scenes
from suppression.data.base import Factors
from suppression.errors import UserError
from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe, Shown
from suppression.evaluation.features import Row
from suppression.evaluation.readouts import scored
from suppression.evaluation.spec import ProbeSettings

# What is asked, by the names of their scenes.
WITHIN = "one pattern"
ACROSS = "another pattern"
MEANS_OFF = "pattern means off"
ALL = "all patterns"
Shares = dict[str, Row]


def by_pattern(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    *,
    shown: tuple[Tensor, Tensor],
    cases: int,
    C: float = 0.1,
    max_iter: int = 300,
) -> Shares:
    """How well logistic regression tells classes within, across and over patterns of the bits.

    The same pictures are shown with every pattern. Four questions, of the same features:

    - `one pattern`: fitted and tested within one pattern, the mean over patterns. At chance here
      the class is gone: no pattern of the bits leaves a linear map that tells it.
    - `another pattern`: fitted within one pattern, tested within the next one.
    - `pattern means off`: one map over all patterns, each pattern's mean taken off beforehand.
    - `all patterns`: one map over all patterns, features as they are. At chance here alone, the
      class is unreadable by one linear map while bits vary, and not gone.

    Args:
        train: Features (patterns, n, d) to fit on: picture i under each pattern.
        train_labels: Classes of the n pictures.
        test: Held-out features (patterns, m, d).
        test_labels: Classes of the m pictures.
        shown: The pattern that each picture shows where they vary, (n,) and (m,) int64.
        cases: Held-out pictures that count as independent, for the intervals.
        C: Inverse of the l2 penalty's strength; above 0.
        max_iter: Steps of L-BFGS at most; 1 or more.

    Returns:
        A row for each question: accuracy, low, high, cases, guess and converged.

    Raises:
        UserError: Features and labels do not fit together.

    Example:
        >>> x = torch.eye(2).repeat(20, 1)
        >>> y = torch.arange(2).repeat(20)
        >>> both = torch.stack([x, x.flip(1)])  # the second pattern turns the classes round
        >>> half = torch.arange(40) % 4 // 2
        >>> found = by_pattern(both, y, both, y, shown=(half, half), cases=40)
        >>> {name: row["accuracy"] for name, row in found.items()}
        {'one pattern': 1.0, 'another pattern': 0.0, 'pattern means off': 0.5, 'all patterns': 0.5}
    """
    check_by_pattern(train, train_labels, test, test_labels, shown)
    fit = Fit(C, max_iter)
    known, truth = train_labels.cpu().numpy(), test_labels.cpu().numpy()
    x, asked = train.detach().cpu().numpy(), test.detach().cpu().numpy()
    within, across = [], []
    for p in range(len(x)):
        model = fit(x[p], known)
        within.append(model.predict(asked[p]) == truth)
        across.append(model.predict(asked[(p + 1) % len(x)]) == truth)
    right = {WITHIN: np.stack(within), ACROSS: np.stack(across)}
    means = x.mean(1, keepdims=True)
    for name, off in ((MEANS_OFF, means), (ALL, np.zeros_like(means))):
        fitting, held_out = varied(x - off, shown[0]), varied(asked - off, shown[1])
        right[name] = fit(fitting, known).predict(held_out) == truth
    rows = {}
    for name, told in right.items():
        rows[name] = {**scored(told, known, truth, cases), "converged": fit.converged}
    return rows


class Fit:
    """Logistic regression on standardised features, and whether all fits so far converged."""

    def __init__(self, C: float, max_iter: int) -> None:
        self.C, self.max_iter = C, max_iter
        self.converged = True

    def __call__(self, x: np.ndarray, labels: np.ndarray) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        regression = LogisticRegression(C=self.C, max_iter=self.max_iter)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            model = make_pipeline(StandardScaler(), regression).fit(x, labels)
        if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
            self.converged = False
        return model


def varied(x: np.ndarray, shown: Tensor) -> np.ndarray:
    """Each picture under the pattern that it shows: (patterns, n, d) with (n,) -> (n, d)."""
    return x[shown.cpu().numpy(), np.arange(x.shape[1])]


def check_by_pattern(
    train: Tensor,
    train_labels: Tensor,
    test: Tensor,
    test_labels: Tensor,
    shown: tuple[Tensor, Tensor],
) -> None:
    """UserError unless these are features by pattern and picture, with labels and patterns."""
    parts = (("train", train, train_labels, shown[0]), ("test", test, test_labels, shown[1]))
    for part, x, labels, patterns in parts:
        if x.ndim != 3 or labels.shape != x.shape[1:2] or patterns.shape != labels.shape:
            raise UserError(
                f"by_pattern: {part} is {expect.kind(x)}, its labels {expect.kind(labels)}, the "
                f"patterns shown {expect.kind(patterns)}; (patterns, n, d), (n,) and (n,) are "
                "wanted"
            )
    if len(train) != len(test):
        raise UserError(f"by_pattern: {len(train)} patterns for fitting, and {len(test)} held out")


@dataclass(frozen=True)
class Patterns(Probe):
    """The picture's class within one pattern of the bits, across patterns, and over all of them.

    With bits hidden a network sees one pattern of them, all zeros. Here it is shown several, and
    every picture with each. Asked of scenes that have bits of their own, where there are any.

    Args:
        patterns: How many patterns, drawn among those that occur, 2 or more; all where there are
            fewer. None asks nothing.
    """

    name: ClassVar[str] = "patterns"
    version: ClassVar[int] = 2  # units count each pattern's answer
    switch: ClassVar[str] = "patterns"
    measures: ClassVar[dict[str, Measure]] = {"accuracy": ACCURACY}
    columns: ClassVar[dict[str, type]] = SCORED
    shown: ClassVar[Shown] = Shown(
        tag="by pattern",
        caption="by pattern: every picture is shown with each of some patterns of the bits",
        scenes={
            WITHIN: "fitted and tested within one pattern of the bits, the mean over patterns",
            ACROSS: "fitted within one pattern, tested within another",
            MEANS_OFF: "one linear map over all patterns, each pattern's mean taken off",
            ALL: "one linear map over all patterns",
        },
    )

    patterns: int | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return [name for name in features if not name.startswith("bit")]

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if self.patterns is not None and self.patterns < 2:
            raise UserError(f"patterns = {self.patterns}: two are the fewest that differ")
        if not hasattr(scenes, "bit_names"):
            raise UserError(
                f"patterns: {kind} has no bits; random_bits and coloured_digits have them"
            )

    def applies(self, asked: Asked) -> bool:
        return bool(getattr(asked.scenes, "bit_names", ()))

    def ask(self, asked: Asked) -> Iterator[Row]:
        feature = asked.scenes.features[0]  # the picture's class; bits come behind it
        drawn = {train: asked.draw(train) for train in (True, False)}
        labels = {train: some[feature] for train, some in drawn.items()}
        if not asked.told_apart({feature: labels[True]}, [feature]):
            return
        patterns = self.drawn_patterns(asked, drawn[True])
        if len(patterns) < 2:
            asked.note("the scenes that readouts are fitted on show one pattern of the bits only")
            return
        shown, held = {}, {}
        for train, some in drawn.items():
            rng = asked.rng("patterns", "shown", train)
            n = len(labels[train])
            shown[train] = torch.randint(len(patterns), (n,), generator=rng, device=rng.device)
            held[train] = [asked.encode(with_bits(some, bits), train) for bits in patterns]
        units = asked.units(drawn[False])[feature]
        for layer in asked.layers:
            rows = by_pattern(
                torch.stack([each[layer] for each in held[True]]),
                labels[True],
                torch.stack([each[layer] for each in held[False]]),
                labels[False],
                shown=(shown[True], shown[False]),
                cases=len(np.unique(units)),
                C=asked.settings.C,
                max_iter=asked.settings.max_iter,
            )
            for scenes, row in rows.items():
                row["units"] = row["units"].regrouped(units)
                where = {"feature": feature, "scenes": scenes, "probe": self.name, "layer": layer}
                yield {**where, **row}

    def drawn_patterns(self, asked: Asked, drawn: Factors) -> Tensor:
        """Some of the patterns that the scenes show, (patterns, bits), each once."""
        there = drawn["bits"].unique(dim=0)
        rng = asked.rng("patterns", "which")
        order = torch.randperm(len(there), generator=rng, device=rng.device)
        return there[order[: self.patterns]]


def with_bits(drawn: Factors, bits: Tensor) -> Factors:
    """The same pictures, all with this pattern."""
    return drawn | {"bits": bits.expand(len(drawn["bits"]), -1)}
