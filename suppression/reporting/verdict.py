"""What a run found, in one or two sentences, made from its numbers by fixed rules.

The rules, for the feature whose retention the recipe asks for (else the first one shown, beside
what competes with it):

- An arm *falls* along the axis, is *lower* at its end, if the 95 % interval of the difference
  between the two ends, paired by seed, lies below 0; it *rises*, is *higher*, if that lies above;
  else one *cannot tell*. That interval is by the rule of all intervals (`summary.Interval`): over
  seeds and instances from three seeds on; of two seeds there is none, so that nothing is told; of
  one seed over instances alone, paired by instance, or, where these were not kept, the ends' own
  intervals must not touch.
- The *control holds* if supervised training reads the feature at the far end better than every
  arm that falls: its lower bound is above their upper bounds. Then the feature was there to be
  learned. Without a control that holds, a fall says nothing of suppression. Where the recipe
  asks for no retention and has no such control, nothing is said of suppression at all.
- *What is shared suppresses* if an arm that falls reads more of the feature at the far
  end with the competitor redrawn for the second view: the same pictures, but for what the views
  share. The difference is told from 0 as that of the ends is. Only recipes with such a control
  are asked this; there it decides, and what supervised training reads is told beside.
- A recipe with a leaderboard is told by the leaderboard's rules alone (`leaderboard`), one that
  screens by what it chooses (`screening`).
- Then the contrasts that the recipe registers, in the four words of `metrics.contrasts`: corrected
  for their number, so that one may be *cannot tell* where the sentence before, which is of one
  difference by itself, says more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from suppression.evaluation.probes import AXES
from suppression.experiment.arms import CONTROL, Arm
from suppression.methods import METHODS
from suppression.reporting import claims, leaderboard, leaderboard_text, screening
from suppression.reporting.numbers import values_text
from suppression.reporting.retention import line_of, reference_of
from suppression.reporting.summary import Line, Point, Summary, difference
from suppression.reporting.tables import scenes_text

Outcome = Literal["higher", "lower", "cannot tell"]  # at the end than at the start
VERBS: dict[Outcome, str] = {"lower": "falls", "higher": "rises"}
COMPETING = "together"  # scenes that show the feature and what competes with it
FEW = {1: " (one seed)", 2: " (two seeds)"}
MOST_NAMED = 3  # arms that have a sentence of their own; more are counted


@dataclass(frozen=True)
class Change:
    """An arm's change from one end of the axis to the other."""

    arm: Arm
    start: Point
    end: Point
    outcome: Outcome


def verdict(summary: Summary) -> str:
    """One or two sentences: what fell, from where to where, whether the control held."""
    if not summary.rows:
        return "Nothing was measured."
    sentences = [*findings(summary), claims.in_short(summary)]
    if summary.failed:
        sentences.append(f"{len(summary.failed)} cells failed.")
    return " ".join(filter(None, sentences))


def findings(summary: Summary) -> list[str]:
    """A sentence for each rule that has something to say."""
    if summary.plan.baselines:
        return [leaderboard_text.text(leaderboard.leaderboard(summary))]
    if summary.plan.recipe.screens:
        return [screening.text(summary)]
    line = main_line(summary)
    if line is None or not all(isinstance(x, (int, float)) for x in summary.plan.axis):
        return [best_and_worst(summary)]
    changes = [changed(summary, arm, line) for arm in summary.arms]
    made = [change for change in changes if change is not None]
    trained = [change for change in made if is_of_the_claim(summary, change.arm)]
    if not trained:
        return [best_and_worst(summary)]
    falling = [change for change in trained if change.outcome == "lower"]
    sentences = [changes_text(summary, line, trained)]
    if falling and claims_suppression(summary):
        redrawn = [redrawn_text(summary, line, change) for change in falling]
        sentences.append(control_text(summary, line, falling, decides=not all(redrawn)))
        sentences += redrawn
    return sentences


def is_of_the_claim(summary: Summary, arm: Arm) -> bool:
    """Whether the claim is about an arm: not about controls, nor about what is not trained."""
    if arm.method == CONTROL or arm in summary.plan.controls:
        return False
    return METHODS[arm.method].trains and "redraw" not in arm


def claims_suppression(summary: Summary) -> bool:
    """Whether a competitor grows along the axis: the recipe asks what is left, or has a control."""
    if summary.plan.recipe.axis in AXES:  # one network all along
        return False
    controls = [arm for arm in summary.plan.every_arm if arm.method == CONTROL]
    return bool(summary.plan.recipe.retention or controls)


def main_line(summary: Summary) -> Line | None:
    """The line that the recipe's claim is about."""
    recipe = summary.plan.recipe
    if recipe.retention:
        return line_of(summary, recipe.retention[0])
    shown = [line for line in summary.lines if line.measure == recipe.measure]
    for line in shown:
        if line.feature == shown[0].feature and line.scenes == COMPETING:
            return line
    return shown[0] if shown else None


def changed(summary: Summary, arm: Arm, line: Line) -> Change | None:
    """How the line changes from the place without a competitor to the far end."""
    plan = summary.plan
    first = plan.axis[0]
    if plan.recipe.retention:
        first = reference_of(plan, arm, plan.recipe.retention[0])
        first = next((x for x in plan.axis if x == first), first)  # 0, where the recipe has 0.0
    start, end = summary.point(arm, line, first), summary.point(arm, line, plan.axis[-1])
    if plan.recipe.axis in AXES:  # where not every network is asked everywhere
        there = summary.measured(arm, line)
        start, end = (there[0], there[-1]) if there else (start, end)
    if not start.n or not end.n or start.x == end.x:
        return None
    return Change(arm, start, end, outcome_of(start, end))


