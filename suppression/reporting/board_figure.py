"""The figure of a leaderboard: what each arm gains, what else it changes, and what it costs."""

from __future__ import annotations

import math
from textwrap import fill
from typing import TYPE_CHECKING, Any

from suppression.metrics.contrasts import Word
from suppression.reporting.labels import tidy
from suppression.reporting.leaderboard import Entry, Leaderboard, board_of, levels_of
from suppression.reporting.leaderboard_text import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.19  # inches that an entry is high
COSTS = 3.0  # inches that the panel of costs is high
AROUND = 1.5  # inches of title, legend and the gains' axis
CHANGES = "PuOr"  # from a fall to a rise; told apart by colour-blind readers
MOST_CHANGE = 30.0  # points at which its colours end
DARK = 0.6  # of the colours' end; numbers on darker fields are white
SOFT = "#555555"
COLOURS: dict[Word, str] = {
    "higher": "#0072B2",
    "lower": "#D55E00",
    "no difference": "#000000",
    "cannot tell": "#767676",
}
MARKERS = {"remedy": "o", "setting": "D", "oracle": "*"}
NAMES = {"remedy": "remedy", "setting": "setting of the baseline", "oracle": "oracle"}
MARKER = 5.5


def board_figure(board: Leaderboard, title: str, width: float) -> Figure:
    """Three panels: gains with their intervals, the change of every feature, gain against cost.

    Args:
        board: Its entries.
        title: Of the figure.
        width: In inches.
    """
    from suppression.data.sheet import Sheet

    knows_costs = any(entry.cost for entry in board.entries)
    gains = max(ROW * len(board.entries), 1.0)
    heights = [gains, COSTS] if knows_costs else [gains]
    made = Sheet(figsize=(width, sum(heights) + AROUND), layout="constrained")
    grid = made.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[2.4, 1])
    left = made.add_subplot(grid[0, 0])
    draw_gains(left, board)
    draw_changes(made.add_subplot(grid[0, 1], sharey=left), board)
    if knows_costs:
        draw_costs(made.add_subplot(grid[1, :]), board)
    made.legend(handles=legend(board), loc="outside lower center", ncols=4, frameon=False)
    made.suptitle(title)
    return made


def draw_gains(ax: Axes, board: Leaderboard) -> None:
    """A row an entry, the greatest gain at the top, with its interval over seeds."""
    asked = board_of(board.summary)
    ax.axvspan(-asked.margin, asked.margin, color="#000000", alpha=0.07, linewidth=0)
    ax.axvline(0, color="black", linewidth=1)
    for name, gain in random_networks(board).items():
        ax.axvline(gain, color=SOFT, linewidth=1, linestyle=":")
        where: dict[str, Any] = {"xy": (gain, 1), "xycoords": ("data", "axes fraction")}
        ax.annotate(name, xytext=(0, 2), textcoords="offset points", ha="center", **where)
    for row, entry in enumerate(board.entries):
        draw_gain(ax, entry, row)
    names = [fill(short_name(board, entry), 60) for entry in board.entries]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel(f"gain of '{asked.victim}' over the same training without it, points")
    ax.set_title(f"What '{asked.victim}' gains; band: ±{asked.margin:g} points\n")
    tidy(ax)


def draw_gain(ax: Axes, entry: Entry, row: float) -> None:
    if not math.isnan(entry.gain.low):
        ax.hlines(row, entry.gain.low, entry.gain.high, COLOURS[entry.word], linewidth=1.5)
    ax.plot(entry.gain.mean, row, MARKERS[entry.kind], **mark(entry.word))


def mark(word: Word) -> dict[str, Any]:
    """The look of a mark: hollow where nothing can be told."""
    colour = COLOURS[word]
    face = "white" if word == "cannot tell" else colour
    return {"color": colour, "markerfacecolor": face, "markersize": MARKER}


