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
from suppression.reporting.axis import Axis, are_columns
from suppression.reporting.board_figure import board_figure
from suppression.reporting.heatmap import heatmap
from suppression.reporting.leaderboard import leaderboard
from suppression.reporting.learning_figure import TRAINING, learning_figure
from suppression.reporting.numbers import NOT_CONVERGED
from suppression.reporting.panel import (
    GUESS,
    LEFT_TO_GAIN,
    MARKER,
    ONE_SEED,
    PUBLISHED,
    TWO_SEEDS,
    UNCONVERGED,
    draw_arm,
    draw_incentive,
    of_other_pictures,
    published_points,
    published_values,
)
from suppression.reporting.styles import (
    FLOORS,
    PAIRED,
    PALETTE,
    WITHOUT,
    colours,
    styles,
    unpaired,
)
from suppression.reporting.summary import Line, Summary, as_published

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 8.3  # inches; a page shows 100 px of each
ROW = 2.5  # inches that a row of panels is high
MOST_COLUMNS = 3
MOST_COLOURS = len(PALETTE) + len(FLOORS)  # more arms are drawn as fields
TITLE_LETTERS = 105  # of the figure's title in a line
INCHES_A_LETTER = 0.068  # of a panel's title
INCHES_A_SMALL_LETTER = 0.058  # of the legend
# A point is 1.39 px of a page; the smallest text has 9 px.
FONTS: Any = {
    "font.size": 7.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "figure.titlesize": 10,
}
SVG: Any = {"svg.hashsalt": "suppression", "svg.fonttype": "none"}
WITHOUT_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}

# The place of the published values of other pictures, among the lines.
ELSEWHERE = Line("published", "on other pictures")
FEATURE_MARKERS = "x+12"

Grid = list[list[Line | None]]


@plain_words()
def figure(summary: Summary) -> Figure:
    """A panel a feature and kind of scenes; `heatmap` for a matrix, and for many arms.

    A recipe with a leaderboard has that one's figure (`board_figure`), one along training its own
    (`learning_figure`).

    Error bars are the table's intervals, crosses the published values, vertical lines where
    half is left. Published values of other pictures have a panel of their own.
    """
    import matplotlib

    from suppression.data.sheet import Sheet

    title = fill(f"{summary.plan.recipe.title} ({scale_text(summary)})", TITLE_LETTERS)
    with matplotlib.rc_context(FONTS):
        if summary.plan.baselines:
            return board_figure(leaderboard(summary), title, WIDTH)
        if summary.plan.recipe.axis == TRAINING:
            return learning_figure(summary, title, WIDTH)
        if is_fields(summary):
            return heatmap(summary, title, WIDTH)
        grid = with_published(arranged(panel_lines(summary)), summary)
        made = Sheet(figsize=(WIDTH, ROW * len(grid)), layout="constrained")
        axes = made.subplots(len(grid), len(grid[0]), squeeze=False)
        drawn = draw_panels(axes, grid, summary)
        handles, labels = legend(drawn, summary)
        across = int(WIDTH / (0.6 + INCHES_A_SMALL_LETTER * max(map(len, labels))))
        columns = max(1, min(len(labels), across))
        made.set_figheight(ROW * len(grid) + 0.3 + 0.16 * math.ceil(len(labels) / columns))
        made.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False)
        made.suptitle(title)
    return made


