"""The four words: their tests against SciPy's and by enumeration, their errors by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from suppression.metrics.contrasts import (
    compare,
    detectable,
    equivalence,
    holm,
    letters,
    paired_t,
    sign_flip,
    word,
)


def seeds_of(rng, n, mean=0.0, deviation=1.0):
    return rng.normal(mean, deviation, n)


# --- one difference --------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 5, 8])
def test_p_and_interval_are_those_of_the_paired_t_test(n):
    rng = np.random.default_rng(n)
    a, b = seeds_of(rng, n, 2.0), seeds_of(rng, n)
    oracle = stats.ttest_rel(a, b)
    (found,) = compare([a - b], [3.0])
    assert found.p == pytest.approx(oracle.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(oracle.confidence_interval(0.95))
    assert found.p_holm == found.p  # a family of one


@pytest.mark.parametrize("mean", [-2.5, 0.0, 1.0, 4.0])
def test_equivalence_is_the_worse_of_two_one_sided_t_tests(mean):
    differences = seeds_of(np.random.default_rng(0), 6, mean)
    above = stats.ttest_1samp(differences, -3.0, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, 3.0, alternative="less").pvalue
    assert equivalence(differences, 3.0) == pytest.approx(max(above, below), rel=1e-9)


def test_equivalent_is_what_has_its_90_percent_interval_within_the_margin():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(200):
        differences = seeds_of(rng, 5, rng.uniform(-3, 3), 1.5)
        low, high = stats.ttest_1samp(differences, 0.0).confidence_interval(0.9)
        inside = low > -3.0 and high < 3.0
        assert (equivalence(differences, 3.0) <= 0.05) == inside
        seen.add(inside)
    assert seen == {True, False}


@pytest.mark.parametrize("n", [1, 4, 7])
def test_the_sign_flip_p_is_that_of_all_ways_to_flip_signs(n):
    differences = seeds_of(np.random.default_rng(n), n, 1.0)
    seen = abs(differences.sum())
    as_far = 0
    for signs in itertools.product([1, -1], repeat=n):
        as_far += abs(np.dot(signs, differences)) >= seen - 1e-12
    assert sign_flip(differences) == as_far / 2**n


def test_the_sign_flip_p_is_that_of_scipys_permutation_test():
    differences = seeds_of(np.random.default_rng(2), 8, 0.5)
    oracle = stats.permutation_test(
        (differences, np.zeros(8)),
        lambda a, b, axis: (a - b).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip(differences) == pytest.approx(oracle.pvalue)


def test_equal_differences_count_as_equally_far_whatever_the_rounding():
    assert sign_flip([0.1, 0.2, 0.3]) == 2 / 8
    assert sign_flip([0.1, -0.1]) == 1.0


def test_more_seeds_than_signs_can_be_flipped_of_have_no_exact_p():
    assert math.isnan(sign_flip([0.1] * 21))
    assert math.isnan(sign_flip([]))


@pytest.mark.parametrize("differences", [[], [5.0], [5.0, 5.1], [0.3, 0.3, 0.3], [0.0] * 8])
def test_too_few_seeds_and_seeds_that_do_not_differ_tell_nothing(differences):
    (found,) = compare([differences], [10.0])
    assert found.word == "cannot tell"
    assert all(map(math.isnan, (found.p, found.p_holm, found.p_equivalent, found.low)))


# --- families --------------------------------------------------------------------------------


def test_holm_is_the_step_down_rule():
    """Reject in ascending order while p <= level / (number left); stop at the first that fails."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        ps = rng.beta(0.3, 1.0, 6)
        rejected = set()
        for left, i in zip(range(6, 0, -1), np.argsort(ps), strict=True):
            if ps[i] > 0.05 / left:
                break
            rejected.add(i)
        assert {i for i, p in enumerate(holm(ps)) if p <= 0.05} == rejected


def test_what_was_not_measured_counts_in_the_correction():
    told = [0.01, 0.04, math.nan, math.nan]
    assert holm(told)[:2] == pytest.approx([0.04, 0.12])
    assert math.isnan(holm(told)[2])
    strong = [3.0, 3.1, 2.9, 3.05]
    alone, beside = compare([strong], [1.0]), compare([strong, []], [1.0, 1.0])
    assert beside[0].p_holm == pytest.approx(2 * alone[0].p_holm)


