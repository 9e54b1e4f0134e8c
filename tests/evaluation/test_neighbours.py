"""Nearest neighbours: against a loop over pairs, and where the answer is known."""

from __future__ import annotations

import pytest
import torch

from suppression.data import SOURCES, ColouredDigits
from suppression.errors import UserError
from suppression.evaluation.neighbours import (
    by_chance,
    classes_of,
    grouping,
    held_out,
    nearest,
    shared,
)


def test_neighbours_are_those_of_a_loop_over_pairs():
    vectors = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    for i, found in enumerate(nearest(vectors, 3).tolist()):
        cosines = {}
        for j in range(20):
            if j != i:
                cosines[j] = torch.cosine_similarity(vectors[i], vectors[j], dim=0).item()
        assert found == sorted(cosines, key=cosines.get, reverse=True)[:3]


def test_what_is_shared_by_chance_is_what_random_neighbours_share():
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(4, (600,), generator=rng)
    found = nearest(torch.randn(600, 30, generator=rng), 10)
    assert shared(found, labels) == pytest.approx(by_chance(labels), abs=0.02)
    assert by_chance(torch.tensor([0, 0, 1])) == pytest.approx(1 / 3)


def test_one_feature_alone_decides_and_lengths_do_not():
    labels = torch.arange(40) % 4
    others = torch.arange(40) // 10
    lengths = torch.linspace(1, 100, 40)[:, None]
    vectors = torch.nn.functional.one_hot(labels, 4) * lengths
    found = grouping(vectors, {"one": labels, "other": others}, 9)
    assert found.shared["one"] == 1
    assert found.shared["other"] < 0.3


def test_bits_are_one_feature_whose_class_is_the_colour():
    scenes, pool = ColouredDigits(bits=3), SOURCES["digits"](train=False)
    x, drawn = held_out(scenes, pool, 50)
    found = classes_of(scenes, drawn)
    assert set(found) == {"digit", "bits"}
    colours = x.amax((2, 3))
    for i in range(1, 50):
        same = torch.allclose(colours[0], colours[i], atol=1e-2)
        assert same == (found["bits"][0] == found["bits"][i])


def test_without_bits_there_is_no_feature_of_that_name():
    scenes, pool = ColouredDigits(bits=0), SOURCES["digits"](train=False)
    assert list(classes_of(scenes, held_out(scenes, pool, 5)[1])) == ["digit"]


@pytest.mark.parametrize("k", [0, 5])
def test_a_picture_has_no_more_neighbours_than_there_are_others(k):
    with pytest.raises(UserError, match="a picture among 5 has 1 to 4 neighbours"):
        nearest(torch.eye(5), k)