def is_fields(summary: Summary) -> bool:
    """Whether a field is drawn for each arm and place, and no lines."""
    return summary.plan.recipe.matrix or colours(summary.arms) > MOST_COLOURS


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
    kinds = list(dict.fromkeys((line.scenes, line.measure, line.probe) for line in shown))
    layers = list(dict.fromkeys(line.layer for line in shown if line.layer_text))
    where = {}
    for line in shown:
        layer = line.layer_text or layers[0]
        where[line.feature, (line.scenes, line.measure, line.probe), layer] = line
    grid: Grid = []
    if len(layers) > 1:
        for feature in features:
            for kind in kinds:
                grid.append([where.get((feature, kind, layer)) for layer in layers])
        return grid
    across = len(kinds) if len(kinds) <= MOST_COLUMNS else 2
    for feature in features:
        row = [where.get((feature, kind, layers[0])) for kind in kinds]
        row += [None] * (-len(row) % across)
        grid += [row[i : i + across] for i in range(0, len(row), across)]
    complete = all(line is not None for row in grid for line in row)
    if len(kinds) > 1 and complete:
        return grid
    across = 2 if len(shown) == 4 else min(len(shown), MOST_COLUMNS)
    padded: list[Line | None] = [*shown, *[None] * (-len(shown) % across)]
    return [padded[i : i + across] for i in range(0, len(padded), across)]


def with_published(grid: Grid, summary: Summary) -> Grid:
    """The grid with a place for published values of other pictures, where there are any."""
    if not elsewhere(summary):
        return grid
    if None in grid[-1]:
        first = grid[-1].index(None)
        return [*grid[:-1], [*grid[-1][:first], ELSEWHERE, *grid[-1][first + 1 :]]]
    if len(grid) == 1 and len(grid[0]) < MOST_COLUMNS:
        return [[*grid[0], ELSEWHERE]]
    if len(grid) == 1 and len(grid[0]) == MOST_COLUMNS:
        return [grid[0][:2], [grid[0][2], ELSEWHERE]]
    return [*grid, [ELSEWHERE, *[None] * (len(grid[0]) - 1)]]


def elsewhere(summary: Summary) -> list[tuple[Arm, Line, list[float]]]:
    """The rows of a published table of other pictures that stand beside arms of ours."""
    if not of_other_pictures(summary.plan):
        return []
    found = []
    for line in panel_lines(summary):
        for arm in summary.arms:
            row = published_values(summary, arm, line)
            if row is not None:
                found.append((arm, line, row))
    return found


def draw_panels(axes: Any, grid: Grid, summary: Summary) -> list[Any]:
    """Draw a panel a line; the panels that are not empty."""
    look = styles(summary.plan.every_arm)
    axis = Axis.of(summary)
    letters = int(WIDTH / len(grid[0]) / INCHES_A_LETTER) - 6
    drawn = []
    for row, lines in zip(axes, grid, strict=True):
        left = None
        for ax, line in zip(row, lines, strict=True):
            if line is None:
                ax.axis("off")
                left = None
                continue
            if line == ELSEWHERE:
                draw_elsewhere(ax, summary, letters)
            else:
                for arm in summary.arms:
                    draw_arm(ax, summary, axis, arm, line, look[arm.label])
                decorate(ax, summary, axis, line, letters)
            if left is None or line == ELSEWHERE or left.of.label != line.of.label:
                ax.set_ylabel(fill(line.of.label, 34))
            left = line
            drawn.append(ax)
        set_heights(row, lines)
    return drawn


def set_heights(row: Any, lines: list[Line | None]) -> None:
    """Give panels of one row and one measure the same height, over all that they show."""
    tops: dict[str, float] = {}
    for ax, line in zip(row, lines, strict=True):
        if line is not None and line != ELSEWHERE:
            tops[line.of.label] = max(tops.get(line.of.label, 0), ax.dataLim.ymax)
    for ax, line in zip(row, lines, strict=True):
        if line is None or line == ELSEWHERE:
            continue
        if line.of.guess:
            ax.set_ylim(-3, 104)  # a marker at either end is whole
        else:
            ax.set_ylim(0, 1.08 * tops[line.of.label] or 1)


