"""Intervals for accuracies and for means over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
