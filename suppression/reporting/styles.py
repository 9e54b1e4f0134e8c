"""The look of arms: one colour by what an arm is, the same in every figure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import NamedTuple

from suppression.experiment.arms import Arm


class Style(NamedTuple):
    colour: str
    marker: str
    line: str


# Each pair is 20 or more apart in CIE L*a*b* as deuteranopes see it (Machado et al. 2009), and each
# has a contrast of 3 or more on white. Markers differ, too.
FLOORS = {
    "untrained": Style("#767676", "^", ":"),
    "random_features": Style("#000000", ">", ":"),
    "pixels": Style("#3B3B3B", "s", ":"),
}
BLUE = Style("#0072B2", "s", "-")
VERMILION = Style("#D55E00", "o", "-")
PURPLE = Style("#702070", "v", "-")
GREEN = Style("#304000", "D", "-")
LAVENDER = Style("#8F80FF", "P", "-")
PINK = Style("#EF50CF", "X", "-")
ROSE = Style("#FF5080", "d", "-")
INDIGO = Style("#20309F", "p", "-")
BROWN = Style("#9F6030", "h", "-")
# In the order in which arms that set more take them; those that have a meaning come last.
PALETTE = (PINK, INDIGO, BROWN, LAVENDER, ROSE, PURPLE, GREEN, VERMILION, BLUE)
BY_TAU = {0.2: VERMILION, 0.1: PURPLE, 0.05: GREEN}

# By method and temperature; None is the method as it is by default.
KNOWN: dict[tuple[str, float | None], Style] = {
    ("simclr", None): VERMILION,  # its default is 0.2
    ("supervised", None): BLUE,
    ("byol", None): LAVENDER,
    ("swav", None): PINK,
    ("simsiam", None): ROSE,
    ("supcon", None): INDIGO,
}
for tau, of_tau in BY_TAU.items():
    KNOWN["simclr", tau] = KNOWN["randbit", tau] = of_tau
# By label, arms that set more and stand in several recipes.
IN_SEVERAL = {"finetune, start untrained, tune linear, lr 0.1": BROWN}
PAIRED = "bits"  # arms that differ in it alone are one colour, with bits and without
WITHOUT = "--"  # the line of an arm without bits
REDRAWN = Style("", "*", "-.")  # of a control, in the colour of what it is the control of


def styles(arms: Iterable[Arm]) -> dict[str, Style]:
    """The look of each arm by its label.

    A plain arm's follows from its method and temperature. One that sets more has the first colours
    that no plain arm of the figure has, in the order of labels.
    """
    arms = list(arms)
    found: dict[Arm, Style] = {}
    apart = []
    for kind in sorted(set(map(identity, arms)), key=lambda kind: kind.label):
        style = plain_style(kind)
        if style is None:
            apart.append(kind)
        else:
            found[kind] = style
    free = [style for style in PALETTE if style not in found.values()] or PALETTE
    found.update(zip(apart, itertools.cycle(free), strict=False))
    look = {}
    for arm in arms:
        look[arm.label] = in_condition(arm, found[identity(arm)])
    return look


def identity(arm: Arm) -> Arm:
    """The arm without what stands beside it: its bits, or the competitor redrawn."""
    return unpaired(arm.shared)


def unpaired(arm: Arm) -> Arm:
    """The arm without its bits, as a legend names both of a pair; what is not set is left out."""
    kept = {}
    for name, value in arm.settings.items():
        if name != PAIRED and value is not None:
            kept[name] = value
    return Arm(kept)


def colours(arms: Iterable[Arm]) -> int:
    """How many colours these arms need."""
    return len(set(map(identity, arms)))


def plain_style(arm: Arm) -> Style | None:
    """What an arm's method and temperature say; None where it sets more, or is not known."""
    if arm.method in FLOORS:
        style = FLOORS[arm.method]
        return style._replace(marker="<", line="--") if len(arm.settings) > 1 else style
    if set(arm.settings) <= {"method", "tau"}:
        return KNOWN.get((arm.method, arm.get("tau")))
    return IN_SEVERAL.get(arm.label)


def in_condition(arm: Arm, style: Style) -> Style:
    """The style of an identity for one of its arms."""
    if arm.shared.label != arm.label:
        return style._replace(marker=REDRAWN.marker, line=REDRAWN.line)
    if arm.get(PAIRED) == 0:
        return style._replace(line=WITHOUT)
    return style._replace(line="-") if PAIRED in arm else style
