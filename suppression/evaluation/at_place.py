"""At its place: what the one cell of a feature map tells in which most of a digit lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from suppression.data import Scenes
from suppression.data.base import Factors, Visible
from suppression.errors import UserError
from suppression.evaluation.base import ACCURACY, SCORED, Asked, Measure, Probe, Shown
from suppression.evaluation.clustering import pooled
from suppression.evaluation.features import Row, check_features, in_parts, maps
from suppression.evaluation.linear import Linear
from suppression.evaluation.readouts import Held
from suppression.evaluation.spec import ProbeSettings


def at_cells(tap: Tensor, ink: Tensor) -> Tensor:
    """A map's vector at the cell in whose window most of the ink lies.

    Args:
        tap: A feature map, (n, c, s, s).
        ink: How much ink an object puts on each pixel of the picture, (n, r, r).

    Returns:
        Vectors (n, c) float32. Of cells with equally much ink the first one counts.

    Raises:
        ValueError: s is no side of a map of padded convolutions of stride 2 on r px.

    Example:
        >>> ink = torch.zeros(1, 4, 4)
        >>> ink[0, 3, 0] = 1.0  # bottom left
        >>> at_cells(torch.arange(4.0).view(1, 1, 2, 2), ink)
        tensor([[2.]])
    """
    cell = pooled(ink[:, None], tap.shape[2]).flatten(1).argmax(1)  # (n,)
    vectors = tap.float().flatten(2)  # (n, c, s * s)
    return vectors[torch.arange(len(tap), device=tap.device), :, cell]


@dataclass(frozen=True)
class AtPlace(Probe):
    """The linear readout at each digit's own cell of a feature map, not of the mean over places.

    It stands beside the linear readout and has its settings. What the mean over places loses of a
    small object, its cell may still hold: so it says in which layer an object is lost, and the
    readout of the mean where it is no longer told from the rest of the picture. Of the `layers`
    those are asked that are maps.

    Args:
        at_place: Whether to ask; None asks nothing.
    """

    name: ClassVar[str] = "at place"
    switch: ClassVar[str] = "at_place"
    measures: ClassVar[dict[str, Measure]] = {"accuracy": ACCURACY}
    columns: ClassVar[dict[str, type]] = SCORED
    shown: ClassVar[Shown] = Shown(
        tag="at its place",
        caption="at its place: the map's vector at the digit's own cell, not its mean over places",
    )

    at_place: bool | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return list(features)

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        if not hasattr(scenes, "digit_names"):
            raise UserError(
                f"at_place: {kind} does not say which digit lies where; two_digits and multidigits "
                "do"
            )
        taps = maps(encoder, torch.zeros(1, scenes.channels, scenes.canvas, scenes.canvas))
        there = [layer for layer, tap in taps.items() if tap.ndim == 4]
        if not set(there) & set(settings.layers):
            raise UserError(
                f"at_place is of feature maps, and {', '.join(settings.layers)} is none; layers "
                f"that are: {', '.join(there) or 'none of this network'}"
            )

    def applies(self, asked: Asked) -> bool:
        return hasattr(asked.scenes, "digit_names")

    def ask(self, asked: Asked) -> Iterator[Row]:
        scenes = asked.scenes
        drawn = {train: asked.draw(train) for train in (True, False)}
        labels = {train: scenes.labels(some) for train, some in drawn.items()}
        carriers = scenes.carriers(drawn[False])
        linear = Linear(C=asked.settings.C, max_iter=asked.settings.max_iter)
        for kind, visible, visible_features in scenes.questions():
            for name in asked.told_apart(labels[True], visible_features):
                digit = scenes.features.index(name)
                held: Held = {}
                for train, some in drawn.items():
                    held[train] = read_at_place(asked, some, digit, train, visible)
                cases = len(carriers[name].unique())
                for layer in held[True]:
                    fit = held[True][layer], labels[True][name]
                    test = held[False][layer], labels[False][name]
                    row = {"feature": name, "scenes": kind, "probe": self.name, "layer": layer}
                    yield {**row, **linear.read(fit, test, cases=cases)}


def read_at_place(
    asked: Asked, drawn: Factors, digit: int, train: bool, visible: Visible
) -> dict[str, Tensor]:
    """Features at the cell of each scene's digit of this number, (n, c) by layer that is a map."""
    scenes, pool, encoder = asked.scenes, asked.pools[train], asked.method.encoder
    parts: dict[str, list[Tensor]] = {}
    for some in in_parts(drawn):
        x = scenes.append(scenes.render(some, pool, visible=visible), some, visible=visible)
        ink = scenes.masks(some, pool)[:, digit]
        taps = maps(encoder, x.contiguous(memory_format=torch.channels_last))
        for layer in asked.layers:
            if layer in taps and taps[layer].ndim == 4:
                vectors = at_cells(taps[layer], ink)
                check_features(encoder, layer, vectors, len(x))
                parts.setdefault(layer, []).append(vectors)
    return {layer: torch.cat(batches) for layer, batches in parts.items()}
