"""An audit in words: its table, its caption, and what can be said of it by fixed rules."""

from __future__ import annotations

import math
from textwrap import fill

from suppression.auditing.asking import ENCODER, PIXELS, RANDOM
from suppression.auditing.result import (
    CLAIM,
    LEFT,
    NOTHING,
    WHOLE,
    Audit,
    accuracy_text,
    left_text,
    mean_guess,
)
from suppression.metrics.crossed import Crossed
from suppression.metrics.units import Row

GAP = 2  # blanks between columns
NARROWEST = 14  # a name may be shortened to
Line = list[str]


def header(audit: Audit) -> Line:
    """The columns of numbers: what is left stands behind what it is made of."""
    names = [column.name for column in audit.columns]
    if "alone" in names and "together" in names:
        names.insert(names.index("together") + 1, LEFT)
    return names


def block(audit: Audit, at: str, feature: str) -> list[Line]:
    """The lines of a feature at a place: a network each, then what guessing scores."""
    names, lines = header(audit), []
    shown: dict[str, list[Row | None]] = {name: [] for name in names}
    for network in audit.networks:
        cells = []
        for name in names:
            if name == LEFT:
                cells.append(left_text(audit.left(at, feature, network)))
                continue
            row = audit.row(at, feature, network, name)
            shown[name].append(row)
            cells.append(accuracy_text(row))
        if set(cells) != {NOTHING}:
            lines.append([network_text(audit, network), *cells])
    if lines:
        lines.append(["guessing", *(mean_guess(shown[name]) for name in names)])
    return lines


def network_text(audit: Audit, network: tuple[str, str]) -> str:
    role, layer = network
    name = audit.title if role == ENCODER else role
    return name if layer == "h" else f"{name}, {layer}"


def place_text(at: str, feature: str) -> str:
    return f"'{feature}', {at}" if at else f"'{feature}'"


def blocks(audit: Audit) -> list[tuple[str, list[Line]]]:
    """The lines of the table by feature and place, with a title each."""
    found = []
    for feature in audit.features:
        for at in audit.places:
            lines = block(audit, at, feature)
            if lines:
                found.append((place_text(at, feature), lines))
    return found


def terminal_table(audit: Audit, width: int = 80) -> str:
    """The table as text, in lines of at most so many columns."""
    names, parts = header(audit), blocks(audit)
    body = [line for _, lines in parts for line in lines]
    widths = [len(name) for name in names]
    for line in body:
        widths = [max(w, len(cell)) for w, cell in zip(widths, line[1:], strict=True)]
    longest = max((len(line[0]) for line in body), default=0)
    room = max(NARROWEST, width - sum(widths) - GAP * (len(widths) + 1))
    left = min(longest, room)

    def written(name: str, cells: Line) -> str:
        short = name if len(name) <= left else name[: left - 1] + "…"
        text = " " * GAP + short.ljust(left)
        for cell, w in zip(cells, widths, strict=True):
            text += " " * GAP + cell.rjust(w)
        return text.rstrip()[:width]

    out = [written("read, %", names)]
    for title, lines in parts:
        out.append(title)
        out += [written(name, cells) for name, *cells in lines]
    return "\n".join(out)


def caption(audit: Audit) -> str:
    """What a reader of the table must know, in lines of 80."""
    return "\n".join(fill(line, 80, subsequent_indent="  ") for line in caption_lines(audit))


def caption_lines(audit: Audit) -> list[str]:
    """A line each of what a reader must know."""
    row = audit.all_rows[0]
    lines = [
        f"{audit.title}: {audit.preprocessing}.",
        f"{audit.data}; readouts are fitted on {row['train']} scenes and tested on {row['test']} "
        "others; ± is half of a 95 % interval over held-out instances, of one network and one draw "
        "of scenes.",
    ]
    for column in audit.columns:
        lines.append(f"{column.name}: {column.text.format(more=labels_of(audit))}.")
    if LEFT in header(audit):
        lines.append(
            f"{LEFT}: R = (together - guessing) / (alone - guessing), 1 where the competitor costs "
            "nothing, 0 where no more than guessing is read beside it; unread: not read even alone."
        )
    if any(role == RANDOM for role, _ in audit.networks):
        lines.append(f"{RANDOM}: the same network at weights from which a training might start.")
    lines.append(f"{PIXELS}: the readout is fitted on the pictures as they are drawn.")
    return lines


