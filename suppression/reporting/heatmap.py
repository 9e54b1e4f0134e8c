"""A figure for a matrix, or for more arms than colours tell apart: a field an arm and place."""

from __future__ import annotations

import dataclasses
import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.experiment.arms import Arm
from suppression.metrics.retention import MIN_POSITIONS
from suppression.reporting import retention
from suppression.reporting.numbers import NOT_CONVERGED, told
from suppression.reporting.summary import Line, Point, Summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = "cividis"  # made for colour-blind readers (Nunez et al. 2018)
FIELD = 0.85  # inches that a field is wide, at least
ROW = 0.34  # inches that a field of two lines is high
INCHES_A_LETTER = 0.068  # of a panel's title
LABELS = 1.4  # inches that the arms' names and the scale take, at least
FEWEST_LETTERS = 12  # of a line of a panel's title


def heatmap(summary: Summary, title: str, width: float) -> Figure:
    """A panel a line, with the value and the number of seeds written into each field.

    Arms stand in the order of their mean over the first panel's axis, best first, or, in a
    matrix, in that of the recipe; one that is the same both ways is a triangle in the order of its
    means. Colours go from chance to all that is possible, in a matrix to its greatest value.
    Beside each arm stands where half is left, if the axis has places enough for a fit.
    """
    from suppression.data.sheet import Sheet

    plan = summary.plan
    shown = shown_lines(summary)
    arms = in_order(summary, shown[0])
    both_ways = operations(summary, shown[0])
    with_halves = bool(plan.recipe.retention) and len(plan.axis) >= MIN_POSITIONS
    across = max(1, min(len(shown), int((width - LABELS) / (FIELD * len(plan.axis)))))
    down = math.ceil(len(shown) / across)
    height = ROW * len(both_ways or arms) + 1.7
    made = Sheet(figsize=(width, height * down + 0.2), layout="constrained")
    axes = made.subplots(down, across, squeeze=False, sharey=True).flatten()
    names = [arm.label for arm in arms]
    beside = max(LABELS, max(map(len, names), default=0) * INCHES_A_LETTER)
    letters = max(FEWEST_LETTERS, int((width - beside) / across / INCHES_A_LETTER))
    for ax in axes[len(shown) :]:
        ax.axis("off")
    for ax, line in zip(axes, shown, strict=False):
        bottom, top = limits(summary, line, arms)
        if both_ways:
            draw_triangle(ax, summary, line, both_ways, (bottom, top))
            order = "in the order of their means, best first"
        else:
            draw_panel(ax, summary, line, arms, with_halves, (bottom, top))
            ax.set_xlabel(fill(plan.recipe.axis_label or plan.recipe.axis, letters))
            order = "" if plan.recipe.matrix else ordered_by(summary, shown[0])
        layer = f", {line.layer_text}" if summary.several_layers and line.layer_text else ""
        subject = f"{line.feature}{layer}: {summary.scenes_text(line.scenes)}; {line.of.label}"
        if not all(point.converged for arm in arms for point in summary.measured(arm, line)):
            subject += f"; {NOT_CONVERGED} a readout's fit had not converged"
        ax.set_title(fill(f"{subject}{'; ' * bool(order)}{order}", letters) + "\n")
        marks = floors(summary, line) if both_ways else []
        draw_scale(made, ax, line, (bottom, top), marks, letters)
    made.suptitle(title)
    return made


def ordered_by(summary: Summary, line: Line) -> str:
    of = f" of '{line.scenes}'" if len(shown_lines(summary)) > 1 else ""
    return f"arms by the mean over the axis{of}, best first"


def shown_lines(summary: Summary) -> list[Line]:
    """The lines whose retention the recipe asks for, each also with all visible.

    All of the recipe's measure where it asks for none.
    """
    recipe = summary.plan.recipe
    asked = []
    for each in recipe.retention:
        line = retention.line_of(summary, each)
        asked += [line, dataclasses.replace(line, scenes="together")]
    of_measure = []
    for line in summary.lines:
        if line.measure == recipe.measure and line.in_panel_of is None:
            of_measure.append(line)
    return [line for line in dict.fromkeys(asked) if line in summary.lines] or of_measure


def operations(summary: Summary, line: Line) -> list[Any]:
    """The places of a matrix that is the same both ways, in the order of their means.

    Empty where it is none: its arms have to be the axis's places in another parameter.
    """
    plan = summary.plan
    arms = by_name(summary)
    if not plan.recipe.matrix or set(arms) != {str(x) for x in plan.axis}:
        return []
    means = {}
    for x in plan.axis:
        points = summary.along(arms[str(x)], line)
        for y, point in zip(plan.axis, points, strict=True):
            if summary.point(arms[str(y)], line, x).by_seed != point.by_seed:
                return []
        means[x] = mean_over_axis([point for point in points if point.n])
    return sorted(plan.axis, key=lambda x: -means[x])


