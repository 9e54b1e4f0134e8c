"""The probe that names as many classes as there are objects.

Exact on decisions made by hand, and right where the answer is known.
"""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from suppression.data import DigitsOnPhotos, MultiDigits, TwoDigits, load_pool
from suppression.evaluation import ProbeSettings, evaluate
from suppression.evaluation.evaluator import record_name
from suppression.evaluation.features import scene_rng
from suppression.evaluation.named import named, recalled
from suppression.metrics.intervals import wilson


def sure_of(*surest, classes=10):
    """Log-odds that are highest for these classes, the first one's highest."""
    row = [-5.0] * classes
    for place, c in enumerate(surest):
        row[c] = 5.0 - place
    return row


@pytest.mark.parametrize(
    ("surest", "classes", "hits"),
    [
        ((3, 7), (3, 7), [True, True]),
        ((7, 3), (3, 7), [True, True]),  # which object is of which class is not asked
        ((3, 1), (3, 7), [True, False]),
        ((1, 7), (3, 7), [False, True]),
        ((1, 2, 3, 7), (3, 7), [False, False]),  # the third surest is not named
        ((3, 1), (3, 3), [True, True]),  # both of one class: one name is right for both
        ((1, 3), (3, 3), [True, True]),
        ((1, 2), (3, 3), [False, False]),
    ],
)
def test_an_object_is_recalled_where_its_class_is_among_as_many_as_there_are_objects(
    surest, classes, hits
):
    sure, truth = torch.tensor([sure_of(*surest)]), torch.tensor([classes])
    assert recalled(sure, truth).tolist() == [hits]


@pytest.mark.parametrize("k", [1, 2, 3])
def test_recall_equals_the_loop_over_pictures(k):
    rng = torch.Generator().manual_seed(0)
    sure = torch.randn(200, 6, generator=rng)
    truth = torch.randint(6, (200, k), generator=rng)
    hits = recalled(sure, truth).tolist()
    for i, row in enumerate(sure.tolist()):
        surest = sorted(range(6), key=row.__getitem__, reverse=True)[:k]
        assert hits[i] == [c in surest for c in truth[i].tolist()]


def objects(n, k=2, seed=0):
    return torch.randint(10, (n, k), generator=torch.Generator().manual_seed(seed))


def holding(classes, *, see, noise=0.1):
    """Features of pictures that hold the classes of the objects `see`, and no word of the rest."""
    x = torch.zeros(len(classes), 10)
    for j in see:
        x.scatter_(1, classes[:, j : j + 1], 1.0)
    return x + noise * torch.randn(x.shape, generator=torch.Generator().manual_seed(5))


def named_by(see, k=2, n=2000, **noise):
    train, test = objects(n, k), objects(n, k, seed=1)
    return named((holding(train, see=see, **noise), train), (holding(test, see=see, **noise), test))


def recall(found, j):
    return found.row([j], 100)["accuracy"]


def test_features_that_hold_everything_recall_everything_and_nothing_what_guessing_does():
    whole, nothing = named_by([0, 1]), named_by([])
    assert min(recall(whole, 0), recall(whole, 1)) > 0.99
    for j in (0, 1):
        assert recall(nothing, j) == pytest.approx(0.2, abs=0.035)
    assert whole.guess == nothing.guess == 0.2
    assert whole.converged


def test_what_is_held_of_one_object_alone_is_recalled_and_the_other_one_guessed():
    one = named_by([1])
    assert recall(one, 1) > 0.99
    # The second name is a guess among nine; where both are of one class (a tenth), both are right.
    assert recall(one, 0) == pytest.approx(0.1 + 0.9 / 9, abs=0.035)


def test_the_recall_of_several_objects_is_their_mean_and_its_interval_that_of_the_cases():
    found = named_by([1], n=400)
    together = found.row([0, 1], 50)
    assert together["accuracy"] == pytest.approx((recall(found, 0) + recall(found, 1)) / 2)
    assert (together["low"], together["high"]) == wilson(together["accuracy"], 50)


def test_a_class_that_is_never_there_is_not_named_and_one_that_always_is_is():
    train = objects(500) % 5
    train[:, 1] = 9
    test = train.roll(1, 0)
    found = named((holding(train, see=[0]), train), (holding(test, see=[0]), test))
    assert recall(found, 0) > 0.99
    assert recall(found, 1) == 1.0


def test_of_one_object_one_class_is_named():
    found = named_by([0], k=1, noise=0.5)
    assert found.guess == 0.1
    assert recall(found, 0) > 0.6


# --- the probe


def rows_of(scenes, *, probe="named", **settings):
    given = {"train": 150, "test": 100, "named": True, **settings}
    return [row for row in evaluate(nn.Flatten(), scenes, **given) if row["probe"] == probe]


@pytest.mark.parametrize("size2", [6, 12])
def test_rows_are_of_whole_scenes_also_where_sizes_are_equal(size2):
    scenes = TwoDigits(canvas=16, size1=6, size2=size2)
    rows = rows_of(scenes)
    found = [(row["feature"], row["scenes"], row["layer"]) for row in rows]
    assert found == [("first", "together", "h"), ("second", "together", "h")]
    pool = load_pool(scenes, train=False)
    drawn = scenes.factors(100, scene_rng("probe", False, seed=0, device="cpu"), pool)
    cases = [len(drawn["instance"][:, j].unique()) for j in (0, 1)]
    assert [row["cases"] for row in rows] == cases
    for row in rows:
        assert row["guess"] == 0.2
        assert row["low"] < row["accuracy"] < row["high"]


def test_the_scenes_are_those_that_readouts_are_asked_of():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    without = rows_of(scenes, probe="linear", named=None)
    assert rows_of(scenes, probe="linear") == without


def test_digits_that_share_a_feature_are_one_row():
    (row,) = rows_of(MultiDigits(canvas=16, count=3, sizes=(6,)))
    assert (row["feature"], row["scenes"], row["guess"]) == ("digit", "together", 0.3)


def test_only_features_that_are_asked_for_have_rows():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    assert [row["feature"] for row in rows_of(scenes, features=["second"])] == ["second"]
    blank = dataclasses.replace(scenes, blank=True)
    assert [row["feature"] for row in rows_of(blank)] == ["first"]


@pytest.mark.parametrize("scenes", [MultiDigits(canvas=16, count=1, sizes=(6,)), DigitsOnPhotos()])
def test_scenes_of_one_object_have_no_rows(scenes):
    assert scenes.objects == ()
    assert not rows_of(scenes)


@pytest.mark.parametrize(
    ("scenes", "names"),
    [
        (TwoDigits(canvas=16, size1=6, size2=6), ("first", "second")),
        (MultiDigits(canvas=16, count=2, sizes=(6,)), ("digit", "digit")),
        (MultiDigits(canvas=16, count=2, sizes=(4, 6)), ("digit1", "digit2")),
    ],
)
def test_objects_are_the_digits_in_their_order(scenes, names):
    factors = scenes.factors(5, torch.Generator().manual_seed(0), load_pool(scenes))
    assert scenes.objects == names
    classes, carriers = scenes.of_objects(factors)
    assert torch.equal(classes, factors["digit"])
    assert torch.equal(carriers, factors["instance"])


def test_a_probe_that_names_nothing_leaves_the_records_name_alone():
    assert record_name(ProbeSettings(named=None)) == record_name(ProbeSettings())
    assert record_name(ProbeSettings(named=False)) == record_name(ProbeSettings())
    assert record_name(ProbeSettings(named=True)) != record_name(ProbeSettings())