def draw_changes(ax: Axes, board: Leaderboard) -> None:
    """A field for the change of each feature, and of the victim where nothing suppresses it."""
    asked = board_of(board.summary)
    others = list(board.entries[0].others) if board.entries else []
    columns = [asked.victim, *others, f"{asked.victim},\nredrawn"]
    table = [changes_of(entry) for entry in board.entries]
    limits: dict[str, Any] = {"vmin": -MOST_CHANGE, "vmax": MOST_CHANGE}
    ax.imshow(table, cmap=CHANGES, aspect="auto", **limits)
    for row, changes in enumerate(table):
        for column, change in enumerate(changes):
            if math.isnan(change):
                continue
            ink = "white" if abs(change) > DARK * MOST_CHANGE else "black"
            style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink, "fontsize": 6.6}
            ax.text(column, row, f"{round(change):+d}", **style)
    ax.tick_params(labelleft=False, left=False, bottom=False)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_xlabel("feature")
    ax.set_title("Change of each feature, points\n")
    for side in ax.spines.values():
        side.set_visible(False)


def changes_of(entry: Entry) -> list[float]:
    others = [change.mean for change in entry.others.values()]
    return [entry.gain.mean, *others, entry.redrawn.mean]


def draw_costs(ax: Axes, board: Leaderboard) -> None:
    """Gain against arithmetic; named are those that gain most for what they cost."""
    known = [entry for entry in board.entries if entry.cost]
    best = undominated(known)
    ax.axhline(0, color="black", linewidth=1)
    for entry in known:
        ax.plot(cost_of(entry), entry.gain.mean, MARKERS[entry.kind], **mark(entry.word))
    if best:
        steps: dict[str, Any] = {"color": SOFT, "linewidth": 0.8, "linestyle": ":", "where": "post"}
        ax.step([cost_of(e) for e in best], [e.gain.mean for e in best], **steps)
    for entry in best:
        at = (cost_of(entry), entry.gain.mean)
        ax.annotate(short_name(board, entry), at, xytext=(5, 4), textcoords="offset points")
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.12, y=0.12)
    ax.set_xlabel("arithmetic of the training, in multiples of the baseline's")
    ax.set_ylabel(f"gain of '{board_of(board.summary).victim}', points")
    ax.set_title("Gain against cost; dotted: no remedy or setting gains more for less")
    tidy(ax)


def cost_of(entry: Entry) -> float:
    return math.nan if entry.cost is None else entry.cost


def undominated(entries: list[Entry]) -> list[Entry]:
    """Remedies and settings that gain, and that none of them beats at the same cost or less.

    The cheapest stands first. Oracles are left out: nobody can run them.
    """
    found: list[Entry] = []
    candidates = []
    for entry in entries:
        if entry.kind != "oracle" and entry.cost and entry.gain.mean > 0:
            candidates.append(entry)
    for entry in sorted(candidates, key=lambda each: (cost_of(each), -each.gain.mean)):
        if not found or entry.gain.mean > found[-1].gain.mean:
            found.append(entry)
    return found


def random_networks(board: Leaderboard) -> dict[str, float]:
    """What networks that learned nothing read of the victim, less the first baseline, by name."""
    levels = levels_of(board)
    base = levels.get(board.summary.plan.baselines[0])
    found = {}
    for arm, level in levels.items():
        if arm.method == "random_features" and base is not None:
            found[arm.label] = level - base
    return found


def legend(board: Leaderboard) -> list[Any]:
    """Handles of the words and kinds that are there."""
    from matplotlib.lines import Line2D

    margin = board_of(board.summary).margin
    handles = []
    for word in COLOURS:
        if any(entry.word == word for entry in board.entries):
            text = f"no difference within ±{margin:g}" if word == "no difference" else word
            handles.append(Line2D([], [], marker="o", label=text, **mark(word)))
    for kind, marker in MARKERS.items():
        if any(entry.kind == kind for entry in board.entries):
            look = {**mark("cannot tell"), "color": "black"}
            handles.append(Line2D([], [], marker=marker, linestyle="", label=NAMES[kind], **look))
    return handles
