"""Intervals against scipy's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binomtest, t

from suppression.stats import mean_interval, wilson


@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (7, 10), (913, 1000), (9_999, 10_000), (1, 60_000)])
def test_the_wilson_interval_is_that_of_scipy(k, n):
    expected = binomtest(k, n).proportion_ci(confidence_level=0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_the_wilson_interval_holds_the_true_accuracy_in_about_95_of_100_measurements():
    hits = np.random.default_rng(0).binomial(200, 0.9, size=2000)
    inside = [low <= 0.9 <= high for low, high in (wilson(k / 200, 200) for k in hits)]
    assert 0.93 < np.mean(inside) < 0.97


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("values", [[0.1, 0.4], [0.91, 0.93, 0.90], [3.0, -1.0, 2.5, 8.0, 0.0, 1.0, -4.0]])
def test_the_interval_of_a_mean_is_scipys_t_interval(values, level):
    mean, low, high = mean_interval(values, level=level)
    assert mean == pytest.approx(np.mean(values))
    expected = t.interval(level, len(values) - 1, loc=np.mean(values), scale=np.std(values, ddof=1) / len(values) ** 0.5)
    assert (low, high) == pytest.approx(expected)


def test_the_level_of_a_mean_is_95_percent_unless_told():
    values = [0.91, 0.93, 0.90, 0.95]
    assert mean_interval(values)[1:] == pytest.approx(t.interval(0.95, 3, loc=np.mean(values), scale=np.std(values, ddof=1) / 2))


def test_equal_values_have_an_interval_of_no_width():
    assert mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)


def test_one_value_has_a_mean_and_no_interval():
    mean, low, high = mean_interval([0.7])
    assert mean == 0.7
    assert math.isnan(low)
    assert math.isnan(high)
