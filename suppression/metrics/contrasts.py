"""Differences paired by seed, a family of them, each told in one of four words.

The words and their rule, in one place (`word`):

- *higher*, *lower*: the paired t test over seeds tells the mean difference from 0 at 5 %, after
  Holm's correction over the family. So it may be, and be smaller than the margin.
- *no difference* within +-margin: else, if two one-sided t tests at 5 % each say that the mean
  difference is within the margin, which is to say that its 90 % interval is. They are not corrected
  for the family.
- *cannot tell*: else. It is not "equal".

Three seeds are the least, and seeds that do not differ at all tell nothing: both *cannot tell*. The
exact sign-flip p stands beside as a check that rests on no normal distribution; no word rests on
it, as of six seeds it cannot be below 0.03.

Tests are over seeds alone. Of a difference paired by seed that is enough: what makes an instance
hard for both arms cancels (benchmarks/README.md, statistics: the t-interval of a difference holds
the truth of all instances in 93 to 95 %, at 3 seeds as well; words: how often these words err).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Literal

from suppression import expect
from suppression.errors import UserError
from suppression.metrics.intervals import mean_interval

Word = Literal["higher", "lower", "no difference", "cannot tell"]
LEVEL = 0.05
FEWEST_SEEDS = 3  # that have an interval: that of two is 13 times as wide as they are apart
MOST_FLIPPED = 20  # seeds whose signs are flipped in all ways, which are a million
NO_SPREAD = 1e-12  # of the standard error beside the mean: only the errors of floats


@dataclass(frozen=True)
class Comparison:
    """What seeds say of one difference.

    Args:
        differences: One a seed.
        margin: Differences within +-margin do not matter; in their unit.
        mean: Over seeds; NaN where there are none.
        low: Lower bound of the 95 % t-interval; NaN for fewer than three seeds, or equal ones.
        high: Its upper bound.
        p: Of the paired t test, two-sided.
        p_holm: The same, corrected for the family.
        p_equivalent: Of the two one-sided tests, the greater one.
        p_sign_flip: Of the exact test that flips signs, two-sided.
        word: What may be said.

    Example:
        >>> (found,) = compare([[7.1, 8.0, 7.7]], [3.0])
        >>> found.word, f"{found.p_holm:.3f}", found.p_sign_flip
        ('higher', '0.001', 0.25)
    """

    differences: tuple[float, ...]
    margin: float
    mean: float
    low: float
    high: float
    p: float
    p_holm: float
    p_equivalent: float
    p_sign_flip: float
    word: Word


def compare(
    family: Sequence[Sequence[float]], margins: Sequence[float], *, level: float = LEVEL
) -> list[Comparison]:
    """Compare a whole family, which is what Holm's correction is for.

    Args:
        family: For each comparison its differences, one a seed. A comparison that was registered
            and not measured has none, and counts in the correction.
        margins: For each its margin, above 0, in the unit of its differences.
        level: Of the tests, in (0, 1).

    Returns:
        A comparison each, in the family's order.

    Raises:
        UserError: If there is not a margin for each, or a number is out of range.

    Example:
        >>> redrawn_less_shared = [29.5, 31.0, 29.2, 22.1, 30.4, 32.4]
        >>> tau_02_less_tau_01 = [0.3, -0.4, 0.1, -0.2, 0.2, 0.1]
        >>> for each in compare([redrawn_less_shared, tau_02_less_tau_01], [3.0, 3.0]):
        ...     print(f"{each.word}: {each.mean:.1f} ({each.low:.1f} to {each.high:.1f})")
        higher: 29.1 (25.3 to 32.9)
        no difference: 0.0 (-0.3 to 0.3)
    """
    expect.numbers("compare", margins=margins)
    expect.share("compare", inside=True, level=level)
    if len(margins) != len(family):
        raise UserError(f"{len(family)} comparisons have {len(margins)} margins: one for each")
    for differences, margin in zip(family, margins, strict=True):
        expect.numbers("compare", differences=differences)
        expect.positive("compare", margin=margin)
    ps = [paired_t(differences) for differences in family]
    told = []
    for differences, margin, p, p_holm in zip(family, margins, ps, holm(ps), strict=True):
        mean, low, high = bounds(differences)
        p_equivalent = equivalence(differences, margin)
        told.append(
            Comparison(
                differences=tuple(differences),
                margin=margin,
                mean=mean,
                low=low,
                high=high,
                p=p,
                p_holm=p_holm,
                p_equivalent=p_equivalent,
                p_sign_flip=sign_flip(differences),
                word=word(mean, p_holm, p_equivalent, level=level),
            )
        )
    return told


def word(difference: float, p: float, p_equivalent: float, *, level: float = LEVEL) -> Word:
    """The word that may be said of a difference: the one place where that is decided.

    Args:
        difference: The mean difference.
        p: Of the test that it is 0, corrected for the family; NaN where nothing can be tested.
        p_equivalent: Of the test that it is beyond the margin; NaN as well.
        level: Of both.

    Example:
        >>> word(0.4, 0.01, 0.001), word(-0.4, 0.2, 0.001), word(-9.0, 0.2, 0.9)
        ('higher', 'no difference', 'cannot tell')
    """
    if p <= level:
        return "higher" if difference > 0 else "lower"
    return "no difference" if p_equivalent <= level else "cannot tell"


def paired_t(differences: Sequence[float]) -> float:
    """The two-sided p of the t test that paired differences have mean 0.

    Args:
        differences: One a seed.

    Returns:
        The p; NaN for fewer than three seeds, and for differences without any spread.

    Example:
        >>> f"{paired_t([1.0, 2.0, 3.0]):.4f}"
        '0.0742'
    """
    mean, error = mean_and_error(differences)
    return 2 * beyond(abs(mean) / error, len(differences) - 1)


def equivalence(differences: Sequence[float], margin: float) -> float:
    """The p of two one-sided t tests that the mean difference is not within +-margin.

    It is 0.05 or less where the 90 % t-interval is within the margin.

    Args:
        differences: One a seed.
        margin: In their unit, above 0.

    Returns:
        The greater p of the two; NaN for fewer than three seeds, and without any spread.

    Source:
        Schuirmann 1987, "A comparison of the Two One-Sided Tests Procedure and the Power Approach".

    Example:
        >>> f"{equivalence([0.3, -0.2, 0.1], 3.0):.4f}"
        '0.0012'
    """
    expect.numbers("equivalence", differences=differences)
    expect.positive("equivalence", margin=margin)
    mean, error = mean_and_error(differences)
    return beyond((margin - abs(mean)) / error, len(differences) - 1)


def sign_flip(differences: Sequence[float]) -> float:
    """The exact two-sided p of a sum whose signs were flipped by fair coins.

    It asks for differences that are symmetric around 0, and for no normal distribution. The least
    that it can be is 2 / 2^seeds.

    Args:
        differences: One a seed.

    Returns:
        The share of all ways to flip signs whose sum is as far from 0 as the one that was seen;
        NaN without differences, and for more than 20.

    Example:
        >>> sign_flip([1.0, 2.0, 3.0]), sign_flip([1.0, -2.0, 3.0])
        (0.25, 0.75)
    """
    import numpy as np

    expect.numbers("sign_flip", differences=differences)
    if not 0 < len(differences) <= MOST_FLIPPED:
        return math.nan
    sums = np.zeros(1)
    for each in differences:
        sums = np.concatenate([sums + each, sums - each])
    seen, rounding = abs(sum(differences)), 1e-12 * sum(map(abs, differences))
    return float((abs(sums) >= seen - rounding).mean())


def detectable(seeds: int, family: int, *, power: float = 0.8, level: float = LEVEL) -> float:
    """The difference that is told from 0 as often as `power` says, whatever else is compared.

    Holm's correction is at its strictest for the least p of a family; others may be told earlier.

    Args:
        seeds: How many there are, 3 or more.
        family: How many comparisons the correction is over, 1 or more.
        power: How often it is told, in (0, 1).
        level: Of the tests, in (0, 1).

    Returns:
        It, in standard deviations of the paired differences over seeds.

    Raises:
        UserError: If a number is out of range.

    Example:
        >>> f"{detectable(8, 1):.2f} {detectable(8, 21):.2f}"
        '1.16 2.05'
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    expect.whole("detectable", least=FEWEST_SEEDS, seeds=seeds)
    expect.whole("detectable", least=1, family=family)
    expect.share("detectable", inside=True, power=power, level=level)
    beyond = float(t.isf(level / family / 2, seeds - 1))

    def missing(shift: float) -> float:
        return float(nct.sf(beyond, seeds - 1, shift * math.sqrt(seeds))) - power

    return float(brentq(missing, 0, 10 * beyond))


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's correction of p values for the number of them.

    With it the chance that any of the true hypotheses is rejected is the level at most, however
    the tests depend on one another.

    Args:
        ps: One a test; a NaN is a test that was not made, and counts.

    Returns:
        The corrected ones, in their order; NaN where it was NaN.

    Source:
        Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    Example:
        >>> holm([0.03, 0.01, 0.5])
        [0.06, 0.03, 0.5]
    """
    for p in ps:
        if not math.isnan(p):
            expect.share("holm", p=p)
    corrected = [math.nan] * len(ps)
    made = [i for i in range(len(ps)) if not math.isnan(ps[i])]
    greatest = 0.0
    for rank, i in enumerate(sorted(made, key=lambda i: ps[i])):
        greatest = max(greatest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = greatest
    return corrected


def letters(names: Sequence[str], apart: Collection[tuple[str, str]]) -> dict[str, str]:
    """Compact letters: two names share one if and only if they are not told apart.

    Args:
        names: In their order, the best one first, each once.
        apart: The pairs that are told apart.

    Returns:
        The letters of each name; `a` goes to the first one.

    Source:
        Piepho 2004, "An Algorithm for a Letter-Based Representation of All-Pairwise Comparisons".

    Example:
        >>> letters(["redraw", "ifm", "dcl"], [("redraw", "dcl")])
        {'redraw': 'a', 'ifm': 'ab', 'dcl': 'b'}
    """
    groups = [frozenset(names)]
    for pair in apart:
        split: list[frozenset[str]] = []
        for group in groups:
            if group.issuperset(pair):
                split += [group - {name} for name in pair]
            else:
                split.append(group)
        groups = widest(split)
    place = {name: i for i, name in enumerate(names)}
    groups.sort(key=lambda group: sorted(place[name] for name in group))
    found = dict.fromkeys(names, "")
    for i, group in enumerate(groups):
        for name in group:
            found[name] += letter(i)
    return found


def widest(groups: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """The groups that are no part of another one, each once."""
    found = []
    for group in dict.fromkeys(groups):
        if not any(group < other for other in groups):
            found.append(group)
    return found


def letter(i: int) -> str:
    """a, b, ..., z, a1, b1, ..."""
    turn, place = divmod(i, len(ascii_lowercase))
    return f"{ascii_lowercase[place]}{turn or ''}"


# --- t ---------------------------------------------------------------------------------------


def bounds(differences: Sequence[float]) -> tuple[float, float, float]:
    """The mean, and its 95 % t-interval where there is one."""
    if not len(differences):
        return math.nan, math.nan, math.nan
    mean, low, high = mean_interval(differences)
    _, error = mean_and_error(differences)
    return (mean, math.nan, math.nan) if math.isnan(error) else (mean, low, high)


def mean_and_error(differences: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error; NaN for fewer than three seeds, and without any spread."""
    n = len(differences)
    if n < FEWEST_SEEDS:
        return math.nan, math.nan
    mean = sum(differences) / n
    error = math.sqrt(sum((each - mean) ** 2 for each in differences) / (n - 1) / n)
    return mean, math.nan if error <= NO_SPREAD * max(map(abs, differences)) else error


def beyond(t: float, degrees: int) -> float:
    """The chance that Student's t is greater; NaN for NaN."""
    # Importing scipy.stats for it would take as long as half of importing torch.
    from scipy.special import stdtr

    return float(stdtr(degrees, -t)) if not math.isnan(t) else math.nan
