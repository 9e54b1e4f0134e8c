"""The contrasts that a recipe registers, told from its rows in the four words of `metrics.word`.

A record's page, the verdict on a terminal and `result.contrasts()` say the same: all read `claims`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suppression.experiment.contrasts import Registered, Side
from suppression.methods import METHODS
from suppression.metrics.contrasts import FEWEST_SEEDS, LEVEL, Comparison, Word, compare
from suppression.reporting.numbers import values_text
from suppression.reporting.summary import Line, Point, Summary
from suppression.reporting.tables import scenes_text

WORDS: tuple[Word, ...] = ("higher", "lower", "no difference", "cannot tell")
SEEDS = {1: "one seed", 2: "two seeds"}
POWER = "../benchmarks/README.md#words"
LEAST_P = 0.001  # smaller ones are told as such


@dataclass(frozen=True)
class Claim:
    """A registered contrast, and what the rows say of it.

    Args:
        contrast: What the recipe asks.
        line: What is read.
        a: What is called higher or lower.
        b: What it is held against.
        found: The comparison, in the unit of tables; without differences where one of the two was
            not measured.
    """

    contrast: Registered
    line: Line
    a: Point
    b: Point
    found: Comparison

    @property
    def name(self) -> str:
        return self.contrast.asked.name

    @property
    def word(self) -> Word:
        return self.found.word

    @property
    def seeds(self) -> int:
        return len(self.found.differences)


def claims(summary: Summary) -> list[Claim]:
    """The recipe's contrasts at this scale, told together: Holm's correction is over all of them.

    Those that were not measured are among them.
    """
    points: list[tuple[Registered, Line, Point, Point]] = []
    family = []
    for contrast in summary.plan.contrasts:
        line = line_of(summary, contrast)
        a, b = point_of(summary, contrast.a, line), point_of(summary, contrast.b, line)
        points.append((contrast, line, a, b))
        family.append(differences(a, b))
    margins = [contrast.asked.margin for contrast in summary.plan.contrasts]
    made = []
    for told, found in zip(points, compare(family, margins), strict=True):
        made.append(Claim(*told, found))
    return made


def line_of(summary: Summary, contrast: Registered) -> Line:
    asked = contrast.asked
    layer = asked.layer or summary.shown_layer
    return Line(asked.feature, asked.scenes, asked.probe, contrast.measure, layer)


def point_of(summary: Summary, side: Side, line: Line) -> Point:
    """What was measured there; a point without seeds where the arm is not asked for."""
    for arm in summary.plan.every_arm:
        if arm == side.arm:
            return summary.point(arm, line, side.x)
    nothing = math.nan
    return Point(side.arm, line, side.x, {}, nothing, nothing, nothing, 0, None, "not asked for")


def differences(a: Point, b: Point) -> list[float]:
    """`a` less `b` at the same seed, in the unit of tables.

    What has no seed, like raw pixels, stands beside every seed of the other.
    """
    mine, theirs = by_seed(a, beside=b), by_seed(b, beside=a)
    return [a.unit * (mine[seed] - theirs[seed]) for seed in sorted(set(mine) & set(theirs))]


def by_seed(point: Point, *, beside: Point) -> Mapping[int, float]:
    method = METHODS.get(point.arm.method)
    if method is None or method.seeded or point.n != 1:
        return point.by_seed
    (value,) = point.by_seed.values()
    return dict.fromkeys(beside.by_seed, value)


# --- as rows ---------------------------------------------------------------------------------


def rows(summary: Summary) -> list[dict[str, Any]]:
    """A dict a contrast, for a notebook; differences in the unit of tables."""
    return [as_row(claim) for claim in claims(summary)]


def as_row(claim: Claim) -> dict[str, Any]:
    found, line = claim.found, claim.line
    return {
        "name": claim.name,
        "word": claim.word,
        "a": claim.a.arm.label,
        "b": claim.b.arm.label,
        "at": claim.a.x,
        "at_b": claim.b.x,
        "feature": line.feature,
        "scenes": line.scenes,
        "probe": line.probe,
        "layer": line.layer,
        "measure": line.measure,
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "margin": found.margin,
        "p": found.p,
        "p_holm": found.p_holm,
        "p_equivalent": found.p_equivalent,
        "p_sign_flip": found.p_sign_flip,
        "seeds": claim.seeds,
        "after_the_record": claim.contrast.asked.after_the_record,
    }


# --- as text ---------------------------------------------------------------------------------


def in_short(summary: Summary) -> str:
    """The words of all contrasts, for a verdict; nothing where none was measured."""
    told = claims(summary)
    measured = [claim for claim in told if claim.seeds]
    if not measured:
        return ""
    most = max(claim.seeds for claim in measured)
    if most < FEWEST_SEEDS:
        return f"Registered contrasts: cannot tell from {SEEDS[most]}."
    parts = []
    for word in WORDS:
        named = [in_brief(claim) for claim in measured if claim.word == word]
        if named:
            parts.append(f"{word}: {'; '.join(named)}")
    missing = len(told) - len(measured)
    if missing:
        parts.append(f"not measured: {missing} of {len(told)}")
    return f"Registered contrasts. {'. '.join(map(capital, parts))}."


def in_brief(claim: Claim) -> str:
    """Its name, and its difference where the word says something."""
    if claim.word == "cannot tell":
        return claim.name
    within = f", within ±{claim.found.margin:g}" if claim.word == "no difference" else ""
    return f"{claim.name} ({amount(claim).replace(' (', ', ')}{within})"


def capital(text: str) -> str:
    return text[0].upper() + text[1:]


def page_section(summary: Summary) -> str:
    """The contrasts of a record, a line each, and by which rule they are told."""
    told = claims(summary)
    lines = [f"- {sentence(summary, claim)}" for claim in told]
    late = [claim for claim in told if claim.contrast.asked.after_the_record]
    when = ""
    if late:
        which = "all" if len(late) == len(told) else f"{len(late)} of them"
        when = f" Registered after the record was made, which they describe: {which}."
    head = (
        f"{len(told)} differences, paired by seed, with 95 % t-intervals over seeds, each by "
        "itself. A word is by the p after Holm's correction over all of them, so it may be *cannot "
        f"tell* where an interval leaves 0 out ([what so many seeds can tell]({POWER})).{when}"
    )
    title = f"## Registered contrasts, {summary.plan.scale} scale"
    return "\n".join([title, "", head, "", *lines]) + "\n"


def sentence(summary: Summary, claim: Claim) -> str:
    """What is compared, both readings, and the word with its numbers."""
    return f"*{claim.name}*: {readings(summary, claim)}: {conclusion(claim)}."


def readings(summary: Summary, claim: Claim) -> str:
    """Both sides with what they read, of what, and where."""
    a, b, axis = claim.a, claim.b, summary.plan.recipe.axis
    what = f"of '{claim.line.feature}' ({scenes_text(summary, claim.line)})"
    if a.arm == b.arm:
        return f"{a.arm.label} {value(a)} at {axis} {a.x} and {value(b)} at {b.x}, {what}"
    where = "" if axis in a.arm else f" at {axis} {a.x}"
    return f"{a.arm.label} {value(a)}, {b.arm.label} {value(b)}, {what}{where}"


def value(point: Point) -> str:
    """The mean over seeds, or the values of two."""
    if not point.n:
        return "not measured"
    percent = point.line.of.percent
    values = point.values if point.n < FEWEST_SEEDS else [point.mean]
    return values_text(values, percent=percent) + (" %" if percent else "")


def conclusion(claim: Claim) -> str:
    """The word, by how much, the interval, the p, and of how many seeds."""
    found, word = claim.found, f"**{claim.word}**"
    if not claim.seeds:
        return f"{word}, not measured"
    seeds = SEEDS.get(claim.seeds, f"{claim.seeds} seeds")
    if math.isnan(found.p):
        if claim.seeds >= FEWEST_SEEDS:
            return f"{word}: {tenths(found.mean)} {unit(claim)} ({seeds} that do not differ)"
        each = values_text(found.differences, percent=False)
        return f"{word}: {each} {unit(claim)} ({seeds})"
    ps = f"p {p_text(found.p_holm)}, by sign flips {p_text(found.p_sign_flip)}"
    numbers = f"{amount(claim)}; {ps}; {seeds})"
    if claim.word == "no difference":
        return f"**no difference within ±{found.margin:g}**: {numbers}"
    if claim.word == "cannot tell":
        return f"{word}: {numbers}"
    small = f", within ±{found.margin:g}" if found.p_equivalent <= LEVEL else ""
    return f"{word} by {numbers}{small}"


def amount(claim: Claim) -> str:
    """The difference with its interval, whose bracket is left open; without sign where it is lower.

    Example: `29.1 points (24.7 to 33.5`
    """
    found = claim.found
    mean, low, high = found.mean, found.low, found.high
    if claim.word == "lower":
        mean, low, high = -mean, -high, -low
    return f"{tenths(mean)} {unit(claim)} ({tenths(low)} to {tenths(high)}"


def tenths(value: float) -> str:
    """One decimal, and no -0.0."""
    return f"{round(value, 1) + 0.0:.1f}"


def unit(claim: Claim) -> str:
    return "points" if claim.line.of.percent else claim.line.of.label


def p_text(p: float) -> str:
    """A p with two digits that count."""
    if math.isnan(p):
        return "none"
    if p < LEAST_P:
        return f"< {LEAST_P:g}"
    return f"{p:.2g}" if p < 0.995 else "1"
