"""Names at the ends of lines: where they stand so that none covers another."""

from __future__ import annotations

from typing import Any


def tidy(ax: Any) -> None:
    """A faint grid, and no box around the panel."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(alpha=0.25)


def spread(wanted: list[float], heights: list[float]) -> list[float]:
    """Middles of labels that do not overlap, in [0, 1] where they fit, near those wanted.

    Args:
        wanted: The middles, ascending.
        heights: How high each label is.

    Example:
        >>> spread([0.5, 0.5, 0.875], [0.25, 0.25, 0.25])
        [0.375, 0.625, 0.875]
    """
    groups: list[tuple[float, float, list[int]]] = []  # middle, height, labels
    for i, (middle, height) in enumerate(zip(wanted, heights, strict=True)):
        group = (middle, height, [i])
        while groups and overlap(groups[-1], group):
            group = together(groups.pop(), group)
        groups.append(group)
    found = [0.0] * len(wanted)
    for middle, height, labels in groups:
        y = middle - height / 2
        for i in labels:
            found[i] = y + heights[i] / 2
            y += heights[i]
    return found


def overlap(below: tuple[float, float, list[int]], above: tuple[float, float, list[int]]) -> bool:
    return below[0] + below[1] / 2 > above[0] - above[1] / 2


def together(
    below: tuple[float, float, list[int]], above: tuple[float, float, list[int]]
) -> tuple[float, float, list[int]]:
    """Two groups as one, its middle between theirs by their sizes, kept within the panel."""
    height = below[1] + above[1]
    middle = (below[0] * below[1] + above[0] * above[1]) / height
    inside = min(max(middle, height / 2), max(1 - height / 2, height / 2))
    return inside, height, [*below[2], *above[2]]
