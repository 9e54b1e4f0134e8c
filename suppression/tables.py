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
SCORES = ("nmi", "nmi_low", "nmi_high", "purity")  # of clusters
SCENES_TOLD = {"alone": "alone", "together": "with both visible"}


def long_rows(plan: Plan, found: Iterable[tuple[Cell, list[Row]]]) -> list[Row]:
    """Probe rows with the experiment's name and every knob of their cell: the long form of `--json` and of the csv files."""
    return [{"experiment": plan.name, "method": cell["method"], "seed": cell["seed"]} | row | cell for cell, rows in found for row in rows]


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


def layout(plan: Plan, rows: list[Row], failed: Iterable[Cell] = (), features: list[str] | None = None) -> tuple[list[str], list[list[list[str]]]]:
    """The published layout as text: the header, and a block of lines an arm, in it each feature alone, with both visible, and published."""
    recipe, lost, features = plan.recipe, list(failed), features or list(plan.card.features)
    beside = {x: published_at(plan, x) for x in plan.axis}
    header = ["arm", "feature", "scenes"]
    header += [f"{recipe.axis} {x}" + (f" (publ. {beside[x]:g})" if beside[x] not in (None, x) else "") for x in plan.axis]
    blocks = []
    for arm in [*plan.arms, *plan.unasked]:
        block: list[list[str]] = []
        for feature in features:
            for shown in ("alone", "together"):
                cells = [measured(rows, arm, feature, shown, recipe.axis, x, plan, lost) for x in plan.axis]
                block.append(["" if block else label(arm), feature if shown == "alone" else "", SCENES_TOLD[shown], *cells])
            publ = [published_value(plan, arm, feature, x) for x in plan.axis]
            if any(value is not None for value in publ):
                block.append(["", "", "published", *("" if value is None else f"{value:.1f}" for value in publ)])
        blocks.append(block)
    return header, blocks


def table(plan: Plan, rows: list[Row], failed: Iterable[Cell] = ()) -> Any:
    """`layout` for a terminal, with its caption."""
    from rich.table import Table

    header, blocks = layout(plan, rows, failed)
    made = Table(title=f"{plan.recipe.title}: top-1 accuracy, %", title_justify="left", caption=caption(plan, rows), caption_justify="left")
    for i, name in enumerate(header):
        made.add_column(name.replace(" (", "\n("), justify="right" if i > 2 else "left")
    for block in blocks:
        for line in block:
            made.add_row(*line, style="dim" if line[2] == "published" else None)
        made.add_section()
    return made


def markdown(plan: Plan, rows: list[Row], *, features: list[str] | None = None) -> str:
    """`layout` for a page; only these features if given."""
    header, blocks = layout(plan, rows, features=features)
    lines = [header, ["---"] * 3 + ["---:"] * (len(header) - 3), *(line for block in blocks for line in block)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def measured(rows: list[Row], arm: Cell, feature: str, shown: str, axis: str, x: Any, plan: Plan, lost: list[Cell]) -> str:
    """One cell of the table: mean and interval, or why there is none."""
    found = select(rows, **arm, **{axis: x}, feature=feature, scenes=shown, layer=plan.probe.layers[0])
    if found:
        mean, low, high, _ = summary(found)
        digits = 1 if high - low < 0.02 else 0  # or 99.7 would stand outside its own [100, 100]
        return f"{100 * mean:.1f}" + (f" [{100 * low:.{digits}f}, {100 * high:.{digits}f}]" if not math.isnan(low) else "")
    if select(rows, **arm, **{axis: x}, feature=feature):
        return "same size: n/a"
    if select(lost, **arm, **{axis: x}):
        return "failed"
    return "not asked for" if arm in plan.unasked else "..."


def caption(plan: Plan, rows: list[Row]) -> str:
    seeds = sorted({row["seed"] for row in rows})
    interval = "[95 % t-interval over seeds where a point has several, else Wilson's]" if len(seeds) > 1 else "[95 % Wilson interval, one seed]"
    source = rows[0].get("source", "none") if rows else "-"
    uneven = len({len({row["seed"] for row in select(rows, **{plan.recipe.axis: x})}) for x in plan.axis}) > 1 and len(seeds) > 1
    told = f"{plan.scale} scale, source {source}, seeds {', '.join(map(str, seeds)) or '-'}{' (not at every size)' if uneven else ''}; {interval}; linear probe on h; chance 10 %."
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


def from_csv(text: str, knobs: dict[str, Any]) -> list[Row]:
    """Rows as they were before `to_csv`; `knobs` (a `knobs.schema`) gives the types."""
    from suppression.knobs import coerce

    numbers = dict.fromkeys(("accuracy", "low", "high", "guess", *SCORES), float) | {"cases": int, "decodable": int, "k": int}
    told = {"True": True, "False": False}
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        typed: Row = {}
        for name, value in row.items():
            if name in knobs:
                typed[name] = None if value == "" else coerce(knobs[name], value, "csv")
            else:
                typed[name] = (None if value == "" else numbers[name](value)) if name in numbers else told.get(value, value)
        rows.append(typed)
    return rows
