"""Hidden or erased: features made by hand, for which the answer to each question is known."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import one_hot

from suppression.data import SOURCES
from suppression.data.random_bits import RandomBits
from suppression.errors import UserError
from suppression.evaluation import evaluate
from suppression.evaluation.patterns import ACROSS, ALL, MEANS_OFF, WITHIN, by_pattern, with_bits
from suppression.seeding import torch_rng

CLASSES, PATTERNS, TRAIN, TEST = 4, 6, 600, 400
CHANCE = pytest.approx(1 / CLASSES, abs=0.08)
READ = pytest.approx(1, abs=0.02)


def told(features):
    """The four answers of pictures (n, d) as `features(picture, class, pattern)` has them."""
    rng = torch_rng("by hand")
    parts = []
    for n in (TRAIN, TEST):
        labels = torch.randint(CLASSES, (n,), generator=rng)
        shown = torch.randint(PATTERNS, (n,), generator=rng)
        noise = 0.05 * torch.randn(n, CLASSES, generator=rng)
        x = [features(noise, one_hot(labels, CLASSES).float(), p) for p in range(PATTERNS)]
        parts.append((torch.stack(x), labels, shown))
    (x, y, shown), (held_out, truth, of_test) = parts
    rows = by_pattern(x, y, held_out, truth, shown=(shown, of_test), cases=TEST)
    return {name: row["accuracy"] for name, row in rows.items()}


def test_a_class_that_no_pattern_touches_is_read_by_every_question():
    found = told(lambda noise, label, p: label + noise)
    assert found == {WITHIN: READ, ACROSS: READ, MEANS_OFF: READ, ALL: READ}


def test_a_class_that_is_not_there_is_read_by_none():
    found = told(lambda noise, label, p: noise + p)
    assert found == {WITHIN: CHANCE, ACROSS: CHANCE, MEANS_OFF: CHANCE, ALL: CHANCE}


def test_a_class_that_each_pattern_writes_in_its_own_code_is_unreadable_by_one_map_and_not_gone():
    """The code of pattern p is turned round by p: hidden, not erased."""

    def turned(noise, label, p):
        return label.roll(p, dims=1) + noise

    found = told(turned)
    assert found[WITHIN] == READ
    assert found[ACROSS] == pytest.approx(0, abs=0.02)  # each class is named as its neighbour
    assert found[MEANS_OFF] < 0.5
    assert found[ALL] < 0.5


def test_a_pattern_that_moves_all_features_by_more_than_classes_differ_is_taken_off_by_its_mean():
    """A shift along the classes' own directions, at random for each pattern."""
    shifts = 4 * torch.randn(PATTERNS, CLASSES, generator=torch_rng("shifts"))

    def moved(noise, label, p):
        return label + noise + shifts[p]

    found = told(moved)
    assert found[WITHIN] == found[MEANS_OFF] == READ
    assert found[ACROSS] < 0.6


def test_a_class_that_one_half_of_the_patterns_erases_is_told_in_the_other_half():
    found = told(lambda noise, label, p: label * (p % 2) + noise)
    assert found[WITHIN] == pytest.approx((1 + 1 / CLASSES) / 2, abs=0.05)


def test_a_pictures_answers_under_all_patterns_are_counted_and_make_up_the_accuracy():
    rng = torch_rng("counted")
    x, labels = torch.randn(PATTERNS, 80, 3, generator=rng), torch.arange(80) % 2
    shown = torch.arange(80) % PATTERNS
    rows = by_pattern(x, labels, x, labels, shown=(shown, shown), cases=80)
    for name, times in ((WITHIN, PATTERNS), (ACROSS, PATTERNS), (MEANS_OFF, 1), (ALL, 1)):
        units = rows[name]["units"]
        assert units.counts.tolist() == [times] * 80
        assert units.right.sum() / units.counts.sum() == pytest.approx(rows[name]["accuracy"])


def test_pictures_are_the_same_under_every_pattern_and_bits_are_those_of_the_pattern():
    pool, scenes = SOURCES["digits"](train=True), RandomBits(canvas=16, bits=3)
    drawn = scenes.factors(5, torch.Generator().manual_seed(0), pool)
    shown = with_bits(drawn, torch.tensor([1, 0, 1]))
    x, other = (scenes.append(scenes.render(some, pool), some) for some in (drawn, shown))
    assert torch.equal(x[:, 0], other[:, 0])
    assert other[:, 1:].mean((0, 2, 3)).tolist() == [1, 0, 1]


def test_an_encoder_that_turns_the_picture_round_by_its_bit_is_found_out():
    """One that is blind but for its bit reads chance; one that shows pixels reads all."""
    asked = {"train": 400, "test": 200, "patterns": 2}
    scenes = RandomBits(canvas=8, bits=1)

    def accuracies(encoder):
        rows = evaluate(encoder, scenes, source="digits", **asked)
        rows = [row for row in rows if row["probe"] == "patterns"]
        return {row["scenes"]: row["accuracy"] for row in rows}

    def blind(x):
        return x[:, 1:].flatten(1)

    def negative(x):  # the picture where the bit is 0, its negative where it is 1
        return ((1 - 2 * x[:, 1:]) * x[:, :1]).flatten(1)

    def pixels(x):
        return x[:, :1].flatten(1)

    assert accuracies(blind)[WITHIN] < 0.25
    of_pixels, of_negative = accuracies(pixels), accuracies(negative)
    assert min(of_pixels.values()) > 0.8
    assert of_negative[WITHIN] == pytest.approx(of_pixels[WITHIN], abs=0.03)
    assert of_negative[ACROSS] < 0.3
    assert of_negative[ALL] < of_negative[WITHIN] - 0.1


def test_scenes_without_bits_are_refused_and_none_at_all_give_no_rows():
    settings = {"train": 100, "test": 50, "patterns": 2}
    with pytest.raises(UserError, match="two are the fewest"):
        evaluate(lambda x: x.flatten(1), RandomBits(bits=1), **{**settings, "patterns": 1})
    rows = evaluate(lambda x: x.flatten(1), RandomBits(canvas=8, bits=0), **settings)
    assert "patterns" not in {row["probe"] for row in rows}
    x, y = torch.rand(3, 4), torch.arange(3)
    with pytest.raises(UserError, match=r"\(patterns, n, d\)"):
        by_pattern(x, y, x, y, shown=(y, y), cases=3)
