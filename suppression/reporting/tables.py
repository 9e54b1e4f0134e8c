"""The points of an experiment -> its tables: for a page, and for a terminal of any width."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from typing import Any

from suppression.evaluation.base import ACCURACY, Measure
from suppression.evaluation.probes import AXES, PROBES, SCENES, switched_on
from suppression.experiment.arms import Arm
from suppression.experiment.plan import Plan
from suppression.experiment.spec import published_settings
from suppression.metrics.intervals import verdict
from suppression.reporting import retention
from suppression.reporting.numbers import NOT_CONVERGED, OVER_INSTANCES, told, values_text
from suppression.reporting.summary import (
    FEWEST_SEEDS,
    Line,
    Point,
    Summary,
    as_published,
    published_at,
)

VERDICT = (
    "disagrees where the published accuracy lies outside the 95 % prediction interval for one "
    "further run of ours (over seeds, and for the test pictures); inside, agrees if that interval "
    "is at most 5 points either way, else cannot tell"
)
WORDS = {
    "not applicable": "n/a",
    "failed": "failed",
    "not asked for": "not asked for",
    "missing": "...",
    "at the ends only": "-",
}

# --- for a page ------------------------------------------------------------------------------


def layout(
    summary: Summary, features: list[str] | None = None
) -> tuple[list[str], list[list[list[str]]]]:
    """The published layout as text.

    Args:
        summary: The points.
        features: Only these features, if given.

    Returns:
        The header, and a block an arm: in it each line of measured values, with the published
        ones below.
    """
    plan, shown = summary.plan, shown_lines(summary, features)
    header = ["arm", "feature", "scenes", *(column_title(plan, x) for x in plan.axis)]
    return header, [arm_block(summary, arm, shown) for arm in plan.every_arm]


def shown_lines(summary: Summary, features: list[str] | None) -> list[Line]:
    return [line for line in summary.lines if features is None or line.feature in features]


def column_title(plan: Plan, x: Any) -> str:
    beside = published_at(plan, x)
    title = f"{plan.recipe.axis} {x}"
    return title if beside in (None, x) else f"{title} (publ. {beside:g})"


def arm_block(summary: Summary, arm: Arm, shown: list[Line]) -> list[list[str]]:
    block: list[list[str]] = []
    last = None
    for line in shown:
        points = summary.along(arm, line)
        if not is_asked(summary, points):
            continue
        name = "" if block else arm.label
        feature = "" if line.feature == last else line.feature
        last = line.feature
        cells = [cell_text(point) for point in points]
        block.append([name, feature, scenes_text(summary, line), *cells])
        block += published_lines(summary, points)
    return block


def is_asked(summary: Summary, points: list[Point]) -> bool:
    """Whether an arm is asked for a line: not where it has values, but none in this line."""
    return points[0].arm not in summary.arms or any(point.n for point in points)


def published_lines(summary: Summary, points: list[Point]) -> list[list[str]]:
    published = summary.plan.recipe.published
    if published is None or all(point.published is None for point in points):
        return []
    cells = ["" if point.published is None else f"{point.published:.1f}" for point in points]
    lines = [["", "", "published", *cells]]
    if published.verdict:
        lines.append(["", "", "verdict", *(verdict_text(point) for point in points)])
    return lines


def scenes_text(summary: Summary, line: Line) -> str:
    """The kind of scenes, and what is not the usual: another readout, layer or measure."""
    probe = PROBES.get(line.probe)
    words = [line.scenes, line.probe if probe is None else probe.shown.tag]
    if summary.several_layers:
        words.append(line.layer_text)
    if line.measure != summary.plan.recipe.measure:
        words.append(line.of.label)
    return ", ".join(word for word in words if word)


def verdict_text(point: Point) -> str:
    """Whether the published value could be one of ours."""
    if point.published is None or point.n < FEWEST_SEEDS:
        return ""
    return verdict(list(point.by_seed.values()), point.published / 100, cases=point.cases)


def cell_text(point: Point) -> str:
    """One cell of the table: mean and interval, or why there is none."""
    return value_in_cell(point, short=False)


def value_in_cell(point: Point, *, short: bool) -> str:
    """What `numbers.told` says of a point; where nothing was measured, why."""
    if not point.n:
        return WORDS[point.status]
    measure = point.line.of
    bounds = (point.mean, point.low, point.high, point.interval)
    look: dict[str, Any] = {"percent": measure.percent, "places": measure.digits, "short": short}
    return told(*bounds, point.values, **look) + not_converged(point)


def not_converged(point: Point) -> str:
    """The mark of a value of which a fit had not converged."""
    return "" if point.converged else NOT_CONVERGED


def markdown(summary: Summary, *, features: list[str] | None = None) -> str:
    """`layout` for a page; only these features if given."""
    header, blocks = layout(summary, features)
    body = []
    for block in blocks:
        body += block
    return as_markdown(header, body, left=3)


def headline_markdown(summary: Summary) -> str:
    """The line that the claim is about, for a page: a line an arm that was measured.

    Nothing if there is none.
    """
    if summary.headline is None:
        return ""
    block = headline_block(summary, summary.headline, summary.arms)
    body = [[name.strip(), *values] for name, values in block]
    header = [headline_text(summary, summary.headline)]
    header += [column_title(summary.plan, x) for x in summary.plan.axis]
    return as_markdown(header, body, left=1)


def as_markdown(header: list[str], body: Iterable[list[str]], *, left: int) -> str:
    """A table with the first `left` columns set flush left, the others flush right."""
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    lines = [f"| {' | '.join(line)} |" for line in [header, rule, *body]]
    return "\n".join(lines) + "\n"


def retention_markdown(summary: Summary) -> str:
    """The tables of what is left of features, for a page."""
    parts = []
    for title, header, body in retention.tables(summary):
        parts.append(f"{title[0].upper()}{title[1:]}.\n\n{as_markdown(header, body, left=1)}")
    return "\n".join(parts)


def published_table(plan: Plan) -> str | None:
    """The published table by itself, where not all of it stands beside something measured."""
    published = plan.recipe.published
    if published is None or set(published.axis) <= {published_at(plan, x) for x in plan.axis}:
        return None
    body = []
    for row in published.rows:
        values = ["" if math.isnan(value) else f"{value:.1f}" for value in row["accuracy"]]
        body.append([Arm(published_settings(row)).label, row["feature"], *values])
    places = [x if isinstance(x, str) else f"{plan.recipe.axis} {x:g}" for x in published.axis]
    return as_markdown(["published", "feature", *places], body, left=2)


def caption(summary: Summary) -> str:
    """What a reader of the table must know: scale, seeds, intervals, readout, guessing."""
    plan, recipe = summary.plan, summary.plan.recipe
    first = [f"{plan.scale} scale"]
    first += [f"{name} {value}" for name, value in plan.pinned.items() if name != "source"]
    source = summary.rows[0].get("source", "none") if summary.rows else "-"
    text = f"{', '.join(first)}, source {source}, seeds {seeds_text(summary)}; "
    text += interval_text(summary)
    if recipe.measure == "accuracy":
        text += f"; {readout_text(summary)}; guessing: {guesses(summary)}."
    shown = {line.scenes for line in summary.lines}
    for scenes, what in {**plan.card.scenes, **SCENES}.items():
        if scenes in shown:
            text += f"\n{scenes}: {what}."
    words = words_in(summary)
    is_of_scenes = len(shown) > 1 and recipe.axis not in AXES
    if plan.card.absent and is_of_scenes and WORDS["not applicable"] in words:
        text += f"\n{plan.card.absent}."
    if not all(point.converged for point in summary.points):
        text += (
            f"\n{NOT_CONVERGED}: a readout's fit had not converged; more steps (max_iter) may read "
            "another value."
        )
    if WORDS["at the ends only"] in words:
        text += f"\n{WORDS['at the ends only']}: controls stand at the ends of the axis only."
    if recipe.published:
        text += f"\npublished: {recipe.published.source}"
        text += f"\nverdict: {VERDICT}" if recipe.published.verdict else ""
    return text


def words_in(summary: Summary) -> set[str]:
    """The words that stand in the table where it has no value."""
    found: set[str] = set()
    for arm in terminal_arms(summary):
        for line in summary.lines:
            points = summary.along(arm, line)
            if line == summary.headline or is_asked(summary, points):
                found.update(WORDS[point.status] for point in points if not point.n)
    return found


def seeds_text(summary: Summary) -> str:
    text = ", ".join(map(str, summary.seeds)) or "-"
    return f"{text} (not everywhere on the axis)" if len(summary.seeds_a_place) > 1 else text


INTERVALS = {
    "seeds and instances": "over seeds and held-out instances",
    "seeds": "over seeds alone (t)",
    "instances": f"over held-out instances ({OVER_INSTANCES}: nothing is said of other seeds)",
}


def interval_text(summary: Summary) -> str:
    """What the intervals of the table are over, and what stands there without one."""
    points = [point for point in summary.points if point.n]
    there = {point.interval for point in points}
    words = [text for kind, text in INTERVALS.items() if kind in there]
    parts = [f"95 % intervals {', else '.join(words)}"] if words else []
    if any(point.interval == "none" and point.n > 1 for point in points):
        parts.append("without one, the values of seeds")
    return f"[{'; '.join(parts) or 'no intervals'}]"


def readout_text(summary: Summary) -> str:
    """Which probe reads which layer, and what other readouts are."""
    plan = summary.plan
    layer = plan.probe.layers[0]
    if plan.recipe.axis == "layer" or summary.several_layers:
        layer = "each layer"
    how, others = "linear probe on", []
    for probe in switched_on(plan.probe):
        if probe.instead_of:
            how = probe.shown.caption or how
        elif probe.shown.caption:
            others.append(probe.shown.caption)
    return ", ".join([f"{how} {layer}", *others])


def guesses(summary: Summary) -> str:
    """What guessing scores, once for all probes whose measure is the same."""
    first_lines: dict[tuple[str, Measure], Line] = {}
    for line in summary.lines:
        if line.of.guess:
            first_lines.setdefault((line.feature, line.of), line)
    parts = []
    for line in first_lines.values():
        guess = summary.guess(line.feature, line.probe, line.measure)
        words = [line.feature]
        if line.of != ACCURACY and line.probe in PROBES:
            words.append(PROBES[line.probe].shown.tag)
        if not math.isnan(guess):
            parts.append(f"{' '.join(filter(None, words))} {100 * guess:.0f} %")
    return ", ".join(parts) or "-"


# --- for a terminal --------------------------------------------------------------------------

GAP = 2  # blanks between columns
INDENT = 2


Block = list[tuple[str, list[str]]]  # names and values of some lines; a name may stand alone


def terminal_table(summary: Summary, *, width: int = 80, intervals: bool = False) -> str:
    """The table as text that fits a terminal; names of methods and features are never cut.

    The line that the recipe's claim is about comes first, one arm below the other. Below it
    each arm has its other features and readouts. Values bear +- half of their interval. Where
    the columns do not fit beside one another they are told one part after another.

    Args:
        summary: The points.
        width: Columns of the terminal.
        intervals: Whether bounds are shown in place of +-.
    """
    claim, others = terminal_tables(summary, width=width, intervals=intervals)
    return "\n\n".join(filter(None, [claim, others]))


def terminal_tables(
    summary: Summary, *, width: int = 80, intervals: bool = False
) -> tuple[str, str]:
    """The line that the claim is about, and all others; either may be empty."""
    columns = f"columns: {summary.plan.recipe.axis_label or summary.plan.recipe.axis}"
    others = [line for line in summary.lines if line != summary.headline]
    blocks = [terminal_block(summary, arm, others, intervals) for arm in terminal_arms(summary)]
    head, claim, rest = f"{measure_text(summary)}; {columns}", "", ""
    if summary.headline is not None:
        arms = terminal_arms(summary)
        block = headline_block(summary, summary.headline, arms, intervals=intervals)
        title = f"{headline_text(summary, summary.headline)}; {columns}"
        claim = f"{textwrap.fill(title, width)}\n{in_columns(summary, [block], width)}"
        head = f"other readings, {measure_text(summary)}"
        blocks = [block for block in blocks if len(block) > 1]
    if blocks:
        rest = f"{textwrap.fill(head, width)}\n{in_columns(summary, blocks, width)}"
    return claim, rest


def headline_text(summary: Summary, line: Line) -> str:
    return f"{line.feature}, {scenes_text(summary, line)}: {line.of.label}"


def headline_block(
    summary: Summary, line: Line, arms: Iterable[Arm], *, intervals: bool = False
) -> Block:
    """A line an arm, with the published one below, and what guessing scores."""
    block: Block = []
    published = as_published(summary.plan, line)
    for arm in arms:
        points = summary.along(arm, line)
        block.append((arm.label, [terminal_cell(point, intervals) for point in points]))
        what = "published"
        if published != line:
            what = f"published, {published.scenes}"
        for _, _, name, *values in published_lines(summary, summary.along(arm, published)):
            block.append((f"{' ' * INDENT}{what if name == 'published' else name}", values))
    guess = summary.guess(line.feature, line.probe, line.measure)
    if not math.isnan(guess):
        block.append(("guessing", [f"{100 * guess:.0f}"] * len(summary.plan.axis)))
    return block


def in_columns(summary: Summary, blocks: list[Block], width: int) -> str:
    """Blocks as text, as many columns beside one another as fit."""
    titles = [f"{x}" for x in summary.plan.axis]
    left, column = 0, max(map(len, titles))
    for block in blocks:
        for name, values in block:
            if values:  # an arm's own name has its line to itself
                left = max(left, len(name))
                column = max(column, *map(len, values))
    column += GAP
    at_once = max(1, (width - left) // column)
    parts = []
    for start in range(0, len(titles), at_once):
        some = slice(start, start + at_once)
        parts.append(terminal_part(summary, blocks, titles, some, left, column))
    return "\n\n".join(parts)


def terminal_arms(summary: Summary) -> list[Arm]:
    """The arms that are asked for, and any other that is stored."""
    plan = summary.plan
    return [*plan.arms, *(arm for arm in plan.unasked if arm in summary.arms)]


def terminal_block(summary: Summary, arm: Arm, lines: list[Line], intervals: bool) -> Block:
    """Name and values of these lines of an arm; the first one is the arm's own, without values."""
    block: Block = [(arm.label, [])]
    for line in lines:
        points = summary.along(arm, line)
        if not is_asked(summary, points):
            continue
        name = f"{' ' * INDENT}{line.feature}, {scenes_text(summary, line)}"
        block.append((name, [terminal_cell(point, intervals) for point in points]))
        for _, _, what, *values in published_lines(summary, points):
            block.append((f"{' ' * INDENT}  {what}", values))
    return block


