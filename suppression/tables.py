"""Long-form rows -> the paper's table: measured beside published, and csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from typing import Any

from suppression.recipe import Cell, Plan
from suppression.stats import mean_interval

Row = dict[str, Any]
LEADING = ("experiment", "method", "seed", "feature", "probe", "layer", "scenes", "accuracy", "low", "high")
SCENES_TOLD = {"alone": "alone", "together": "with both visible"}


def label(arm: Cell) -> str:
    """`{"method": "simclr", "tau": 0.2}` -> "simclr, tau 0.2"."""
    return ", ".join([arm["method"], *(f"{knob} {value}" for knob, value in arm.items() if knob != "method")])


def summary(rows: Iterable[Row]) -> tuple[float, float, float, int]:
    """Mean accuracy and 95 % interval over seeds (t), or the one seed's Wilson interval; and how many seeds."""
    rows = list(rows)
    if len(rows) == 1:
        return rows[0]["accuracy"], rows[0]["low"], rows[0]["high"], 1
    mean, low, high = mean_interval([row["accuracy"] for row in rows])
    return mean, max(low, 0.0), min(high, 1.0), len(rows)


def select(rows: Iterable[Row], **wanted: Any) -> list[Row]:
    return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]


def published_at(plan: Plan, x: Any) -> float | None:
    """The column of the published table that stands beside x, if there is one (`published_at` in the scale, else the same value)."""
    settings = plan.recipe.scale[plan.scale]
    if "published_at" in settings:
        return dict(zip(settings[plan.recipe.axis], settings["published_at"], strict=True)).get(x)
    return x if plan.recipe.published and x in plan.recipe.published.axis else None


def published_value(plan: Plan, arm: Cell, feature: str, x: Any) -> float | None:
    """The published accuracy in percent for this arm and feature beside x."""
    column = published_at(plan, x)
    if plan.recipe.published is None or column is None:
        return None
    for row in plan.recipe.published.rows:
        knobs = {knob: value for knob, value in row.items() if knob not in ("feature", "accuracy")}
        if row["feature"] == feature and knobs == {knob: arm.get(knob) for knob in knobs} and set(arm) - {"method"} <= set(knobs):
            return row["accuracy"][plan.recipe.published.axis.index(column)]
    return None


def table(plan: Plan, rows: list[Row], failed: Iterable[Cell] = ()) -> Any:
    """The published layout as a rich table: a block an arm, in it each feature alone, with both visible, and published."""
    from rich.table import Table

    recipe = plan.recipe
    lost = list(failed)
    made = Table(title=f"{recipe.title}: top-1 accuracy, %", title_justify="left", caption=caption(plan, rows), caption_justify="left")
    made.add_column("arm")
    made.add_column("feature")
    made.add_column("scenes")
    for x in plan.axis:
        beside = published_at(plan, x)
        made.add_column(f"{recipe.axis} {x}" + (f"\n(publ. {beside:g})" if beside is not None and beside != x else ""), justify="right")
    features = list(plan.card.features)
    for arm in [*plan.arms, *plan.unasked]:
        for feature in features:
            for shown in ("alone", "together"):
                cells = [measured(rows, arm, feature, shown, recipe.axis, x, plan, lost) for x in plan.axis]
                first = feature == features[0] and shown == "alone"
                made.add_row(label(arm) if first else "", feature if shown == "alone" else "", SCENES_TOLD[shown], *cells)
            publ = [published_value(plan, arm, feature, x) for x in plan.axis]
            if any(value is not None for value in publ):
                made.add_row("", "", "published", *("" if value is None else f"{value:.1f}" for value in publ), style="dim")
        made.add_section()
    return made


def measured(rows: list[Row], arm: Cell, feature: str, shown: str, axis: str, x: Any, plan: Plan, lost: list[Cell]) -> str:
    """One cell of the table: mean and interval, or why there is none."""
    found = select(rows, **arm, **{axis: x}, feature=feature, scenes=shown, layer=plan.probe.layers[0])
    if found:
        mean, low, high, _ = summary(found)
        return f"{100 * mean:.1f}" + (f" [{100 * low:.0f}, {100 * high:.0f}]" if not math.isnan(low) else "")
    if select(rows, **arm, **{axis: x}, feature=feature):
        return "same size: n/a"
    if select(lost, **arm, **{axis: x}):
        return "failed"
    return "not asked for" if arm in plan.unasked else "..."


def caption(plan: Plan, rows: list[Row]) -> str:
    seeds = sorted({row["seed"] for row in rows})
    interval = "[95 % t-interval over seeds]" if len(seeds) > 1 else "[95 % Wilson interval, one seed]"
    source = rows[0]["source"] if rows else "-"
    told = f"{plan.scale} scale, source {source}, seeds {', '.join(map(str, seeds)) or '-'}; {interval}; linear probe on h; chance 10 %."
    told += "\nalone: only the probed digit is visible (the published protocol, as inferred). same size: neither digit can be told to be the first."
    return told + (f"\npublished: {plan.recipe.published.source}" if plan.recipe.published else "")


def columns(rows: list[Row]) -> list[str]:
    names = {name: None for row in rows for name in row}
    return [*LEADING, *(name for name in names if name not in LEADING)]


def to_csv(rows: list[Row]) -> str:
    """The long-form rows, one a line, columns as in `--json`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(rows), lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
