"""Dominoes: where the halves lie, and how often their classes go together."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from suppression.data import Dominoes, Pool
from suppression.seeding import torch_rng


def pool_of(*, side=28, scenes=4, counts=(3, 1, 6, 2, 0, 5, 1, 4, 2, 7)) -> Pool:
    """Digits of uneven classes, one of them empty; photographs of `scenes` classes."""
    labels = torch.tensor([label for label, count in enumerate(counts) for _ in range(count)])
    rng = torch.Generator().manual_seed(0)
    labels = labels[torch.randperm(len(labels), generator=rng)]
    photos = Pool(
        torch.randint(1, 256, (20, 3, side, side), generator=rng, dtype=torch.uint8),
        torch.arange(20) % scenes,
        tuple("abcdefghijkl"[:scenes]),
    )
    return Pool(
        torch.randint(1, 256, (len(labels), 28, 28), generator=rng, dtype=torch.uint8),
        labels,
        photos=photos,
    )


def test_a_domino_is_a_digit_above_a_photograph_in_the_middle_of_the_canvas():
    pool, scene = pool_of(), Dominoes(canvas=56)
    drawn = scene.factors(6, torch_rng("test"), pool)
    expected = torch.zeros(6, 3, 56, 56)
    for a in range(6):
        expected[a, :, :28, 14:42] = pool.images[drawn["instance"][a]] / 255
        expected[a, :, 28:, 14:42] = pool.photos.images[drawn["photo"][a]] / 255
    torch.testing.assert_close(scene.render(drawn, pool), expected, atol=3e-5, rtol=0)
    above, below = expected.clone(), expected.clone()
    above[:, :, 28:], below[:, :, :28] = 0, 0
    torch.testing.assert_close(scene.render(drawn, pool, visible=(0,)), above, atol=3e-5, rtol=0)
    torch.testing.assert_close(scene.render(drawn, pool, visible=(1,)), below, atol=3e-5, rtol=0)
    assert scene.photo_side == 28


def test_without_correlation_digits_and_photographs_are_independent_and_instances_uniform():
    pool = pool_of()
    drawn = Dominoes().factors(6000, torch_rng("test"), pool)
    assert chisquare(drawn["instance"].bincount(minlength=len(pool))).pvalue > 1e-3
    assert chisquare(drawn["photo"].bincount(minlength=20)).pvalue > 1e-3
    counts = (drawn["scene"] * 10 + drawn["digit"]).bincount(minlength=40).view(4, 10)
    expected = counts.sum(1, keepdim=True) * pool.labels.bincount(minlength=10) / len(pool)
    kept = expected > 0
    assert (
        (counts - expected)[kept] ** 2 / expected[kept]
    ).sum() < 60  # chi-squared of 27 degrees: 60 is beyond 0.999


def test_with_full_correlation_the_digit_is_of_the_photographs_class_wherever_there_is_one():
    pool = pool_of(scenes=12)
    drawn = Dominoes(correlation=1.0).factors(4000, torch_rng("test"), pool)
    wanted = drawn["scene"] % 10
    for scene in range(12):
        some = drawn["instance"][drawn["scene"] == scene]
        instances = (pool.labels == scene % 10).nonzero().flatten()
        if len(instances):
            assert set(some.tolist()) == set(instances.tolist())
            assert (
                len(instances) == 1
                or chisquare(some.bincount(minlength=len(pool))[instances]).pvalue > 1e-3
            )
        else:
            assert len(some.unique()) > 10  # no digit of this class, so any
    there = pool.labels.bincount(minlength=10)[wanted] > 0
    assert torch.equal(drawn["digit"][there], wanted[there])


@pytest.mark.parametrize("correlation", [0.25, 0.5, 0.75])
def test_the_dial_is_the_share_of_scenes_whose_classes_go_together(correlation):
    pool = pool_of(scenes=10, counts=(2,) * 10)
    drawn = Dominoes(correlation=correlation).factors(20000, torch_rng("test"), pool)
    found = (drawn["digit"] == drawn["scene"]).float().mean().item()
    assert found == pytest.approx(correlation + (1 - correlation) / 10, abs=0.012)


def test_dominoes_are_probed_without_correlation_and_told_both_labels():
    pool, scene = pool_of(), Dominoes(correlation=0.9)
    assert scene.probed() == Dominoes()
    drawn = scene.factors(5, torch_rng("test"), pool)
    assert scene.targets(drawn, pool).nonzero()[:, 1].view(5, 2).tolist() == [
        [d, 10 + s] for d, s in zip(drawn["digit"].tolist(), drawn["scene"].tolist(), strict=True)
    ]
    assert Dominoes(instances=16).shared_bits == 4.0


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"correlation": 1.5}, "correlation = 1.5"),
        ({"instances": 0}, "instances = 0"),
        ({"photos": "x"}, "no source"),
    ],
)
def test_dominoes_that_cannot_be_drawn_are_refused(parameters, told):
    with pytest.raises(ValueError, match=told):
        Dominoes(**parameters)
