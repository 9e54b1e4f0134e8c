"""A leaderboard as rows for a notebook, as a table of a page, and in sentences."""

from __future__ import annotations

import math
import statistics
import textwrap
from typing import Any

from suppression.metrics.contrasts import FEWEST_SEEDS, Comparison, detectable
from suppression.reporting.claims import p_text, tenths
from suppression.reporting.leaderboard import (
    Entry,
    Leaderboard,
    board_of,
    levels_of,
    over_places,
    remedies_of,
    victim_of,
)

REACH_TEXT = {"yes": "yes", "no": "no", "partly": "in part", None: "-"}


def rows(board: Leaderboard) -> list[dict[str, Any]]:
    return [as_row(board, entry) for entry in board.entries]


def as_row(board: Leaderboard, entry: Entry) -> dict[str, Any]:
    """A dict for a notebook; accuracies are percentages, differences points."""
    row = {
        "board": board.summary.plan.name,
        "arm": entry.arm.label,
        "kind": entry.kind,
        "theirs": entry.theirs,
        "reach": entry.reach,
        "word": entry.word,
        "accuracy": entry.accuracy,
        "gain": entry.gain.mean,
        "low": entry.gain.low,
        "high": entry.gain.high,
        "p_holm": entry.gain.p_holm,
        "p_sign_flip": entry.gain.p_sign_flip,
        "gain_redrawn": entry.redrawn.mean,
        "cost": entry.cost,
        "seeds": len(entry.gain.differences),
    }
    for feature, change in entry.others.items():
        row[f"change_{feature}"] = change.mean
    return row


def short_name(board: Leaderboard, entry: Entry) -> str:
    """What sets it apart from its baseline."""
    base = entry.baseline.settings
    words = []
    for name, value in entry.arm.settings.items():
        if name in ("method", "remedy") or base.get(name) == value:
            continue
        words.append("competitor redrawn" if name == "redraw" else f"{name} {value}")
    names = remedies_of(entry.arm)
    text = ", ".join([*names, *words])
    return f"{text} (yours)" if entry.theirs else text


def amount(found: Comparison) -> str:
    if math.isnan(found.mean):
        return "-"
    if math.isnan(found.low):
        return f"{found.mean:+.1f}"
    return f"{found.mean:+.1f} [{tenths(found.low)}, {tenths(found.high)}]"


def word_text(entry: Entry) -> str:
    if entry.word == "no difference":
        return f"no difference within ±{entry.gain.margin:g}"
    return entry.word


def cells(board: Leaderboard, entry: Entry) -> list[str]:
    """A line of the table."""
    costs = [f"{name} {change.mean:+.1f}" for name, change in entry.costs.items()]
    cost = "-" if entry.cost is None else f"{entry.cost:.2f}"
    training = " (better training)" if entry.is_better_training else ""
    return [
        short_name(board, entry),
        entry.kind,
        REACH_TEXT[entry.reach],
        f"{entry.accuracy:.1f}",
        amount(entry.gain),
        word_text(entry),
        p_text(entry.gain.p_holm),
        p_text(entry.gain.p_sign_flip),
        f"{amount(entry.redrawn)}{training}",
        ", ".join(costs) or "none",
        cost,
    ]


HEADER = [
    "arm",
    "kind",
    "reaches it",
    "victim, %",
    "gain, points",
    "word",
    "p (Holm)",
    "p (sign flips)",
    "gain where redrawn",
    "costs",
    "arithmetic, x",
]


def markdown(board: Leaderboard) -> str:
    """The table, its rule in a sentence, and the verdict."""
    rule_line = "|---" * 3 + "|---:" * 2 + "|---" + "|---:" * 3 + "|---|---:|"
    lines = [f"| {' | '.join(HEADER)} |", rule_line]
    for entry in board.entries:
        lines.append(f"| {' | '.join(cells(board, entry))} |")
    asked = board_of(board.summary)
    rule = (
        f"The victim is '{asked.victim}', the mean over {board.summary.plan.recipe.axis} "
        f"{' and '.join(map(str, board.summary.plan.axis))}; gains are paired by seed, with 95 % "
        f"t-intervals over seeds; words are by the p after Holm's correction over {board.family} "
        "arms. *Gain where redrawn*: the same difference where the competitor is drawn anew for "
        "the second view, so that nothing suppresses. *Costs*: features that fall by more than "
        f"{asked.margin:g} points. *Arithmetic*: of the training, in multiples of the baseline's."
    )
    return "\n".join([text(board), "", *lines, "", f"{rule}{power_text(board)}", ""])


