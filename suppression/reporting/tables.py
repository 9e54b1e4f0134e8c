"""Long-form rows -> the paper's table: measured beside published."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from suppression.experiment.plan import PROBE_AXES, Cell, Plan
from suppression.experiment.rows import Row, at
from suppression.metrics.intervals import verdict
from suppression.reporting.summary import KINDS, PERCENT, TOLD, Line, guess, label, lines, of_arm, published_at, published_value, several_layers, summary

VERDICT = (
    "disagrees where the published accuracy lies outside the 95 % prediction interval for one further run of ours (over seeds, and for the test pictures); inside, "
    "agrees if that interval is at most 5 points either way, else cannot tell"
)


def layout(plan: Plan, rows: list[Row], failed: Iterable[Cell] = (), features: list[str] | None = None) -> tuple[list[str], list[list[list[str]]]]:
    """The published layout as text: the header, and a block an arm, in it each line of measured values, with the published ones below."""
    recipe, lost = plan.recipe, list(failed)
    shown = [line for line in lines(plan, rows) if features is None or line.feature in features]
    beside = {x: published_at(plan, x) for x in plan.axis}
    header = ["arm", "feature", "scenes"]
    header += [f"{recipe.axis} {x}" + (f" (publ. {beside[x]:g})" if beside[x] not in (None, x) else "") for x in plan.axis]
    blocks = []
    for arm in [*plan.arms, *plan.unasked]:
        block: list[list[str]] = []
        last = None
        for line in shown:
            if of_arm(plan, rows, arm) and not any(line.rows(plan, rows, arm, x) for x in plan.axis):
                continue  # an arm that is not asked this
            block.append(["" if block else label(arm), "" if line.feature == last else line.feature, told(plan, line)])
            block[-1] += [measured(plan, rows, arm, line, x, lost) for x in plan.axis]
            publ, last = [published_value(plan, arm, line, x) for x in plan.axis], line.feature
            if recipe.published and any(value is not None for value in publ):
                block.append(["", "", "published", *("" if value is None else f"{value:.1f}" for value in publ)])
                if recipe.published.verdict:
                    found = [line.rows(plan, rows, arm, x) for x in plan.axis]
                    block.append(["", "", "verdict", *(judged(each, value) for each, value in zip(found, publ, strict=True))])
        blocks.append(block)
    return header, blocks


def told(plan: Plan, line: Line) -> str:
    """The kind of scenes, and what is not the usual: another readout, layer or measure."""
    usual = "" if line.probe in ("linear", "k-means", "contrast") else line.probe
    layer = line.layer if several_layers(plan) and line.layer != "output" else ""
    return ", ".join(part for part in (line.scenes, usual, layer, "" if line.measure == plan.recipe.measure else TOLD[line.measure]) if part)


def judged(rows: list[Row], value: float | None) -> str:
    if value is None or len(rows) < 2:
        return ""
    return verdict([row["accuracy"] for row in rows], value / 100, cases=min(row["cases"] for row in rows))


def table(plan: Plan, rows: list[Row], failed: Iterable[Cell] = ()) -> Any:
    """`layout` for a terminal, with its caption."""
    from rich.table import Table

    header, blocks = layout(plan, rows, failed)
    made = Table(title=f"{plan.recipe.title}: {TOLD[plan.recipe.measure]}", title_justify="left", caption=caption(plan, rows), caption_justify="left")
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
    return as_markdown(header, [line for block in blocks for line in block], left=3)


def as_markdown(header: list[str], body: Iterable[list[str]], *, left: int) -> str:
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *body]) + "\n"


def published_table(plan: Plan) -> str | None:
    """The published table by itself, where not all of it stands beside something measured."""
    published = plan.recipe.published
    if published is None or set(published.axis) <= {published_at(plan, x) for x in plan.axis}:
        return None
    arms = [({parameter: value for parameter, value in row.items() if parameter not in ("feature", "accuracy")}, row) for row in published.rows]
    body = [[label(arm), row["feature"], *("" if math.isnan(value) else f"{value:.1f}" for value in row["accuracy"])] for arm, row in arms]
    return as_markdown(["published", "feature", *(f"{plan.recipe.axis} {x:g}" if not isinstance(x, str) else x for x in published.axis)], body, left=2)


def measured(plan: Plan, rows: list[Row], arm: Cell, line: Line, x: Any, lost: list[Cell]) -> str:
    """One cell of the table: mean and interval, or why there is none."""
    found = line.rows(plan, rows, arm, x)
    if found:
        return value_told(*summary(found, line.measure)[:3], percent=line.measure in PERCENT, places=2 if line.measure == "spread" else 1)
    if of_arm(plan, at(rows, plan.recipe.axis, x), arm) and plan.recipe.axis not in PROBE_AXES:
        return "n/a"
    if of_arm(plan, at(lost, plan.recipe.axis, x), arm):
        return "failed"
    return "not asked for" if arm in plan.unasked else "n/a" if of_arm(plan, rows, arm) else "..."


def value_told(mean: float, low: float, high: float, *, percent: bool = True, places: int = 1) -> str:
    scale = 100 if percent else 1
    digits = 0 if percent and scale * (high - low) >= 2 else places  # or 99.7 would stand outside its own [100, 100]
    return f"{scale * mean:.{places}f}" + (f" [{scale * low:.{digits}f}, {scale * high:.{digits}f}]" if not math.isnan(low) else "")


def caption(plan: Plan, rows: list[Row]) -> str:
    seeds = sorted({row["seed"] for row in rows})
    interval = "[95 % t-interval over seeds where a point has several, else the one seed's own]" if len(seeds) > 1 else "[95 % interval of one seed: Wilson's]"
    source = rows[0].get("source", "none") if rows else "-"
    counts = {len({row["seed"] for row in at(rows, plan.recipe.axis, x)}) for x in plan.axis}
    pinned = "".join(f", {parameter} {value}" for parameter, value in plan.pinned.items() if parameter != "source")
    told = f"{plan.scale} scale{pinned}, source {source}, seeds {', '.join(map(str, seeds)) or '-'}{' (not everywhere on the axis)' if len(counts - {0}) > 1 else ''}; {interval}"
    if plan.recipe.measure == "accuracy":
        told += (
            f"; {'a layer trained along with the encoder reads' if plan.probe.online else 'linear probe on'} {'each layer' if plan.recipe.axis == 'layer' or several_layers(plan) else plan.probe.layers[0]}"
            + (", mlp: one hidden layer instead" if plan.probe.mlp else "")
        )
        told += f"; guessing: {guesses(plan, rows)}."
    shown = {line.scenes for line in lines(plan, rows)}
    told += "".join(f"\n{kind}: {what}." for kind, what in (plan.card.scenes | KINDS).items() if kind in shown)
    told += f"\n{plan.card.absent}." if plan.card.absent and len(shown) > 1 and plan.recipe.axis not in PROBE_AXES else ""
    if plan.recipe.published:
        told += f"\npublished: {plan.recipe.published.source}"
        told += f"\nverdict: {VERDICT}" if plan.recipe.published.verdict else ""
    return told


def guesses(plan: Plan, rows: list[Row]) -> str:
    features = dict.fromkeys(line.feature for line in lines(plan, rows))
    return ", ".join(f"{feature} {100 * guess(plan, rows, feature):.0f} %" for feature in features if not math.isnan(guess(plan, rows, feature))) or "-"
