"""Rows -> what is left of a feature: retention along the axis, the threshold at which half is left, and what a linear readout misses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from suppression.experiment.plan import Cell, Plan
from suppression.experiment.rows import Row
from suppression.experiment.spec import Retention
from suppression.metrics.intervals import mean_interval
from suppression.metrics.retention import FIT_PLACES, Threshold, retention, threshold
from suppression.reporting.summary import Line, label, lines, published_row, shown_layer
from suppression.reporting.tables import as_markdown, value_told

UNTRAINED = {"method": "untrained"}

Table = tuple[str, list[str], list[list[str]]]  # title, header, body


def by_seed(line: Line, plan: Plan, rows: list[Row], arm: Cell, x: Any) -> dict[int, float]:
    return {row["seed"]: row["accuracy"] for row in line.rows(plan, rows, arm, x)}


def reference_of(plan: Plan, arm: Cell, asked: Retention) -> Any:
    """The place on the axis at which the feature has no competitor (or, where a parameter is named, at that parameter's value)."""
    return arm.get(asked.reference, plan.cells[0][asked.reference]) if isinstance(asked.reference, str) else asked.reference


def floor_of(plan: Plan, arm: Cell) -> Cell:
    """The untrained arm that the arm starts from: of those whose parameters are the arm's the one that says most."""
    others = [each for each in [*plan.arms, *plan.unasked] if each["method"] == "untrained"]
    return max(
        (each for each in others if all(arm.get(parameter) == value for parameter, value in each.items() if parameter != "method")), key=len, default=UNTRAINED
    )


def line_of(plan: Plan, asked: Retention) -> Line:
    return Line(asked.feature, asked.scenes, layer=shown_layer(plan))


def retained(plan: Plan, rows: list[Row], arm: Cell, asked: Retention) -> dict[Any, list[float]]:
    """R at each place of the axis, a value a seed; seeds without the reference or without the untrained network are left out."""
    line, floor = line_of(plan, asked), floor_of(plan, arm)
    alone = by_seed(line, plan, rows, arm, reference_of(plan, arm, asked))
    found = {}
    for x in plan.axis:
        together, untrained = by_seed(line, plan, rows, arm, x), by_seed(line, plan, rows, floor, x)
        values = [retention(together[seed], alone[seed], untrained[seed]) for seed in sorted(set(together) & set(alone) & set(untrained))]
        found[x] = [value for value in values if not math.isnan(value)]
    return {x: values for x, values in found.items() if values}


def half_left(asked: Retention, found: Mapping[Any, Sequence[float]]) -> Threshold | None:
    """Where half is left along the axis (`stats.threshold`, over log2 of the axis where `asked.log2`)."""
    pairs = [(math.log2(x) if asked.log2 else float(x), value) for x, values in found.items() for value in values]
    at = threshold([u for u, _ in pairs], [value for _, value in pairs]) if pairs else None
    return Threshold(2**at.at, 2**at.low, 2**at.high, at.settled) if at and asked.log2 else at


def published_retained(plan: Plan, arm: Cell, asked: Retention) -> dict[Any, list[float]]:
    """R of the published row that stands beside the arm, where its untrained network is published, too; the reference is the row's first place."""
    line = line_of(plan, asked)
    row, floor = published_row(plan, arm, line), published_row(plan, UNTRAINED, line)
    if row is None or floor is None or plan.recipe.published is None:
        return {}
    pairs = zip(plan.recipe.published.axis, row, floor, strict=True)
    return {x: [retention(value, row[0], low)] for x, value, low in pairs}


def retention_tables(plan: Plan, rows: list[Row]) -> list[Table]:
    """A table for each feature that the recipe names; arms without both ends measured are left out."""
    made = []
    for asked in plan.recipe.retention:
        body = []
        for arm in [*plan.arms, *plan.unasked]:
            found = retained(plan, rows, arm, asked) if arm["method"] != "untrained" else {}
            if found:
                told = [value_told(*mean_interval(found[x]), percent=False, places=2) if x in found else "" for x in plan.axis]
                body.append([label(arm), *told, threshold_told(asked, found)])
            if found and (beside := published_retained(plan, arm, asked)):
                body.append(["published", *("" for _ in plan.axis), threshold_told(asked, beside)])
        if body:
            title = f"what is left of '{asked.feature}' ({asked.scenes}): R = (A - untrained) / (A at {plan.recipe.axis} {asked.reference} - untrained)"
            made.append((title, ["arm", *(f"{plan.recipe.axis} {x}" for x in plan.axis), f"{plan.recipe.axis} at R = 0.5"], body))
    return made


def threshold_told(asked: Retention, found: Mapping[Any, Sequence[float]]) -> str:
    if len(found) < FIT_PLACES:
        return f"needs {FIT_PLACES} places"
    at = half_left(asked, found)
    if at is None:
        return f"not within {min(found):g} to {max(found):g}"
    return value_told(at.at, at.low, at.high, percent=False) if at.settled else f"between {at.low:g} and {at.high:g}"


def gap_table(plan: Plan, rows: list[Row]) -> Table | None:
    """What a hidden layer reads and a linear readout does not, in points: hidden from it, not erased. Paired by seed."""
    body, asked = [], [line for line in lines(plan, rows) if line.probe == "mlp"]
    for arm in [*plan.arms, *plan.unasked]:
        for line in asked:
            told = []
            for x in plan.axis:
                mlp = by_seed(line, plan, rows, arm, x)
                linear = by_seed(Line(line.feature, line.scenes, layer=line.layer), plan, rows, arm, x)
                pairs = [mlp[s] - linear[s] for s in sorted(set(mlp) & set(linear))]
                told.append(value_told(*mean_interval(pairs)) if pairs else "")
            if any(told):
                body.append([label(arm), line.feature, line.scenes, *told])
    header = ["arm", "feature", "scenes", *(f"{plan.recipe.axis} {x}" for x in plan.axis)]
    return ("accuracy of the mlp readout less that of the linear one, points", header, body) if body else None


def tables(plan: Plan, rows: list[Row]) -> list[Table]:
    gap = gap_table(plan, rows)
    return [*retention_tables(plan, rows), *([gap] if gap else [])]


def markdown(plan: Plan, rows: list[Row]) -> str:
    return "\n".join(f"{title[0].upper() + title[1:]}.\n\n" + as_markdown(header, body, left=1) for title, header, body in tables(plan, rows))
