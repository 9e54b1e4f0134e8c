"""Whether frozen features tell what was done to a whole picture: gray, rotation, noise, Sobel (SimCLR, Table 4)."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from suppression.data import Scenes
from suppression.data.transforms.augmentation import Augmentation
from suppression.evaluation.features import Pools, Row, encode, in_parts
from suppression.evaluation.linear import answers
from suppression.evaluation.spec import Probe
from suppression.methods import Method
from suppression.seeding import torch_rng

# What is done to which share of the pictures, so that guessing is right on 80, 25, 50, 50 % (SimCLR, Table 4).
TRANSFORMATIONS: dict[str, dict[str, float]] = {"gray": {"gray": 0.2}, "rotation": {"quarter": 1.0}, "noise": {"noise": 0.5}, "sobel": {"sobel": 0.5}}


def about_transformations(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pools: Pools, device: torch.device) -> Iterator[Row]:
    """What was done to a whole scene: each transformation by itself on its share of the pictures (SimCLR, Table 4, and appendix B.7)."""
    for name in probe.transformations or []:
        views = Augmentation(area_min=1.0, aspect=1.0, **TRANSFORMATIONS[name])  # type: ignore[arg-type]
        held, labels, cases = {}, {}, 0
        for train, n in ((True, probe.train), (False, probe.test)):
            rng = torch_rng("transformation", name, train, device=device)
            drawn = scenes.factors(n, rng, pools[train])
            how = views.draw(n, scenes.canvas, rng, channels=scenes.channels - scenes.planes)
            labels[train] = next(value for key, value in how.items() if key in TRANSFORMATIONS[name]).long()
            cases = min(len(carrier.unique()) for carrier in scenes.carriers(drawn).values())
            held[train] = encode(
                method,
                layers,
                (scenes.append(views.apply(scenes.render(some, pools[train]), seen), some) for some, seen in zip(in_parts(drawn), in_parts(how), strict=True)),
            )
        for row in answers(held, labels, probe, layers, cases):
            yield {"feature": name, "scenes": "transformed"} | row
