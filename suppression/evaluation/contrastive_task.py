"""Contrastive task: how a frozen network solves it, and whether its outputs have collapsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from suppression.data import Scenes
from suppression.data.base import Factors
from suppression.data.two_views import two_views
from suppression.errors import UserError
from suppression.evaluation.base import (
    ACCURACY,
    RANK,
    SCORED,
    Asked,
    Measure,
    Probe,
    Shown,
    units_of,
)
from suppression.evaluation.features import AT_ONCE, Row, encode
from suppression.evaluation.spec import ProbeSettings
from suppression.metrics.intervals import wilson
from suppression.metrics.representation import contrastive_metrics, effective_rank

Contrast = Callable[[Tensor, Tensor], dict[str, Tensor]]


def pairs(
    first: Tensor, second: Tensor, *, cases: int, contrast: Contrast | None = None
) -> dict[str, float | int]:
    """One row on a network's outputs for two views of the same pictures.

    Args:
        first: Outputs of the first views, (n, d): projections, or h where there is no head.
        second: Outputs of the second views.
        cases: Pictures that count as independent for the interval of the accuracy.
        contrast: What the method says of projections; None where there is no head.

    Returns:
        `accuracy` of the contrastive task among these pictures, with `low`, `high`, `cases` and
        `guess` (one among 2n - 1); `entropy` of its softmax in nats, where there is a head (SimCLR,
        Table 5); `spread`, `distance` (of positives, squared) and `uniformity` as in
        `contrastive_metrics`; `rank` as in `effective_rank`.

    Example:
        >>> row = pairs(torch.eye(3), torch.eye(3), cases=3)
        >>> row["accuracy"], row["guess"]
        (1.0, 0.2)
    """
    found = contrast(first, second) if contrast else contrastive_metrics(first, second, tau=1.0)
    values = {name: value.item() for name, value in found.items()}
    accuracy = values.pop("contrast_accuracy")
    entropy = values.pop("contrast_entropy")
    # "alignment" is a parameter of the generalised losses, and rows have the parameters, too
    values["distance"] = values.pop("alignment")
    low, high = wilson(accuracy, cases)
    guess = 1 / (2 * len(first) - 1)
    row = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": guess}
    if contrast:
        row["entropy"] = entropy
    return {**row, **values, "rank": effective_rank(torch.cat([first, second]))}


@dataclass(frozen=True)
class ContrastiveTask(Probe):
    """The contrastive task on held-out scenes, each in two of the views of training.

    Nothing is asked of a network that was shown no views.

    Args:
        contrast: How many scenes; 2 or more. None asks nothing.
    """

    name: ClassVar[str] = "contrast"
    switch: ClassVar[str] = "contrast"
    measures: ClassVar[dict[str, Measure]] = {
        "accuracy": replace(ACCURACY, title="contrastive accuracy"),
        "entropy": Measure("entropy, nats", title="entropy of the softmax"),
        "spread": Measure(
            "std of normalised outputs times sqrt(d)",
            title="spread of z, dotted: spread out",
            digits=2,
            floor=1.0,
        ),
        "rank": replace(RANK, title="effective rank of z, dotted: one direction"),
    }
    columns: ClassVar[dict[str, type]] = {
        **SCORED,
        "entropy": float,
        "spread": float,
        "rank": float,
        "distance": float,
        "uniformity": float,
        "directions": float,  # of records that were made before `rank` stood in its place
    }
    shown: ClassVar[Shown] = Shown(
        scenes={"views": "held-out pictures, each in two of the views of training"},
        beside={"pairs": ("entropy", "spread", "rank")},
        layers=("output",),
    )

    contrast: int | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return ["pairs"]

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if self.contrast is not None and self.contrast < 2:
            raise UserError(f"contrast = {self.contrast}: two scenes are the least")

    def applies(self, asked: Asked) -> bool:
        return asked.views is not None

    def ask(self, asked: Asked) -> Iterator[Row]:
        assert asked.views is not None
        rng, pool = asked.rng("pairs"), asked.pools[False]
        drawn = self.drawn(asked, rng)
        views = two_views(asked.whole, asked.views.global_only, drawn, pool, rng)
        output = "z" if asked.method.has_z else "h"
        outputs = [encode(asked.method, [output], x.split(AT_ONCE))[output] for x in views]
        units = units_of(asked.whole, drawn, pool).values()
        cases = min(len(np.unique(unit)) for unit in units)
        contrast = getattr(asked.method, "contrast", None)
        row = {"feature": "pairs", "scenes": "views", "probe": self.name, "layer": "output"}
        yield {**row, **pairs(*outputs, cases=cases, contrast=contrast)}

    def drawn(self, asked: Asked, rng: torch.Generator) -> Factors:
        """The scenes; where a scene is an instance, each of them once.

        Nothing could tell a picture's twin from its other view.
        """
        assert self.contrast is not None
        scenes, pool = asked.whole, asked.pools[False]
        if type(scenes).of_instances is Scenes.of_instances:
            return scenes.factors(self.contrast, rng, pool)
        order = torch.randperm(len(pool), generator=rng, device=asked.device)
        return scenes.of_instances(order[: self.contrast], pool)
