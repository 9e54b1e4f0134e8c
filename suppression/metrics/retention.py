"""What is left of a feature beside a competitor, and where half of it is left.

Besides, the most that a second feature can still gain.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from suppression import expect
from suppression.errors import UserError

# The fewest positions along the axis at which a fit means anything: four parameters go through
# four points whatever the values are.
MIN_POSITIONS = 5


def retention(together: float, alone: float, untrained: float) -> float:
    """What is left of a feature when a competitor is there during training.

    R = (together - untrained) / (alone - untrained), of the accuracies of a probe of the feature.

    Args:
        together: Accuracy after training on scenes that have the competitor, in [0, 1].
        alone: Accuracy after training on scenes without the competitor, in [0, 1].
        untrained: Accuracy of the untrained network on the scenes with the competitor, in [0, 1].

    Returns:
        1 where the competitor costs the feature nothing, 0 where it is as if nothing had been
        learned, below 0 where training has erased what the untrained network held, and NaN where
        the feature is not learned even alone.

    Raises:
        UserError: An accuracy is no finite number.

    Example:
        >>> retention(together=0.5, alone=0.75, untrained=0.25)
        0.5
        >>> retention(together=0.5, alone=0.25, untrained=0.25)
        nan
    """
    expect.numbers("retention", together=[together], alone=[alone], untrained=[untrained])
    if not alone > untrained:
        return math.nan
    return (together - untrained) / (alone - untrained)


def incentive(bits: float, *, batch: int, tau: float) -> float:
    """The most that NT-Xent can still gain from a second feature once the first one is used.

    With delta = 2^-bits the share of scenes that agree in the first feature, K = 2 (batch - 1)
    negatives, and different values of the first feature at a cosine of 0 at most, the gain is at
    most log[(1 + K delta + K (1 - delta) e^(-1/tau)) / (1 + K e^(-1/tau))] <= K delta.

    Args:
        bits: What the first feature says of a scene and both views share, in bits, at least 0.
        batch: Scenes in a batch, at least 2.
        tau: Temperature, above 0.

    Returns:
        The gain in nats.

    Raises:
        UserError: A number is out of range.

    Source:
        Derived here; `algorithm1` scaling of `suppression.losses.nt_xent`.

    Example:
        >>> for bits in (0, 4, 8):
        ...     print(f"{bits} bits: {incentive(bits, batch=256, tau=0.2):.2f} nats")
        0 bits: 4.75 nats
        4 bits: 2.10 nats
        8 bits: 0.37 nats
    """
    expect.at_least("incentive", 0, bits=bits)
    expect.at_least("incentive", 2, batch=batch)
    expect.positive("incentive", tau=tau)
    delta = 2.0**-bits
    negatives = 2 * (batch - 1)
    weight = math.exp(-1 / tau)  # of a negative at a cosine of 0, where a positive has 1
    first_alone = 1 + negatives * delta + negatives * (1 - delta) * weight
    both = 1 + negatives * weight
    return math.log(first_alone / both)


def logistic(x: Any, upper: float, lower: float, midpoint: float, slope: float) -> Any:
    """The four-parameter logistic that falls from `upper` to `lower`, half of it at `midpoint`."""
    from scipy.special import expit

    return lower + (upper - lower) * expit(-slope * (x - midpoint))


def fit_logistic(
    x: Sequence[float], y: Sequence[float]
) -> tuple[list[float], list[list[float]]] | None:
    """Least squares of `logistic` through the points: its parameters and their covariance.

    The covariance says nothing of a parameter that the points leave open. None if no start of the
    search leads to a fit.
    """
    import warnings

    import numpy as np
    from scipy.optimize import OptimizeWarning, curve_fit

    u, v = np.asarray(x, float), np.asarray(y, float)
    width = np.ptp(u)
    low, high = v.min(), v.max()
    height = max(high - low, 1e-9)
    least = [low - height, low - height, u.min() - width, 0]
    greatest = [high + height, high + height, u.max() + width, 100 / width]
    nearest_half = float(u[np.abs(v - (low + high) / 2).argmin()])
    midpoints = [nearest_half, float(u.mean())]
    best = None
    best_residual = math.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (OptimizeWarning, RuntimeWarning))
        for midpoint, steepness in itertools.product(midpoints, (4, 12, 36)):
            start = [high, low, midpoint, steepness / width]
            try:
                parameters, covariance = curve_fit(
                    logistic, u, v, start, bounds=(least, greatest), max_nfev=2000
                )
            except RuntimeError:  # this start led nowhere
                continue
            residual = float(((logistic(u, *parameters) - v) ** 2).sum())
            if residual < best_residual:
                best_residual = residual
                best = parameters.tolist(), covariance.tolist()
    return best


class Threshold(NamedTuple):
    """Where a falling curve goes through a level.

    Args:
        value: The position along the axis.
        low: Lower bound of the position.
        high: Upper bound of the position.
        kind: "interval" where the bounds are a 95 % interval. "bracket" where all that is known is
            that the level lies between the positions `low` and `high`, at which was measured;
            `value` then is interpolated and bears no interval.

    Example:
        >>> Threshold(5.0, 4.0, 6.0, "bracket").fitted
        False
    """

    value: float
    low: float
    high: float
    kind: Literal["interval", "bracket"]

    @property
    def fitted(self) -> bool:
        """Whether the bounds are an interval."""
        return self.kind == "interval"


def threshold(x: Sequence[float], y: Sequence[float], *, level: float = 0.5) -> Threshold | None:
    """Where y falls through a level as x grows, from a fitted four-parameter logistic.

    The 95 % interval is by the delta method, with a t quantile. The fit is not trusted where no
    position lies on its slope (a step between two neighbors leaves it open), where it crosses the
    level elsewhere than the means do, or where its interval is wider than the axis. Then the means
    are interpolated: see `Threshold`.

    Args:
        x: Positions along the axis, one a value; a position may have several values.
        y: The values, as many.
        level: The level to fall through, in units of y.

    Returns:
        The threshold; None if the means do not fall through the level, or if there are fewer than
        `MIN_POSITIONS` positions.

    Raises:
        UserError: There are not as many positions as values, or one is no number.

    Example:
        >>> y = [1.00, 0.97, 0.80, 0.35, 0.08, 0.02]
        >>> half = threshold([0, 2, 4, 6, 8, 10], y)
        >>> print(f"{half.value:.1f} [{half.low:.1f}, {half.high:.1f}]")
        5.4 [5.3, 5.4]
        >>> threshold([0, 2, 4, 6, 8], [1.0, 1.0, 1.0, 0.0, 0.0])
        Threshold(value=5.0, low=4, high=6, kind='bracket')
        >>> threshold([0, 2, 4, 6, 8], [1.0, 0.9, 1.0, 0.9, 0.8]) is None
        True
    """
    expect.numbers("threshold", x=x, y=y)
    if len(x) != len(y):
        raise UserError(f"threshold: {len(x)} positions and {len(y)} values; as many are wanted")
    expect.numbers("threshold", level=[level])
    positions = sorted(set(x))
    if len(positions) < MIN_POSITIONS:
        return None
    interpolated = _interpolate(positions, _means(positions, x, y), level)
    if interpolated is None:
        return None
    fit = fit_logistic(x, y)
    if fit is None:
        return interpolated
    parameters, covariance = fit
    value = _crossing(parameters, level)
    crosses_with_means = interpolated.low <= value <= interpolated.high  # not so if it is NaN
    if not crosses_with_means or not _on_slope(positions, parameters):
        return interpolated
    half_width = _half_width(parameters, covariance, level, degrees=len(x) - len(parameters))
    if not half_width < positions[-1] - positions[0]:
        return interpolated
    return Threshold(value, value - half_width, value + half_width, "interval")


def _means(positions: list[float], x: Sequence[float], y: Sequence[float]) -> list[float]:
    """The mean of the values at each position."""
    import numpy as np

    values: dict[float, list[float]] = {position: [] for position in positions}
    for position, value in zip(x, y, strict=True):
        values[position].append(value)
    return [float(np.mean(values[position])) for position in positions]


def _interpolate(positions: list[float], means: list[float], level: float) -> Threshold | None:
    """Where the straight lines through the means first fall through the level."""
    for i in range(len(positions) - 1):
        if means[i] >= level > means[i + 1]:
            left, right = positions[i], positions[i + 1]
            share = (means[i] - level) / (means[i] - means[i + 1])
            return Threshold(left + share * (right - left), left, right, "bracket")
    return None


def _crossing(parameters: Sequence[float], level: float) -> float:
    """Where the logistic of these parameters crosses the level; NaN if it does not."""
    upper, lower, midpoint, slope = parameters
    if not (upper > lower and slope > 0):
        return math.nan
    share = (level - lower) / (upper - lower)
    if not 0 < share < 1:
        return math.nan
    return midpoint + math.log(1 / share - 1) / slope


def _on_slope(positions: list[float], parameters: Sequence[float]) -> bool:
    """Whether any position lies where the logistic is neither at its top nor at its bottom."""
    _, _, midpoint, slope = parameters
    return any(0.02 < logistic(u, 1, 0, midpoint, slope) < 0.98 for u in positions)


def _half_width(
    parameters: list[float], covariance: list[list[float]], level: float, *, degrees: int
) -> float:
    """Half the width of the 95 % interval of the crossing, infinite if it cannot be told."""
    import numpy as np
    from scipy.special import stdtrit

    value = _crossing(parameters, level)
    derivatives = []
    for i, parameter in enumerate(parameters):
        step = 1e-5 * max(abs(parameter), 1e-3)
        moved = list(parameters)
        moved[i] += step
        derivatives.append((_crossing(moved, level) - value) / step)
    gradient = np.array(derivatives)
    variance = float(gradient @ np.array(covariance) @ gradient)
    if degrees < 1 or not variance >= 0:
        return math.inf
    return float(stdtrit(degrees, 0.975)) * math.sqrt(variance)
