"""How arms are drawn: an arm looks the same in every figure, and neighbours can be told apart.

Colours have a contrast of 3 or more on white (WCAG's for graphics), and those that stand side by
side differ for deuteranopes, too; markers and lines differ besides. Both are tested.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from suppression.experiment.arms import Arm


class Style(NamedTuple):
    """A colour, a marker, a line, and whether markers are filled."""

    colour: str
    marker: str
    line: str
    is_filled: bool = True


GREEN, VERMILION, BLUE = "#009E73", "#D55E00", "#0072B2"  # Okabe and Ito's
BROWN, PURPLE, VIOLET, BLACK = "#7A3B00", "#B8578F", "#5B3FA0", "#000000"
SKY = "#3A91C9"  # theirs, but darker: on white it had a contrast of 2
GREY, LIGHT_GREY = "#555555", "#8A8A8A"

# By what an arm is, whichever recipe it stands in.
FIXED = {
    "supervised": Style(BLUE, "s", "-"),
    "untrained": Style(GREY, "^", ":"),
    "random_features": Style(LIGHT_GREY, ">", ":"),
    "pixels": Style(BLACK, ".", ":"),
    "simclr": Style(GREEN, "v", "-"),
    "simclr, tau 0.2": Style(GREEN, "v", "-"),
    "simclr, tau 0.1": Style(BROWN, "D", "-"),
    "simclr, tau 0.05": Style(VERMILION, "o", "-"),
    "byol": Style(PURPLE, "P", "-"),
    "supcon": Style(SKY, "X", "-"),
}
# Of all others, in this order; then the same with other markers, dashed.
OTHERS = [
    Style(VERMILION, "o", "-"),
    Style(VIOLET, "d", "-"),
    Style(PURPLE, "P", "-"),
    Style(BLACK, "*", "-"),
    Style(SKY, "X", "-"),
    Style(GREEN, "v", "-"),
    Style(BROWN, "D", "-"),
]
DASHED = [
    style._replace(marker=marker, line="--")
    for style, marker in zip(OTHERS, "phH8<>^", strict=True)
]


def styles(arms: Iterable[Arm]) -> dict[str, Style]:
    """The look of each arm by its label; the same whichever of them are asked for.

    A control has the colour of what it is a control of, and an arm beside bits that of the same
    arm without: its line is dashed, its markers are hollow.
    """
    ordered = sorted(arms, key=lambda arm: arm.label)
    taken = {FIXED[basis(arm)] for arm in ordered if basis(arm) in FIXED}
    colours = {style.colour for style in taken}
    free = [style for style in OTHERS if style.colour not in colours]
    rest = [style for style in OTHERS + DASHED if style not in free and style not in taken]
    others = iter((free + rest) * (len(ordered) + 1))
    by_basis: dict[str, Style] = {}
    found: dict[str, Style] = {}
    for arm in ordered:
        if basis(arm) not in by_basis:
            by_basis[basis(arm)] = FIXED.get(basis(arm)) or next(others)
        style = by_basis[basis(arm)]
        if arm.shared != arm:
            style = style._replace(marker="*", line="-.")
        if arm.get("bits"):
            style = style._replace(line="--", is_filled=False)
        found[arm.label] = style
    return found


def basis(arm: Arm) -> str:
    """What decides an arm's colour: its label without the competitor's state and bits."""
    settings = {name: value for name, value in arm.shared.settings.items() if name != "bits"}
    return Arm(settings).label
