"""What is left of a feature: retention along the axis, where half of it is left, and what a
linear readout misses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suppression.evaluation.probes import PROBES
from suppression.experiment.arms import Arm
from suppression.experiment.plan import Plan
from suppression.experiment.spec import Retention
from suppression.metrics.crossed import Crossed
from suppression.metrics.retention import MIN_POSITIONS, Threshold, retention, threshold
from suppression.metrics.retention import retained as left
from suppression.reporting.numbers import told, value_text
from suppression.reporting.summary import (
    Interval,
    Line,
    Summary,
    by_the_rule,
    crossed,
    difference,
    published_row,
)

FEW = {1: " (1 seed)", 2: " (2 seeds)"}

Table = tuple[str, list[str], list[list[str]]]  # title, header, body


@dataclass(frozen=True)
class Left:
    """What is left at one place of the axis.

    Args:
        seeds: The seeds that have a value, ascending.
        crossed: R of each of them, and how far each held-out instance moves it.
    """

    seeds: list[int]
    crossed: Crossed

    @property
    def values(self) -> list[float]:
        """R of each seed."""
        return self.crossed.values.tolist()

    @cached_property
    def interval(self) -> Interval:
        """The mean of R with its interval, by the rule for all intervals."""
        return by_the_rule(self.crossed)

    def of(self, seeds: list[int]) -> Crossed:
        """R of these seeds alone."""
        at = [self.seeds.index(seed) for seed in seeds]
        whole = self.crossed
        return Crossed(whole.values[at], whole.instances, whole.moves[at])


Retained = Mapping[Any, Left]  # by place of the axis


def reference_of(plan: Plan, arm: Arm, asked: Retention) -> Any:
    """The place on the axis at which the feature has no competitor."""
    if not isinstance(asked.reference, str):  # a float, where a place may be a whole number
        return next((x for x in plan.axis if x == asked.reference), asked.reference)
    return arm.get(asked.reference, plan.cells[0].parameters[asked.reference])


def line_of(summary: Summary, asked: Retention) -> Line:
    return Line(asked.feature, asked.scenes, asked.probe, layer=summary.shown_layer)


def what_text(asked: Retention) -> str:
    """The feature, with the scenes and the readout that it is asked by."""
    words = [asked.scenes, PROBES[asked.probe].shown.tag]
    return f"'{asked.feature}' ({', '.join(filter(None, words))})"


def chance_of(summary: Summary, line: Line) -> float:
    """What guessing scores on the line, in [0, 1]; NaN where its rows do not say."""
    return summary.guess(line.feature, line.probe, line.measure)


def retained(summary: Summary, arm: Arm, asked: Retention) -> dict[Any, Left]:
    """R at each place of the axis; seeds without the reference are left out."""
    plan, line = summary.plan, line_of(summary, asked)
    chance = chance_of(summary, line)
    if math.isnan(chance):
        return {}
    alone = summary.point(arm, line, reference_of(plan, arm, asked))
    found = {}
    for x in plan.axis:
        together = summary.point(arm, line, x)
        seeds = []
        for seed in sorted(set(together.by_seed) & set(alone.by_seed)):
            if not math.isnan(retention(together.by_seed[seed], alone.by_seed[seed], chance)):
                seeds.append(seed)
        if seeds:
            found[x] = Left(seeds, left(crossed(together, seeds), crossed(alone, seeds), chance))
    return found


def half_left(asked: Retention, found: Retained) -> Threshold | None:
    """Where half is left along the axis, over log2 of the axis where `asked.log2`.

    Seeds that lack a place are left out.
    """
    if not found:
        return None
    shared = seeds_everywhere(found)
    if not shared:
        return None
    places = sorted(found)
    positions = [math.log2(x) if asked.log2 else float(x) for x in places]
    at = threshold(positions, [found[x].of(shared) for x in places])
    if at is None or not asked.log2:
        return at
    return Threshold(2**at.value, 2**at.low, 2**at.high, at.kind)


def seeds_everywhere(found: Retained) -> list[int]:
    """The seeds that have a value at every place, ascending."""
    return sorted(set.intersection(*(set(at.seeds) for at in found.values())))


def halves(summary: Summary, line: Line, arm: Arm) -> list[Threshold]:
    """Where half of the line's feature is left in this arm, if the recipe asks for it."""
    found = []
    for asked in summary.plan.recipe.retention:
        if line_of(summary, asked) == line and not arm.is_floor:
            at = half_left(asked, retained(summary, arm, asked))
            if at:
                found.append(at)
    return found


