"""Probes on poor data: what cannot be asked is told and left out, and the rest is answered."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from suppression.data import RandomBits, TwoDigits
from suppression.errors import UserError
from suppression.evaluation import evaluate
from suppression.evaluation.linear import linear
from suppression.evaluation.readouts import over_bits, to_be_retried


@dataclass(frozen=True)
class OneClassSecond(TwoDigits):
    """Two digits of which the second is always of one class."""

    def labels(self, factors):
        return {**super().labels(factors), "second": torch.zeros_like(factors["digit"][:, 1])}


def pixels(x):
    return x.flatten(1)


SCENES = OneClassSecond(canvas=16, size1=6, size2=12)


@pytest.mark.parametrize("probe", [{}, {"mlp": 8}, {"knn": 3}, {"anew": True}, {"named": True}])
def test_a_constant_feature_is_told_and_left_out(probe):
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(1), torch.nn.Flatten())
    with pytest.warns(UserWarning, match="'second' has one class only in the 60 scenes") as told:
        rows = evaluate(model, SCENES, train=60, test=30, **probe)
    assert len(told) == 1  # however many readouts there are
    found = {row["feature"] for row in rows if row["probe"] != "named"}
    assert found == {"first"}


def test_layers_and_features_that_are_named_twice_count_once():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    once = evaluate(pixels, scenes, train=60, test=30, layers=["h"], features=["first"])
    twice = evaluate(
        pixels, scenes, train=60, test=30, layers=["h", "h"], features=["first", "first"]
    )
    assert twice == once


def test_one_scene_to_fit_on_and_one_to_test_with_are_answered_or_told():
    with pytest.warns(UserWarning, match="has one class only in the 1 scenes"):
        assert evaluate(pixels, SCENES, train=1, test=1) == []
    rows = evaluate(pixels, TwoDigits(canvas=16, size1=6, size2=12), train=60, test=1)
    assert {row["cases"] for row in rows} == {1}


def asked(model, scenes, **options):
    """Rows, and what is told."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rows = evaluate(model, scenes, **options)
    return rows, [str(each.message) for each in caught]


@pytest.mark.parametrize("train", [2, 3, 5])
def test_a_readout_that_has_too_few_pictures_is_left_out_and_the_others_answer(train):
    rows, told = asked(pixels, RandomBits(canvas=8, bits=2), train=train, test=5, mlp=4)
    assert {row["probe"] for row in rows} == {"linear"}
    assert all("one class only" in text or "at h is left out: mlp" in text for text in told)
    assert any("mlp: it cannot be fitted on" in text for text in told)


def test_what_was_done_to_all_pictures_alike_is_not_asked_for():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    _, told = asked(pixels, scenes, train=1, test=3, transformations=["rotation"])
    assert "'rotation' has one class only in the 1 scenes" in " ".join(told)


class Layers(torch.nn.Module):
    """Layers of which one or both are no numbers."""

    layers = ("bad", "h")
    h_dim = 256

    def __init__(self, h_is_bad=False):
        super().__init__()
        self.h_is_bad = h_is_bad

    def taps(self, x):
        h = x.flatten(1)
        return {"bad": h * float("nan"), "h": h / 0 if self.h_is_bad else h}


def test_a_layer_that_is_no_number_is_left_out_and_the_others_answer():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    options = {"train": 60, "test": 30, "named": True}
    rows, told = asked(Layers(), scenes, layers=["h", "bad"], **options)
    alone, nothing_told = asked(Layers(), scenes, layers=["h"], **options)
    assert rows == alone
    assert nothing_told == []
    assert len(told) == 1
    assert "at bad for 60 of 60 pictures: that layer is left out" in told[0]
    with pytest.raises(UserError, match=r"at (h|bad) for 60 of 60 pictures"):
        asked(Layers(h_is_bad=True), scenes, layers=["h", "bad"], **options)


def test_features_that_no_readout_can_use_are_told():
    scenes = TwoDigits(canvas=16, size1=6, size2=12)
    rows, told = asked(lambda x: x.flatten(1) * 1e-40, scenes, train=60, test=30, named=True, knn=3)
    assert len([row for row in rows if row["probe"] == "knn"]) == 4
    assert any("too small to be standardised" in text for text in told)
    with pytest.raises(UserError, match="complex numbers at h"):
        evaluate(lambda x: x.flatten(1) * 1j, scenes, train=60, test=30)


def test_a_fit_that_does_not_converge_is_tried_once_more_with_four_times_the_steps():
    rng = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 30, generator=rng), torch.randint(5, (200,), generator=rng)
    needed = next(n for n in range(1, 200) if steps_suffice(n, x, y))
    assert needed > 8
    enough = linear((x, y), (x, y), cases=200, max_iter=needed)
    retried = linear((x, y), (x, y), cases=200, max_iter=-(-needed // 4))
    assert retried == enough
    assert "retried" not in retried
    too_few = linear((x, y), (x, y), cases=200, max_iter=1)
    assert (too_few["converged"], too_few["retried"]) == (False, True)
    assert not to_be_retried([enough, too_few])
    assert to_be_retried([enough, {"converged": False}])  # as stored before fits were retried
    bit = {"probe": "linear", "layer": "h"}
    bits = [{**bit, **row, "feature": f"bit{i}"} for i, row in enumerate([enough, too_few])]
    (mean,) = over_bits(bits)
    assert (mean["converged"], mean["retried"]) == (False, True)


def steps_suffice(n, x, y):
    """Whether scikit-learn itself is content with so many."""
    standard = StandardScaler().fit_transform(x.numpy())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            LogisticRegression(C=0.1, max_iter=n).fit(standard, y.numpy())
        except ConvergenceWarning:
            return False
    return True
