"""The figure of an experiment along training: a panel a network, and in it a line a feature."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.experiment.arms import Arm
from suppression.reporting.axis import Axis
from suppression.reporting.labels import tidy
from suppression.reporting.styles import BLUE, FLOORS, GREEN, PURPLE, VERMILION, Style
from suppression.reporting.summary import Line, Point, Summary
from suppression.reporting.verdict import main_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING = "seen"  # the axis along training
ACROSS = 3  # panels in a row
ROW = 1.75  # inches that a row of panels is high
AROUND = 1.1  # inches of title and legend
TITLE_LETTERS = 32  # of a panel, in a line
FEATURES = (VERMILION, BLUE, PURPLE, GREEN)  # the claim's own first
FLOOR_LINES = {"untrained": ":", "random_features": (0, (4, 1, 1, 1))}
GUESS = (0, (1, 3))


def learning_figure(summary: Summary, title: str, width: float) -> Figure:
    """Which feature is learned first, and is one lost again: as the claim reads them.

    Bands are the table's intervals. What networks that were not trained read is a line of its own
    in every panel, in the feature's colour.

    Args:
        summary: The points.
        title: Of the figure.
        width: In inches.
    """
    from suppression.data.sheet import Sheet

    lines = features_of(summary)
    axis = Axis.of(summary)
    floors = [arm for arm in summary.arms if arm.method in FLOORS]
    arms = [arm for arm in summary.arms if arm not in floors]
    rows = math.ceil(len(arms) / ACROSS)
    made = Sheet(figsize=(width, ROW * rows + AROUND), layout="constrained")
    grid = made.subplots(rows, ACROSS, sharex=True, sharey=True, squeeze=False)
    for ax, arm in zip(grid.flat, arms, strict=False):
        for line, style in zip(lines, FEATURES, strict=False):
            for floor in floors:
                draw_floor(ax, axis, summary.measured(floor, line), floor, style)
            draw_feature(ax, axis, summary.measured(arm, line), style)
            guess = 100 * summary.guess(line.feature, line.probe, line.measure)
            ax.axhline(guess, color=style.colour, linewidth=0.9, linestyle=GUESS)
        ax.set_title(fill(arm.label, TITLE_LETTERS))
        tidy(ax)
    for ax in grid.flat[len(arms) :]:
        ax.axis("off")
    dress(grid, axis, summary, lines[0])
    handles = legend(lines, floors, band_text(summary))
    made.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
    made.suptitle(title)
    return made


def features_of(summary: Summary) -> list[Line]:
    """A line a feature, read as the claim reads its own, which comes first."""
    first = main_line(summary)
    found = []
    for line in summary.lines:
        if first is not None and line.of.guess and read_alike(line, first):
            found.append(line)
    return sorted(found, key=lambda line: line != first)[: len(FEATURES)]


def read_alike(line: Line, other: Line) -> bool:
    """Whether two lines differ in their feature alone."""
    one = line.scenes, line.probe, line.measure, line.layer
    return one == (other.scenes, other.probe, other.measure, other.layer)


def draw_feature(ax: Axes, axis: Axis, points: list[Point], style: Style) -> None:
    at, mean, low, high = curve(axis, points)
    ax.fill_between(at, low, high, color=style.colour, alpha=0.18, linewidth=0)
    look: dict[str, Any] = {"marker": style.marker, "markersize": 4, "linewidth": 1.5}
    ax.plot(at, mean, color=style.colour, **look)


def draw_floor(ax: Axes, axis: Axis, points: list[Point], floor: Arm, style: Style) -> None:
    at, mean, *_ = curve(axis, points)
    line = FLOOR_LINES.get(floor.method, ":")
    ax.plot(at, mean, color=style.colour, linestyle=line, linewidth=1, alpha=0.8)


def curve(axis: Axis, points: list[Point]) -> tuple[list[float], ...]:
    """Places, means, lower and upper bounds, in the unit of tables."""
    at = [axis.where[point.x] for point in points]
    columns = [at]
    for name in ("mean", "low", "high"):
        columns.append([point.unit * getattr(point, name) for point in points])
    return tuple(columns)


def dress(grid: Any, axis: Axis, summary: Summary, line: Line) -> None:
    """Scales and names of the axes, at the left and below."""
    recipe = summary.plan.recipe
    for ax in grid.flat:
        if axis.is_log:
            ax.set_xscale("log", base=2)
        ax.set_xticks(list(axis.where.values()), list(axis.labels.values()), rotation=45)
        ax.minorticks_off()
        ax.set_ylim(-3, 104)
    for column in grid.T:
        lowest = [ax for ax in column if ax.axison][-1]
        lowest.set_xlabel(recipe.axis_label or recipe.axis)
        lowest.tick_params(labelbottom=True)
    for row in grid:
        row[0].set_ylabel(line.of.label)


def band_text(summary: Summary) -> str:
    """What the bands are: with one seed nothing is said of other ones."""
    one_seed = any(point.is_one_seed for point in summary.points)
    return f"band: 95 % interval{' over test pictures alone' if one_seed else ''}"


def legend(lines: list[Line], floors: list[Arm], band: str) -> list[Any]:
    from matplotlib.lines import Line2D

    found = []
    for line, style in zip(lines, FEATURES, strict=False):
        look: dict[str, Any] = {"marker": style.marker, "markersize": 4, "color": style.colour}
        found.append(Line2D([], [], label=f"{line.feature} ({band})", **look))
    for floor in floors:
        look = {"color": "black", "linewidth": 1, "linestyle": FLOOR_LINES.get(floor.method, ":")}
        found.append(Line2D([], [], label=floor.label, **look))
    found.append(Line2D([], [], color="black", linewidth=0.9, linestyle=GUESS, label="guessing"))
    return found
