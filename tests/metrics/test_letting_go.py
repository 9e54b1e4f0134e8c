"""The closed form's one number, fitted at one temperature of a record and held against others.

`python -m pytest tests/metrics/test_letting_go.py -s` prints what experiments/random_bits.md and
experiments/who_suppresses.md say of it.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from suppression.errors import UserError
from suppression.metrics.letting_go import lets_go
from suppression.metrics.retention import incentive
from suppression.reporting.gallery import recorded
from suppression.reporting.retention import half_left, retained

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
BATCH = 128
NT_XENT = 2 * (BATCH - 1)  # negatives
FITTED_AT = 0.2


def half_bits(name, label):
    """The bits at which half of the class is left, by the record."""
    summary, _ = recorded(EXPERIMENTS, name, "laptop")
    (asked,) = summary.plan.recipe.retention
    (arm,) = [arm for arm in summary.plan.every_arm if arm.label == label]
    return half_left(asked, retained(summary, arm, asked)).value


@pytest.fixture(scope="module")
def nats():
    """What is left to gain where half of the class is left at the one temperature."""
    return incentive(half_bits("random_bits", f"simclr, tau {FITTED_AT}"), batch=BATCH, tau=0.2)


@pytest.mark.parametrize("tau", [0.05, 0.2, 1.0])
@pytest.mark.parametrize("bits", [0.5, 4, 12])
def test_it_is_the_incentive_solved_for_the_bits(bits, tau):
    gain = incentive(bits, batch=BATCH, tau=tau)
    assert lets_go(gain, negatives=NT_XENT, tau=tau) == pytest.approx(bits, abs=1e-6)


def test_more_negatives_hold_a_feature_longer_and_a_gain_that_is_not_there_never():
    few, many = (lets_go(1.0, negatives=k, tau=0.07) for k in (100, 10_000))
    # Where negatives count for nothing, e^g - 1 = K 2^-bits: a hundred times K are log2 100 bits.
    assert many - few == pytest.approx(math.log2(100), abs=0.02)
    assert lets_go(5.0, negatives=NT_XENT, tau=1.0) < 0
    with pytest.raises(UserError, match="nats = 0"):
        lets_go(0, negatives=NT_XENT, tau=0.2)


@pytest.mark.parametrize("tau", [0.1])  # at 0.05 the record cannot tell where half is left
def test_another_temperature_is_foretold_within_a_bit_and_a_half(nats, tau):
    """No law: it is foretold too low."""
    measured = half_bits("random_bits", f"simclr, tau {tau}")
    foretold = lets_go(nats, negatives=NT_XENT, tau=tau)
    left = incentive(measured, batch=BATCH, tau=tau)
    print(f"tau {tau}: {foretold:.1f} bits foretold, {measured:.1f} measured, {left:.2f} nats left")
    assert half_bits("random_bits", f"simclr, tau {FITTED_AT}") < foretold
    assert abs(foretold - measured) < 1.5


@pytest.mark.parametrize(
    ("method", "negatives", "tau"),
    [("simclr", NT_XENT, 0.2), ("moco", 1024, 0.2), ("instdisc", 1296, 0.07)],
)
def test_methods_of_more_negatives_let_go_earlier_than_foretold(nats, method, negatives, tau):
    """Negatives are those of the recipe: 1,024 keys of the queue, all other pictures."""
    measured = half_bits("who_suppresses", method)
    foretold = lets_go(nats, negatives=negatives, tau=tau)
    print(f"{method}: {foretold:.1f} bits foretold, {measured:.1f} measured, from {nats:.2f} nats")
    if method == "simclr":  # the same cells as random_bits has, of fewer seeds
        assert foretold == pytest.approx(measured, abs=0.3)
    else:
        assert foretold > measured + 1


# --- on equal terms: who_suppresses_matched --------------------------------------------------

SMALL_BATCH = 64
MEASURED = {  # the arms of which the record tells a half-point: negatives, temperature
    "simclr, tau 0.07": (126, 0.07),
    "simclr, tau 0.2": (126, 0.2),
    "simclr, tau 0.5": (126, 0.5),
    "moco, tau 0.07, queue 128": (128, 0.07),
    "instdisc, tau 0.07": (1296, 0.07),
    "instdisc, tau 0.2": (1296, 0.2),
    "instdisc, tau 0.5": (1296, 0.5),
}


@pytest.fixture(scope="module")
def matched():
    """The bits foretold and measured by arm, fitted at SimCLR's temperature of 0.2 alone."""
    measured = {label: half_bits("who_suppresses_matched", label) for label in MEASURED}
    nats = incentive(measured["simclr, tau 0.2"], batch=SMALL_BATCH, tau=0.2)
    found = {}
    for label, (negatives, tau) in MEASURED.items():
        found[label] = lets_go(nats, negatives=negatives, tau=tau), measured[label]
        print(f"{label}: {found[label][0]:.1f} bits foretold, {found[label][1]:.1f} measured")
    return found


def test_it_foretells_simclr_at_a_lower_temperature_and_neither_a_high_one_nor_other_methods(
    matched,
):
    foretold, measured = matched["simclr, tau 0.07"]
    assert foretold == pytest.approx(measured, abs=0.4)  # the interval of the record
    foretold, measured = matched["simclr, tau 0.5"]
    assert foretold < 0 < measured - 1
    for label in ("moco, tau 0.07, queue 128", "instdisc, tau 0.07", "instdisc, tau 0.2"):
        foretold, measured = matched[label]
        assert foretold > measured + 1, label
