"""The figure: the measure along the axis, each arm with its interval, what guessing scores."""

from __future__ import annotations

import dataclasses
import io
import math
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.data.plain import plain_words
from suppression.evaluation.probes import AXES, PROBES, switched_on
from suppression.experiment.arms import Arm
from suppression.experiment.plan import Plan
from suppression.metrics.retention import incentive
from suppression.reporting.heatmap import heatmap
from suppression.reporting.numbers import NOT_CONVERGED
from suppression.reporting.retention import halves
from suppression.reporting.styles import Style, basis, styles
from suppression.reporting.summary import (
    Line,
    Point,
    Summary,
    as_published,
    published_at,
    published_row,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


HEADROOM = 1.08
THIN = 0.9
OVER_INSTANCES = "over instances alone"  # of a drawn interval
DODGE = 0.008  # of the axis, between neighbouring arms
MOST_COLUMNS = 4
MOST_COLOURS = 12
LEFT_TO_GAIN = (0, (1, 1))  # a line of fine dots
GUESS = (0, (1, 3))  # a line of sparse dots
WIDEST = 16.4  # inches: so 13 points are 9 px where the figure is 830 px wide
LETTERS = 7.6  # of 15 points in an inch of a panel
INCHES_A_LETTER = 0.105  # of 13 points, about
UNCONVERGED = "not converged"  # the id of a mark
WITHOUT_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}

Grid = list[list[Line | None]]


@plain_words()
def figure(summary: Summary) -> Figure:
    """A panel a feature and kind of scenes; `heatmap` for a matrix, and for many arms.

    Error bars are the table's intervals, crosses the published values, vertical lines where
    half is left.
    """
    from matplotlib.figure import Figure

    recipe = summary.plan.recipe
    title = f"{recipe.title} ({scale_text(summary)})"
    colours = {basis(arm) for arm in summary.arms}
    if recipe.matrix or len(colours) > MOST_COLOURS:
        return heatmap(summary, title)
    grid = arranged(panel_lines(summary))
    width = min(max(6.5 * len(grid[0]), 10), WIDEST)
    size = (width, 4.6 * len(grid) + 1.2)
    made = Figure(figsize=size, layout="constrained")
    axes = made.subplots(len(grid), len(grid[0]), squeeze=False, sharey=not recipe.panels)
    drawn = draw_panels(axes, grid, summary)
    handles, labels = legend(drawn, summary)
    across = int(made.get_figwidth() / (0.9 + INCHES_A_LETTER * max(map(len, labels))))
    columns = max(1, min(len(labels), 3, across))
    made.legend(
        handles, labels, loc="outside lower center", ncols=columns, fontsize=13, frameon=False
    )
    made.suptitle(title, fontsize=min(17, 95 * made.get_figwidth() / len(title)))
    return made


def panel_lines(summary: Summary) -> list[Line]:
    """The lines that have a panel.

    Where the claim is about a readout of its own, they are what that reads of all features, and
    the linear readout of the claim's feature alone; else all lines.
    """
    recipe, headline = summary.plan.recipe, summary.headline
    shown = []
    for line in summary.lines:
        if line.measure in (recipe.measure, *recipe.panels) and line.in_panel_of is None:
            shown.append(line)
    if headline is None or headline.probe == "linear":
        return shown
    apart = [line for line in shown if line.probe == headline.probe]
    alone = dataclasses.replace(headline, scenes="alone", probe="linear")
    return [*apart, *(line for line in shown if line == alone)]


def arranged(shown: list[Line]) -> Grid:
    """Features down and kinds of scenes across; one after another where only one is several."""
    features = list(dict.fromkeys(line.feature for line in shown))
    kinds = list(dict.fromkeys((line.scenes, line.measure) for line in shown))
    layers = list(dict.fromkeys(line.layer for line in shown if line.layer_text))
    where = {}
    for line in shown:
        layer = line.layer_text or layers[0]
        where[line.feature, (line.scenes, line.measure), layer] = line
    grid: Grid = []
    if len(layers) > 1:
        for feature in features:
            for kind in kinds:
                grid.append([where.get((feature, kind, layer)) for layer in layers])
        return grid
    for feature in features:
        grid.append([where.get((feature, kind, layers[0])) for kind in kinds])
    complete = all(line is not None for row in grid for line in row)
    if len(kinds) > 1 and complete:
        return grid
    across = min(len(shown), MOST_COLUMNS if len(shown) > 6 else 3)
    if len(shown) == 4:
        across = 2
    padded: list[Line | None] = [*shown, *[None] * (-len(shown) % across)]
    return [padded[i : i + across] for i in range(0, len(padded), across)]