def by_name(summary: Summary) -> dict[str, Arm]:
    """The arms of a matrix that learn, by the one value that sets each apart, or their labels."""
    found = {}
    for arm in summary.arms:
        own = [value for name, value in arm.settings.items() if name != "method"]
        if not arm.is_floor:
            found[str(own[0]) if len(own) == 1 else arm.label] = arm
    return found


def draw_triangle(
    ax: Any, summary: Summary, line: Line, places: list[Any], ends: tuple[float, float]
) -> None:
    """Each pair once, and on the diagonal each place by itself."""
    arms = by_name(summary)
    for i, one in enumerate(places):
        for j, other in enumerate(places[: i + 1]):
            draw_field(ax, i, j, summary.point(arms[str(one)], line, other), ends)
    frame(ax, summary, places, [str(x) for x in places], len(places))


def draw_panel(
    ax: Any,
    summary: Summary,
    line: Line,
    arms: list[Arm],
    with_halves: bool,
    ends: tuple[float, float],
) -> None:
    plan = summary.plan
    for i, arm in enumerate(arms):
        for j, point in enumerate(summary.along(arm, line)):
            draw_field(ax, i, j, point, ends)
        if with_halves:
            text = half_text(summary, line, arm)
            ax.text(len(plan.axis) - 0.4, i, text, ha="left", va="center")
    if with_halves:
        ax.text(len(plan.axis) - 0.4, -0.75, "half is left at", ha="left", va="center")
    frame(ax, summary, plan.axis, [arm.label for arm in arms], len(plan.axis) + with_halves)


def frame(ax: Any, summary: Summary, places: list[Any], rows: list[str], width: int) -> None:
    """Names beside the fields, and no lines around them."""
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(places)), [str(x) for x in places])
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    for edge in ax.spines.values():
        edge.set_visible(False)


def draw_scale(
    made: Figure,
    ax: Any,
    line: Line,
    ends: tuple[float, float],
    marks: list[tuple[str, Point]],
    letters: int,
) -> None:
    """What the colours mean, from chance on, with the floors that stand in no field."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    unit = 100 if line.of.percent else 1
    colours = ScalarMappable(Normalize(unit * ends[0], unit * ends[1]), COLOURS)
    bar = made.colorbar(colours, ax=ax, location="bottom", shrink=0.7, aspect=40, pad=0.02)
    start = "chance" if line.of.guess else 0
    bar.set_label(fill(f"{line.of.label}, from {start} on", letters))
    bar.outline.set_visible(False)
    for name, point in marks:
        at = point.unit * point.mean
        bar.ax.plot([at], [1.35], marker="v", color="black", markersize=4, clip_on=False)
        bar.ax.text(at, 1.9, f"{name} {point_text(point)}", ha="center", va="bottom", clip_on=False)


def floors(summary: Summary, line: Line) -> list[tuple[str, Point]]:
    """The arms that learned nothing, which are the same at all places, with their first points."""
    found = []
    for arm in summary.arms:
        points = summary.measured(arm, line)
        if arm.is_floor and points:
            found.append((arm.label, points[0]))
    return found


def in_order(summary: Summary, line: Line) -> list[Arm]:
    """The arms that were asked this, best first, or in a matrix as in the recipe."""
    arms = [arm for arm in summary.arms if summary.measured(arm, line)]
    if summary.plan.recipe.matrix:
        return arms
    return sorted(arms, key=lambda arm: -mean_over_axis(summary.measured(arm, line)))


def mean_over_axis(points: list[Point]) -> float:
    return sum(point.mean for point in points) / len(points)


def limits(summary: Summary, line: Line, arms: list[Arm]) -> tuple[float, float]:
    """The values that are darkest and brightest: chance, and the greatest that there is."""
    values = []
    for arm in arms:
        values += [point.mean for point in summary.measured(arm, line)]
    chance = summary.guess(line.feature, line.probe, line.measure) if line.of.guess else 0.0
    bottom = 0.0 if math.isnan(chance) else chance
    is_share = line.of.percent and not summary.plan.recipe.matrix
    return bottom, 1.0 if is_share else max(values)


def draw_field(ax: Any, i: int, j: int, point: Point, ends: tuple[float, float]) -> None:
    """A field in the colour of its mean, with the number and how many seeds it is of."""
    from matplotlib import colormaps

    if not point.n:
        if point.status == "not applicable":
            ax.text(j, i, "n/a", ha="center", va="center", color="#595959")
        return
    bottom, top = ends
    shade = min(max((point.mean - bottom) / (top - bottom), 0), 1) if top > bottom else 0.0
    ax.fill_between(
        [j - 0.5, j + 0.5], i - 0.5, i + 0.5, color=colormaps[COLOURS](shade), linewidth=0
    )
    ink = "black" if shade > 0.5 else "white"
    seeds = f"{point.n} seed{'s' * (point.n > 1)}"
    ax.text(j, i, f"{point_text(point)}\n{seeds}", ha="center", va="center", color=ink)


def point_text(point: Point) -> str:
    """A point's mean and interval as in the tables."""
    bounds = point.low, point.high, point.interval
    text = told(point.mean, *bounds, point.values, percent=point.line.of.percent)
    return text if point.converged else text + NOT_CONVERGED


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