def terminal_cell(point: Point, intervals: bool) -> str:
    return value_in_cell(point, short=not intervals and point.line.of.digits <= 1)


def terminal_part(
    summary: Summary,
    blocks: list[Block],
    titles: list[str],
    some: slice,
    left: int,
    column: int,
) -> str:
    """Some columns of the table, with the places of the axis above."""
    values = titles[some]
    lines = [" " * left + "".join(title.rjust(column) for title in values)]
    beside = [published_at(summary.plan, x) for x in summary.plan.axis[some]]
    differ = [of is not None and str(of) != x for of, x in zip(beside, values, strict=True)]
    if any(differ):
        texts = ["" if of is None else f"{of:g}" for of in beside]
        name = "  published at".ljust(left)
        lines.append(name + "".join(text.rjust(column) for text in texts))
    for block in blocks:
        for name, cells in block:
            lines.append(name.ljust(left) + "".join(cell.rjust(column) for cell in cells[some]))
    return "\n".join(line.rstrip() for line in lines)


def measure_text(summary: Summary) -> str:
    """What the table shows."""
    return Line("", "", measure=summary.plan.recipe.measure).of.label


def not_asked_text(summary: Summary) -> str:
    """One line that names the recipe's arms that were not asked for and are not stored.

    Of a leaderboard, which has many and shows those that are recorded, it says how many.
    """
    others = [arm.label for arm in summary.plan.unasked if arm not in summary.arms]
    if others and summary.plan.baselines:
        return f"not asked for: {len(others)} of the recipe's arms"
    return f"not asked for: {'; '.join(others)}" if others else ""


def retention_text(summary: Summary) -> list[str]:
    """What is left of each feature that the recipe names, in words, a sentence an arm."""
    plan, axis = summary.plan, summary.plan.recipe.axis
    sentences = []
    for asked in plan.recipe.retention:
        for arm in plan.arms:
            found = retention.retained(summary, arm, asked)
            if arm.is_floor or plan.axis[-1] not in found:
                continue
            left = found[plan.axis[-1]]
            share = f"{round(100 * left.crossed.mean)}"
            if len(left.seeds) < FEWEST_SEEDS:
                share = values_text(left.values, places=0)
            text = (
                f"{arm.label} keeps {share} % of {retention.what_text(asked)} at "
                f"{axis} {plan.axis[-1]}"
            )
            half = retention.threshold_text(asked, found)
            if half[0].isdigit() or half.startswith("between"):
                text += f"; half of it is left at {axis} {half}"
            sentences.append(f"{text}.")
    return sentences