def draw_panels(axes: Any, grid: Grid, summary: Summary) -> list[Any]:
    """Draw a panel a line; the panels that are not empty."""
    look = styles(summary.plan.every_arm)
    drawn = []
    for row, lines in zip(axes, grid, strict=True):
        left = None
        for ax, line in zip(row, lines, strict=True):
            if line is None:
                ax.axis("off")
                left = None
                continue
            for k, arm in enumerate(summary.arms):
                shift = k - (len(summary.arms) - 1) / 2
                draw_arm(ax, summary, arm, line, shift, look[arm.label])
            decorate(ax, summary, line)
            if left is None or left.of.label != line.of.label:
                ax.set_ylabel(line.of.label, fontsize=14)
            left = line
            drawn.append(ax)
    recipe = summary.plan.recipe
    if not recipe.panels and not Line("", "", measure=recipe.measure).of.guess:
        top = max(ax.dataLim.ymax for ax in drawn)
        for ax in drawn:  # they share one axis, which reaches as far as the highest panel
            ax.set_ylim(0, HEADROOM * max(top, 0) or 1)
    return drawn


def legend(drawn: list[Any], summary: Summary) -> tuple[list[Any], list[str]]:
    """Handles and labels of the arms, and of what else was drawn."""
    from matplotlib.lines import Line2D

    recipe, headline = summary.plan.recipe, summary.headline
    look: dict[str, Any]
    by_label: dict[str, Any] = {}
    for ax in drawn:  # an arm may not be asked in every panel
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            by_label[label] = handle
    labels = [arm.label for arm in summary.arms if arm.label in by_label]
    handles = [by_label[label] for label in labels]

    def add(label: str, **look: Any) -> None:
        handles.append(Line2D([], [], color="black", **look))
        labels.append(label)

    if Line("", "", measure=recipe.measure).of.guess:
        add("guessing", linestyle=GUESS, linewidth=1)
    if any(has_published(ax) for ax in drawn):
        label = "published, in the arm's colour"
        if headline is not None and headline != as_published(summary.plan, headline):
            scenes = as_published(summary.plan, headline).scenes
            label = f"published ({scenes}), in the arm's colour"
        add(label, marker="x", linestyle="none", markersize=8)
    for probe in switched_on(summary.plan.probe):
        if probe.shown.panel_of and recipe.measure in probe.measures:
            look = {"marker": "o", "markerfacecolor": "white", "linestyle": "--"}
            add(probe.shown.legend, markersize=8, **look)
    if any(text.get_gid() == UNCONVERGED for ax in drawn for text in ax.texts):
        look = {"marker": f"${NOT_CONVERGED}$", "linestyle": "none", "markersize": 9}
        add("a readout's fit had not converged", **look)
    if any(ax.patches for ax in drawn):
        add("half is left; band: 95 % interval or bracket", linestyle="-.", linewidth=1.5)
    if any(each.get_gid() == OVER_INSTANCES for ax in drawn for each in ax.lines):
        add("interval over pictures alone, of one network", linestyle="-", linewidth=THIN)
    if recipe.incentive:
        add(
            "left to gain for NT-Xent (closed form, right axis)",
            linestyle=LEFT_TO_GAIN,
            linewidth=1.5,
        )
    return handles, labels


def has_published(ax: Any) -> bool:
    return any("published" in str(artist.get_label()) for artist in ax.get_children())


def decorate(ax: Any, summary: Summary, line: Line) -> None:
    """Title, axes, the line of guessing, and why a place has no value."""
    plan, recipe = summary.plan, summary.plan.recipe
    known = known_level(summary, line)
    if not math.isnan(known):
        ax.axhline(known, color="black", linewidth=1, linestyle=GUESS)
    ax.set_title(fill(panel_title(summary, line), letters(ax)), fontsize=15)
    if line.of.guess:
        ax.set_ylim(-2, 102)
    else:
        ax.set_ylim(0, HEADROOM * max(ax.dataLim.ymax, 0) or 1)
    if recipe.axis_log:
        ax.set_xscale("log", base=2)
    places = [place(plan, x) for x in plan.axis]
    words = [str(x) for x in plan.axis]
    if has_published(ax) and "published_at" not in recipe.scale[plan.scale]:
        for x in recipe.published.axis if recipe.published else []:
            if isinstance(x, (int, float)) and x not in places:
                places.append(x)
                words.append(f"{x:g}")
    ax.set_xticks(places, words)
    ax.update_datalim([(x, 0) for x in places])  # those without a value, too
    ax.autoscale_view(scaley=False)
    ax.minorticks_off()
    ax.tick_params(labelsize=13, labelbottom=True)
    ax.set_xlabel(fill(recipe.axis_label or recipe.axis, letters(ax)), fontsize=14)
    ax.grid(alpha=0.25)
    if recipe.axis not in AXES:
        for x in plan.axis:
            if not summary.asked_at(line, x):
                tell_why(ax, plan, x)
    asked = recipe.retention[0] if recipe.incentive else None
    if asked and (line.feature, line.scenes) == (asked.feature, asked.scenes):
        draw_incentive(ax, plan)