def outcome_of(start: Point, end: Point) -> Outcome:
    apart = difference(end, start)
    if apart.high < 0:
        return "lower"
    return "higher" if apart.low > 0 else "cannot tell"


def changes_text(summary: Summary, line: Line, changes: list[Change]) -> str:
    axis = summary.plan.recipe.axis
    where = f"of '{line.feature}' ({scenes_text(summary, line)})"
    if len(changes) > MOST_NAMED:
        return many_text(summary, where, changes)
    parts = []
    for change in changes:
        start, end = number(change.start), number(change.end)
        places = f"{axis} {change.start.x} to {change.end.x}"
        if change.outcome == "cannot tell":
            parts.append(
                f"{change.arm.label} reads {start} {where} at the first and {end} at the last "
                f"place of {places}: cannot tell whether it falls"
            )
        else:
            verb = VERBS[change.outcome]
            parts.append(f"{change.arm.label} {verb} from {start} to {end} {where}, {places}")
    seeds = min(min(change.start.n, change.end.n) for change in changes)
    few = FEW.get(seeds, "")
    return f"{'; '.join(parts)}{few}."


def many_text(summary: Summary, where: str, changes: list[Change]) -> str:
    axis, plan = summary.plan.recipe.axis, summary.plan
    parts = []
    for outcome, verb in VERBS.items():
        names = [change.arm.label for change in changes if change.outcome == outcome]
        if names:
            verb = verb if len(names) == 1 else verb.removesuffix("s")
            parts.append(f"{len(names)} {verb} ({'; '.join(names)})")
    untold = [change.arm.label for change in changes if change.outcome == "cannot tell"]
    if untold:
        parts.append(f"cannot tell of {len(untold)} ({'; '.join(untold)})")
    return (
        f"Of {len(changes)} arms, read {where} from {axis} {plan.axis[0]} to {plan.axis[-1]}: "
        f"{', '.join(parts)}."
    )


def control_text(summary: Summary, line: Line, falling: list[Change], *, decides: bool) -> str:
    """Whether the supervised control held where the others fell, and what follows if it decides."""
    end = summary.plan.axis[-1]
    controls = [arm for arm in summary.arms if arm.method == CONTROL]
    points = [summary.point(arm, line, end) for arm in controls]
    points = [point for point in points if point.n]
    if not points:
        text = "No supervised control was trained there"
        follows = ", so nothing can be said of suppression: the feature may be too hard to learn"
        return f"{text}{follows if decides else ''}."
    best = max(points, key=lambda point: (not math.isnan(point.low), point.low))
    ends = [change.end.high for change in falling]
    follows = ", so nothing can be said of suppression" if decides else ""
    if math.isnan(best.low) or any(map(math.isnan, ends)):
        return (
            f"Cannot tell whether the control holds: supervised training reads {number(best)} "
            f"there, and not all of these values have an interval{follows}."
        )
    if best.low > max(ends):
        return f"The control holds: supervised training reads {number(best)} there."
    return f"The control does not hold: supervised training reads {number(best)} there{follows}."


def redrawn_text(summary: Summary, line: Line, change: Change) -> str:
    """What is read where the competitor is there but not shared, if the recipe asks that."""
    arms = [arm for arm in summary.plan.every_arm if arm.get("redraw") == 1]
    arm = next((arm for arm in arms if arm.shared == change.arm), None)
    if arm is None:
        return ""
    redrawn = summary.point(arm, line, change.end.x)
    if not redrawn.n:
        return f"{arm.label} was not trained there: cannot tell whether what is shared suppresses."
    outcome = outcome_of(change.end, redrawn)
    where = f"With the competitor redrawn for the second view {change.arm.label} reads"
    few = FEW.get(min(change.end.n, redrawn.n), "")
    if outcome == "higher":
        return f"{where} {number(redrawn)} there: what is shared suppresses{few}."
    told = "which is less" if outcome == "lower" else f"cannot tell whether that is more{few}"
    return f"{where} {number(redrawn)} there, {told}: nothing can be said of suppression."


def best_and_worst(summary: Summary) -> str:
    """Where nothing runs along the axis: the highest and the lowest value of the first line."""
    line = main_line(summary)
    points: list[Point] = []
    if line is not None:
        for arm in summary.arms:
            points += summary.measured(arm, line)
    if line is None or not points:
        return "Nothing was measured of what the recipe asks."
    best = max(points, key=lambda point: point.mean)
    worst = min(points, key=lambda point: point.mean)
    what = f"'{line.feature}' ({scenes_text(summary, line)})"
    text = f"Highest of {what}: {number(best)}, {where_text(summary, best)}"
    if best is worst:
        return f"{text}."
    apart = best.low > worst.high
    text += f"; lowest: {number(worst)}, {where_text(summary, worst)}"
    return f"{text}." if apart else f"{text}; cannot tell which of the two is more."


def where_text(summary: Summary, point: Point) -> str:
    axis = summary.plan.recipe.axis
    return point.arm.label if axis in point.arm else f"{point.arm.label}, {axis} {point.x}"


def number(point: Point) -> str:
    """A point's value with its unit; both values of two seeds."""
    value = point.unit * point.mean
    if math.isnan(value):
        return "nothing"
    if point.n == 2 and point.line.of.percent:
        return f"{values_text(point.values, places=0)} %"
    if point.line.of.percent:
        return f"{value:.0f} %"
    return f"{value:.1f} ({point.line.of.label})"
