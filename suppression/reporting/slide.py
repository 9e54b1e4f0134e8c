"""The figure for a slide: one message, one panel, and names beside their lines; 1280 x 720 px."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.data.plain import plain_words
from suppression.errors import UserError, unknown
from suppression.experiment.arms import Arm
from suppression.reporting import leaderboard_text
from suppression.reporting.axis import Axis, are_columns
from suppression.reporting.board_figure import draw_gains, legend
from suppression.reporting.figures import known_level, panel_title, scale_text
from suppression.reporting.labels import spread, tidy
from suppression.reporting.leaderboard import Leaderboard, leaderboard, victim_of
from suppression.reporting.panel import draw_points
from suppression.reporting.styles import styles
from suppression.reporting.summary import Line, Point, Summary
from suppression.reporting.verdict import (
    CONTROL,
    Change,
    changed,
    is_of_the_claim,
    main_line,
    number,
    outcome_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZE, DPI = (12.8, 7.2), 100  # inches; 1280 x 720 px
MOST_LINES = 8  # more arms are rows
LEFT, RIGHT, BOTTOM, TOP = 0.08, 0.70, 0.17, 0.78  # of the panel, of the slide
RIGHT_OF_ROWS, LEFT_OF_ROWS, RIGHT_OF_BOARD = 0.95, 0.30, 0.78
TITLE_LETTERS, LABEL_LETTERS, FOOT_LETTERS = 66, 34, 130
BETWEEN_LABELS = 0.062  # of the panel's height, a line of a label
# Points; a point is 1.39 px.
FONTS: Any = {"font.size": 13, "axes.labelsize": 14, "xtick.labelsize": 14, "ytick.labelsize": 13}
TITLE, SMALLER, SMALL, BOARD_FONT = 21, 16, 10.5, 11
MOST_ROWS = 18  # whose labels have their usual size
PERCENTAGES = range(0, 101, 20)
INK, SOFT = "#1A1A1A", "#555555"


@plain_words()
def slide(summary: Summary, *, feature: str | None = None, title: str | None = None) -> Figure:
    """Draw the slide of one line of the table.

    Args:
        summary: The points.
        feature: What is read; the claim's own line if None.
        title: The message; if None it is made from the numbers, by the verdict's rules.

    Raises:
        UserError: if the feature was not read.
    """
    import matplotlib

    from suppression.data.sheet import Sheet

    line = line_of(summary, feature)
    arms = [arm for arm in summary.arms if summary.measured(arm, line)]
    with matplotlib.rc_context(FONTS):
        made = Sheet(figsize=SIZE, dpi=DPI)
        if summary.plan.baselines and line.feature == victim_of(summary).feature:
            board = leaderboard(summary)
            said = title or leaderboard_text.message(board)
            draw_board(made, board)
        elif len(arms) > MOST_LINES:
            place = telling_place(summary, arms, line)
            said = title or rows_message(summary, arms, line, place)
            draw_rows(made, summary, arms, line, place)
        else:
            said = title or message(summary, line)
            draw_lines(made, summary, arms, line)
        top = {"x": 0.03, "ha": "left", "va": "top", "color": INK}
        text, size = fitted(said)
        made.suptitle(text, y=0.965, fontsize=size, weight="bold", **top)
        made.text(0.03, 0.825, panel_title(summary, line), fontsize=14, ha="left", color=SOFT)
        foot = fill(foot_text(summary, arms, line), FOOT_LETTERS)
        made.text(0.03, 0.02, foot, fontsize=SMALL, ha="left", va="bottom", color=SOFT)
    return made


def fitted(said: str) -> tuple[str, float]:
    """A message in lines that fit above the panel, and the size of its letters."""
    for size in (TITLE, SMALLER):
        text = fill(said, round(TITLE_LETTERS * TITLE / size))
        if text.count("\n") < 2:
            return text, size
    return fill(said, round(TITLE_LETTERS * TITLE / size), max_lines=3, placeholder=" …"), size


def line_of(summary: Summary, feature: str | None) -> Line:
    """The line of the claim, or of another feature: as the claim's is read, where it was."""
    first = victim_of(summary) if summary.plan.baselines else main_line(summary)
    if first is None:
        raise UserError("there is nothing to draw on a slide: nothing was measured")
    if first not in summary.lines:  # the claim's own readout was not asked
        first = summary.lines[0]
    if feature is None or feature == first.feature:
        return first
    names = list(dict.fromkeys(line.feature for line in summary.lines))
    if feature not in names:
        raise unknown("there is no feature", feature, names)
    lines = [line for line in summary.lines if line.feature == feature]
    for line in lines:
        if (line.scenes, line.probe) == (first.scenes, first.probe):
            return line
    return lines[0]


