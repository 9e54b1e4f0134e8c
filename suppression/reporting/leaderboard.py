"""Who rescues the suppressed feature, at what cost: the leaderboard of a recipe of remedies.

Its rules, all written down before a run:

- The endpoint is one number a seed: the accuracy of the victim beside its competitor, the mean over
  the places of the axis, less that of the arm's baseline at the same seed.
- A word of it is by `metrics.contrasts`, after Holm's correction over all arms of the board but
  oracles and what is told apart from them (floors, supervised training).
- An oracle knows what no method would: the competitor is redrawn for the second view, or negatives
  share it. Of the oracles that are no *higher* than the baseline the board says so: there is no
  suppression to mend, then.
- An arm *costs* a feature that falls, beside its competitor, by more than the margin, with its
  interval below 0.
- An arm that gains where the competitor is redrawn for the second view, its interval above 0, is
  *better training*: it helps where nothing suppresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from suppression.data import DATASETS
from suppression.data.base import Scenes
from suppression.experiment.arms import CONTROL, Arm, product
from suppression.experiment.remedy_card import Reach, load_remedy_card, remedy_cards
from suppression.metrics.contrasts import Comparison, Word, compare
from suppression.reporting.summary import Line, Summary

Kind = Literal["remedy", "oracle", "setting"]


@dataclass(frozen=True)
class Entry:
    """An arm of the board.

    Args:
        arm: The arm.
        kind: A remedy; an oracle; or a setting of the baseline itself, as its temperature.
        baseline: What it is held against.
        accuracy: Of the victim, the mean over places and seeds, in percent.
        gain: Of the victim, in points.
        redrawn: The same where the competitor is redrawn for the second view; without differences
            where that was not measured.
        others: The change of every other feature beside the competitor, in points.
        reach: Whether the remedy can reach this competitor at all; None for what is no remedy, or
            has no card.
        theirs: Whether the recipe does not have it: it was named by who ran it.
        cost: Arithmetic of its training, in multiples of the baseline's; None where not known.
    """

    arm: Arm
    kind: Kind
    baseline: Arm
    accuracy: float
    gain: Comparison
    redrawn: Comparison
    others: Mapping[str, Comparison]
    reach: Reach | None
    theirs: bool
    cost: float | None

    @property
    def word(self) -> Word:
        return self.gain.word

    @property
    def costs(self) -> dict[str, Comparison]:
        """The features that fall by more than the margin."""
        found = {}
        for name, change in self.others.items():
            if change.mean < -change.margin and change.high < 0:
                found[name] = change
        return found

    @property
    def is_better_training(self) -> bool:
        """Whether it gains where nothing suppresses, too."""
        return self.redrawn.low > 0


@dataclass(frozen=True)
class Leaderboard:
    """The entries of a board, the greatest gain first; those that were not measured are left out.

    Args:
        summary: What they were read from.
        entries: They.
        family: How many comparisons Holm's correction was over.
    """

    summary: Summary
    entries: list[Entry]
    family: int

    def of_kind(self, *kinds: Kind) -> list[Entry]:
        return [entry for entry in self.entries if entry.kind in kinds]

    @property
    def oracles_win(self) -> bool:
        """Whether there is suppression to mend: every oracle is higher than the baseline."""
        oracles = self.of_kind("oracle")
        return bool(oracles) and all(entry.word == "higher" for entry in oracles)


def leaderboard(summary: Summary) -> Leaderboard:
    """The board of a recipe that has one."""
    asked = [arm for arm in summary.plan.every_arm if is_on_board(summary, arm)]
    ranked = [arm for arm in asked if kind_of(arm) != "oracle"]
    oracles = [arm for arm in asked if kind_of(arm) == "oracle"]
    entries = []
    for arms in (ranked, oracles):
        entries += entries_of(summary, arms)
    entries.sort(key=lambda entry: -entry.gain.mean)
    return Leaderboard(summary, entries, len(ranked))


def joined(board: Leaderboard, recorded: Leaderboard) -> Leaderboard:
    """The entries of a run, and of a record those that the run has not.

    Each is held against the baseline of its own run or record; words are corrected anew, for all
    that now stand together.
    """
    own = {entry.arm.label for entry in board.entries}
    entries = [*board.entries, *(each for each in recorded.entries if each.arm.label not in own)]
    added = [entry for entry in board.of_kind("remedy", "setting") if entry.theirs]
    family = recorded.family + len(added)
    ranked = [entry for entry in entries if entry.kind != "oracle"]
    gains = [list(entry.gain.differences) for entry in ranked]
    unmeasured: list[list[float]] = [[]] * (family - len(ranked))
    margin = board_of(board.summary).margin
    told = compare([*gains, *unmeasured], [margin] * family)
    again = [replace(entry, gain=gain) for entry, gain in zip(ranked, told, strict=False)]
    again += [entry for entry in entries if entry.kind == "oracle"]
    again.sort(key=lambda entry: -entry.gain.mean)
    return Leaderboard(board.summary, again, family)


def entries_of(summary: Summary, arms: Sequence[Arm]) -> list[Entry]:
    """A family's entries; its words are corrected for all arms of it, measured or not."""
    board = board_of(summary)
    victim = victim_of(summary)
    gains = compare_all(summary, arms, victim, board.margin)
    others = {}
    for line in summary.lines:
        same = (line.scenes, line.probe, line.measure) == (board.scenes, board.probe, "accuracy")
        if same and line.feature != board.victim:
            others[line.feature] = compare_all(summary, arms, line, board.margin)
    redrawn = compare_redrawn(summary, arms, victim, board.margin)
    found = []
    for i, arm in enumerate(arms):
        if not gains[i].differences:
            continue
        base = baseline_of(summary, arm)
        read = over_places(summary, arm, victim)
        found.append(
            Entry(
                arm=arm,
                kind=kind_of(arm),
                baseline=base,
                accuracy=sum(read.values()) / len(read),
                gain=gains[i],
                redrawn=redrawn[i],
                others={feature: told[i] for feature, told in others.items()},
                reach=reach_of(summary, arm),
                theirs=dict(arm.settings) not in written(summary),
                cost=ratio(summary.flops, arm, base),
            )
        )
    return found


