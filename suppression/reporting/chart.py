"""The points of an experiment as the chart of pages draws them: numbers and words, ready to show.

`assets/chart.js` draws them and decides no number: means, intervals and texts are the table's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, get_args

from suppression.reporting.axis import are_columns
from suppression.reporting.panel import of_other_pictures
from suppression.reporting.styles import Style, styles
from suppression.reporting.summary import IntervalKind, Line, Point, Summary, as_published
from suppression.reporting.tables import cell_text, scenes_text
from suppression.reporting.verdict import main_line

Facts = dict[str, Any]

HEADROOM = 1.08
MARKERS = "os^vD<>PXph"  # that are told apart
INTERVALS = list(get_args(IntervalKind))
DIGITS = 4  # that a number keeps beyond the decimals that are shown


def chart_data(summary: Summary) -> Facts:
    """What the chart of an experiment shows.

    Args:
        summary: The points.

    Returns:
        A dict that JSON can hold: `title`, `scale`, `axis`, `axis_label`, `places` (the words of
        the axis), `positions` (where they stand, in [0, 1]), `arms` with their look,
        `published_is_drawn` (not where published values are of other pictures), `intervals` (what
        an interval may be over, which points name by number), and `readings`, the claim's own
        first, each with its points in the unit of tables.
    """
    plan, recipe = summary.plan, summary.plan.recipe
    look = styles(plan.every_arm)
    arms: list[Facts] = []
    taken: set[tuple[str, str]] = set()
    for arm in summary.arms:
        style = apart_from(taken, look[arm.label])
        if are_columns(plan):
            style = style._replace(line="none")
        taken.add((style.colour, style.marker))
        arms.append({"label": arm.label, **style._asdict()})
    first = main_line(summary)
    readings = []
    for line in sorted(summary.lines, key=lambda line: line != first):
        found = reading(summary, line)
        if found["points"]:
            readings.append(found)
    return {
        "name": plan.name,
        "title": recipe.title,
        "scale": plan.scale,
        "axis": recipe.axis,
        "axis_label": recipe.axis_label or recipe.axis,
        "places": [str(x) for x in plan.axis],
        "positions": positions(plan.axis, log=recipe.axis_log),
        "arms": arms,
        "published_is_drawn": not of_other_pictures(plan),
        "intervals": INTERVALS,
        "readings": readings,
    }


def apart_from(taken: set[tuple[str, str]], style: Style) -> Style:
    """A style, with another marker where one of its colour has the same.

    Where there are more arms than colours the page's figure draws fields; here they are lines.
    """
    for marker in (style.marker, *MARKERS):
        if (style.colour, marker) not in taken:
            return style._replace(marker=marker)
    return style


def positions(axis: Sequence[Any], *, log: bool) -> list[float]:
    """Where places stand between the ends of the drawn axis; words one after another.

    Example:
        >>> positions([4, 8, 16], log=True), positions(["h", "z"], log=False)
        ([0.0, 0.5, 1.0], [0.0, 1.0])
    """
    if len(axis) == 1:
        return [0.5]
    at: list[float] = list(range(len(axis)))
    if all(isinstance(x, (int, float)) for x in axis):
        at = [math.log2(x) for x in axis] if log else [float(x) for x in axis]
    low, high = min(at), max(at)
    return [round((x - low) / (high - low), 4) for x in at]


def reading(summary: Summary, line: Line) -> Facts:
    """One line of the table: what is read of which feature, and every point of it."""
    measure = line.of
    beside = line
    if line == summary.headline:
        beside = as_published(summary.plan, line)
    points, highest = [], 0.0
    for number, arm in enumerate(summary.arms):
        for place, point in enumerate(summary.along(arm, line)):
            if point.n:
                published = summary.point(arm, beside, point.x).published
                points.append({"arm": number, "place": place, **shown(point, published)})
                highest = max(highest, point.unit * max(point.values))
    known = math.nan if measure.floor is None else measure.floor
    if measure.guess:
        known = 100 * summary.guess(line.feature, line.probe, line.measure)
    return {
        "name": f"{line.feature}, {scenes_text(summary, line)}",
        "about": measure.title or summary.scenes_text(line.scenes),
        "measure": measure.label,
        "feature": line.feature,
        "scenes": line.scenes,
        "probe": line.probe,
        "layer": line.layer_text,
        "digits": measure.digits,
        "top": 100 if measure.percent else rounded(HEADROOM * highest) or 1,
        "known": rounded(known),
        "known_name": "guessing" if measure.guess else "collapsed",
        "published_scenes": "" if beside == line else beside.scenes,
        "points": points,
    }


def shown(point: Point, published: float | None) -> Facts:
    """A point in the unit of tables, with its text there; None where a number is not known."""
    seeds = {}
    for seed, value in sorted(point.by_seed.items()):
        seeds[str(seed)] = rounded(point.unit * value)
    facts = {
        "mean": rounded(point.unit * point.mean),
        "low": rounded(point.unit * point.low),
        "high": rounded(point.unit * point.high),
        "interval": INTERVALS.index(point.interval),
        "text": cell_text(point),
        "seeds": seeds,
    }
    if published is not None:  # thousands of points have none, and the page has to stay small
        facts["published"] = published
    return facts


def rounded(value: float) -> float | None:
    return round(value, DIGITS) if math.isfinite(value) else None
