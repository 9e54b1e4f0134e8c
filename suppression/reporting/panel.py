"""One panel of a figure: arms along the axis, each point with what is known of it."""

from __future__ import annotations

import math
from typing import Any

from suppression.experiment.arms import Arm
from suppression.experiment.plan import Plan
from suppression.metrics.retention import incentive
from suppression.reporting.axis import Axis, are_columns
from suppression.reporting.numbers import NOT_CONVERGED
from suppression.reporting.retention import halves
from suppression.reporting.styles import Style, styles
from suppression.reporting.summary import (
    NO_BOUNDS,
    Line,
    Point,
    Summary,
    as_published,
    published_at,
    published_row,
)

PUBLISHED = "_published"  # the label of published points; matplotlib's legends pass over `_`
ONE_SEED, TWO_SEEDS = "_one seed", "_two seeds"
LEFT_TO_GAIN = (0, (1, 1))  # a line of fine dots
GUESS = (0, (1, 3))  # a line of sparse dots
MARKER = 5.0  # points
MARK = 9.0
UNCONVERGED = "not converged"  # the id of a mark


def draw_arm(ax: Any, summary: Summary, axis: Axis, arm: Arm, line: Line, style: Style) -> None:
    """The measured points, those of probes that stand beside, published ones, half left."""
    shift = summary.arms.index(arm) - (len(summary.arms) - 1) / 2
    if are_columns(summary.plan):
        style = style._replace(line="none")
    draw_points(ax, axis, summary.measured(arm, line), shift, style, label=arm.label)
    beside = Style(style.colour, "+", "none" if style.line == "none" else "--")
    for other in summary.lines:
        same = Line(line.feature, line.scenes, other.probe, line.measure, line.layer)
        if other == same and other.in_panel_of == line.probe:
            points = summary.measured(arm, other)
            draw_points(ax, axis, points, shift + 0.4, beside, linewidth=0.8)
    draw_published(ax, summary, axis, arm, line, shift, style)
    for half in halves(summary, line, arm):
        ax.axvspan(half.low, half.high, color=style.colour, alpha=0.12, linewidth=0)
        if half.fitted:
            ax.axvline(half.value, color=style.colour, linestyle="-.", linewidth=1)


def draw_points(
    ax: Any, axis: Axis, points: list[Point], shift: float, style: Style, **more: Any
) -> None:
    """Means, and beside each what its number of seeds allows.

    An interval over seeds is a bar with caps, one over instances alone a thin line without. One
    seed is an open marker; of two seeds both values are dots.
    """
    points = [point for point in points if point.x in axis]
    if not points:
        return
    x, mean, below, above = [], [], [], []
    for point in points:
        over_seeds = point.interval in ("seeds", "seeds and instances")
        low, high = (point.low, point.high) if over_seeds else NO_BOUNDS
        x.append(axis.beside(point.x, shift))
        mean.append(point.unit * point.mean)
        below.append(point.unit * (point.mean - low))
        above.append(point.unit * (high - point.mean))
    look = {"linewidth": 1.3, "elinewidth": 1.1, "capsize": 2.5, "markersize": MARKER, **more}
    colour, marker, line = style
    ax.errorbar(x, mean, [below, above], color=colour, marker=marker, linestyle=line, **look)
    for at, point, y in zip(x, points, mean, strict=True):
        if point.interval == "instances":
            ends = point.unit * point.low, point.unit * point.high
            ax.vlines(at, *ends, color=colour, linewidth=0.6, alpha=0.7)
        if point.is_one_seed:
            face = {
                "markerfacecolor": "white",
                "markersize": MARKER,
                "label": ONE_SEED,
                "zorder": 3,
            }
            ax.plot(at, y, color=colour, marker=marker, linestyle="none", **face)
        elif point.n == 2:
            values = [point.unit * value for value in point.values]
            dots = {"markersize": 2.5, "label": TWO_SEEDS, "zorder": 3}
            ax.plot([at] * point.n, values, ".", color=colour, **dots)
        if not point.converged:
            mark = {"xytext": (4, 1), "textcoords": "offset points", "fontsize": MARK}
            ax.annotate(NOT_CONVERGED, (at, y), **mark).set_gid(UNCONVERGED)


def draw_published(
    ax: Any, summary: Summary, axis: Axis, arm: Arm, line: Line, shift: float, style: Style
) -> None:
    """The published values of the same pictures, as crosses."""
    if of_other_pictures(summary.plan):
        return
    found = published_points(summary, arm, line)
    if found:
        at = [axis.beside(x, shift) for x, _ in found]
        values = [value for _, value in found]
        look = {"markersize": MARKER, "alpha": 0.8, "label": PUBLISHED}
        ax.plot(at, values, "x", color=style.colour, **look)


def of_other_pictures(plan: Plan) -> bool:
    """Whether the published table is of ImageNet, and ours is not.

    Such values share no axis with ours.
    """
    published = plan.recipe.published
    if published is None or "ImageNet" not in published.source:
        return False
    return "imagenet" not in str(plan.recipe.scale[plan.scale].get("source", ""))


def published_points(summary: Summary, arm: Arm, line: Line) -> list[tuple[Any, float]]:
    """The published values that stand beside an arm's line, with our places or, where the scale
    gives none, their own.
    """
    plan, published = summary.plan, summary.plan.recipe.published
    row = published_values(summary, arm, line)
    if published is None or row is None:
        return []
    ours = {published_at(plan, x): x for x in plan.axis}
    has_columns = "published_at" in plan.recipe.scale[plan.scale]
    found = []
    for at, value in zip(published.axis, row, strict=True):
        x = ours.get(at, None if has_columns else at)
        is_drawn = x in plan.axis or not isinstance(x, str)
        if x is not None and is_drawn and not math.isnan(value):
            found.append((x, value))
    return found


def published_values(summary: Summary, arm: Arm, line: Line) -> list[float] | None:
    """The published row that stands in a line's panel."""
    published = summary.plan.recipe.published
    if published is None:
        return None
    if line == summary.headline:
        return published_row(summary.plan, arm, as_published(summary.plan, line))
    beside = Line(line.feature, line.scenes, published.probe, line.measure)
    return published_row(summary.plan, arm, beside)


def draw_incentive(ax: Any, plan: Plan) -> None:
    """The closed form of what is left to gain, for every temperature and batch of the arms."""
    look = styles(plan.every_arm)
    beside = ax.twinx()
    top = max(plan.axis)
    bits = [top * i / 100 for i in range(101)]
    for arm in plan.every_arm:
        if "tau" in arm:
            batch = arm.get("batch", usual_batch(plan))
            left = [incentive(b, batch=batch, tau=arm.settings["tau"]) for b in bits]
            colour = look[arm.label].colour
            beside.plot(bits, left, color=colour, linestyle=LEFT_TO_GAIN, linewidth=1)
    beside.set_ylim(bottom=0)
    beside.set_ylabel("left to gain, nats")


def usual_batch(plan: Plan) -> int | None:
    """The batch of the first cell that has one."""
    for cell in [*plan.cells, *plan.other_cells]:
        if cell.training is not None:
            return cell.training.batch
    return None
