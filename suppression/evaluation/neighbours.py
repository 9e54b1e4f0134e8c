"""Nearest neighbours: which pictures an encoder takes for alike, and what these have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from suppression.data import Pool, Scenes
from suppression.data.base import Factors
from suppression.errors import UserError
from suppression.evaluation.adapters import as_encoder
from suppression.evaluation.features import AT_ONCE, features, scene_rng


@dataclass(frozen=True)
class Grouping:
    """What an encoder puts next to one another.

    Args:
        nearest: The numbers of the k nearest others of each picture, the nearest first, (n, k).
        shared: For each feature the share of these neighbours that show the same class of it.
        chance: The share that would if neighbours were drawn at random.
    """

    nearest: Tensor
    shared: dict[str, float]
    chance: dict[str, float]


def nearest(vectors: Tensor, k: int) -> Tensor:
    """The k nearest others of each vector by cosine, (n, k) int64, the nearest first.

    Args:
        vectors: Features (n, d).
        k: How many; 1 to n - 1.

    Raises:
        UserError: for more neighbours than there are others.

    Example:
        >>> import torch
        >>> nearest(torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), 1).flatten().tolist()
        [1, 0, 1]
    """
    n = len(vectors)
    if not 1 <= k < n:
        raise UserError(f"k = {k}: a picture among {n} has 1 to {n - 1} neighbours")
    unit = normalize(vectors.double(), dim=1)
    likeness = unit @ unit.T  # (n, n)
    likeness.fill_diagonal_(-torch.inf)
    return likeness.topk(k, 1).indices


def shared(found: Tensor, labels: Tensor) -> float:
    """The share of neighbours (n, k) with the label (n,) of the picture that they are next to."""
    return (labels[found] == labels[:, None]).double().mean().item()


def by_chance(labels: Tensor) -> float:
    """The share of all others that have a picture's label (n,), the mean over pictures."""
    same = labels[:, None] == labels[None, :]  # (n, n)
    n = len(labels)
    return (same.sum().item() - n) / (n * (n - 1))


def grouping(vectors: Tensor, labels: Mapping[str, Tensor], k: int) -> Grouping:
    """Which feature decides what is next to what.

    Args:
        vectors: Features of pictures, (n, d).
        labels: The classes of each feature, (n,).
        k: Neighbours of each picture.

    Example:
        >>> import torch
        >>> vectors = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> labels = {"colour": torch.tensor([0, 0, 1, 1]), "digit": torch.tensor([0, 1, 0, 1])}
        >>> grouping(vectors, labels, 1).shared
        {'colour': 1.0, 'digit': 0.0}
    """
    found = nearest(vectors, k)
    return Grouping(
        nearest=found,
        shared={name: shared(found, each) for name, each in labels.items()},
        chance={name: by_chance(each) for name, each in labels.items()},
    )


def held_out(scenes: Scenes, pool: Pool, n: int, seed: int = 0) -> tuple[Tensor, Factors]:
    """Scenes to compare, as probes see them: pictures (n, c, s, s), and what was drawn.

    Args:
        scenes: The generator.
        pool: Instances that are not trained on.
        n: How many.
        seed: Which draw.
    """
    shown = scenes.probed()
    drawn = shown.factors(n, scene_rng("neighbours", seed=seed, device="cpu"), pool)
    return shown.append(shown.render(drawn, pool), drawn), drawn


def vectors_of(encoder: Any, x: Tensor) -> Tensor:
    """The features h of pictures, (n, d).

    Args:
        encoder: Any network or callable, as `as_encoder` takes it.
        x: Pictures (n, c, s, s).
    """
    known = as_encoder(encoder)
    return torch.cat([features(known, part)["h"] for part in x.split(AT_ONCE)])


def classes_of(scenes: Scenes, drawn: Factors) -> dict[str, Tensor]:
    """The class of each feature, (n,); bits that belong together are one feature, `bits`."""
    labels = scenes.probed().labels(drawn)
    if "bits" not in drawn or drawn["bits"].shape[1] == 0:
        return labels
    found = {name: each for name, each in labels.items() if not is_bit(name)}
    places = 2 ** torch.arange(drawn["bits"].shape[1])
    found["bits"] = (drawn["bits"].long() * places).sum(1)
    return found


def is_bit(feature: str) -> bool:
    return feature.startswith("bit") and feature.removeprefix("bit").isdigit()
