"""Intervals against scipy's; retention and the incentive against published ones."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binomtest, t

from suppression import metrics
from suppression.metrics.intervals import mean_interval, verdict, wilson
from suppression.metrics.retention import incentive, retention


@pytest.mark.parametrize(
    ("k", "n"),
    [(0, 1), (1, 1), (0, 20), (20, 20), (7, 10), (913, 1000), (9_999, 10_000), (1, 60_000)],
)
def test_the_wilson_interval_is_that_of_scipy(k, n):
    expected = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_the_wilson_interval_holds_the_true_accuracy_in_about_95_of_100_measurements():
    hits = np.random.default_rng(0).binomial(200, 0.9, size=2000)
    inside = [low <= 0.9 <= high for low, high in (wilson(k / 200, 200) for k in hits)]
    assert 0.93 < np.mean(inside) < 0.97


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(
    "values", [[0.1, 0.4], [0.91, 0.93, 0.90], [3.0, -1.0, 2.5, 8.0, 0.0, 1.0, -4.0]]
)
def test_the_interval_of_a_mean_is_scipys_t_interval(values, level):
    mean, low, high = mean_interval(values, level=level)
    assert mean == pytest.approx(np.mean(values))
    expected = t.interval(
        level,
        len(values) - 1,
        loc=np.mean(values),
        scale=np.std(values, ddof=1) / len(values) ** 0.5,
    )
    assert (low, high) == pytest.approx(expected)


def test_the_level_of_a_mean_is_95_percent_unless_told():
    values = [0.91, 0.93, 0.90, 0.95]
    assert mean_interval(values)[1:] == pytest.approx(
        t.interval(0.95, 3, loc=np.mean(values), scale=np.std(values, ddof=1) / 2)
    )


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


def test_no_values_and_no_cases_are_an_error():
    with pytest.raises(ValueError, match="one value at least"):
        mean_interval([])
    with pytest.raises(ValueError, match="one case at least"):
        wilson(0.5, 0)


def test_one_value_has_a_mean_and_no_interval():
    mean, low, high = mean_interval([0.7])
    assert mean == 0.7
    assert math.isnan(low)
    assert math.isnan(high)


# The verdict. By hand: for two values a and b, s^2 = (a - b)^2 / 2, and t(0.975, 1) =
# tan(0.475 pi) = 12.7062; for three, t(0.975, 2) = 0.95 sqrt(2 / (1 - 0.95^2)) = 4.3027.

T1, T2 = math.tan(0.475 * math.pi), 0.95 * math.sqrt(2 / (1 - 0.95**2))


@pytest.mark.parametrize("step", [-1, 1])
@pytest.mark.parametrize(
    ("ours", "cases", "half"),
    [
        ([0.898, 0.902], 10**12, T1 * math.sqrt(0.000008 * 1.5)),
        ([0.4, 0.5, 0.6], 10**12, T2 * math.sqrt(0.01 * 4 / 3)),
        ([0.5, 0.5, 0.5], 10_000, T2 * 0.005),
        ([0.49, 0.5, 0.51], 10_000, T2 * math.sqrt(0.0001 * 4 / 3 + 0.000025)),
    ],
)
def test_published_disagrees_just_outside_of_the_interval_for_one_further_run_and_not_just_inside(
    ours, cases, half, step
):
    mean = sum(ours) / len(ours)
    assert verdict(ours, mean + step * half * 1.001, cases=cases) == "disagrees"
    assert verdict(ours, mean + step * half * 0.999, cases=cases) == (
        "agrees" if half <= 0.05 else "cannot tell"
    )


def test_an_interval_agrees_up_to_the_margin_and_cannot_tell_beyond():
    half = T2 * math.sqrt(0.0001 * 4 / 3 + 0.000025)
    assert verdict([0.49, 0.5, 0.51], 0.5, cases=10_000, margin=half * 1.001) == "agrees"
    assert verdict([0.49, 0.5, 0.51], 0.5, cases=10_000, margin=half * 0.999) == "cannot tell"


def test_one_run_cannot_tell_and_none_is_an_error():
    assert verdict([0.9], 0.1, cases=10_000) == "cannot tell"
    with pytest.raises(ValueError, match="one run of ours"):
        verdict([], 0.1, cases=10_000)


def test_a_run_of_the_same_kind_disagrees_in_about_5_of_100_times():
    rng = np.random.default_rng(0)
    runs = rng.binomial(1000, rng.normal(0.7, 0.02, size=(2000, 4))) / 1000
    told = [verdict(four[:3].tolist(), four[3], cases=10**12) for four in runs]
    assert 0.03 < np.mean([one == "disagrees" for one in told]) < 0.07


def test_retention_is_1_without_harm_0_at_chance_and_negative_below_it():
    assert retention(0.9, 0.9, 0.1) == pytest.approx(1)
    assert retention(0.1, 0.9, 0.1) == 0
    assert retention(0.06, 0.9, 0.1) == pytest.approx(-0.05)
    assert math.isnan(retention(0.1, 0.08, 0.1))


@pytest.mark.parametrize(
    ("tau", "nats"), [(0.2, [4.75, 2.10, 0.37, 0.11]), (0.05, [6.24, 3.49, 1.10, 0.40])]
)
def test_the_incentive_is_that_of_the_facts_and_below_k_delta(tau, nats):
    for bits, expected in zip((0, 4, 8, 10), nats, strict=True):
        assert incentive(bits, batch=256, tau=tau) == pytest.approx(expected, abs=0.005)
        assert incentive(bits, batch=256, tau=tau) <= 510 * 2.0**-bits


def test_the_incentive_is_what_nt_xent_gains_when_codes_of_one_bit_pattern_are_told_apart():
    """By the loss itself: embeddings that know the bits alone, and ones that know all."""
    import torch

    from suppression.losses.contrastive import nt_xent

    batch, patterns = 512, 4  # two bits, every pattern equally often
    pattern = torch.arange(batch) % patterns
    bits_alone = torch.nn.functional.one_hot(pattern, batch).double()
    everything = torch.eye(batch).double()
    gain = nt_xent(bits_alone, bits_alone, tau=0.2) - nt_xent(everything, everything, tau=0.2)
    assert float(gain) == pytest.approx(incentive(2, batch=batch, tau=0.2), abs=0.01)


def test_the_metrics_of_a_table_are_there_without_torch():
    code = (
        "import sys; from suppression.metrics import retention, threshold, wilson;"
        "assert not {'torch', 'scipy', 'numpy'} & set(sys.modules);"
        "import suppression.metrics.representation as measures; from suppression import metrics;"
        "assert metrics.effective_rank is measures.effective_rank"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_metric_that_is_not_there_is_an_attribute_error():
    assert set(metrics.__all__) <= set(dir(metrics))
    with pytest.raises(AttributeError, match="has no attribute 'wilsn'"):
        metrics.wilsn  # noqa: B018
