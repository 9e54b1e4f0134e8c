"""The figure of an audit: what is read alone and together, a row a network."""

from __future__ import annotations

from typing import Any

from suppression.auditing.asking import ENCODER, PIXELS, RANDOM
from suppression.auditing.result import Audit
from suppression.auditing.words import network_text
from suppression.data.plain import plain_words
from suppression.data.sheet import Sheet
from suppression.reporting.figures import FONTS, WIDTH
from suppression.reporting.labels import tidy
from suppression.reporting.styles import FLOORS, VERMILION

COLOURS = {
    ENCODER: VERMILION.colour,
    RANDOM: FLOORS["random_features"].colour,
    PIXELS: FLOORS["untrained"].colour,
}
ROW = 0.21  # inches a row is high
AROUND = 1.25  # inches of title, axis and legend
GAP = 0.7  # rows between two places
ACROSS = 2  # panels side by side
KINDS = (("alone", "white"), ("together", None))  # hollow and filled


@plain_words()
def figure(audit: Audit) -> Sheet:
    """Draw it: hollow is alone, filled together; the dotted line is guessing."""
    import matplotlib

    heights, labels = rows_of(audit)
    deep = -(-len(audit.features) // ACROSS)
    with matplotlib.rc_context(FONTS):
        high = deep * (ROW * (max(heights.values()) + 1) + AROUND)
        made = Sheet(figsize=(WIDTH, high), layout="constrained")
        across = min(ACROSS, len(audit.features))
        axes = made.subplots(deep, across, squeeze=False, sharey=True)
        for ax, feature in zip(axes.flat, audit.features, strict=False):
            draw_feature(ax, audit, feature, heights)
            ax.set_yticks(list(labels), list(labels.values()))
            ax.set_ylim(max(heights.values()) + 0.8, -0.8)
        for ax in axes.flat[len(audit.features) :]:
            ax.set_axis_off()
        made.suptitle(f"What {audit.title} reads ({audit.data})")
        made.legend(handles=legend(audit), loc="outside lower center", ncols=4, frameon=False)
    return made


def rows_of(audit: Audit) -> tuple[dict[tuple[str, tuple[str, str]], float], dict[float, str]]:
    """The height of each network at each place, and what stands beside it."""
    heights: dict[tuple[str, tuple[str, str]], float] = {}
    labels: dict[float, str] = {}
    y = 0.0
    for at in audit.places:
        for network in audit.networks:
            heights[at, network] = y
            name = network_text(audit, network)
            is_first = network == audit.networks[0]
            labels[y] = f"{at}   {name}" if is_first and at else name
            y += 1
        y += GAP
    return heights, labels


def draw_feature(
    ax: Any, audit: Audit, feature: str, heights: dict[tuple[str, tuple[str, str]], float]
) -> None:
    """A panel: both readings of each network, joined."""
    guesses = []
    for (at, network), y in heights.items():
        colour, seen = COLOURS[network[0]], []
        for kind, face in KINDS:
            row = audit.row(at, feature, network, kind)
            if row is None:
                continue
            value = 100 * row["accuracy"]
            ax.hlines(y, 100 * row["low"], 100 * row["high"], colour, linewidth=0.8)
            ax.plot(value, y, "o", color=colour, markerfacecolor=face or colour, markersize=5)
            seen.append(value)
            guesses.append(100 * row["guess"])
        ax.hlines(y, min(seen, default=0), max(seen, default=0), colour, linewidth=2, alpha=0.3)
    if guesses:
        ax.axvline(sum(guesses) / len(guesses), color="#555555", linewidth=1, linestyle=":")
    ax.set_xlim(0, 102)
    ax.set_xlabel("top-1 accuracy, %")
    ax.set_title(f"'{feature}'", loc="left")
    tidy(ax)


def legend(audit: Audit) -> list[Any]:
    """What marks are, of those that are drawn."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"color": COLOURS[ENCODER], "marker": "o", "linestyle": "none"}
    there = {column.name for column in audit.columns}
    handles = []
    if "alone" in there:
        handles.append(Line2D([], [], markerfacecolor="white", label="alone", **look))
    if "together" in there:
        handles.append(Line2D([], [], label="together", **look))
    thin = "95 % interval over held-out instances"
    handles.append(Line2D([], [], color=COLOURS[ENCODER], linewidth=0.8, label=thin))
    handles.append(Line2D([], [], color="#555555", linestyle=":", label="guessing"))
    return handles