def letters(ax: Any) -> int:
    """How many letters of a title fit above a panel."""
    return int(LETTERS * ax.get_figure().get_figwidth() / ax.get_gridspec().ncols)


def known_level(summary: Summary, line: Line) -> float:
    """What is known of the measure: what guessing scores, or a collapsed network has."""
    measure = line.of
    if measure.guess:
        return 100 * summary.guess(line.feature, line.probe, line.measure)
    return math.nan if measure.floor is None else measure.floor


def panel_title(summary: Summary, line: Line) -> str:
    layer = f", {line.layer_text}" if summary.several_layers and line.layer_text else ""
    subject = line.of.title or summary.scenes_text(line.scenes)
    probe = PROBES.get(line.probe)
    tag = f", {probe.shown.tag}" if probe is not None and probe.shown.tag else ""
    return f"{line.feature}{layer}: {subject}{tag}"


def tell_why(ax: Any, plan: Plan, x: Any) -> None:
    """Why the feature is not asked for at this place."""
    why = fill(plan.card.absent.removeprefix("n/a: ") or "not asked for", 16)
    side = {plan.axis[0]: "left", plan.axis[-1]: "right"}.get(x, "center")
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    at = place(plan, x)
    ax.text(at, 50, why, ha=side, va="center", fontsize=13, color="#555555", bbox=behind, zorder=1)


def place(plan: Plan, x: Any) -> float:
    """Where x stands on the drawn axis: words stand one after another."""
    return plan.axis.index(x) if isinstance(x, str) else x


def moved(plan: Plan, x: Any, shift: float) -> float:
    """A little beside x, or intervals at one place would hide each other."""
    places = [place(plan, each) for each in plan.axis]
    first, last = min(places), max(places)
    if plan.recipe.axis_log:
        return place(plan, x) * (last / first) ** (DODGE * shift)
    return place(plan, x) + DODGE * (last - first) * shift


def draw_arm(ax: Any, summary: Summary, arm: Arm, line: Line, shift: float, style: Style) -> None:
    """The measured points with their intervals, the mlp readout, published values, half left."""
    plan = summary.plan
    look: dict[str, Any] = {"linestyle": style.line, "label": arm.label}
    if not style.is_filled:
        look["markerfacecolor"] = "white"
    draw_points(ax, plan, summary.measured(arm, line), shift, style, look)
    look = {"markerfacecolor": "white", "linestyle": "--", "alpha": 0.8}
    for other in summary.lines:
        beside = Line(line.feature, line.scenes, other.probe, line.measure, line.layer)
        if other == beside and other.in_panel_of == line.probe:
            draw_points(ax, plan, summary.measured(arm, other), shift, style, look)
    draw_published(ax, summary, arm, line, shift, style)
    for half in halves(summary, line, arm):
        ax.axvspan(half.low, half.high, color=style.colour, alpha=0.12, linewidth=0)
        if half.fitted:
            ax.axvline(half.value, color=style.colour, linestyle="-.", linewidth=1.5)


def draw_points(
    ax: Any, plan: Plan, points: list[Point], shift: float, style: Style, look: dict[str, Any]
) -> None:
    if not points:
        return
    x = [moved(plan, point.x, shift) for point in points]
    mean = [point.unit * point.mean for point in points]
    bars = []
    for point in points:
        is_thin = point.interval == "instances"
        bars.append((math.nan, math.nan) if is_thin else bar(point))
    ax.errorbar(
        x,
        mean,
        [[below for below, _ in bars], [above for _, above in bars]],
        color=style.colour,
        marker=style.marker,
        linewidth=2,
        markersize=8,
        capsize=4,
        **look,
    )
    for at, point in zip(x, points, strict=True):
        if point.interval == "instances":  # thin, without caps: nothing is said of other seeds
            (thin,) = ax.plot(
                [at, at],
                [point.unit * point.low, point.unit * point.high],
                color=style.colour,
                linewidth=THIN,
                label="_interval",
            )
            thin.set_gid(OVER_INSTANCES)
    mark_unconverged(ax, plan, points, shift)


def mark_unconverged(ax: Any, plan: Plan, points: list[Point], shift: float) -> None:
    """A mark beside values of which a fit had not converged."""
    for point in points:
        if not point.converged:
            at = (moved(plan, point.x, shift), point.unit * point.mean)
            mark = ax.annotate(
                NOT_CONVERGED, at, xytext=(6, 2), textcoords="offset points", fontsize=16
            )
            mark.set_gid(UNCONVERGED)


