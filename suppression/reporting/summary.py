"""What there is to show of long-form rows: arms, and for each the lines along the axis, with what was published beside."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell, Plan, named
from suppression.experiment.rows import Row, at, select
from suppression.metrics.intervals import mean_interval

TOLD = {
    "accuracy": "top-1 accuracy, %",
    "nmi": "normalised mutual information, %",
    "decodable": "bits held",
    "entropy": "entropy, nats",
    "spread": "std of normalised outputs times sqrt(d)",
    "rank": "effective rank",
}
PERCENT = ("accuracy", "nmi")
KINDS = {"views": "held-out pictures, each in two of the views of training"}  # of scenes that no card names
BESIDE = {"bit": ("decodable",), "pairs": ("entropy", "spread", "rank")}  # what else is told of a feature than the measure


def label(arm: Cell) -> str:
    """`{"method": "simclr", "tau": 0.2}` -> "simclr, tau 0.2"; a parameter that is not set is not told."""
    told = [parameter if value is True else f"{parameter} {value}" for parameter, value in arm.items() if parameter != "method" and value is not None]
    return ", ".join([arm["method"], *told])


def cell_name(plan: Plan, cell: Cell) -> str:
    """The cell by what sets it apart: its arm, its place on the axis, its seed."""
    if cell not in plan.cells and (key := full_key(cell)) in plan.before:
        width = "" if cell["width"] == plan.cells[0]["width"] else f", width {cell['width']}"
        return f"[pretrain.{plan.names[key]}] {cell['method']}{width}{axis_place(plan, cell)}, seed {cell['seed']}"
    arm = arm_of(plan, cell)
    return f"{label(arm)}{'' if plan.recipe.axis in arm else axis_place(plan, cell)}, seed {cell['seed']}"


def axis_place(plan: Plan, cell: Cell) -> str:
    return f", {plan.recipe.axis} {cell[plan.recipe.axis]}" if plan.recipe.axis in cell else ""


def arm_of(plan: Plan, cell: Cell) -> Cell:
    """The arm that a cell, or a row of it, belongs to: of those that agree with it the one that says most, as one arm may be another and a parameter more."""
    return max(
        (arm for arm in [*plan.arms, *plan.unasked] if all(named(plan, cell).get(parameter) == value for parameter, value in arm.items())), key=len, default={}
    )


def of_arm(plan: Plan, rows: Iterable[Row], arm: Cell) -> list[Row]:
    return [row for row in rows if arm_of(plan, row) == arm]


def kind_told(plan: Plan, scenes: str) -> str:
    """What is seen on such scenes."""
    return plan.card.scenes.get(scenes, KINDS.get(scenes, scenes))


def several_layers(plan: Plan) -> bool:
    """Whether a line has to say of which layer it is."""
    return plan.recipe.axis != "layer" and (len(plan.probe.layers) > 1 or bool(plan.probe.clusters))


@dataclass(frozen=True)
class Line:
    """What one line of the table, or one panel of the figure, shows along the axis."""

    feature: str
    scenes: str
    probe: str = "linear"
    measure: str = "accuracy"
    layer: str = "h"

    def rows(self, plan: Plan, rows: Iterable[Row], arm: Cell, x: Any) -> list[Row]:
        """The line's rows of an arm at one place of the axis, a row a seed."""
        wanted = {"feature": self.feature, "scenes": self.scenes} | ({} if plan.recipe.axis == "layer" else {"layer": self.layer})
        return [
            row
            for row in of_arm(plan, at(select(rows, **wanted), plan.recipe.axis, x), arm)
            if readout(row) == self.probe and row.get(self.measure) is not None
        ]


def readout(row: Row) -> str:
    """A layer that was trained along stands in the line of the linear probe: an arm has one or the other."""
    return "linear" if row["probe"] == "online" else row["probe"]


def shown_layer(plan: Plan) -> str:
    """The layer that is shown: the probe's first, or, where the axis runs along layers, its first."""
    return plan.axis[0] if plan.recipe.axis == "layer" else plan.probe.layers[0]


