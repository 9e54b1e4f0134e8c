"""A figure for a matrix, or for more arms than colours tell apart: a field an arm and place."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.experiment.arms import Arm
from suppression.metrics.retention import MIN_POSITIONS
from suppression.reporting import retention
from suppression.reporting.numbers import NOT_CONVERGED, value_text
from suppression.reporting.summary import Line, Point, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 18.0  # inches
LEGIBLE = 0.79  # points an inch of width: so text is 9 px where the figure is 830 px wide
COLOURS = "cividis"  # made for colour-blind readers (Nunez et al. 2018)


def heatmap(summary: Summary, title: str) -> Figure:
    """A panel a line, with the value written into each field.

    Arms stand in the order of their mean over the axis, best first, or, in a matrix, of the
    recipe. A matrix is dark at its least value and bright at its greatest. Beside each arm
    stands where half is left, if the axis has places enough for a fit.
    """
    from matplotlib.figure import Figure

    plan = summary.plan
    shown = shown_lines(summary)
    with_halves = bool(plan.recipe.retention) and len(plan.axis) >= MIN_POSITIONS
    height = 0.42 * len(summary.arms) + 2.6
    width = 1.75 * len(plan.axis) + 5.5
    across = max(1, min(len(shown), int(WIDEST / width)))
    down = -(-len(shown) // across)
    made = Figure(figsize=(width * across, height * down), layout="constrained")
    axes = made.subplots(down, across, squeeze=False).flatten()
    for ax, line in zip(axes, shown, strict=False):
        draw_panel(ax, summary, line, with_halves)
    for ax in axes[len(shown) :]:
        ax.axis("off")
    made.suptitle(title, fontsize=min(17, 95 * made.get_figwidth() / len(title)))
    return made


def legible(ax: Any, points: float) -> float:
    """The size of text, larger where the figure is so wide that it would be too small."""
    return max(points, LEGIBLE * ax.get_figure().get_figwidth())


def shown_lines(summary: Summary) -> list[Line]:
    """The lines whose retention the recipe asks for; all of its measure where it asks for none."""
    recipe = summary.plan.recipe
    asked = [retention.line_of(summary, each) for each in recipe.retention]
    of_measure = []
    for line in summary.lines:
        if line.measure == recipe.measure and line.in_panel_of is None:
            of_measure.append(line)
    return asked or of_measure


def draw_panel(ax: Any, summary: Summary, line: Line, with_halves: bool) -> None:
    plan = summary.plan
    arms = in_order(summary, line)
    rows = [summary.along(arm, line) for arm in arms]
    bottom, top = limits(summary, line, rows)
    for i, points in enumerate(rows):
        for j, point in enumerate(points):
            if point.n:
                shade = (point.mean - bottom) / (top - bottom) if top > bottom else 0.0
                draw_field(ax, i, j, point, shade)
        if with_halves:
            text = half_text(summary, line, arms[i])
            ax.text(len(plan.axis) - 0.4, i, text, ha="left", va="center", fontsize=legible(ax, 12))
    ax.set_xlim(-0.5, len(plan.axis) + 1.3 * with_halves - 0.5)
    ax.set_ylim(len(arms) - 0.5, -0.5)
    ax.set_xticks(range(len(plan.axis)), [str(x) for x in plan.axis])
    ax.set_yticks(range(len(arms)), [arm.label for arm in arms])
    ax.tick_params(labelsize=legible(ax, 13), length=0)
    for edge in ax.spines.values():
        edge.set_visible(False)
    ax.set_xlabel(plan.recipe.axis_label or plan.recipe.axis, fontsize=legible(ax, 14))
    if with_halves:
        x = len(plan.axis) - 0.4
        ax.text(x, -0.75, "half is left at", fontsize=legible(ax, 13), ha="left", va="center")
    layer = f", {line.layer_text}" if summary.several_layers and line.layer_text else ""
    subject = f"{line.feature}{layer}: {summary.scenes_text(line.scenes)}; {line.of.label}"
    if not all(point.converged for points in rows for point in points):
        subject += f"; {NOT_CONVERGED} a readout's fit had not converged"
    ax.set_title(fill(subject, 80) + "\n", fontsize=legible(ax, 14))


def in_order(summary: Summary, line: Line) -> list[Arm]:
    """The arms that were asked this, best first, or in a matrix as in the recipe."""
    arms = [arm for arm in summary.arms if summary.measured(arm, line)]
    if summary.plan.recipe.matrix:
        return arms
    return sorted(arms, key=lambda arm: -mean_over_axis(summary.measured(arm, line)))


def mean_over_axis(points: list[Point]) -> float:
    return sum(point.mean for point in points) / len(points)


def limits(summary: Summary, line: Line, rows: list[list[Point]]) -> tuple[float, float]:
    """The values that are darkest and brightest."""
    values = []
    for points in rows:
        values += [point.mean for point in points if point.n]
    if summary.plan.recipe.matrix:
        return min(values), max(values)
    return 0.0, 1.0 if line.of.percent else max(values)


def draw_field(ax: Any, i: int, j: int, point: Point, shade: float) -> None:
    from matplotlib import colormaps

    colour = colormaps[COLOURS](shade)
    ax.fill_between([j - 0.5, j + 0.5], i - 0.5, i + 0.5, color=colour, linewidth=0)
    percent = point.line.of.percent
    text = value_text(point.mean, point.low, point.high, percent=percent)
    text += "" if point.converged else NOT_CONVERGED
    ink = "black" if shade > 0.5 else "white"
    ax.text(j, i, text, ha="center", va="center", fontsize=legible(ax, 12), color=ink)


def half_text(summary: Summary, line: Line, arm: Arm) -> str:
    """Where half of the line's feature is left in this arm, as in the table.

    Empty where nothing was learned, or where the recipe does not ask.
    """
    for asked in summary.plan.recipe.retention:
        if retention.line_of(summary, asked) != line or arm.is_floor:
            continue
        found = retention.retained(summary, arm, asked)
        at = retention.half_left(asked, found) if len(found) >= MIN_POSITIONS else None
        if at is None:
            return retention.threshold_text(asked, found) if found else ""
        if at.fitted and not math.isnan(at.low):
            return f"{at.value:.1f} [{at.low:.1f}, {at.high:.1f}]"
        return f"{at.low:g} to {at.high:g}"
    return ""
