"""Numbers as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

OVER_INSTANCES = "†"  # the mark of an interval that says nothing of other seeds
MOST_MORE = 2  # decimals that bounds get beyond the usual ones, where they would look equal
MOST_TOLD = 3  # values of seeds that stand one by one where there is no interval


def told(
    mean: float,
    low: float,
    high: float,
    kind: str,
    values: Sequence[float],
    *,
    percent: bool = True,
    places: int = 1,
    short: bool = False,
) -> str:
    """A mean with its interval; marked where that is over instances alone.

    Args:
        mean: Over seeds.
        low: Lower bound.
        high: Upper bound.
        kind: What the interval is over (`summary.Interval`); of none, seeds are told one by one.
        values: One a seed.
        percent: Whether they are shares, shown times 100.
        places: Decimals.
        short: Whether half of the interval's width is told in place of its bounds.

    Example:
        >>> told(0.49, 0.44, 0.54, "seeds", [0.45, 0.5, 0.52])
        '49.0 [44, 54]'
        >>> told(0.49, 0.44, 0.54, "instances", [0.49], short=True)
        '49±5†'
        >>> told(0.5, math.nan, math.nan, "none", [0.45, 0.55])
        '45.0/55.0'
    """
    if kind == "none" and len(values) > 1:
        is_long = short or len(values) > 2
        return values_text(values, percent=percent, places=0 if is_long and percent else places)
    mark = OVER_INSTANCES if kind == "instances" else ""
    if short:
        return plus_minus(mean, low, high, percent=percent) + mark
    return value_text(mean, low, high, percent=percent, places=places) + mark


def values_text(values: Sequence[float], *, percent: bool = True, places: int = 1) -> str:
    """Values one by one, or, of many, the least and the greatest.

    Example:
        >>> values_text([0.45, 0.55], places=0), values_text([0.1, 0.2, 0.9, 0.3])
        ('45/55', '10.0 to 90.0')
    """
    scale = 100 if percent else 1
    if len(values) > MOST_TOLD:
        return f"{scale * min(values):.{places}f} to {scale * max(values):.{places}f}"
    return "/".join(f"{scale * value:.{places}f}" for value in values)


NOT_CONVERGED = "*"  # beside a value of which a fit had not converged


def value_text(
    mean: float, low: float, high: float, *, percent: bool = True, places: int = 1
) -> str:
    """A mean with its interval, which has decimals enough to show its width.

    Example:
        >>> value_text(0.4904, 0.44, 0.541)
        '49.0 [44, 54]'
        >>> value_text(0.132, 0.128, 0.136)
        '13.2 [12.8, 13.6]'
        >>> value_text(0.5, 0.4998, 0.5002)
        '50.00 [49.98, 50.02]'
    """
    scale = 100 if percent else 1
    if math.isnan(low):
        return f"{scale * mean:.{places}f}"
    # Whole numbers, unless the interval is narrow: 99.7 would stand outside its own [100, 100].
    digits = 0 if percent and scale * (high - low) >= 2 else places
    bounds = [f"{scale * bound:.{digits}f}" for bound in (low, high)]
    while bounds[0] == bounds[1] and low < high and digits < places + MOST_MORE:
        digits += 1
        bounds = [f"{scale * bound:.{digits}f}" for bound in (low, high)]
    return f"{scale * mean:.{max(places, digits)}f} [{bounds[0]}, {bounds[1]}]"


def plus_minus(mean: float, low: float, high: float, *, percent: bool = True) -> str:
    """A mean with half of the width of its interval, as short as can be.

    Example:
        >>> plus_minus(0.4904, 0.44, 0.541)
        '49±5'
        >>> plus_minus(0.132, 0.128, 0.136)
        '13.2±0.4'
    """
    scale = 100 if percent else 1
    half = scale * (high - low) / 2
    if math.isnan(half):
        return f"{scale * mean:.1f}"
    digits = 0 if half >= 1 else 1
    while half > 0 and float(f"{half:.{digits}f}") == 0 and digits < 1 + MOST_MORE:
        digits += 1
    return f"{scale * mean:.{digits}f}±{half:.{digits}f}"
