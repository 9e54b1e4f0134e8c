"""What is left of a feature beside a competitor, where half of it is left, and what a second feature can still gain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple


def retention(together: float, alone: float, untrained: float) -> float:
    """R = (together - untrained) / (alone - untrained): accuracies with and without a competitor in training, and the untrained network's on the pictures of
    the first.

    1 where the competitor costs the feature nothing, 0 where it is as if nothing had been learned, below 0 where training has erased what the untrained network
    held. NaN where the feature is not learned even alone.
    """
    return (together - untrained) / (alone - untrained) if alone > untrained else math.nan


def incentive(bits: float, *, batch: int, tau: float) -> float:
    """What NT-Xent can at most still gain, in nats, from a second feature once the first, of `bits` shared bits, is used: with delta = 2^-bits, K = 2 (batch - 1)
    negatives and different codes at a cosine of 0 at most, log[(1 + K delta + K (1 - delta) e^(-1/tau)) / (1 + K e^(-1/tau))] <= K delta.
    """
    delta, negatives, apart = 2.0**-bits, 2 * (batch - 1), math.exp(-1 / tau)
    return math.log((1 + negatives * delta + negatives * (1 - delta) * apart) / (1 + negatives * apart))


def logistic(u: Any, upper: float, lower: float, middle: float, slope: float) -> Any:
    """The four-parameter logistic that falls from `upper` to `lower`, half of it at `middle`."""
    from scipy.special import expit

    return lower + (upper - lower) * expit(-slope * (u - middle))


def fit_logistic(u: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[list[float]]]:
    """Least-squares parameters of `logistic` through the points, and their covariance (which says nothing of a parameter that the points leave open)."""
    import warnings

    import numpy as np
    from scipy.optimize import OptimizeWarning, curve_fit

    x, values = np.asarray(u, float), np.asarray(y, float)
    width, low, high = np.ptp(x), values.min(), values.max()
    tall = max(high - low, 1e-9)
    middles = [float(x[np.abs(values - (low + high) / 2).argmin()]), float(x.mean())]
    best: Any = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (OptimizeWarning, RuntimeWarning))
        for middle in middles:
            for steep in (4, 12, 36):
                start = [high, low, middle, steep / width]
                bounds = ([low - tall, low - tall, x.min() - width, 0], [high + tall, high + tall, x.max() + width, 100 / width])
                try:
                    found, covariance = curve_fit(logistic, x, values, start, bounds=bounds, max_nfev=2000)
                except RuntimeError:  # this start led nowhere
                    continue
                left = float(((logistic(x, *found) - values) ** 2).sum())
                if best is None or left < best[0]:
                    best = left, found.tolist(), covariance.tolist()
    return best[1], best[2]


class Threshold(NamedTuple):
    """Where a falling curve goes through a level, and between which places; `settled` if by a fit with a 95 % interval, else by its two neighbours."""

    at: float
    low: float
    high: float
    settled: bool


FIT_PLACES = 5  # the fewest that four parameters do not go through whatever the values are


def threshold(u: Sequence[float], y: Sequence[float], *, level: float = 0.5) -> Threshold | None:
    """Where y falls through `level`: by the fitted logistic, with a 95 % interval (delta method, t). None if the means do not fall through it.

    A fit does not settle it where no place lies on the slope (a step between two neighbours leaves it open), where it crosses elsewhere than the means do, or
    where its interval is wider than the axis: then it is the straight line between the two places that the means fall between, and these are its bounds.
    Needs values at `FIT_PLACES` places at least.
    """
    import numpy as np
    from scipy.special import stdtrit

    places = sorted(set(u))
    means = [float(np.mean([value for x, value in zip(u, y, strict=True) if x == place])) for place in places]
    falls = [i for i in range(len(places) - 1) if means[i] >= level > means[i + 1]]
    if len(places) < FIT_PLACES or not falls:
        return None
    left, right = places[falls[0]], places[falls[0] + 1]
    share = (means[falls[0]] - level) / (means[falls[0]] - means[falls[0] + 1])
    between = Threshold(left + share * (right - left), left, right, False)

    def crossing(upper: float, lower: float, middle: float, slope: float) -> float:
        part = (level - lower) / (upper - lower) if upper > lower else math.nan
        return middle + math.log(1 / part - 1) / slope if 0 < part < 1 and slope > 0 else math.nan

    found, covariance = fit_logistic(u, y)
    at, on_the_slope = crossing(*found), [0.02 < logistic(place, 1, 0, *found[2:]) < 0.98 for place in places]
    if not left <= at <= right or not any(on_the_slope):
        return between
    step = [1e-5 * max(abs(value), 1e-3) for value in found]
    nudged = [[value + (i == j) * step[i] for j, value in enumerate(found)] for i in range(4)]
    gradient = np.array([(crossing(*each) - at) / step[i] for i, each in enumerate(nudged)])
    variance, free = float(gradient @ np.array(covariance) @ gradient), len(u) - 4
    half = float(stdtrit(free, 0.975)) * math.sqrt(variance) if free > 0 and variance >= 0 else math.inf
    return Threshold(at, at - half, at + half, True) if half < places[-1] - places[0] else between