# --- the message -----------------------------------------------------------------------------


def message(summary: Summary, line: Line) -> str:
    """What the arm that changes most does, and what decides beside it."""
    told: list[Change] = []
    changes = [changed(summary, arm, line) for arm in summary.arms]
    for change in changes:
        if change is not None and is_of_the_claim(summary, change.arm):
            told.append(change)
    told = [change for change in told if change.outcome != "cannot tell"]
    if not told:
        return f"Cannot tell whether '{line.feature}' changes along {summary.plan.recipe.axis}"
    most = max(told, key=lambda change: abs(change.end.mean - change.start.mean))
    verb = {"lower": "falls", "higher": "rises"}[most.outcome]
    axis = summary.plan.recipe.axis
    text = (
        f"'{line.feature}' {verb} from {number(most.start)} to {number(most.end)} "
        f"({most.arm.label}; {axis} {most.start.x} to {most.end.x})"
    )
    return text + beside_text(summary, line, most)


def beside_text(summary: Summary, line: Line, change: Change) -> str:
    """What decides: the arm whose competitor is not shared, else supervised training."""
    end = change.end
    for arm in summary.arms:
        point = summary.point(arm, line, end.x)
        if arm.get("redraw") == 1 and arm.shared == change.arm and point.n:
            text = f"; {number(point)} where the competitor is not shared"
            word = outcome_of(end, point)
            untold = {"higher": "", "lower": ", which is less"}
            return text + untold.get(word, ": cannot tell whether that is more")
    for arm in summary.arms:
        point = summary.point(arm, line, end.x)
        if arm.method == CONTROL and point.n:
            holds = point.low > end.high
            fails = "" if holds else "the control does not hold: "
            return f"; {fails}supervised training reads {number(point)}"
    return ""


def rows_message(summary: Summary, arms: list[Arm], line: Line, place: Any) -> str:
    points = measured_at(summary, arms, line, place)
    low, high = points[0], points[-1]
    return (
        f"At {summary.plan.recipe.axis} {place} '{line.feature}' is read from {number(low)} "
        f"({low.arm.label}) to {number(high)} ({high.arm.label})"
    )


def foot_text(summary: Summary, arms: list[Arm], line: Line) -> str:
    """Scale and seeds, and what bars and hollow marks are."""
    points: list[Point] = []
    for arm in arms:
        points += summary.measured(arm, line)
    parts = [scale_text(summary)]
    if summary.plan.baselines:
        parts.append(
            "gains are paired by seed; bars: 95 % intervals; words: after Holm's correction"
        )
        return "; ".join(parts)
    if any(point.interval in ("seeds", "seeds and instances") for point in points):
        parts.append("bars: 95 % intervals over seeds")
    if any(point.is_one_seed for point in points):
        parts.append("hollow: one seed, thin bar: over test pictures alone")
    return "; ".join(parts)


# --- lines -----------------------------------------------------------------------------------


def draw_lines(made: Figure, summary: Summary, arms: list[Arm], line: Line) -> None:
    """Each arm along the axis, its name and last value at its end."""
    ax = made.add_axes((LEFT, BOTTOM, RIGHT - LEFT, TOP - BOTTOM))
    axis, look = Axis.of(summary), styles(summary.plan.every_arm)
    ends = []
    for arm in arms:
        points = [point for point in summary.measured(arm, line) if point.x in axis]
        shift = arms.index(arm) - (len(arms) - 1) / 2
        style = look[arm.label]
        if are_columns(summary.plan):
            style = style._replace(line="none")
        draw_points(ax, axis, points, shift, style, linewidth=3, elinewidth=2, markersize=9)
        last = points[-1]
        ends.append((last.unit * last.mean, f"{arm.label}  {number(last)}", style.colour))
    known = known_level(summary, line)
    if not math.isnan(known):
        ax.axhline(known, color=SOFT, linewidth=1.5, linestyle=(0, (1, 3)))
        if line.of.guess:
            ends.append((known, f"guessing  {known:.0f} %", SOFT))
    if line.of.percent:
        ax.set_ylim(0, 104)
        ax.set_yticks(PERCENTAGES)
    else:
        ax.set_ylim(bottom=0)
    if axis.is_log:
        ax.set_xscale("log", base=2)
        ax.minorticks_off()
    ax.set_xticks([axis.where[x] for x in axis.labels], list(axis.labels.values()))
    ax.set_xlabel(summary.plan.recipe.axis_label or summary.plan.recipe.axis)
    ax.set_ylabel(fill(line.of.label, 40))
    tidy(ax)
    name_ends(ax, ends)


