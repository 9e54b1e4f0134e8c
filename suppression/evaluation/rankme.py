"""RankMe: in how many directions frozen features vary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from suppression import expect
from suppression.evaluation.base import RANK, Asked, Measure, Probe, Shown
from suppression.evaluation.features import Row

SUBJECT, SCENES = "representation", "held out"


def rankme(features: Tensor) -> float:
    """exp of the entropy of the singular values (RankMe; Garrido et al. 2023, equation 1).

    Unlike `effective_rank`, which is told of pairs, it takes the vectors as they are: how long they
    are counts.

    Args:
        features: Vectors (n, d).

    Returns:
        The effective rank, 1 (all on one line) to min(n, d); 1 also where all are zero.

    Example:
        >>> round(rankme(torch.eye(4)), 6)
        4.0
    """
    expect.vectors("rankme", features=features)
    values = torch.linalg.svdvals(features.double())
    share = values / values.sum().clamp(min=torch.finfo(values.dtype).tiny)
    return torch.special.entr(share).sum().exp().item()


@dataclass(frozen=True)
class RankMe(Probe):
    """The effective rank of every layer on held-out scenes, of which there are `test`.

    Args:
        rankme: Whether to ask; None asks nothing.
    """

    name: ClassVar[str] = "rankme"
    switch: ClassVar[str] = "rankme"
    measures: ClassVar[dict[str, Measure]] = {"rank": RANK}
    columns: ClassVar[dict[str, type]] = {"rank": float, "cases": int}
    shown: ClassVar[Shown] = Shown(
        tag="rankme",
        scenes={SCENES: "held-out scenes, all of their features visible"},
        beside={SUBJECT: ("rank",)},
    )

    rankme: bool | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return [SUBJECT]

    def ask(self, asked: Asked) -> Iterator[Row]:
        held = asked.encode(asked.draw(False), False)
        for layer, features in held.items():
            row = {"feature": SUBJECT, "scenes": SCENES, "probe": self.name, "layer": layer}
            yield {**row, "rank": rankme(features), "cases": len(features)}
