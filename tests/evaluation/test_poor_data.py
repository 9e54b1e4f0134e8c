"""Probes on poor data: what cannot be asked is told and left out, and the rest is answered."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from suppression.data import TwoDigits
from suppression.evaluation import evaluate


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