def name_ends(ax: Any, ends: list[tuple[float, str, str]]) -> None:
    """Write names right of the panel, each as near to its height as the others let it be."""
    low, high = ax.get_ylim()
    ends = sorted(ends)
    texts = [fill(text, LABEL_LETTERS) for _, text, _ in ends]
    heights = [BETWEEN_LABELS * (1 + text.count("\n")) for text in texts]
    wanted = [(value - low) / (high - low) for value, _, _ in ends]
    at = spread(wanted, heights)
    for y, place, text, (_, _, colour) in zip(at, wanted, texts, ends, strict=True):
        ax.plot(
            [1.005, 1.025],
            [place, y],
            transform=ax.transAxes,
            color=colour,
            linewidth=1,
            clip_on=False,
        )
        ax.text(1.03, y, text, transform=ax.transAxes, color=colour, va="center", weight="bold")


# --- a leaderboard ---------------------------------------------------------------------------


def draw_board(made: Figure, board: Leaderboard) -> None:
    """What each arm of a leaderboard gains, a row each."""
    import matplotlib

    with matplotlib.rc_context({"font.size": BOARD_FONT, "ytick.labelsize": BOARD_FONT}):
        ax = made.add_axes((LEFT_OF_ROWS, BOTTOM, RIGHT_OF_BOARD - LEFT_OF_ROWS, TOP - BOTTOM))
        draw_gains(ax, board)
        ax.set_title("")
        made.legend(handles=legend(board), loc=(RIGHT_OF_BOARD, 0.4), frameon=False)


# --- rows ------------------------------------------------------------------------------------


def telling_place(summary: Summary, arms: list[Arm], line: Line) -> Any:
    """The place at which arms differ most."""
    widest, place = -math.inf, summary.plan.axis[-1]
    for x in summary.plan.axis:
        points = measured_at(summary, arms, line, x)
        if len(points) > len(arms) / 2 and points[-1].mean - points[0].mean > widest:
            widest, place = points[-1].mean - points[0].mean, x
    return place


def measured_at(summary: Summary, arms: list[Arm], line: Line, place: Any) -> list[Point]:
    """The points of arms at a place, the lowest first."""
    points = [summary.point(arm, line, place) for arm in arms]
    return sorted((point for point in points if point.n), key=lambda point: point.mean)


def draw_rows(made: Figure, summary: Summary, arms: list[Arm], line: Line, place: Any) -> None:
    """A row an arm at one place, with a tick at what it reads at the first place."""
    ax = made.add_axes((LEFT_OF_ROWS, BOTTOM, RIGHT_OF_ROWS - LEFT_OF_ROWS, TOP - BOTTOM))
    look, first = styles(summary.plan.every_arm), summary.plan.axis[0]
    points = measured_at(summary, arms, line, place)
    for row, point in enumerate(points):
        colour = look[point.arm.label].colour
        value = point.unit * point.mean
        face = "white" if point.is_one_seed else colour
        start = summary.point(point.arm, line, first)
        if start.n and first != place:
            ax.plot([value, start.unit * start.mean], [row, row], color=colour, alpha=0.35)
            ax.plot(start.unit * start.mean, row, "|", color=colour, markersize=13)
        if not math.isnan(point.low):
            width = 1 if point.interval == "instances" else 3
            ax.hlines(row, point.unit * point.low, point.unit * point.high, colour, linewidth=width)
        ax.plot(value, row, "o", color=colour, markerfacecolor=face, markersize=9)
    known = known_level(summary, line)
    if not math.isnan(known):
        ax.axvline(known, color=SOFT, linewidth=1.5, linestyle=(0, (1, 3)))
        ax.text(known, len(points) - 0.4, "guessing", color=SOFT, ha="center", fontsize=SMALL)
    ax.set_yticks(range(len(points)), [fill(point.arm.label, 36) for point in points])
    if len(points) > MOST_ROWS:
        ax.tick_params(axis="y", labelsize=BOARD_FONT)
    ax.set_ylim(-0.7, len(points) - 0.3)
    if line.of.percent:
        ax.set_xlim(0, 102)
        ax.set_xticks(PERCENTAGES)
    axis = summary.plan.recipe.axis
    ax.set_xlabel(f"{line.of.label}; dot: {axis} {place}, tick: {axis} {first}")
    tidy(ax)