def lines(plan: Plan, rows: list[Row]) -> list[Line]:
    """What there is to show: features and kinds of scenes in the card's order, then the readouts; for bits also how many are held."""
    features = [*(plan.probe.features if plan.probe.features is not None else plan.card.features), *(plan.probe.transformations or [])]
    if plan.probe.clusters:
        features = ["mask"]
    features += ["pairs"] if plan.probe.contrast else []
    scenes = [*plan.card.scenes, *dict.fromkeys(row["scenes"] for row in rows)]
    readouts = ["linear", *dict.fromkeys(readout(row) for row in rows)]
    layers = [shown_layer(plan)] if plan.recipe.axis == "layer" else list(dict.fromkeys(row["layer"] for row in rows))
    found = {(row["feature"], row["scenes"], readout(row), row["layer"]) for row in rows}
    made = [
        Line(feature, kind, how, plan.recipe.measure, layer)
        for feature in features
        for kind in dict.fromkeys(scenes)
        for how in dict.fromkeys(readouts)
        for layer in layers
        if (feature, kind, how, layer) in found
    ]
    for line in made[:]:
        made += [Line(line.feature, line.scenes, line.probe, each, line.layer) for each in BESIDE.get(line.feature, ()) if line.scenes != "alone"]
    return made or [Line(feature, "...") for feature in features]


def summary(rows: Iterable[Row], measure: str = "accuracy") -> tuple[float, float, float, int]:
    """Mean and 95 % interval over seeds (t), or the one seed's own interval (Wilson's for an accuracy); and how many seeds."""
    rows = list(rows)
    if len(rows) == 1:
        bounds = ("low", "high") if measure == "accuracy" else (f"{measure}_low", f"{measure}_high")
        low, high = (math.nan if rows[0].get(name) is None else rows[0][name] for name in bounds)
        return rows[0][measure], low, high, 1
    mean, low, high = mean_interval([row[measure] for row in rows])
    return (mean, max(low, 0.0), min(high, 1.0), len(rows)) if measure in PERCENT else (mean, low, high, len(rows))


def published_at(plan: Plan, x: Any) -> Any:
    """The column of the published table that stands beside x, if there is one (`published_at` in the scale, else the same value)."""
    settings = plan.recipe.scale[plan.scale]
    if "published_at" in settings:
        return dict(zip(settings[plan.recipe.axis], settings["published_at"], strict=True)).get(x)
    return x if plan.recipe.published and x in plan.recipe.published.axis else None


def published_row(plan: Plan, arm: Cell, line: Line) -> list[float] | None:
    """The published percentages that stand beside an arm's line, along the published axis; nan where a place of it was not published."""
    published = plan.recipe.published
    if published is None or line.measure != "accuracy":
        return None
    if line.feature != "pairs" and (line.scenes, line.probe) != (published.scenes, published.probe):
        return None
    if plan.recipe.axis != "layer" and line.layer not in ("h", "output"):
        return None
    told = {parameter: value for parameter, value in arm.items() if parameter not in published.untold and value is not None}
    for row in published.rows:
        if row["feature"] == line.feature and told == {parameter: value for parameter, value in row.items() if parameter not in ("feature", "accuracy")}:
            return row["accuracy"]
    return None


def published_value(plan: Plan, arm: Cell, line: Line, x: Any) -> float | None:
    """The published accuracy in percent that stands beside an arm's line at x."""
    row, column = published_row(plan, arm, line), published_at(plan, x)
    value = row[plan.recipe.published.axis.index(column)] if row and column is not None and plan.recipe.published else math.nan
    return None if math.isnan(value) else value


def guess(plan: Plan, rows: list[Row], feature: str) -> float:
    """What the most frequent class would score, in [0, 1], the mean over all rows of the feature."""
    values = [row["guess"] for row in rows if row["feature"] == feature and row.get("guess") is not None]
    return sum(values) / len(values) if values else math.nan
