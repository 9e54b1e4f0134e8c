"""Numbers as text."""

from __future__ import annotations

import math


def value_text(
    mean: float, low: float, high: float, *, percent: bool = True, places: int = 1
) -> str:
    """A mean with its interval.

    Example:
        >>> value_text(0.4904, 0.44, 0.541)
        '49.0 [44, 54]'
        >>> value_text(0.132, 0.128, 0.136)
        '13.2 [12.8, 13.6]'
    """
    scale = 100 if percent else 1
    text = f"{scale * mean:.{places}f}"
    if math.isnan(low):
        return text
    # Whole numbers, unless the interval is narrow: 99.7 would stand outside its own [100, 100].
    digits = 0 if percent and scale * (high - low) >= 2 else places
    return f"{text} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


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
    return f"{scale * mean:.{digits}f}±{half:.{digits}f}"