@pytest.mark.parametrize(
    ("difference", "p", "p_equivalent", "expected"),
    [
        (0.4, 0.01, 0.001, "higher"),  # told from 0, though it is within the margin
        (-9.0, 0.05, 0.9, "lower"),
        (-0.4, 0.06, 0.05, "no difference"),
        (9.0, 0.06, 0.06, "cannot tell"),
        (9.0, math.nan, math.nan, "cannot tell"),
    ],
)
def test_words(difference, p, p_equivalent, expected):
    assert word(difference, p, p_equivalent) == expected


def simulated(families, *, seeds, contrasts, shift=0.0, margin, deviation=1.0):
    """The words of families of arms that are all compared with one baseline, as seeds draw them."""
    rng = np.random.default_rng(contrasts)
    words = []
    for _ in range(families):
        baseline = seeds_of(rng, seeds)
        arms = rng.normal(shift, 1.0, (contrasts, seeds)) * deviation
        told = compare(list(arms - deviation * baseline), [margin] * contrasts)
        words.append([each.word for each in told])
    return np.array(words)


@pytest.mark.parametrize(("seeds", "contrasts"), [(3, 4), (8, 11)])
def test_a_family_without_any_difference_is_told_one_in_a_twentieth_at_most(seeds, contrasts):
    words = simulated(1000, seeds=seeds, contrasts=contrasts, margin=1e-3)
    wrong = np.isin(words, ["higher", "lower"]).any(1).mean()
    error = math.sqrt(0.05 * 0.95 / 1000)
    assert 0.01 < wrong < 0.05 + 3 * error


def test_without_holm_such_a_family_would_be_told_one_much_more_often():
    """What the correction is for: the simulation can tell."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(300):
        baseline = seeds_of(rng, 8)
        ps = [paired_t(seeds_of(rng, 8) - baseline) for _ in range(11)]
        wrong += min(ps) <= 0.05
    assert wrong / 300 > 0.15


@pytest.mark.parametrize("seeds", [3, 8])
def test_a_difference_of_the_margin_is_called_none_in_a_twentieth_at_most(seeds):
    """At the margin itself, where that is most often wrong."""
    shift = 3.0
    words = simulated(2000, seeds=seeds, contrasts=1, shift=shift, margin=shift)
    wrong = (words == "no difference").mean()
    error = math.sqrt(0.05 * 0.95 / 2000)
    assert wrong < 0.05 + 3 * error


def test_arms_that_do_not_differ_are_told_so_by_enough_seeds():
    words = simulated(300, seeds=8, contrasts=1, margin=3.0)
    assert (words == "no difference").mean() > 0.85


def test_power_is_that_of_the_table_in_hand():
    """Of 2 standard deviations of the paired difference, 8 seeds find 0.88 after Holm over 11."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(1000):
        arms = rng.normal(0.0, 1.0, (11, 8))
        arms[0] += 2.0
        found += compare(list(arms), [1e-3] * 11)[0].word == "higher"
    assert found / 1000 == pytest.approx(0.88, abs=0.04)


# --- ranks -----------------------------------------------------------------------------------


def test_two_share_a_letter_if_and_only_if_they_are_not_told_apart():
    rng = np.random.default_rng(4)
    names = list("ABCDEFG")
    for share in (0.0, 0.2, 0.5, 0.8, 1.0):
        pairs = list(itertools.combinations(names, 2))
        apart = [pair for pair in pairs if rng.random() < share]
        found = letters(names, apart)
        for pair in pairs:
            shared = set(found[pair[0]]) & set(found[pair[1]])
            assert bool(shared) == (pair not in apart)
        assert found["A"].startswith("a")


def test_letters_go_on_behind_z():
    names = [f"arm{i}" for i in range(30)]
    found = letters(names, list(itertools.combinations(names, 2)))
    assert list(found.values())[24:28] == ["y", "z", "a1", "b1"]


@pytest.mark.parametrize(("seeds", "family"), [(3, 1), (8, 1), (8, 21)])
def test_a_detectable_difference_is_told_in_four_of_five_experiments(seeds, family):
    rng = np.random.default_rng(seeds)
    shift = detectable(seeds, family)
    draws = rng.normal(shift, 1.0, (4000, seeds))
    told = stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05 / family
    assert told.mean() == pytest.approx(0.8, abs=0.02)
