"""Statistics taken anew: features alone, read after batch norms were shown such pictures."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from suppression.data import Scenes
from suppression.data.base import Visible
from suppression.errors import UserError
from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe, Shown
from suppression.evaluation.features import Row, encode_scenes, in_parts
from suppression.evaluation.linear import Linear
from suppression.evaluation.readouts import answers, over_bits
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method

M = TypeVar("M", bound=nn.Module)

ALONE = "alone"  # the scenes that training has not shown


@torch.no_grad()
def statistics_anew(
    module: M, pictures: Iterable[Tensor], show: Callable[[M, Tensor], object]
) -> M:
    """A copy whose batch norms have the statistics of these pictures; all weights are the same.

    A network that was trained on scenes of several objects normalises pictures of one of them with
    the statistics of the former, which moves every feature; what is read after the statistics were
    taken anew is free of that (Li et al. 2018, "Adaptive Batch Normalization").

    Args:
        module: The network; it is left as it is.
        pictures: Batches of two pictures or more, each of which counts the same.
        show: Runs a batch through all that is to be normalised anew: `show(copy, batch)`.

    Example:
        >>> net = nn.BatchNorm1d(1)
        >>> seen = [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])]
        >>> other = statistics_anew(net, seen, lambda net, x: net(x))
        >>> net.running_mean.item(), other.running_mean.item(), other.training
        (0.0, 4.0, False)
    """
    other = copy.deepcopy(module).eval()
    norms = batch_norms(other)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
        norm.train()
    for x in pictures:
        show(other, x)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return other


def batch_norms(module: nn.Module) -> list[_BatchNorm]:
    """Those that keep statistics."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    return [norm for norm in norms if norm.track_running_stats]


@dataclass(frozen=True)
class Anew(Probe):
    """The linear readout of features alone, with batch-norm statistics taken anew on such scenes.

    It stands beside the linear readout of the network as it is, and has its settings; there are
    rows only where scenes have features alone, and the network has batch norms. Statistics are
    those of the scenes that readouts are fitted on.

    Args:
        anew: Whether to ask; None asks nothing.
    """

    name: ClassVar[str] = "anew"
    switch: ClassVar[str] = "anew"
    measures: ClassVar[dict[str, Measure]] = {"accuracy": ACCURACY}
    columns: ClassVar[dict[str, type]] = {**SCORED, "decodable": int}
    shown: ClassVar[Shown] = Shown(
        tag="statistics anew",
        panel_of="linear",
        legend="batch-norm statistics taken anew",
        caption="statistics anew: batch norms have those of such scenes, not those of training",
    )

    anew: bool | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if settings.train < 2:
            raise UserError(f"train = {settings.train}: statistics want two scenes at least")

    def applies(self, asked: Asked) -> bool:
        return bool(batch_norms(asked.method))

    def ask(self, asked: Asked) -> Iterator[Row]:
        drawn = {train: asked.draw(train) for train in (True, False)}
        labels = {train: asked.scenes.labels(some) for train, some in drawn.items()}
        units = asked.units(drawn[False])
        linear = Linear(C=asked.settings.C, max_iter=asked.settings.max_iter)
        for kind, visible, visible_features in asked.scenes.questions():
            names = asked.told_apart(labels[True], visible_features)
            if kind != ALONE or not names:
                continue
            other = normalised_anew(asked, visible)
            held = {}
            for train, some in drawn.items():
                pool = asked.pools[train]
                held[train] = encode_scenes(other, asked.layers, asked.scenes, some, pool, visible)
            rows = []
            for name in names:
                known = {train: some[name] for train, some in labels.items()}
                for row in answers([linear], asked, name, held, known, units[name]):
                    rows.append({"feature": name, "scenes": kind, **row, "probe": self.name})
            yield from rows
            yield from over_bits(rows)


def normalised_anew(asked: Asked, visible: Visible) -> Method:
    """A copy of the network with the statistics of scenes with only that visible."""

    def pictures() -> Iterator[Tensor]:
        for some in in_parts(asked.draw(True)):
            x = asked.scenes.render(some, asked.pools[True], visible=visible)
            if len(x) > 1:  # one picture alone has no spread
                yield asked.scenes.append(x, some, visible=visible)

    def show(method: Method, x: Tensor) -> None:
        h = method.encoder(x.contiguous(memory_format=torch.channels_last))
        if "z" in asked.layers:
            method.project(h)

    return statistics_anew(asked.method, pictures(), show)