def bar(point: Point) -> tuple[float, float]:
    """How far an error bar reaches below and above the mean; NaN where there is no interval."""
    below, above = point.mean - point.low, point.high - point.mean
    if math.isnan(below) or math.isnan(above):
        return math.nan, math.nan
    return max(0.0, point.unit * below), max(0.0, point.unit * above)


def draw_published(
    ax: Any, summary: Summary, arm: Arm, line: Line, shift: float, style: Style
) -> None:
    plan, published = summary.plan, summary.plan.recipe.published
    is_headline = line == summary.headline
    if published is None:
        return
    beside = Line(line.feature, line.scenes, published.probe, line.measure)
    if is_headline:
        beside = as_published(plan, line)
    row = published_row(plan, arm, beside)
    if row is None:
        return
    ours = {published_at(plan, x): x for x in plan.axis}
    has_columns = "published_at" in plan.recipe.scale[plan.scale]
    places, values = [], []
    for at, value in zip(published.axis, row, strict=True):
        x = ours.get(at, None if has_columns else at)
        if x is not None and (x in plan.axis or not isinstance(x, str)):
            places.append(moved(plan, x, shift))
            values.append(value)
    ax.plot(
        places,
        values,
        color=style.colour,
        marker="x",
        linestyle="none",
        markersize=8,
        alpha=0.7,
        label="_published",
    )


def draw_incentive(ax: Any, plan: Plan) -> None:
    """The closed form of what is left to gain, for every temperature and batch of the arms."""
    look = styles(plan.every_arm)
    beside = ax.twinx()
    top = max(plan.axis)
    bits = [top * i / 100 for i in range(101)]
    for arm in plan.every_arm:
        if "tau" in arm:
            batch = arm.get("batch", usual_batch(plan))
            left = [incentive(b, batch=batch, tau=arm.settings["tau"]) for b in bits]
            colour = look[arm.label].colour
            beside.plot(bits, left, color=colour, linestyle=LEFT_TO_GAIN, linewidth=1.5)
    beside.set_ylim(bottom=0)
    beside.set_ylabel("left to gain, nats", fontsize=14)
    beside.tick_params(labelsize=13)


def usual_batch(plan: Plan) -> int | None:
    """The batch of the first cell that has one."""
    for cell in [*plan.cells, *plan.other_cells]:
        if cell.training is not None:
            return cell.training.batch
    return None


def scale_text(summary: Summary) -> str:
    """Scale, source, canvas, net and number of seeds."""
    row = summary.rows[0]
    source = row.get("source") or "no source"
    parts = [source, f"{row['canvas']}-px canvas", net_text(summary), number_of_seeds(summary)]
    return f"{summary.plan.scale} scale: {', '.join(parts)}"


def net_text(summary: Summary) -> str:
    if summary.rows[0].get("net") == "convnet":
        return "a small convolutional net"
    depths = sorted({row.get("depth") or 18 for row in summary.rows})
    widths = sorted({row["width"] for row in summary.rows})
    return f"ResNet-{' and '.join(map(str, depths))} width {' and '.join(map(str, widths))}"


def number_of_seeds(summary: Summary) -> str:
    counts = summary.seeds_a_place
    if len(counts) > 1:
        return f"{counts[0]} to {counts[-1]} seeds a point"
    return f"{counts[0]} seed{'s' * (counts[0] > 1)}"


def saved(made: Figure, kind: str) -> bytes:
    """The figure as png, jpg, svg or pdf; equal rows give equal bytes."""
    import matplotlib

    out = io.BytesIO()
    told = in_words(made)
    style: Any = {"svg.hashsalt": "suppression", "svg.fonttype": "none"}
    with plain_words(), matplotlib.rc_context(style):
        made.savefig(out, format=kind, dpi=110, metadata=WITHOUT_DATE.get(kind))
    if kind != "svg":
        return out.getvalue()
    head, svg, rest = out.getvalue().partition(b"<svg ")
    opening, end, drawing = rest.partition(b">\n")
    return b"".join([head, svg, opening, end, told.encode(), drawing])


def in_words(made: Figure) -> str:
    """Title and description of an svg, for those who do not see it."""
    title, panels = "", []
    if made._suptitle is not None:  # type: ignore[attr-defined]
        title = made._suptitle.get_text()  # type: ignore[attr-defined]
    for ax in made.axes:
        about = " ".join(ax.get_title().split())
        if about:
            axes = [text for text in (ax.get_xlabel(), ax.get_ylabel()) if text]
            panels.append(" ".join(f"{about} ({'; '.join(axes)})".split()))
    lines = []
    for each in made.legends:
        lines += [text.get_text() for text in each.get_texts()]
    told = f"Panels: {'. '.join(panels)}."
    if lines:
        told += f" Drawn: {'; '.join(lines)}."
    told += " The numbers stand in the csv file of the same name."
    return f" <title>{escape(title)}</title>\n <desc>{escape(told)}</desc>\n"