# --- which arms --------------------------------------------------------------------------------


def board_of(summary: Summary) -> Any:
    board = summary.plan.recipe.board
    assert board is not None, "a leaderboard is of a recipe that has a board"
    return board


def is_on_board(summary: Summary, arm: Arm) -> bool:
    """Whether it is held against a baseline: no baseline, floor, or arm that is a control."""
    baselines = summary.plan.baselines
    if arm in baselines or arm.is_floor or arm.method == CONTROL:
        return False
    return arm.shared == arm or without_axis(summary, arm.shared) in baselines


def without_axis(summary: Summary, arm: Arm) -> Arm:
    axis = summary.plan.recipe.axis
    return Arm({name: value for name, value in arm.settings.items() if name != axis})


def kind_of(arm: Arm) -> Kind:
    if "redraw" in arm:
        return "oracle"
    names = remedies_of(arm)
    known = [load_remedy_card(name) for name in names if name in remedy_cards()]
    if any(card.oracle for card in known):
        return "oracle"
    return "remedy" if names else "setting"


def remedies_of(arm: Arm) -> list[str]:
    value = arm.get("remedy")
    return value.split(",") if value else []


def baseline_of(summary: Summary, arm: Arm) -> Arm:
    """The first baseline of its method, or else the first one."""
    baselines = summary.plan.baselines
    same = [each for each in baselines if each.method == arm.method]
    return (same or baselines)[0]


def reach_of(summary: Summary, arm: Arm) -> Reach | None:
    """Whether its remedies can reach the competitor; what is appended to views is not in pixels."""
    cards = [load_remedy_card(name) for name in remedies_of(arm) if name in remedy_cards()]
    if not cards:
        return None
    appended = DATASETS[summary.plan.card.kind].append is not Scenes.append
    reaches = [card.reaches_bits if appended else card.reaches_pixels for card in cards]
    for reach in ("yes", "partly"):
        if reach in reaches:
            return reach
    return "no"


def written(summary: Summary) -> list[dict[str, Any]]:
    """The arms that the recipe has, each value by itself."""
    found = []
    for given in summary.plan.recipe.every_arm:
        lists: dict[str, list[Any]] = {}
        for name, value in given.items():
            lists[name] = value if isinstance(value, list) else [value]
        found += product(lists)
    return found


# --- what they gain ----------------------------------------------------------------------------


def victim_of(summary: Summary) -> Line:
    board = board_of(summary)
    return Line(board.victim, board.scenes, board.probe, layer=summary.shown_layer)


def levels_of(board: Leaderboard) -> dict[Arm, float]:
    """What baselines, floors and supervised training read of the victim, in percent."""
    summary = board.summary
    victim = victim_of(summary)
    found = {}
    for arm in summary.plan.every_arm:
        if arm in summary.plan.baselines or arm.is_floor or arm.method == CONTROL:
            read = over_places(summary, arm, victim)
            if read:
                found[arm] = sum(read.values()) / len(read)
    return found


def over_places(
    summary: Summary, arm: Arm, line: Line, places: Sequence[Any] | None = None
) -> dict[int, float]:
    """The percentage of each seed that was read at all places, the mean over them, by seed."""
    points = [summary.point(arm, line, x) for x in places or summary.plan.axis]
    seeds = set(points[0].by_seed)
    for point in points[1:]:
        seeds &= set(point.by_seed)
    found = {}
    for seed in sorted(seeds):
        values = [point.by_seed[seed] for point in points]
        found[seed] = 100 * sum(values) / len(values)
    return found


def paired(one: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    return [one[seed] - other[seed] for seed in sorted(set(one) & set(other))]


def compare_all(
    summary: Summary, arms: Sequence[Arm], line: Line, margin: float
) -> list[Comparison]:
    family = []
    for arm in arms:
        base = over_places(summary, baseline_of(summary, arm), line)
        family.append(paired(over_places(summary, arm, line), base))
    return compare(family, [margin] * len(family))


def compare_redrawn(
    summary: Summary, arms: Sequence[Arm], line: Line, margin: float
) -> list[Comparison]:
    """Each arm with the competitor redrawn against its baseline so, at the places of both."""
    family: list[list[float]] = []
    for arm in arms:
        mine = redrawn_of(summary, arm)
        theirs = redrawn_of(summary, baseline_of(summary, arm))
        if mine is None or theirs is None or "redraw" in arm:
            family.append([])
            continue
        axis = summary.plan.recipe.axis
        own = mine.get(axis, theirs.get(axis))
        places = summary.plan.axis if own is None else [own]
        one = over_places(summary, mine, line, places)
        family.append(paired(one, over_places(summary, theirs, line, places)))
    return compare(family, [margin] * len(family))


def redrawn_of(summary: Summary, arm: Arm) -> Arm | None:
    """The control of an arm: the same, with the competitor redrawn for every second view."""
    for other in summary.plan.every_arm:
        if other.get("redraw") == 1 and without_axis(summary, other.shared) == arm:
            return other
    return None


def ratio(flops: Mapping[str, int], arm: Arm, base: Arm) -> float | None:
    mine, theirs = flops.get(arm.label), flops.get(base.label)
    return mine / theirs if mine and theirs else None
