"""Negatives that share the easy feature, by its known value: an oracle."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from suppression.data import Scenes
from suppression.data.base import Factors
from suppression.data.pool import UNSEEN
from suppression.data.two_views import count, joined
from suppression.errors import UserError
from suppression.methods.remedies.base import Remedy, Stream

MOST_GROUPS = 4096  # more would have hardly any members


class SharedFeature(Remedy):
    """All scenes of a batch have the same value of the easy feature, which so tells none apart.

    It is an oracle: which feature is easy, and its value in each scene, are known. A batch is
    drawn scene by scene until it is full of those that have the value of its first scene, so
    values come as often as they do without the remedy.

    Args:
        group_by: The feature that scenes of a batch share, or several of them (`colour`,
            `bit1,bit2`); none is all competitors of the picture that the generator knows.

    Source:
        Gulati & Nemenman 2026 (arXiv 2606.07770) for negatives within a group; as the oracle
        of MCL (Zhang et al. 2024), whose groups are clusters.

    Example:
        >>> import torch
        >>> from suppression.data import SOURCES, RandomBits
        >>> from suppression.methods.remedies import SharedFeature, Stream
        >>> pool, rng = SOURCES["digits"](train=True), torch.Generator().manual_seed(0)
        >>> stream = Stream(RandomBits(bits=2), pool, rng, seed=0, step=0)
        >>> drawn = SharedFeature().sample(stream, 16)
        >>> drawn["bits"].shape, len(drawn["bits"].unique(dim=0))
        (torch.Size([16, 2]), 1)
    """

    name = "groups"
    needs = "pictures that are compared with others of their batch"

    def __init__(self, *, group_by: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.group_by = group_by

    def check_scenes(self, scenes: Scenes) -> None:
        """ValueError where scenes lack the feature, or a group would have one member."""
        groups = 1
        classes = scenes.classes(UNSEEN)
        for name in features_of(scenes, self.group_by):
            groups *= len(classes[name])
        if groups > MOST_GROUPS:
            raise ValueError(
                f"remedy groups: {' and '.join(features_of(scenes, self.group_by))} make "
                f"{groups:,} groups, most of one member; the most is {MOST_GROUPS:,}: give "
                "group_by fewer of them"
            )

    def sample(self, stream: Stream, n: int) -> Factors:
        names = features_of(stream.scenes, self.group_by)
        kept: list[Factors] = []
        wanted, missing = None, n
        for _ in range(MOST_GROUPS):
            drawn = stream.draw(4 * n)
            values = values_of(stream.scenes, drawn, names)  # (4n, names)
            if wanted is None:
                wanted = values[:1]
            rows = (values == wanted).all(1).nonzero()[:missing, 0]
            kept.append({name: value[rows] for name, value in drawn.items()})
            missing -= len(rows)
            if not missing:
                return joined(kept)
        there = count(joined(kept))
        raise UserError(
            f"remedy groups: among {4 * n * MOST_GROUPS:,} scenes {there} share "
            f"{' and '.join(names)} with a first one, and a batch has {n}"
        )


def features_of(scenes: Scenes, group_by: Sequence[str] | None) -> tuple[str, ...]:
    """The features that groups are made by; ValueError where the scenes do not have them."""
    known = tuple(dict.fromkeys(scenes.features))
    names = tuple(group_by or scenes.competitors)
    who = type(scenes).__name__
    if not names:
        raise ValueError(
            f"remedy groups: {who} has no competitor, or it is blank; give group_by, one of: "
            f"{', '.join(known)}"
        )
    for name in names:
        if name not in known:
            raise ValueError(
                f"remedy groups: {who} has no feature '{name}'; its features: {', '.join(known)}"
            )
    return names


def values_of(scenes: Scenes, drawn: Factors, names: Sequence[str]) -> Tensor:
    """The classes of these features, (n, names)."""
    labels = scenes.labels(drawn)
    return torch.stack([labels[name] for name in names], 1)
