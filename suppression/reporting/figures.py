"""Rows -> the figure: the measure along the recipe's axis, each arm with its interval, the untrained network and the majority's guess beside."""

from __future__ import annotations

import io
import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.experiment.plan import PROBE_AXES, Cell, Plan
from suppression.experiment.rows import Row, at, select
from suppression.metrics.retention import Threshold, incentive
from suppression.reporting.heatmap import heatmap
from suppression.reporting.retention import half_left, line_of, retained
from suppression.reporting.summary import PERCENT, TOLD, Line, guess, kind_told, label, lines, of_arm, published_at, published_row, several_layers, summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the common kinds of colour blindness keep apart; markers differ too.
STYLES = {"supervised": [("#0072B2", "s", "-")], "untrained": [("#555555", "^", ":"), ("#999999", "<", ":")]}
OTHERS = [("#D55E00", "o", "-"), ("#E69F00", "D", "-"), ("#009E73", "v", "-"), ("#CC79A7", "P", "-"), ("#56B4E9", "X", "-"), ("#000000", "d", "-")]
OTHERS += [(colour, marker, "--") for (colour, _, _), marker in zip(OTHERS, "*phH8>", strict=True)]  # more arms than colours: other markers, dashed
DODGE = 0.008  # of the axis, between neighbouring arms
MOST_COLUMNS = 4
MOST_ARMS = 12
LEFT_TO_GAIN = (0, (1, 1))  # a line of fine dots
GUESS = (0, (1, 3))  # a line of sparse dots
OF_PAIRS = {
    "accuracy": "contrastive accuracy",
    "entropy": "entropy of the softmax",
    "spread": "spread of z, dotted: spread out",
    "rank": "effective rank of z, dotted: one direction",
}
LETTERS = 50  # of 14 points that a panel is wide
INCHES_A_LETTER = 0.105  # of 13 points, about


def styles(arms: list[Cell]) -> dict[str, tuple[str, str, str]]:
    """Colour, marker and line of each arm by its label; the same whichever arms were asked for."""
    names = {label(arm): arm["method"] for arm in sorted(arms, key=label)}
    others, own = iter(OTHERS * len(names)), {method: iter(some) for method, some in STYLES.items()}
    return {name: next(own.get(method, others), None) or next(others) for name, method in names.items()}