def power_text(board: Leaderboard) -> str:
    """How small a gain the board can tell."""
    spreads, seeds = [], []
    for entry in board.of_kind("remedy", "setting"):
        if len(entry.gain.differences) >= FEWEST_SEEDS:
            spreads.append(statistics.stdev(entry.gain.differences))
            seeds.append(len(entry.gain.differences))
    if not spreads:
        return ""
    spread = statistics.median(spreads)
    told = spread * detectable(min(seeds), board.family)
    return (
        f" *Power*: paired gains have a standard deviation of {spread:.1f} points over seeds (the "
        f"median of arms), so that a gain of {told:.1f} points is told in four of five such boards."
    )


def text(board: Leaderboard) -> str:
    """What the board found, in sentences."""
    if not board.entries:
        return ""
    asked, plan = board_of(board.summary), board.summary.plan
    base = plan.baselines[0]
    read = over_places(board.summary, base, victim_of(board.summary))
    where = f"{plan.recipe.axis} {' and '.join(map(str, plan.axis))}"
    level = sum(read.values()) / len(read)
    sentences = [
        f"{base.label} reads {level:.1f} % of '{asked.victim}' ({asked.scenes}, mean over {where})."
    ]
    sentences.append(oracles_text(board))
    ranked = board.of_kind("remedy", "setting")
    parts = []
    for word in ("higher", "lower", "no difference", "cannot tell"):
        named = [brief(board, entry) for entry in ranked if entry.word == word]
        if named:
            within = f" within ±{asked.margin:g}" if word == "no difference" else ""
            parts.append(f"{word}{within}: {', '.join(named)}")
    if parts:
        sentences.append(f"Of {len(ranked)} remedies and settings, {'; '.join(parts)}.")
    for entry in ranked:
        if entry.word == "higher":
            sentences += afterthoughts(board, entry)
    return " ".join(filter(None, sentences))


NAME, GAIN, WORD, WIDTH = 30, 20, 19, 80  # columns of a terminal


def terminal(board: Leaderboard) -> str:
    """The board in 80 columns: what each arm gains, its word and p."""
    if not board.entries:
        return ""
    asked = board_of(board.summary)
    title = f"gain of '{asked.victim}', points [95 %]"
    lines = [f"{'':{NAME}} {title:{GAIN + WORD + 1}} p (Holm)"]
    for entry in board.entries:
        name = short_name(board, entry)
        if entry.kind == "oracle":
            name += " (oracle)"
        word = f"no difference, ±{asked.margin:g}" if entry.word == "no difference" else entry.word
        told = f"{amount(entry.gain):{GAIN}} {word:{WORD}}"
        rest = textwrap.wrap(name, NAME - 2)
        lines.append(f"{rest[0]:{NAME}} {told} {p_text(entry.gain.p_holm)}".rstrip())
        lines += [f"  {more}" for more in rest[1:]]
    levels = [f"{arm.label} {level:.1f} %" for arm, level in levels_of(board).items()]
    read = f"'{asked.victim}' is read by: {'; '.join(levels)}"
    return "\n".join([*lines, "", textwrap.fill(read, WIDTH, subsequent_indent="  ")])


def message(board: Leaderboard) -> str:
    """The board in a line, for a slide."""
    asked = board_of(board.summary)
    ranked = board.of_kind("remedy", "setting")
    if not board.oracles_win:
        return f"Oracles do not win: nothing here suppresses '{asked.victim}'"
    higher = [entry for entry in ranked if entry.word == "higher"]
    if not higher:
        return f"None of {len(ranked)} remedies and settings is told to help '{asked.victim}'"
    first = higher[0]
    return (
        f"{len(higher)} of {len(ranked)} remedies and settings help '{asked.victim}'; most: "
        f"{short_name(board, first)}, {first.gain.mean:+.0f} points"
    )


def oracles_text(board: Leaderboard) -> str:
    oracles = board.of_kind("oracle")
    if not oracles:
        return ""
    named = ", ".join(f"{short_name(board, entry)} {amount(entry.gain)}" for entry in oracles)
    if board.oracles_win:
        return f"The oracles gain: {named}."
    return f"Not every oracle is higher ({named}): this benchmark does not show suppression."


def brief(board: Leaderboard, entry: Entry) -> str:
    name = short_name(board, entry)
    return name if entry.word == "cannot tell" else f"{name} ({entry.gain.mean:+.1f})"


def afterthoughts(board: Leaderboard, entry: Entry) -> list[str]:
    """What a remedy that helps costs, and whether it helps where nothing suppresses."""
    found = []
    name = short_name(board, entry)
    for feature, change in entry.costs.items():
        found.append(f"{name} costs '{feature}' {-change.mean:.1f} points.")
    if entry.is_better_training:
        found.append(
            f"{name} gains {amount(entry.redrawn)} where the competitor is redrawn, too: better "
            "training, in part or all."
        )
    return found
