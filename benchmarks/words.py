"""How often the four words of registered contrasts are wrong, and how often they say anything."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from paired import Found

from suppression.metrics.contrasts import compare

SEEDS = (3, 5, 6, 8, 10)
FAMILIES = (1, 6, 11)
DRAWN = 1000
SHIFTS = (1.0, 2.0, 3.0)  # of one contrast, in standard deviations of a difference
MARGINS = (0.5, 1.0, 2.0)
NARROW = 1e-6  # a margin within which nothing is


def told(
    rng: np.random.Generator, seeds: int, number: int, margin: float, shift: float = 0.0
) -> NDArray:
    """The words of one family: arms that are all held against one baseline, one shifted.

    Differences have a standard deviation of 1 over seeds, half of whose variance is the baseline's.
    """
    arms = rng.normal(0, np.sqrt(0.5), (number, seeds))
    arms[0] += shift
    differences = arms - rng.normal(0, np.sqrt(0.5), seeds)
    found = compare(list(differences), [margin] * number)
    return np.array([each.word for each in found])


def share(of: list[bool]) -> str:
    return f"{100 * np.mean(of):.1f}"


def differences_told(rng: np.random.Generator, drawn: int) -> str:
    """A family without any difference that is told one, and shifts that are told."""
    head = "".join(f" a shift of {shift:g} |" for shift in SHIFTS)
    lines = [f"| contrasts | seeds | none, told one |{head}", "|---:" * (3 + len(SHIFTS)) + "|"]
    for number in FAMILIES:
        for seeds in SEEDS:
            wrong = [told(rng, seeds, number, NARROW) for _ in range(drawn)]
            cells = [share([bool(np.isin(words, ["higher", "lower"]).any()) for words in wrong])]
            for shift in SHIFTS:
                words = [told(rng, seeds, number, NARROW, shift)[0] for _ in range(drawn)]
                cells.append(share([word == "higher" for word in words]))
            lines.append(f"| {number} | {seeds} | {' | '.join(cells)} |")
    return "\n".join(lines)


def equivalence_told(rng: np.random.Generator, drawn: int) -> str:
    """A difference as large as the margin that is called none, and none that is called none."""
    head = "".join(f" {margin:g}: wrong | right |" for margin in MARGINS)
    lines = [f"| seeds |{head}", "|---:" * (1 + 2 * len(MARGINS)) + "|"]
    for seeds in SEEDS:
        cells = []
        for margin in MARGINS:
            for shift in (margin, 0.0):
                words = [told(rng, seeds, 1, margin, shift)[0] for _ in range(drawn)]
                cells.append(share([word == "no difference" for word in words]))
        lines.append(f"| {seeds} | {' | '.join(cells)} |")
    return "\n".join(lines)


def words(repetitions: int) -> Found:
    """How often the words of registered contrasts are wrong, in % of 1,000 families; 5 at most.

    All arms of a family are held against one baseline; paired differences have a standard deviation
    of 1 over seeds. First, families without any difference of which any is told *higher* or
    *lower*, and how often one that is shifted is told so, by Holm beside the others. Second, single
    contrasts that differ by the margin and are called *no difference* (wrong), and that do not
    differ and are (right), by margins in the same unit.
    """
    rng, drawn = np.random.default_rng(0), DRAWN * repetitions
    return Found([], [differences_told(rng, drawn), equivalence_told(rng, drawn)])
