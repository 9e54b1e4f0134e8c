"""Learning curves: the readouts, asked of the weights that a training kept on its way."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from suppression.data import Scenes
from suppression.errors import UserError
from suppression.evaluation.base import Asked, Measure, Probe
from suppression.evaluation.features import Row
from suppression.evaluation.readouts import Readout, about_features
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method

READOUTS = ("linear", "mlp", "knn", "named")


@dataclass(frozen=True)
class Curve(Probe):
    """What every readout that is switched on reads after so many scenes of training.

    It stands in place of the readouts of the network as it is, of which the last place tells. The
    rows are theirs, with the scenes seen in the column `seen`. A network that was not trained
    reads the same at every place.

    Args:
        curve: Numbers of scenes after which a training kept its weights (`snapshots`), or ended; a
            training that kept none after so many has no row there. None asks nothing.
    """

    name: ClassVar[str] = "curve"
    switch: ClassVar[str] = "curve"
    measures: ClassVar[dict[str, Measure]] = Readout.measures
    columns: ClassVar[dict[str, type]] = {**Readout.columns, "seen": int}
    axes: ClassVar[dict[str, str]] = {"seen": "curve"}
    instead_of: ClassVar[tuple[str, ...]] = READOUTS

    curve: list[int] | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        for seen in self.curve or []:
            if seen < 1:
                raise UserError(f"curve = {seen}: a curve begins with one scene")

    def ask(self, asked: Asked) -> Iterator[Row]:
        along = asked.along()
        if not along:
            rows = list(about_features(asked, asked.readouts))
            for seen in self.curve or []:
                yield from ({**row, "seen": seen} for row in rows)
            return
        for seen in self.curve or []:
            if seen not in along:
                continue
            then = dataclasses.replace(asked, method=with_weights(asked.method, along[seen]))
            for row in about_features(then, asked.readouts):
                yield {**row, "seen": seen}


def with_weights(method: Method, weights: Mapping[str, Tensor]) -> Method:
    """A copy in evaluation mode with these weights."""
    other = copy.deepcopy(method)
    other.load_state_dict(dict(weights))
    return other.eval()
