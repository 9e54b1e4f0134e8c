"""The interval over seeds and instances: its limits in closed form, and simulated populations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import t

from suppression.metrics.crossed import Crossed, crossed_interval
from suppression.metrics.intervals import mean_interval
from suppression.metrics.units import Units


def test_where_instances_do_not_differ_it_is_the_t_interval_over_seeds():
    counts = np.full(50, 10)
    right = np.repeat([[3], [5], [4]], 50, axis=1)
    expected = mean_interval([0.3, 0.5, 0.4])
    assert crossed_interval(right, counts) == pytest.approx(expected)


def test_where_seeds_agree_it_is_the_t_interval_over_instances():
    told = np.random.default_rng(0).integers(0, 11, 40)
    right = np.tile(told, (4, 1))
    share = told.mean() / 10
    half_width = t.ppf(0.975, 39) * (told / 10).std(ddof=1) / 40**0.5
    expected = (share, share - half_width, share + half_width)
    assert crossed_interval(right, np.full(40, 10)) == pytest.approx(expected)


def test_instances_that_are_not_shown_do_not_count():
    right, counts = np.array([[1, 0, 2, 1], [2, 1, 1, 0], [0, 1, 2, 2]]), np.array([2, 2, 2, 2])
    padded = np.pad(right, ((0, 0), (3, 5))), np.pad(counts, (3, 5))
    assert crossed_interval(*padded) == pytest.approx(crossed_interval(right, counts))


def test_all_right_has_no_width_and_bounds_stay_within_0_and_1():
    assert crossed_interval(np.ones((3, 9)), np.ones(9)) == (1.0, 1.0, 1.0)
    _, low, high = crossed_interval([[9, 8, 9], [1, 0, 0]], [9, 9, 9])
    assert (low, high) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("right", "counts", "words"),
    [
        ([[1, 2]], [2, 2], "1 seeds and 2 instances"),
        ([[1, 0], [2, 0]], [2, 0], "2 seeds and 1 instances"),
        ([[1, 2], [2, 2]], [2, 2, 2], r"right is \(2, 2\) and counts is \(3,\)"),
        ([1, 2], [2, 2], r"right is \(2,\)"),
    ],
)
def test_what_has_no_such_interval_is_refused(right, counts, words):
    with pytest.raises(ValueError, match=words):
        crossed_interval(right, counts)


def population(seeds, logit, of_seeds, of_instances, rng, *, instances=1000, scenes=2000):
    """One experiment: seeds and instances drawn anew, scenes that show some instances twice."""
    counts = np.bincount(rng.integers(0, instances, scenes), minlength=instances)
    logits = (
        logit
        + rng.normal(0, of_seeds, (seeds, 1))
        + rng.normal(0, of_instances, (1, instances))
        + rng.normal(0, 1.0, (seeds, instances))
    )
    return rng.binomial(counts, expit(logits)), counts


# Spreads over seeds of about 1, 3.5 and 10 points, as records have them: easy and hard features.
@pytest.mark.parametrize("seeds", [3, 6, 8])
@pytest.mark.parametrize(
    ("logit", "of_seeds", "of_instances"),
    [(0.9, 0.05, 1.5), (0.9, 0.25, 1.5), (-1.3, 0.05, 0.5), (3.5, 0.1, 1.5), (0.0, 0.6, 1.0)],
)
def test_it_covers_the_population_in_about_95_of_100_experiments(
    seeds, logit, of_seeds, of_instances
):
    rng = np.random.default_rng(seeds)
    spread = (of_seeds**2 + of_instances**2 + 1) ** 0.5
    truth = expit(logit + rng.normal(0, spread, 10**6)).mean()
    inside = []
    for _ in range(400):
        _, low, high = crossed_interval(*population(seeds, logit, of_seeds, of_instances, rng))
        inside.append(low <= truth <= high)
    # 95 of 100, give or take three errors of 400 experiments; three seeds are told a little wide.
    assert 0.92 < np.mean(inside) < 0.985


@pytest.mark.parametrize("seeds", [3, 6])
def test_a_difference_is_covered_where_seeds_are_apart_as_far_as_instances_move_them(seeds):
    """Three seeds hardly know how far they are apart: what is taken off that would be missing."""
    rng = np.random.default_rng(seeds)
    here, there = (
        expit(logit + rng.normal(0, (0.25**2 + 1.5**2 + 1) ** 0.5, 10**6)).mean()
        for logit in (0.9, 0.2)
    )
    inside = []
    for _ in range(400):
        ease = rng.normal(0, 1.5, 500)
        both = []
        for logit in (0.9, 0.2):
            told = logit + rng.normal(0, 0.25, (seeds, 1)) + ease
            right = rng.binomial(2, expit(told + rng.normal(0, 1.0, (seeds, 500))))
            both.append(Crossed.accuracy([Units.of(range(500), each, 2) for each in right]))
        found = both[0] - both[1]
        inside.append(abs(found.mean - (here - there)) <= found.half_width())
    assert 0.93 < np.mean(inside) < 0.985


def test_an_interval_over_seeds_alone_does_not():
    rng = np.random.default_rng(0)
    truth = expit(0.9 + rng.normal(0, (0.05**2 + 1.5**2 + 1) ** 0.5, 10**6)).mean()
    inside = []
    for _ in range(200):
        right, counts = population(6, 0.9, 0.05, 1.5, rng)
        _, low, high = mean_interval(list(right.sum(1) / counts.sum()))
        inside.append(low <= truth <= high)
    assert np.mean(inside) < 0.85