def draw_elsewhere(ax: Any, summary: Summary, letters: int) -> None:
    """The published values of other pictures, along the published axis."""
    published = summary.plan.recipe.published
    if published is None:
        return
    look = styles(summary.plan.every_arm)
    found = elsewhere(summary)
    features = list(dict.fromkeys(line.feature for _, line, _ in found))
    places = []
    for i, x in enumerate(published.axis):
        if not all(math.isnan(row[i]) for *_, row in found):
            places.append(x)
    between = "none" if are_columns(summary.plan) else ":"
    shape: dict[str, Any] = {"linewidth": 0.8, "linestyle": between, "markersize": MARKER}
    for k, (arm, line, row) in enumerate(found):
        marker = FEATURE_MARKERS[features.index(line.feature) % len(FEATURE_MARKERS)]
        shift = 0.5 * ((k + 0.5) / len(found) - 0.5)
        at, values = [], []
        for x, value in zip(published.axis, row, strict=True):
            if not math.isnan(value):
                at.append(places.index(x) + shift)
                values.append(value)
        colour = look[arm.label].colour
        ax.plot(at, values, color=colour, marker=marker, label=PUBLISHED, **shape)
    ax.set_xlim(-0.5, len(places) - 0.5)
    ticks = [x if isinstance(x, str) else f"{x:g}" for x in places]
    ax.set_xticks(range(len(places)), ticks)
    if not any(isinstance(x, str) for x in places):
        ax.set_xlabel(fill(summary.plan.recipe.axis_label or summary.plan.recipe.axis, letters))
    title = f"published, on ImageNet ({published.source.split(' (')[0].split(':')[0]})"
    if len(features) > 1:
        named = [f"{FEATURE_MARKERS[i % 4]} {name}" for i, name in enumerate(features)]
        title += f"; {', '.join(named)}"
    ax.set_title(fill(title, letters))
    ax.grid(alpha=0.25)


def legend(drawn: list[Any], summary: Summary) -> tuple[list[Any], list[str]]:
    """Handles and labels of the arms, and of what else was drawn."""
    from matplotlib.lines import Line2D

    recipe, headline = summary.plan.recipe, summary.headline
    look = styles(summary.plan.every_arm)
    there: set[str] = set()
    marks: set[str] = set()
    for ax in drawn:  # an arm may not be asked in every panel
        there.update(ax.get_legend_handles_labels()[1])
        marks.update(str(artist.get_label()) for artist in ax.lines)
    handles: list[Any] = []
    labels: list[str] = []

    def add(label: str, **more: Any) -> None:
        if label not in labels:
            handles.append(Line2D([], [], markersize=MARKER, **{"color": "black", **more}))
            labels.append(label)

    arms = [arm for arm in summary.arms if arm.label in there]
    for arm in arms:
        style = look[arm.label]
        line = "-" if PAIRED in arm and style.line == WITHOUT else style.line
        if are_columns(summary.plan):
            line = "none"
        text = unpaired(arm).label
        add(text, color=style.colour, marker=style.marker, linestyle=line, linewidth=1.3)
    for arm in arms:
        if PAIRED in arm:
            line = WITHOUT if arm.settings[PAIRED] == 0 else "-"
            add(f"{PAIRED} {arm.settings[PAIRED]}", linestyle=line, linewidth=1.3)
    if Line("", "", measure=recipe.measure).of.guess:
        add("guessing", linestyle=GUESS, linewidth=1)
    if ONE_SEED in marks:
        text = "one seed (line: 95 % over test pictures alone)"
        add(text, marker="o", markerfacecolor="white", linestyle="none")
    if TWO_SEEDS in marks:
        add("two seeds, and their mean", marker=".", linestyle="none")
    if PUBLISHED in marks:
        label = "published, in the arm's colour"
        if headline is not None and headline != as_published(summary.plan, headline):
            scenes = as_published(summary.plan, headline).scenes
            label = f"published ({scenes}), in the arm's colour"
        add(label, marker="x", linestyle="none")
    for probe in switched_on(summary.plan.probe):
        if probe.shown.panel_of and recipe.measure in probe.measures:
            add(probe.shown.legend, marker="+", linestyle="--", linewidth=0.8)
    if any(text.get_gid() == UNCONVERGED for ax in drawn for text in ax.texts):
        add("a readout's fit had not converged", marker=f"${NOT_CONVERGED}$", linestyle="none")
    if any(ax.patches for ax in drawn):
        add("half is left; band: 95 % interval or bracket", linestyle="-.", linewidth=1)
    if recipe.incentive:
        text = "left to gain for NT-Xent (closed form, right axis)"
        add(text, linestyle=LEFT_TO_GAIN, linewidth=1)
    return handles, labels


