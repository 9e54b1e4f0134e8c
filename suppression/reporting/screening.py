"""Which setting of each remedy goes to its leaderboard, chosen on seeds that the board has not.

The rule: of the settings that were tried, the one with the highest mean over all features that the
board's readout reads on its scenes, over places and over seeds; the first of those that are equal,
which is the published default.
"""

from __future__ import annotations

from suppression.experiment.arms import Arm
from suppression.experiment.spec import load_recipe
from suppression.reporting.summary import Line, Summary


def chosen(summary: Summary) -> dict[str, Arm]:
    """The arm of each remedy that the rule chooses, by the remedy's name.

    A setting that was not measured everywhere cannot be chosen.
    """
    lines = lines_of(summary)
    best: dict[str, tuple[float, Arm]] = {}
    for arm in summary.plan.every_arm:
        name = arm.get("remedy")
        mean = mean_of(summary, arm, lines)
        if name is None or mean is None:
            continue
        if name not in best or mean > best[name][0]:
            best[name] = mean, arm
    return {name: arm for name, (_, arm) in best.items()}


def lines_of(summary: Summary) -> list[Line]:
    """What the rule's mean is over."""
    screened = summary.plan.recipe.screens
    assert screened is not None, "it is asked of a recipe that screens"
    board = load_recipe(screened).board
    assert board is not None, "a recipe is read only if what it screens for has a board"
    found = []
    for line in summary.lines:
        if (line.scenes, line.probe, line.measure) == (board.scenes, board.probe, "accuracy"):
            found.append(line)
    return found


def mean_of(summary: Summary, arm: Arm, lines: list[Line]) -> float | None:
    """The mean over lines and places; None where a seed of the run is missing in any."""
    means = []
    for line in lines:
        for point in summary.along(arm, line):
            if set(point.by_seed) != set(summary.seeds):
                return None
            means.append(point.mean)
    return sum(means) / len(means)


def text(summary: Summary) -> str:
    """What was chosen, in a sentence."""
    arms = [arm.label for arm in chosen(summary).values()]
    return (
        f"Chosen for {summary.plan.recipe.screens}, by the highest mean over features: "
        f"{'; '.join(arms) or 'nothing, as no setting was measured on all seeds'}."
    )