def figure(plan: Plan, rows: list[Row]) -> Figure:
    """A panel a feature and kind of scenes (`heatmap` for a matrix, and where there are more arms than can be told apart); error bars are the table's intervals, crosses the published values, vertical lines where half is left."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    recipe, title = plan.recipe, f"{plan.recipe.title} ({told_scale(plan, rows)})"
    if recipe.matrix or sum(bool(of_arm(plan, rows, arm)) for arm in [*plan.arms, *plan.unasked]) > MOST_ARMS:
        return heatmap(plan, rows, title)
    shown = [line for line in lines(plan, rows) if line.measure in (recipe.measure, *recipe.panels) and line.probe != "mlp"]
    grid = arranged(shown)
    made = Figure(figsize=(max(6.5 * len(grid[0]), 10), 4.6 * len(grid) + 1.2), layout="constrained")
    axes = made.subplots(len(grid), len(grid[0]), squeeze=False, sharey=not recipe.panels)
    arms = [arm for arm in [*plan.arms, *plan.unasked] if of_arm(plan, rows, arm)]
    style = styles([*plan.arms, *plan.unasked])
    panels = [(ax, line) for i, row in enumerate(axes) for ax, line in zip(row, grid[i], strict=True)]
    for ax, line in panels:
        if line is None:
            ax.axis("off")
            continue
        for k, arm in enumerate(arms):
            draw_arm(ax, plan, rows, arm, line, k - (len(arms) - 1) / 2, *style[label(arm)])
        decorate(ax, plan, rows, line)
    for row, of in zip(axes, grid, strict=True):
        for left, ax, line in zip([None, *of[:-1]], row, of, strict=True):
            if line is not None and (left is None or left.measure != line.measure):
                ax.set_ylabel(TOLD[line.measure], fontsize=14)
    drawn = [ax for ax, line in panels if line is not None]
    told = {name: handle for ax in drawn for handle, name in zip(*ax.get_legend_handles_labels(), strict=True)}  # an arm may not be asked in every panel
    labels = [label(arm) for arm in arms if label(arm) in told]
    handles = [told[name] for name in labels]
    if recipe.measure == "accuracy":
        handles.append(Line2D([], [], color="black", linestyle=GUESS, linewidth=1))
        labels.append("guessing the most frequent class")
    if any("published" in str(artist.get_label()) for ax in drawn for artist in ax.get_children()):
        handles.append(Line2D([], [], color="black", marker="x", linestyle="none", markersize=8))
        labels.append("published, in the arm's colour")
    if plan.probe.mlp and recipe.measure == "accuracy":
        handles.append(Line2D([], [], color="black", marker="o", markerfacecolor="white", linestyle="--", markersize=8))
        labels.append("mlp readout instead of a linear one")
    if any(ax.patches for ax in drawn):
        handles.append(Line2D([], [], color="black", linestyle="-.", linewidth=1.5))
        labels.append("half is left; band: 95 % interval or bracket")
    if recipe.incentive:
        handles.append(Line2D([], [], color="black", linestyle=LEFT_TO_GAIN, linewidth=1.5))
        labels.append("left to gain for NT-Xent (closed form, right axis)")
    across = int(made.get_figwidth() / (0.9 + INCHES_A_LETTER * max(map(len, labels))))
    made.legend(handles, labels, loc="outside lower center", ncols=max(1, min(len(labels), 3, across)), fontsize=13, frameon=False)
    made.suptitle(title, fontsize=min(17, 95 * made.get_figwidth() / len(title)))
    return made


def arranged(shown: list[Line]) -> list[list[Line | None]]:
    """Features down and kinds of scenes across, where there are several of both; else the panels one after another."""
    features, kinds = list(dict.fromkeys(line.feature for line in shown)), list(dict.fromkeys((line.scenes, line.measure) for line in shown))
    layers = list(dict.fromkeys(line.layer for line in shown if line.layer != "output"))
    where = {(line.feature, (line.scenes, line.measure), layers[0] if line.layer == "output" else line.layer): line for line in shown}
    if len(layers) > 1:
        return [[where.get((feature, kind, layer)) for layer in layers] for feature in features for kind in kinds]
    full = [[where.get((feature, kind, layers[0])) for kind in kinds] for feature in features]
    if len(kinds) > 1 and sum(line is None for row in full for line in row) == 0:
        return full
    across = min(len(shown), MOST_COLUMNS if len(shown) > 6 else 3)
    across = 2 if len(shown) == 4 else across
    padded = [*shown, *[None] * (-len(shown) % across)]
    return [padded[i : i + across] for i in range(0, len(padded), across)]


def decorate(ax: Any, plan: Plan, rows: list[Row], line: Line) -> None:
    recipe = plan.recipe
    known = 100 * guess(plan, rows, line.feature) if line.measure == "accuracy" else 1.0 if line.measure in ("spread", "rank") else math.nan
    if not math.isnan(known):
        ax.axhline(known, color="black", linewidth=1, linestyle=GUESS)
    layer = f", {line.layer}" if several_layers(plan) and line.layer != "output" else ""
    subject = OF_PAIRS[line.measure] if line.feature == "pairs" else kind_told(plan, line.scenes)
    ax.set_title(fill(f"{line.feature}{layer}: {subject}", LETTERS), fontsize=15)
    ax.set_ylim(-2, 102) if line.measure == "accuracy" else ax.set_ylim(0, 1.08 * max(ax.dataLim.ymax, 0) or 1)
    if recipe.axis_log:
        ax.set_xscale("log", base=2)
    places = [place(plan, x) for x in plan.axis]
    ax.set_xticks(places, [str(x) for x in plan.axis])
    ax.update_datalim([(x, 50) for x in places])  # those without a value, too
    ax.autoscale_view(scaley=False)
    ax.minorticks_off()
    ax.tick_params(labelsize=13, labelbottom=True)
    ax.set_xlabel(fill(recipe.axis_label or recipe.axis, LETTERS), fontsize=14)
    ax.grid(alpha=0.25)
    for x in plan.axis:
        here = at(rows, recipe.axis, x)
        if here and recipe.axis not in PROBE_AXES and not select(here, feature=line.feature, scenes=line.scenes):
            why = fill(plan.card.absent.removeprefix("n/a: ") or "not asked for", 34)
            ax.text(place(plan, x), 55, why, rotation=90, ha="left" if x == plan.axis[0] else "right", va="center", fontsize=12, color="#555555")
    if recipe.incentive and (line.feature, line.scenes) == (recipe.retention[0].feature, recipe.retention[0].scenes):
        draw_incentive(ax, plan)


def place(plan: Plan, x: Any) -> float:
    """Where x stands on the drawn axis: words stand one after another."""
    return plan.axis.index(x) if isinstance(x, str) else x


def draw_arm(ax: Any, plan: Plan, rows: list[Row], arm: Cell, line: Line, shift: float, colour: str, marker: str, linestyle: str) -> None:
    """One line of measured points with their intervals, beside it the mlp readout, crosses for published values, and where half is left."""
    places = [place(plan, x) for x in plan.axis]
    width = max(places) - min(places)

    def moved(x: float) -> float:  # or intervals at one place hide each other
        return x * (max(places) / min(places)) ** (DODGE * shift) if plan.recipe.axis_log else x + DODGE * width * shift

    unit = 100 if line.measure in PERCENT else 1
    for readout in (line.probe, "mlp") if line.probe == "linear" else (line.probe,):
        one = Line(line.feature, line.scenes, readout, line.measure, line.layer)
        found = {x: one.rows(plan, rows, arm, x) for x in plan.axis}
        points = [(moved(place(plan, x)), *summary(these, line.measure)) for x, these in found.items() if these]
        if not points:
            continue
        x, mean, low, high = (list(column) for column in list(zip(*points, strict=True))[:4])
        below = [0 if math.isnan(v) else max(0, unit * (m - v)) for m, v in zip(mean, low, strict=True)]
        above = [0 if math.isnan(v) else max(0, unit * (v - m)) for m, v in zip(mean, high, strict=True)]
        look = {"markerfacecolor": "white", "linestyle": "--", "alpha": 0.8} if readout == "mlp" else {"linestyle": linestyle, "label": label(arm)}
        ax.errorbar(x, [unit * m for m in mean], [below, above], color=colour, marker=marker, linewidth=2, markersize=8, capsize=4, **look)
    publ = published_row(plan, arm, Line(line.feature, line.scenes, plan.recipe.published.probe if plan.recipe.published else "", line.measure))
    if publ is not None and plan.recipe.published:
        beside = {published_at(plan, x): x for x in plan.axis}
        pairs = [
            (beside.get(at, at if "published_at" not in plan.recipe.scale[plan.scale] else None), value)
            for at, value in zip(plan.recipe.published.axis, publ, strict=True)
        ]
        drawn = [(moved(place(plan, x)), value) for x, value in pairs if x is not None and (x in plan.axis or not isinstance(x, str))]
        ax.plot(*zip(*drawn, strict=True), color=colour, marker="x", linestyle="none", markersize=8, alpha=0.7, label="_published")
    for half in halves(plan, rows, line, arm):
        ax.axvspan(half.low, half.high, color=colour, alpha=0.12, linewidth=0)
        if half.settled:
            ax.axvline(half.at, color=colour, linestyle="-.", linewidth=1.5)


def halves(plan: Plan, rows: list[Row], line: Line, arm: Cell) -> list[Threshold]:
    """Where half of the line's feature is left in this arm, if the recipe asks for its retention."""
    asked = [each for each in plan.recipe.retention if line_of(plan, each) == line and arm["method"] != "untrained"]
    return [at for each in asked if (at := half_left(each, retained(plan, rows, arm, each)))]


