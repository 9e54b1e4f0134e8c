"""Digits on photographs against a numpy loop on the published canvas: nothing is resized."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as vision
from scipy.stats import chisquare

from suppression.data import DigitsOnPhotos, Pool
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.experiment.run import Run
from suppression.seeding import torch_rng
from suppression.show import main


def pool_of(side=224, digits=12, photos=7) -> Pool:
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(256, (digits, 28, 28), generator=rng, dtype=torch.uint8)
    pictures = torch.randint(256, (photos, 3, side, side), generator=rng, dtype=torch.uint8)
    return Pool(
        images,
        torch.arange(digits) % 10,
        photos=Pool(pictures, torch.arange(photos) % 3, ("a", "b", "c")),
    )


def composed(scene: DigitsOnPhotos, drawn, pool) -> np.ndarray:
    """The oracle: numpy, picture by picture and copy by copy, in whole px."""
    found = []
    for a in range(len(drawn["instance"])):
        picture = pool.photos.images[drawn["photo"][a]].numpy() / 255
        digit = pool.images[drawn["instance"][a]].numpy() / 255
        for top, left in itertools.product(
            drawn["top"][a].round().int().tolist(), drawn["left"][a].round().int().tolist()
        ):
            under = picture[:, top : top + 28, left : left + 28]
            if scene.combine == "max":
                over = np.maximum(under, digit)
            else:
                over = (
                    np.minimum(under + digit, 1)
                    if scene.combine == "add"
                    else (1 - scene.alpha * digit) * under + scene.alpha * digit
                )
            picture[:, top : top + 28, left : left + 28] = over
        found.append(picture)
    return np.stack(found)


@pytest.mark.parametrize("combine", ["max", "add", "alpha"])
@pytest.mark.parametrize("placement", ["lattice", "one"])
def test_digits_are_combined_with_photographs_as_by_a_loop(combine, placement):
    scene, pool = (
        DigitsOnPhotos(canvas=224, combine=combine, placement=placement, alpha=0.3),
        pool_of(),
    )
    drawn = scene.factors(4, torch_rng("test"), pool)
    np.testing.assert_allclose(
        scene.render(drawn, pool).numpy(), composed(scene, drawn, pool), atol=3e-5
    )


def test_the_lattice_has_nine_copies_at_the_published_places():
    scene, pool = DigitsOnPhotos(canvas=224), pool_of()
    drawn = scene.factors(3, torch_rng("test"), pool)
    assert (
        drawn["top"].round().int().tolist()
        == drawn["left"].round().int().tolist()
        == [[33, 100, 168]] * 3
    )
    ink = scene.render(drawn, pool, visible=(0,))
    places = {(top, left) for top, left in itertools.product((33, 100, 168), repeat=2)}
    for top, left in places:
        torch.testing.assert_close(
            ink[0, 1, top : top + 28, left : left + 28],
            pool.images[drawn["instance"][0]] / 255,
            atol=3e-5,
            rtol=0,
        )
        ink[:, :, top : top + 28, left : left + 28] = 0
    assert ink.abs().max() < 1e-4


@pytest.mark.parametrize("canvas", [56, 64, 112])
def test_on_any_canvas_the_lattice_is_the_published_one_made_smaller(canvas):
    small, large, pool = DigitsOnPhotos(canvas=canvas), DigitsOnPhotos(canvas=224), pool_of()
    drawn = small.factors(3, torch_rng("test"), pool)
    seen = small.render(drawn, pool, visible=(0,))
    published = large.render(large.factors(3, torch_rng("test"), pool), pool, visible=(0,))
    torch.testing.assert_close(
        seen, vision.resize(published, [canvas, canvas], antialias=True), atol=1e-3, rtol=0
    )


def test_one_digit_lies_anywhere_inside_the_canvas():
    scene, pool = DigitsOnPhotos(canvas=16, placement="one", share=0.5), pool_of(side=16)
    drawn = scene.factors(3000, torch_rng("test"), pool)
    for name in ("top", "left"):
        assert chisquare(drawn[name].long().flatten().bincount(minlength=9)).pvalue > 1e-3
        assert len(drawn[name].unique()) == 9  # 0..8, so up to both edges
    assert chisquare(drawn["photo"].bincount(minlength=7)).pvalue > 1e-3
    assert chisquare(drawn["instance"].bincount(minlength=12)).pvalue > 1e-3


def test_a_view_of_whole_pixels_is_a_slice_of_the_composite():
    scene, pool = DigitsOnPhotos(canvas=224, placement="one"), pool_of()
    drawn = scene.factors(2, torch_rng("test"), pool)
    view = torch.tensor([[20.0, 50.0, 96.0, 96.0], [100.0, 3.0, 96.0, 96.0]])
    seen, whole = scene.render(drawn, pool, view=view, out=96), scene.render(drawn, pool)
    for a, (top, left, height, width) in enumerate(view.long().tolist()):
        torch.testing.assert_close(
            seen[a], whole[a, :, top : top + height, left : left + width], atol=3e-5, rtol=0
        )


def test_views_show_the_photograph_and_the_digit_cropped_flipped_and_jittered_together(tmp_path):
    given = {"batch": 8, "flip": 1.0, "area_min": 1.0, "aspect": 1.0}
    cell = Run.of({"data": "digits_on_photos", "method": "simclr", **given})
    pool = load_pools(cell, Context(store=tmp_path), torch.device("cpu"))[True]
    scene = cell.dataset
    x1, x2, y = training_batches(cell, pool, torch.device("cpu"))(0)
    drawn = scene.factors(8, torch_rng("train", 0, 0), pool)
    torch.testing.assert_close(x1, scene.render(drawn, pool).flip(3))
    assert torch.equal(x1, x2)
    assert y.shape == (8, 30)
    assert y.nonzero()[:, 1].view(8, 2).tolist() == [
        [digit, 10 + scene]
        for digit, scene in zip(drawn["digit"].tolist(), drawn["scene"].tolist(), strict=True)
    ]


def test_each_feature_can_be_seen_alone():
    scene, pool = DigitsOnPhotos(canvas=224), pool_of()
    drawn = scene.factors(3, torch_rng("test"), pool)
    torch.testing.assert_close(
        scene.render(drawn, pool, visible=(1,)),
        pool.photos.images[drawn["photo"]] / 255,
        atol=3e-5,
        rtol=0,
    )
    ink = scene.render(drawn, pool, visible=(0,))
    assert torch.equal(ink[:, 0], ink[:, 2])
    assert torch.equal(ink[:, :1], scene.masks(drawn, pool))
    assert ink[:, :, :33].max() < 1e-4


def test_only_the_first_instances_are_drawn_in_training_and_their_number_is_told_in_bits(tmp_path):
    given = {"batch": 64, "canvas": 32, "instances": 4}
    cell = Run.of({"data": "digits_on_photos", "method": "supervised", **given})
    pools = load_pools(cell, Context(store=tmp_path), torch.device("cpu"))
    assert len(pools[True]) == 1297  # a probe is fitted on all
    assert cell.dataset.shared_bits == 2.0
    assert DigitsOnPhotos().shared_bits is None
    *_, y = training_batches(cell, pools[True], torch.device("cpu"))(0)
    assert y[:, :10].sum(0).nonzero().flatten().tolist() == sorted(
        set(pools[True].labels[:4].tolist())
    )


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"share": 0.3}, r"share = 0.3 is not in \(0, 0.25\]"),
        ({"share": 1.1, "placement": "one"}, r"share = 1.1 is not in \(0, 1\]"),
        ({"alpha": 2.0}, r"alpha = 2.0 is not in \[0, 1\]"),
        ({"instances": 0}, "instances = 0"),
        ({"box": 0}, "box = 0"),
        ({"photos": "cifar"}, "no source of photographs 'cifar'; did you mean 'cifar10'"),
    ],
)
def test_scenes_that_cannot_be_drawn_are_refused(parameters, told):
    with pytest.raises(ValueError, match=told):
        DigitsOnPhotos(**parameters)


def test_more_unique_digits_than_the_source_has_are_told_with_how_many_there_are(capsys):
    assert main(["digits_on_photos", "--instances", "2000"]) == 2
    assert "instances = 2000: source 'digits' has 1297 for training" in capsys.readouterr().err