def decorate(ax: Any, summary: Summary, axis: Axis, line: Line, letters: int) -> None:
    """Title, axes, the line of guessing, and why a place has no value."""
    plan, recipe = summary.plan, summary.plan.recipe
    known = known_level(summary, line)
    if not math.isnan(known):
        ax.axhline(known, color="black", linewidth=1, linestyle=GUESS)
    ax.set_title(fill(panel_title(summary, line), letters))
    if axis.is_log:
        ax.set_xscale("log", base=2)
    ticks = {axis.where[x]: text for x, text in axis.labels.items()}
    if not of_other_pictures(plan):
        for arm in summary.arms:
            for x, _ in published_points(summary, arm, line):
                ticks.setdefault(axis.where.get(x, x), f"{x:g}")
    ax.set_xticks(list(ticks), list(ticks.values()))
    places = [(x, 0) for x in axis.where.values()]  # those without a value, too
    ax.update_datalim(places, updatey=False)
    ax.autoscale_view(scaley=False)
    if are_columns(plan):
        ax.set_xlim(-0.5, 1.5)
    ax.minorticks_off()
    ax.tick_params(labelbottom=True)
    label = recipe.axis_label or recipe.axis
    ax.set_xlabel(fill(f"{label}{why_not_asked(summary, line)}", letters))
    ax.grid(alpha=0.25)
    asked = recipe.retention[0] if recipe.incentive else None
    if asked and (line.feature, line.scenes) == (asked.feature, asked.scenes):
        draw_incentive(ax, plan)


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


def why_not_asked(summary: Summary, line: Line) -> str:
    """At which places the feature is not asked for, and why: " (0: nothing can be hidden)"."""
    plan = summary.plan
    if plan.recipe.axis in AXES:
        return ""
    places = [str(x) for x in plan.axis if not summary.asked_at(line, x)]
    if not places:
        return ""
    why = plan.card.absent.removeprefix("n/a: ") or "not asked for"
    return f" ({', '.join(places)}: {why})"


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
    """How many seeds a point has: the fewest and the most."""
    counts = {point.n for point in summary.points if point.n}
    if len(counts) > 1:
        return f"{min(counts)} to {max(counts)} seeds a point"
    (count,) = counts
    return f"{count} seed{'s' * (count > 1)}"


def saved(made: Figure, kind: str) -> bytes:
    """The figure as png, jpg, svg or pdf; equal rows give equal bytes.

    An SVG says in words what is drawn: its title, and what its panels and colours are.
    """
    import matplotlib

    out = io.BytesIO()
    with plain_words(), matplotlib.rc_context(SVG):
        made.savefig(out, format=kind, dpi=110, metadata=WITHOUT_DATE.get(kind))
    return with_words(out.getvalue(), made) if kind == "svg" else out.getvalue()


def with_words(svg: bytes, made: Figure) -> bytes:
    """The SVG with `<title>` and `<desc>` as its first elements, where readers look for them."""
    said = []
    for ax in made.axes:
        words = f"{ax.get_title()}: {ax.get_ylabel()} over {ax.get_xlabel()}"
        if ax.get_title() and ax.axison:
            said.append(" ".join(words.split()).removesuffix(" over"))
    for each in made.legends:
        said += map(str, ("Legend", *(text.get_text() for text in each.get_texts())))
    title = " ".join(made.get_suptitle().split()) or "figure"
    words = "; ".join(said) or title
    added = f" <title>{escape(title)}</title>\n <desc>{escape(words)}</desc>\n"
    start = svg.index(b">", svg.index(b"<svg")) + 1
    return svg[:start] + b"\n" + added.encode() + svg[start:].lstrip(b"\n")