def published_retained(summary: Summary, arm: Arm, asked: Retention) -> dict[Any, Left]:
    """R of the published row that stands beside the arm; the reference is its first place.

    One run of which nothing else is known: its half-point has a bracket, and bears no interval.
    """
    plan, line = summary.plan, line_of(summary, asked)
    row = published_row(plan, arm, line)
    chance = 100 * chance_of(summary, line)
    if row is None or plan.recipe.published is None or math.isnan(chance):
        return {}
    found = {}
    for x, value in zip(plan.recipe.published.axis, row, strict=True):
        share = retention(value, row[0], chance)
        if not math.isnan(share):
            found[x] = Left([0], Crossed.of_seeds([share]))
    return found


def retention_tables(summary: Summary) -> list[Table]:
    """A table for each feature that the recipe names, of the arms whose ends are measured."""
    plan, axis = summary.plan, summary.plan.recipe.axis
    made = []
    for asked in plan.recipe.retention:
        body = []
        for arm in plan.every_arm:
            if not arm.is_floor:
                body += retention_lines(summary, arm, asked)
        if body:
            title = (
                f"what is left of {what_text(asked)}: R = (A - chance) / "
                f"(A at {axis} {asked.reference} - chance)"
            )
            header = ["arm", *(f"{axis} {x}" for x in plan.axis), f"{axis} at R = 0.5"]
            made.append((title, header, body))
    return made


def retention_lines(summary: Summary, arm: Arm, asked: Retention) -> list[list[str]]:
    """The arm's line of the table and, where there is one, the published one."""
    found = retained(summary, arm, asked)
    if not found:
        return []
    cells = []
    reference = reference_of(summary.plan, arm, asked)
    for x in summary.plan.axis:
        at = found.get(x)
        if at is not None and x == reference:
            cells.append("1.00")  # by definition
            continue
        cells.append("" if at is None else told(*at.interval, at.values, percent=False, places=2))
    body = [[arm.label, *cells, threshold_text(asked, found)]]
    beside = published_retained(summary, arm, asked)
    if beside:
        empty = [""] * len(summary.plan.axis)
        body.append(["published", *empty, threshold_text(asked, beside, published=True)])
    return body


def threshold_text(asked: Retention, found: Retained, *, published: bool = False) -> str:
    """Where half is left: with its interval, or the places that it lies between.

    What one seed or two of ours tell is said to be theirs.
    """
    if len(found) < MIN_POSITIONS:
        return f"needs {MIN_POSITIONS} places"
    at = half_left(asked, found)
    if at is None:
        first, *_, last = (found[x].crossed.mean for x in sorted(found))
        if first >= 0.5 > last:
            return "cannot tell"
        return f"not within {min(found):g} to {max(found):g}"
    if at.kind == "bracket":
        text = f"between {at.low:g} and {at.high:g}"
        return text if published else text + FEW.get(len(seeds_everywhere(found)), "")
    return value_text(at.value, at.low, at.high, percent=False)


def gap_tables(summary: Summary) -> list[Table]:
    """What another readout reads and the one in whose panel it is drawn does not, in points.

    Paired by seed. What an mlp reads and a linear readout does not is hidden from it, not erased.
    """
    plan = summary.plan
    bodies: dict[tuple[str, str], list[list[str]]] = {}
    for arm in plan.every_arm:
        for line in summary.lines:
            if line.in_panel_of is None or line.measure != "accuracy":
                continue
            cells = [gap_text(summary, arm, line, x) for x in plan.axis]
            if any(cells):
                body = bodies.setdefault((line.probe, line.in_panel_of), [])
                body.append([arm.label, line.feature, line.scenes, *cells])
    header = ["arm", "feature", "scenes", *(f"{plan.recipe.axis} {x}" for x in plan.axis)]
    made = []
    for (probe, other), body in bodies.items():
        tag = PROBES[probe].shown.tag or probe
        title = f"accuracy ({tag}) less that of the {other} readout, points"
        made.append((title, header, body))
    return made


def gap_text(summary: Summary, arm: Arm, line: Line, x: Any) -> str:
    beside = Line(line.feature, line.scenes, str(line.in_panel_of), layer=line.layer)
    more, less = summary.point(arm, line, x), summary.point(arm, beside, x)
    seeds = sorted(set(more.by_seed) & set(less.by_seed))
    gaps = [more.by_seed[seed] - less.by_seed[seed] for seed in seeds]
    return told(*difference(more, less), gaps) if gaps else ""


def tables(summary: Summary) -> list[Table]:
    return [*retention_tables(summary), *gap_tables(summary)]
