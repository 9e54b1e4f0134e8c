"""Whether frozen features tell what was done to a whole picture (SimCLR, Table 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from suppression.data import Scenes
from suppression.data.base import Factors
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import unknown
from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe
from suppression.evaluation.features import Row, encode, in_parts
from suppression.evaluation.readouts import answers
from suppression.evaluation.spec import ProbeSettings

# What is done to which share of the pictures, so that guessing is right on 80, 25, 50, 50 %
# (SimCLR, Table 4).
TRANSFORMATIONS: dict[str, dict[str, Any]] = {
    "gray": {"gray": 0.2},
    "rotation": {"quarter": 1.0},
    "noise": {"noise": 0.5},
    "sobel": {"sobel": 0.5},
}


@dataclass(frozen=True)
class Transformations(Probe):
    """What was done to a whole scene, each transformation on its share of the pictures.

    All readouts that are switched on are asked (SimCLR, Table 4, and appendix B.7).

    Args:
        transformations: Which of gray, rotation, noise, sobel are asked for; None for none.
    """

    name: ClassVar[str] = "transformations"
    switch: ClassVar[str] = "transformations"
    measures: ClassVar[dict[str, Measure]] = {"accuracy": ACCURACY}
    columns: ClassVar[dict[str, type]] = SCORED

    transformations: list[str] | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(self.transformations or [])

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        for name in self.transformations or []:
            if name not in TRANSFORMATIONS:
                raise unknown("there is no transformation", name, TRANSFORMATIONS)

    def ask(self, asked: Asked) -> Iterator[Row]:
        for name in self.transformations or []:
            held, labels, units = {}, {}, None
            for train in (True, False):
                rng = asked.rng("transformation", name, train)
                drawn = asked.scenes.factors(asked.count(train), rng, asked.pools[train])
                if not train:
                    units = fewest(asked.units(drawn))
                views, how = transformed(name, asked, len_of(drawn), rng)
                labels[train] = label_of(name, how)
                pictures = seen(asked, drawn, views, how, train)
                held[train] = encode(asked.method, asked.layers, pictures)
            assert units is not None
            for row in answers(asked.readouts, asked, name, held, labels, units):
                yield {"feature": name, "scenes": "transformed", **row}


def fewest(units: dict[str, np.ndarray]) -> np.ndarray:
    """Those of the units of each feature, (n,), that are fewest: what was done is of no feature."""
    return min(units.values(), key=lambda unit: len(np.unique(unit)))


def transformed(
    name: str, asked: Asked, n: int, rng: Any
) -> tuple[Augmentation, dict[str, Tensor]]:
    """The transformation as an augmentation of whole scenes, and what it does to each of n."""
    views = Augmentation(area_min=1.0, aspect=1.0, **TRANSFORMATIONS[name])
    channels = asked.scenes.channels - asked.scenes.planes
    return views, views.draw(n, asked.scenes.canvas, rng, channels=channels)


def label_of(name: str, how: dict[str, Tensor]) -> Tensor:
    """What was done to each picture, int64 (n,)."""
    (parameter,) = TRANSFORMATIONS[name]
    return how[parameter].long()


def len_of(drawn: Factors) -> int:
    return len(next(iter(drawn.values())))


def seen(
    asked: Asked, drawn: Factors, views: Augmentation, how: dict[str, Tensor], train: bool
) -> Iterator[Tensor]:
    """The scenes with the transformation applied."""
    for some, done in zip(in_parts(drawn), in_parts(how), strict=True):
        x = asked.scenes.render(some, asked.pools[train])
        yield asked.scenes.append(views.apply(x, done), some)
