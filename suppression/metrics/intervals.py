"""Intervals for accuracies and means over seeds; whether a published accuracy could be ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from suppression import expect
from suppression.errors import UserError


def wilson(accuracy: float, n: float, *, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of an accuracy, 95 % unless `z` says otherwise.

    Args:
        accuracy: Share of the cases that were right, in [0, 1].
        n: Number of independent cases that it was measured on, at least 1.
        z: Quantile of the standard normal distribution; 1.959964 is that of 95 %.

    Returns:
        The bounds `(low, high)`, in [0, 1].

    Raises:
        UserError: If there are no cases, or a number is out of range.

    Source:
        Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Example:
        >>> low, high = wilson(0.9, 100)
        >>> print(f"{low:.3f} to {high:.3f}")
        0.826 to 0.945
    """
    expect.share("wilson", accuracy=accuracy)
    expect.numbers("wilson", n=[n])
    if n < 1:
        raise UserError(f"n = {n}: an accuracy is measured on one case at least")
    expect.positive("wilson", z=z)
    shrinkage = 1 + z * z / n
    center = (accuracy + z * z / (2 * n)) / shrinkage
    deviation = math.sqrt(accuracy * (1 - accuracy) / n + z * z / (4 * n * n))
    half_width = z / shrinkage * deviation
    return max(0.0, center - half_width), min(1.0, center + half_width)


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float, float]:
    """The mean of several seeds and its t-interval.

    (With few seeds a bootstrap would be only the least and the greatest of them.)

    Args:
        values: One value a seed, at least one.
        level: Confidence level, in (0, 1).

    Returns:
        `(mean, low, high)`. The bounds are NaN if there is only one value, which has no interval.

    Raises:
        UserError: If there are no values, one is no number, or the level is out of range.

    Example:
        >>> mean, low, high = mean_interval([0.90, 0.91, 0.93])
        >>> print(f"{mean:.3f} [{low:.3f}, {high:.3f}]")
        0.913 [0.875, 0.951]
    """
    expect.numbers("mean_interval", values=values)
    expect.share("mean_interval", inside=True, level=level)
    n = len(values)
    if n == 0:
        raise UserError("a mean is of one value at least")
    mean = sum(values) / n
    if n == 1:
        return mean, math.nan, math.nan
    deviation = math.sqrt(_variance(values, mean))
    half_width = t_quantile((1 + level) / 2, n - 1) * deviation / math.sqrt(n)
    return mean, mean - half_width, mean + half_width


def verdict(
    ours: Sequence[float], published: float, *, cases: int, margin: float = 0.05
) -> Literal["agrees", "cannot tell", "disagrees"]:
    """Whether an accuracy published from one run could be that of one more run of ours.

    The rule, fixed beforehand: the 95 % prediction interval of one more run of ours is
    mean +- t(0.975, n - 1) sqrt(s^2 (1 + 1/n) + p (1 - p) / cases), with `s` the standard deviation
    over our `n` seeds and `p` their mean. A published accuracy outside of it disagrees. One inside
    of it agrees if the half-width is at most `margin`, else nothing can be told, just as with one
    seed, whose interval is unbounded.

    Args:
        ours: One accuracy a seed, in [0, 1]; at least one.
        published: The published accuracy, in [0, 1].
        cases: Number of test pictures of a run, at least 1.
        margin: The greatest half-width of the interval that can agree, in (0, 1].

    Returns:
        `agrees`, `disagrees` or `cannot tell`.

    Raises:
        UserError: If there is no run of ours, or a number is out of range.

    Example:
        >>> verdict([0.905, 0.91, 0.915], 0.93, cases=10_000)
        'agrees'
        >>> verdict([0.905, 0.91, 0.915], 0.99, cases=10_000)
        'disagrees'
        >>> verdict([0.905], 0.99, cases=10_000)
        'cannot tell'
    """
    expect.numbers("verdict", ours=ours)
    if len(ours) == 0:
        raise UserError("a verdict wants one run of ours at least")
    for accuracy in (*ours, published):
        expect.share("verdict", accuracy=accuracy)
    expect.at_least("verdict", 1, cases=cases)
    expect.share("verdict", margin=margin)
    n = len(ours)
    if n == 1:
        return "cannot tell"
    mean = sum(ours) / n
    variance = _variance(ours, mean) * (1 + 1 / n) + mean * (1 - mean) / cases
    half_width = t_quantile(0.975, n - 1) * math.sqrt(variance)
    if abs(published - mean) > half_width:
        return "disagrees"
    return "agrees" if half_width <= margin else "cannot tell"


def _variance(values: Sequence[float], mean: float) -> float:
    """The unbiased sample variance."""
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def t_quantile(p: float, degrees: int) -> float:
    """The quantile of Student's t distribution."""
    # Importing scipy.stats for it would take as long as half of importing torch.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, p))
