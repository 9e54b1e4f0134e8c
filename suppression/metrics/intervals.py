"""Intervals for accuracies and for means over seeds, whether a published accuracy could be ours, and what is left of a feature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal


def wilson(accuracy: float, n: int, *, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % score interval for an accuracy in [0, 1] measured on n independent cases (Wilson 1927)."""
    centre = (accuracy + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float, float]:
    """Mean and t-interval over seeds (with few seeds a bootstrap is only [min, max]); one value has no interval and gives NaN bounds."""
    from scipy.special import stdtrit  # Student's quantile; importing scipy.stats for it takes as long as half of torch

    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return mean, math.nan, math.nan
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * deviation / math.sqrt(n)
    return mean, mean - half, mean + half


def verdict(ours: Sequence[float], published: float, *, cases: int, margin: float = 0.05) -> Literal["agrees", "cannot tell", "disagrees"]:
    """Whether an accuracy published from one run could be one of ours, which are of several seeds; all in [0, 1].

    The rule, fixed beforehand: the prediction interval for one further run of ours is mean +- t(0.975, n - 1) sqrt(s^2 (1 + 1/n) + p (1 - p) / cases), with s the
    standard deviation over our n seeds, p our mean, and `cases` the test pictures of a run. Outside of it, published `disagrees`; inside, it `agrees` if the
    interval's half-width is at most `margin`, else we `cannot tell`, as with one seed, whose interval has no end.
    """
    from scipy.special import stdtrit

    if not ours:
        raise ValueError("a verdict wants one run of ours at least")
    n = len(ours)
    mean = sum(ours) / n
    if n < 2:
        return "cannot tell"
    variance = sum((v - mean) ** 2 for v in ours) / (n - 1) * (1 + 1 / n) + mean * (1 - mean) / cases
    half = float(stdtrit(n - 1, 0.975)) * math.sqrt(variance)
    if abs(published - mean) > half:
        return "disagrees"
    return "agrees" if half <= margin else "cannot tell"
