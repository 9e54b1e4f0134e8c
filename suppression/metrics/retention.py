"""What is left of a feature beside a competitor, and where half of it is left.

Besides, the most that a second feature can still gain.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from suppression import expect
from suppression.errors import UserError
from suppression.metrics.crossed import Crossed, half_widths

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MIN_POSITIONS = 3  # along the axis, so that one lies between the ends
FEWEST_SEEDS = 5  # whose threshold has an interval; fixed before any was computed
STEEPEST = 0.6  # of the whole fall, between two neighbours
FINE = 64  # steps from one position to the next in which the interval is looked for


def retention(together: float, alone: float, chance: float) -> float:
    """What is left of a feature when a competitor is there during training.

    R = (together - chance) / (alone - chance), of the accuracies of a probe of the feature. Chance
    is a floor that no network moves. What a network that has learned nothing reads is another
    question: it depends on the network, has lines of its own, and may lie above R = 0. (With the
    accuracy of an untrained network in place of chance this is R as it was defined before.)

    Args:
        together: Accuracy after training on scenes that have the competitor, in [0, 1].
        alone: The reference: that of the same arm where there is no competitor, in [0, 1].
        chance: What guessing scores, in [0, 1].

    Returns:
        1 where the competitor costs the feature nothing, 0 where it is read no better than by
        guessing, a little below 0 where chance has it so, and NaN where the feature is not read
        even alone.

    Raises:
        UserError: An accuracy is no finite number.

    Example:
        >>> retention(together=0.5, alone=0.9, chance=0.1)
        0.5
        >>> retention(together=0.5, alone=0.1, chance=0.1)
        nan
    """
    expect.numbers("retention", together=[together], alone=[alone], chance=[chance])
    if not alone > chance:
        return math.nan
    return (together - chance) / (alone - chance)


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


def retained(together: Crossed, alone: Crossed, chance: float) -> Crossed:
    """`retention` of each seed, and how far each held-out instance moves it.

    Args:
        together: Accuracies after training on scenes that have the competitor.
        alone: Accuracies after training on scenes without it, of the same seeds.
        chance: What guessing scores, in [0, 1].

    Returns:
        The retentions; NaN for a seed that has none.

    Example:
        >>> together, alone = Crossed.of_seeds([0.5, 0.75]), Crossed.of_seeds([0.75, 0.75])
        >>> retained(together, alone, chance=0.25).values.tolist()
        [0.5, 1.0]
    """
    import numpy as np

    accuracies = zip(together.values, alone.values, strict=True)
    left = np.array([retention(float(a), float(b), chance) for a, b in accuracies])
    learned = np.where(np.isnan(left), np.nan, alone.values - chance)
    return Crossed.combined(left, (together, alone), (1 / learned, -left / learned))


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


def threshold(
    x: Sequence[float], y: Sequence[Crossed] | ArrayLike, *, level: float = 0.5
) -> Threshold | None:
    """Where y falls through a level as x grows.

    The curve is that of straight lines between the means over seeds, which fall or stay (isotonic
    regression). The interval holds all positions at which the curve is not told from the level:
    there the mean of both neighbours, weighted by how near they are, has an interval over seeds
    and instances as any other mean has. Five seeds have one, if a position was measured on the
    slope: where the curve falls by more than `STEEPEST` of its whole fall between two neighbours,
    what it does between them is not known. Else there is a bracket: of three seeds or more, and of
    one whose instances are known, the positions around that interval; of others those that the
    means fall between.

    Args:
        x: Positions along the axis, ascending.
        y: The values: one a position, a table (seeds, positions), or a `Crossed` a position, of
            the same seeds.
        level: The level to fall through, in units of y.

    Returns:
        The threshold; None if the means do not fall through the level, if it cannot be told from
        the level at the last or the first position, or if there are fewer than `MIN_POSITIONS`
        positions.

    Raises:
        UserError: There are not as many positions as values, they do not ascend, or one is no
            number.

    Source:
        Test inversion, as Fieller 1954; the coverage is simulated in tests and benchmarks.

    Example:
        >>> curve = [1.00, 0.97, 0.80, 0.35, 0.08, 0.02]
        >>> noise = [[0.02], [-0.01], [0.0], [0.01], [-0.02]]
        >>> half = threshold([0, 2, 4, 6, 8, 10], [[r + e for r in curve] for e, in noise])
        >>> print(f"{half.kind}: {half.value:.2f} [{half.low:.2f}, {half.high:.2f}]")
        interval: 5.33 [5.25, 5.42]
        >>> threshold([0, 2, 4, 6, 8], [1.0, 1.0, 1.0, 0.0, 0.0])
        Threshold(value=5.0, low=4.0, high=6.0, kind='bracket')
        >>> threshold([0, 2, 4, 6, 8], [1.0, 0.9, 1.0, 0.9, 0.8]) is None
        True
    """
    import numpy as np

    expect.numbers("threshold", x=x, level=[level])
    places = np.asarray(x, float)
    if (np.diff(places) <= 0).any():
        raise UserError("threshold: the positions do not ascend")
    curve = on_the_same_instances(as_curve(y))
    if len(curve) != len(places):
        raise UserError(
            f"threshold: {len(x)} positions and {len(curve)} values; as many are wanted"
        )
    if len(places) < MIN_POSITIONS:
        return None
    means = falling([at.mean for at in curve])
    if not means[0] >= level > means[-1]:
        return None
    left = int(np.flatnonzero(means >= level)[-1])
    fall = means[left] - means[left + 1]
    share = (means[left] - level) / fall
    value = float(places[left] + share * (places[left + 1] - places[left]))
    seeds = len(curve[0].values)
    if seeds == 2 or (seeds == 1 and not curve[0].has_instances):
        return Threshold(value, float(places[left]), float(places[left + 1]), "bracket")
    low, high = undecided(places, curve, level, value)
    if low <= places[0] or high >= places[-1]:
        return None
    is_on_slope = fall <= STEEPEST * (means[0] - means[-1])
    if seeds >= FEWEST_SEEDS and is_on_slope and low < high:
        return Threshold(value, low, high, "interval")
    before = float(places[places <= low].max())
    after = float(places[places >= high].min())
    if before == after:  # the level is met at a position, and nothing differs
        return Threshold(value, float(places[left]), float(places[left + 1]), "bracket")
    return Threshold(value, before, after, "bracket")


def as_curve(y: Sequence[Crossed] | ArrayLike) -> list[Crossed]:
    """Values by position, as `threshold` takes them."""
    import numpy as np

    if isinstance(y, Sequence) and y and isinstance(y[0], Crossed):
        return list(y)
    try:
        table = np.atleast_2d(np.asarray(y, float))
    except (TypeError, ValueError) as error:
        raise UserError(f"threshold: y is no table of numbers: {error}") from error
    if table.ndim != 2 or not np.isfinite(table).all():
        raise UserError(
            f"threshold: y is {table.shape}, or has nan or infinity; finite numbers "
            "(seeds, positions) are wanted"
        )
    return [Crossed.of_seeds(values) for values in table.T]


def on_the_same_instances(curve: list[Crossed]) -> list[Crossed]:
    """The values by position with columns for all instances that any of them was asked about."""
    nothing = [0] * len(curve)
    return [Crossed.combined(at.values, (at, *curve), (1, *nothing)) for at in curve]


def falling(means: Sequence[float]) -> NDArray:
    """The nearest values that fall or stay: isotonic regression by pooling neighbours."""
    import numpy as np

    blocks: list[list[float]] = []  # sum and number of neighbours that are pooled
    for mean in means:
        blocks.append([mean, 1])
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] < blocks[-1][0] * blocks[-2][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    values = [total / number for total, number in blocks]
    return np.repeat(values, [int(number) for _, number in blocks])


def undecided(
    places: NDArray, curve: list[Crossed], level: float, value: float
) -> tuple[float, float]:
    """The first and the last position at which the curve is not told from the level.

    `value` is one of them.
    """
    import numpy as np

    share = np.linspace(0, 1, FINE + 1)
    found = [value]
    seeds, instances = curve[0].moves.shape
    for i, (a, b) in enumerate(itertools.pairwise(curve)):
        parts = np.stack([a.variances, a.products(b), b.variances], 1)
        variances = parts @ np.stack([(1 - share) ** 2, 2 * share * (1 - share), share**2])
        away = np.abs((1 - share) * a.mean + share * b.mean - level)
        beyond = away - half_widths(variances, seeds, instances)  # below 0 where undecided
        at = places[i] + share * (places[i + 1] - places[i])
        inside = beyond <= 0
        found += at[inside].tolist()
        for j in np.flatnonzero(inside[:-1] != inside[1:]):
            step = beyond[j] / (beyond[j] - beyond[j + 1])
            found.append(float(at[j] + step * (at[j + 1] - at[j])))
    return min(found), max(found)
