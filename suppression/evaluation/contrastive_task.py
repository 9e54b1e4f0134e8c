"""The contrastive task put to a frozen network, and whether its outputs have collapsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from suppression.data import Pool, Scenes
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.two_views import two_views
from suppression.evaluation.features import AT_ONCE, Row, encode
from suppression.evaluation.spec import Probe
from suppression.methods import Method
from suppression.metrics.intervals import wilson
from suppression.metrics.representation import contrastive_metrics, effective_rank
from suppression.seeding import torch_rng

Contrast = Callable[[Tensor, Tensor], dict[str, Tensor]]


def pairs(first: Tensor, second: Tensor, *, cases: int, contrast: Contrast | None = None) -> dict[str, float | int]:
    """One row on the outputs of two views of n pictures, (n, d) each: projections, with what the method says of them (`contrast`), or h where it has no head.

    `accuracy` is that of the contrastive task among these pictures (its interval counts `cases` of them as independent, its `guess` is one among 2n - 1),
    `entropy` that of its softmax in nats, which is told where there is a head (SimCLR, Table 5); `spread`, `distance` (of positives, squared) and `uniformity` are as in
    `losses.contrastive_metrics`, `rank` as in `effective_rank`.
    """
    found = contrast(first, second) if contrast else contrastive_metrics(first, second, tau=1.0)
    told = {name: value.item() for name, value in found.items()}
    accuracy = told.pop("contrast_accuracy")
    low, high = wilson(accuracy, cases)
    row = {"accuracy": accuracy, "low": low, "high": high, "cases": cases, "guess": 1 / (2 * len(first) - 1)}
    entropy, told["distance"] = told.pop("contrast_entropy"), told.pop("alignment")  # "alignment" is a parameter of the generalised losses
    return row | ({"entropy": entropy} if contrast else {}) | told | {"rank": effective_rank(torch.cat([first, second]))}


def about_pairs(scenes: Scenes, probe: Probe, method: Method, views: Augmentation | None, pool: Pool, device: torch.device) -> Iterator[Row]:
    """How the contrastive task stands on held-out scenes, and whether the network's outputs have collapsed; nothing of a network that was shown no views."""
    if not probe.contrast or views is None:
        return
    rng = torch_rng("pairs", device=device)
    if type(scenes).of_instances is Scenes.of_instances:
        drawn = scenes.factors(probe.contrast, rng, pool)
    else:  # each instance once: nothing can tell a picture's twin from its other view
        drawn = scenes.of_instances(torch.randperm(len(pool), generator=rng, device=device)[: probe.contrast], pool)
    output = "z" if method.has_z else "h"
    outputs = [encode(method, [output], x.split(AT_ONCE))[output] for x in two_views(scenes, views.global_only, drawn, pool, rng)]
    cases = min(len(carrier.unique()) for carrier in scenes.carriers(drawn).values())
    yield {"feature": "pairs", "scenes": "views", "probe": "contrast", "layer": "output"} | pairs(
        *outputs, cases=cases, contrast=getattr(method, "contrast", None)
    )
