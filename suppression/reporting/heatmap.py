"""Rows -> a figure for a matrix, or for more arms than colours tell apart: a line an arm, a field a place of the axis, with the value written into it."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING

from suppression.experiment.plan import Cell, Plan
from suppression.experiment.rows import Row
from suppression.metrics.retention import FIT_PLACES
from suppression.reporting.retention import half_left, line_of, retained, threshold_told
from suppression.reporting.summary import PERCENT, TOLD, Line, kind_told, label, lines, of_arm, summary
from suppression.reporting.tables import value_told

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def shown_lines(plan: Plan, rows: list[Row]) -> list[Line]:
    """The lines whose retention the recipe asks for; all of its measure where it asks for none."""
    asked = [line_of(plan, each) for each in plan.recipe.retention]
    return asked or [line for line in lines(plan, rows) if line.measure == plan.recipe.measure and line.probe != "mlp"]


def heatmap(plan: Plan, rows: list[Row], title: str) -> Figure:
    """A panel a line; arms in the order of their mean over the axis, best first, or of the recipe, if it asks for a matrix, which is dark at its least value and bright at its greatest; intervals are the table's, and beside each arm stands where half is left, if the axis has places enough for a fit."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shown, halves = shown_lines(plan, rows), bool(plan.recipe.retention) and len(plan.axis) >= FIT_PLACES
    arms = [arm for arm in [*plan.arms, *plan.unasked] if of_arm(plan, rows, arm)]
    height = 0.42 * len(arms) + 2.6
    made = Figure(figsize=((1.75 * len(plan.axis) + 5.5) * len(shown), height), layout="constrained")
    colours = colormaps["cividis"]  # made for colour-blind readers (Nunez et al. 2018)
    for ax, line in zip(made.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        found = {label(arm): [summary(these, line.measure) if (these := line.rows(plan, rows, arm, x)) else None for x in plan.axis] for arm in arms}
        order = [arm for arm in arms if any(found[label(arm)])]
        if not plan.recipe.matrix:
            order.sort(key=lambda arm: -mean_of([value[0] for value in found[label(arm)] if value]))
        values = [value[0] for arm in order for value in found[label(arm)] if value]
        bottom, top = (min(values), max(values)) if plan.recipe.matrix else (0.0, 1.0 if line.measure in PERCENT else max(values))
        for i, arm in enumerate(order):
            for j, value in enumerate(found[label(arm)]):
                if value is None:
                    continue
                shade = (value[0] - bottom) / (top - bottom) if top > bottom else 0.0
                ax.fill_between([j - 0.5, j + 0.5], i - 0.5, i + 0.5, color=colours(shade), linewidth=0)
                text = value_told(*value[:3], percent=line.measure in PERCENT)
                ax.text(j, i, text, ha="center", va="center", fontsize=12, color="black" if shade > 0.5 else "white")
            if halves:
                ax.text(len(plan.axis) - 0.4, i, half_told(plan, rows, line, arm), ha="left", va="center", fontsize=12)
        ax.set_xlim(-0.5, len(plan.axis) + 1.3 * halves - 0.5)
        ax.set_ylim(len(order) - 0.5, -0.5)
        ax.set_xticks(range(len(plan.axis)), [str(x) for x in plan.axis])
        ax.set_yticks(range(len(order)), [label(arm) for arm in order])
        ax.tick_params(labelsize=13, length=0)
        for edge in ax.spines.values():
            edge.set_visible(False)
        ax.set_xlabel(plan.recipe.axis_label or plan.recipe.axis, fontsize=14)
        if halves:
            ax.text(len(plan.axis) - 0.4, -0.75, "half is left at", fontsize=13, ha="left", va="center")
        ax.set_title(fill(f"{line.feature}: {kind_told(plan, line.scenes)}; {TOLD[line.measure]}", 80) + "\n", fontsize=14)
    made.suptitle(title, fontsize=min(17, 95 * made.get_figwidth() / len(title)))
    return made


def mean_of(values: list[float]) -> float:
    return sum(values) / len(values)


def half_told(plan: Plan, rows: list[Row], line: Line, arm: Cell) -> str:
    """Where half of the line's feature is left in this arm, as in the table; nothing for an untrained network, or where the recipe does not ask."""
    for asked in plan.recipe.retention:
        if line_of(plan, asked) == line and arm["method"] != "untrained":
            found = retained(plan, rows, arm, asked)
            at = half_left(asked, found) if len(found) >= FIT_PLACES else None
            if at is None:
                return threshold_told(asked, found) if found else ""
            return f"{at.at:.1f} [{at.low:.1f}, {at.high:.1f}]" if at.settled and not math.isnan(at.low) else f"{at.low:g} to {at.high:g}"
    return ""
