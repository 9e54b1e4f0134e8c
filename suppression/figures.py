"""Rows -> the figure: accuracy along the recipe's axis, each arm with its interval, the untrained network beside."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

from suppression.recipe import Cell, Plan
from suppression.tables import Row, label, published_value, select, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the common kinds of colour blindness keep apart; markers differ too.
STYLES = {"supervised": ("#0072B2", "s", "-"), "untrained": ("#555555", "^", ":")}
OTHERS = [("#D55E00", "o", "-"), ("#E69F00", "D", "-"), ("#009E73", "v", "-"), ("#CC79A7", "P", "-")]
DODGE = 0.008  # of the axis, between neighbouring arms
PANELS = {"alone": "only the probed digit visible", "together": "both digits visible"}


def styles(arms: list[Cell]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and line of each arm by its label; the same whichever arms were asked for."""
    names = {label(arm): arm["method"] for arm in sorted(arms, key=label)}
    others = iter(OTHERS * len(names))
    return {name: STYLES[method] if method in STYLES else next(others) for name, method in names.items()}


def figure(plan: Plan, rows: list[Row]) -> Figure:
    """One row of panels a feature, one column a kind of scene; error bars are the table's intervals, crosses the published values."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    recipe, features = plan.recipe, list(plan.card.features)
    made = Figure(figsize=(13, 4.6 * len(features)), layout="constrained")
    axes = made.subplots(len(features), len(PANELS), squeeze=False, sharey=True, sharex=True)
    arms = [arm for arm in [*plan.arms, *plan.unasked] if select(rows, **arm)]
    style = styles([*plan.arms, *plan.unasked])
    for i, feature in enumerate(features):
        for j, (shown, told) in enumerate(PANELS.items()):
            ax = axes[i][j]
            for k, arm in enumerate(arms):
                colour, marker, line = style[label(arm)]
                shift = DODGE * (max(plan.axis) - min(plan.axis)) * (k - (len(arms) - 1) / 2)  # or intervals at one size hide each other
                draw_arm(ax, plan, rows, arm, feature, shown, shift=shift, colour=colour, marker=marker, linestyle=line)
            ax.axhline(10, color="black", linewidth=1, linestyle=(0, (1, 3)))
            ax.set_title(f"{feature} digit, {told}", fontsize=15)
            ax.set_ylim(0, 102)
            ax.set_xticks(plan.axis)
            ax.tick_params(labelsize=13)
            ax.grid(alpha=0.25)
    for ax in axes[-1]:
        ax.set_xlabel(recipe.axis_label or recipe.axis, fontsize=14)
    for row in axes:
        row[0].set_ylabel("top-1 accuracy, %", fontsize=14)
    axes[0][1].annotate("chance", (plan.axis[0], 10), xytext=(0, 4), textcoords="offset points", fontsize=12)
    for x in plan.axis:
        if rows and not select(rows, **{recipe.axis: x}, scenes="together"):
            for row in axes:
                row[1].text(x, 55, "same size: cannot\nbe told apart", rotation=90, ha="center", va="center", fontsize=12, color="#555555")
    handles, labels = axes[0][0].get_legend_handles_labels()
    if recipe.published:
        handles.append(Line2D([], [], color="black", marker="x", linestyle="none", markersize=8))
        labels.append("published, in the arm's colour")
    made.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3), fontsize=13, frameon=False)
    made.suptitle(f"{recipe.title} ({told_scale(plan, rows)})", fontsize=17)
    return made


def draw_arm(ax: Any, plan: Plan, rows: list[Row], arm: Cell, feature: str, shown: str, *, shift: float, colour: str, marker: str, linestyle: str) -> None:
    """One line of measured points with their intervals, and crosses where a published value stands beside them."""
    axis = plan.recipe.axis
    found = {x: select(rows, **arm, **{axis: x}, feature=feature, scenes=shown, layer=plan.probe.layers[0]) for x in plan.axis}
    points = [(x + shift, *summary(these)) for x, these in found.items() if these]
    if points:
        x, mean, low, high = (list(column) for column in list(zip(*points, strict=True))[:4])
        below = [0 if math.isnan(v) else 100 * (m - v) for m, v in zip(mean, low, strict=True)]
        above = [0 if math.isnan(v) else 100 * (v - m) for m, v in zip(mean, high, strict=True)]
        ax.errorbar(
            x, [100 * m for m in mean], [below, above], color=colour, marker=marker, linestyle=linestyle, linewidth=2, markersize=8, capsize=4, label=label(arm)
        )
    published = [(x + shift, value) for x in plan.axis if shown == "alone" and (value := published_value(plan, arm, feature, x)) is not None]
    if published:
        ax.plot(*zip(*published, strict=True), color=colour, marker="x", linestyle="none", markersize=8, alpha=0.7)


def told_scale(plan: Plan, rows: list[Row]) -> str:
    counts = sorted({len({row["seed"] for row in select(rows, **{plan.recipe.axis: x})}) for x in plan.axis} - {0})
    seeds = f"{counts[0]} seed{'s' * (counts[0] > 1)}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds a point"
    row = rows[0]
    return f"{plan.scale} scale: {row.get('source', 'no source')}, {row['canvas']}-px canvas, ResNet-18 width {row['width']}, {seeds}"


def saved(made: Figure, kind: str) -> bytes:
    """The figure as svg or png bytes; equal rows give equal bytes."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "suppression", "svg.fonttype": "none"}):
        made.savefig(out, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()