def draw_incentive(ax: Any, plan: Plan) -> None:
    """The closed form of what is left to gain, for every temperature and batch of the arms, on an axis of its own."""
    style = styles([*plan.arms, *plan.unasked])
    beside = ax.twinx()
    top = max(plan.axis)
    for arm in [*plan.arms, *plan.unasked]:
        if "tau" in arm:
            batch = arm.get("batch", next(cell["batch"] for cell in [*plan.cells, *plan.other_cells] if "batch" in cell))
            bits = [top * i / 100 for i in range(101)]
            beside.plot(bits, [incentive(b, batch=batch, tau=arm["tau"]) for b in bits], color=style[label(arm)][0], linestyle=LEFT_TO_GAIN, linewidth=1.5)
    beside.set_ylim(bottom=0)
    beside.set_ylabel("left to gain, nats", fontsize=14)
    beside.tick_params(labelsize=13)


def told_scale(plan: Plan, rows: list[Row]) -> str:
    counts = sorted({len({row["seed"] for row in at(rows, plan.recipe.axis, x)}) for x in plan.axis} - {0})
    seeds = f"{counts[0]} seed{'s' * (counts[0] > 1)}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds a point"
    row = rows[0]
    depths = map(str, sorted({row.get("depth") or 18 for row in rows}))
    net = (
        "a small convolutional net"
        if row.get("net") == "convnet"
        else f"ResNet-{' and '.join(depths)} width {' and '.join(map(str, sorted({row['width'] for row in rows})))}"
    )
    return f"{plan.scale} scale: {row.get('source') or 'no source'}, {row['canvas']}-px canvas, {net}, {seeds}"


def saved(made: Figure, kind: str) -> bytes:
    """The figure as svg or png bytes; equal rows give equal bytes."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "suppression", "svg.fonttype": "none"}):
        made.savefig(out, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    return out.getvalue()