def labels_of(audit: Audit) -> str:
    """How many labels the control with more of them had."""
    return f"{max(row['train'] for row in audit.all_rows):,}"


# --- what can be said ------------------------------------------------------------------------


def verdict(audit: Audit) -> str:
    """What was found at the last place, by fixed rules, and what it does not say, in one line."""
    at, sentences = audit.places[-1], []
    for network in audit.networks:
        if network[0] != ENCODER:
            continue
        for feature in audit.features:
            sentences += sentences_on(audit, at, feature, network)
    return " ".join([*sentences, claim(audit)])


def claim(audit: Audit) -> str:
    """What the answers do not say: of whole pictures, as those of a table, even less."""
    is_apart = any(row["scenes"] == "alone" for row in audit.all_rows)
    return CLAIM if is_apart else WHOLE


def sentences_on(audit: Audit, at: str, feature: str, network: tuple[str, str]) -> list[str]:
    """What can be said of one feature at one layer."""
    name, what = network_text(audit, network), f"'{feature}'"
    if at:
        what += f" ({at})"
    alone = audit.row(at, feature, network, "alone")
    together = audit.row(at, feature, network, "together")
    left = audit.left(at, feature, network)
    if together is None:
        return []
    if alone is None or left is None:
        beside = beside_floors(audit, at, feature, network, "together")
        said = f"{name} reads {what} at {percent(together)} %{beside}."
        return [said, *controls_on(audit, at, feature, network, together)]
    said = f"{name} reads {what} at {percent(alone)} % alone"
    if math.isnan(left.value):
        return [f"{said}, which is guessing: nothing can be said of competition."]
    floors = {}
    for column in ("alone", "together"):
        floors[column] = beside_floors(audit, at, feature, network, column)
    found = [
        f"{said}{floors['alone']} and {percent(together)} % together{floors['together']}: "
        f"R = {left.value:.2f} [{left.low:.2f}, {left.high:.2f}]"
    ]
    if left.low <= 1 <= left.high:
        found[0] += ", cannot tell whether the competitor costs anything."
        return found
    if left.low > 1:
        found[0] += ", more than alone."
        return found
    found[0] += "."
    return found + controls_on(audit, at, feature, network, together)


def beside_floors(
    audit: Audit, at: str, feature: str, network: tuple[str, str], column: str
) -> str:
    """A clause where a reading is not above that of what has learned nothing."""
    row = audit.row(at, feature, network, column)
    floors = []
    for other in audit.networks:
        floor = audit.row(at, feature, other, column)
        same_layer = other[1] == network[1] or other[0] == PIXELS
        if other[0] == ENCODER or not same_layer or floor is None or row is None:
            continue
        if not is_more(row, floor):
            floors.append(f"{other[0]} {percent(floor)} %")
    return f" (not above {' and '.join(floors)})" if floors else ""


def controls_on(
    audit: Audit, at: str, feature: str, network: tuple[str, str], together: Row
) -> list[str]:
    """What the controls add to a loss."""
    controls = {
        "blank": "beside a competitor that carries nothing",
        "fixed": "with its place always the same",
        "mlp": "by a readout with a hidden layer",
        "labels": f"with {labels_of(audit)} labels",
    }
    parts = []
    for column, what in controls.items():
        row = audit.row(at, feature, network, column)
        if row is not None:
            word = "more" if is_more(row, together) else "cannot tell whether more"
            parts.append(f"{what} {percent(row)} % ({word})")
    named = audit.row(at, feature, network, "named")
    if named is not None:
        start, first = audit.places[0], ""
        before = audit.row(start, feature, network, "named")
        if before is not None and start != at:
            first = f"; {percent(before)} at {start}"
        guess = mean_guess([named])
        parts.append(f"asked for both classes {percent(named)} % (guessing {guess}{first})")
    return [f"Controls: {'; '.join(parts)}."] if parts else []


def is_more(row: Row, other: Row) -> bool:
    """Whether one reading is above another, paired by the held-out instances they share."""
    apart = Crossed.accuracy([row["units"]]) - Crossed.accuracy([other["units"]])
    return apart.mean > apart.half_width()


def percent(row: Row) -> str:
    return f"{100 * row['accuracy']:.0f}"
