"""Augmentations sample by sample against torchvision, kornia and closed forms."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as vision
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest, ks_2samp, kstest
from torch import Tensor
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import InterpolationMode

from suppression.data.transforms import functional, resample
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.transforms.crop_boxes import tensorflow
from suppression.data.transforms.functional import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    gaussian_blur,
    grayscale,
    sobel,
)
from suppression.data.transforms.resample import crop

WHOLE = {"area_min": 1.0, "area_max": 1.0, "aspect": 1.0}  # every crop is the whole picture
ALL = {
    "flip": 0.5,
    "jitter": 0.5,
    "gray": 0.3,
    "blur": 0.5,
    "quarter": 0.5,
    "rotate": 20.0,
    "cutout": 0.5,
    "noise": 0.5,
    "sobel": 0.3,
}


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int = 6, channels: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, side, side, generator=rng(seed))


def by_sample(do, x: Tensor, *parameters: Tensor) -> Tensor:
    """The oracle's loop: one picture, one set of parameters at a time."""
    return torch.stack(
        [do(picture, *(p[i].tolist() for p in parameters)) for i, picture in enumerate(x)]
    )


# Parameters


def test_each_sample_of_a_batch_gets_a_view_and_parameters_of_its_own():
    one = pictures(1).expand(16, 3, 16, 16)
    seen, drawn = Augmentation(**ALL)(one, rng(), return_drawn=True)
    for a, b in itertools.combinations(range(16), 2):
        assert not torch.allclose(seen[a], seen[b], atol=1e-3)
    assert drawn.keys() == {"crop", *ALL, "noise_field"}
    for name in ("crop", "rotate", "cutout"):
        assert len(drawn[name].unique(dim=0)) == 16, name
    for name in ("flip", "gray", "noise", "sobel"):
        assert drawn[name].tolist().count(True) in range(1, 16), name
    for name in ("jitter", "blur"):  # drawn anew where it is on, alike where it is off
        off = {"jitter": torch.tensor([1.0, 1.0, 1.0, 0.0]), "blur": torch.tensor(0.0)}[name]
        touched = [value for value in drawn[name] if not torch.equal(value, off)]
        assert 1 < len(touched) < 16, name
        assert len(torch.stack(touched).unique(dim=0)) == len(touched), name
    assert set(drawn["quarter"].tolist()) == {0, 1, 2, 3}


def test_only_what_is_switched_on_is_drawn():
    assert Augmentation().draw(3, 16, rng()).keys() == {"crop"}
    for name, value in ALL.items():
        expected = {"crop", name} | ({"noise_field"} if name == "noise" else set())
        assert Augmentation(**{name: value}).draw(3, 16, rng()).keys() == expected


def test_one_seed_gives_the_same_views_and_another_seed_others_and_the_global_state_is_left_alone():
    augment, x, state = Augmentation(**ALL), pictures(), torch.get_rng_state()
    first, again, other = (augment(x, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-2)
    assert torch.equal(torch.get_rng_state(), state)


def test_two_views_from_one_generator_differ():
    augment, x, one = Augmentation(**ALL), pictures(), rng()
    first, second = augment(x, one), augment(x, one)
    assert all(not torch.allclose(a, b, atol=1e-2) for a, b in zip(first, second, strict=True))


def test_the_parameters_returned_reproduce_the_view_and_what_it_is_made_of_is_left_alone():
    augment, x = Augmentation(view=12, **ALL), pictures(12)
    seen, drawn = augment(x, rng(), return_drawn=True)
    cropped = resample.crop(x, drawn["crop"], 12)
    kept = [value.clone() for value in (cropped, *drawn.values())]
    assert torch.equal(augment.apply(cropped, drawn), seen)
    assert all(torch.equal(a, b) for a, b in zip(kept, (cropped, *drawn.values()), strict=True))
    assert torch.equal(x, pictures(12))
    assert not torch.allclose(cropped, seen, atol=1e-2)
    assert torch.equal(augment(x, rng()), seen)  # with or without the parameters returned


def test_a_view_is_torchvisions_functions_one_after_the_other_with_the_parameters_returned():
    augment = Augmentation(view=14, **ALL | {"sobel": 0.0, "noise": 0.0, "cutout": 0.0})
    x = pictures(24)
    seen, drawn = augment(x, rng(), return_drawn=True)
    cropped = resample.crop(x, drawn["crop"], 14)

    def one(picture, flip, jitter, gray, blur, quarter, rotate):
        picture = vision.horizontal_flip(picture) if flip else picture
        for adjust, amount in zip(
            (
                vision.adjust_brightness,
                vision.adjust_contrast,
                vision.adjust_saturation,
                vision.adjust_hue,
            ),
            jitter,
            strict=True,
        ):
            picture = adjust(picture, amount)
        picture = vision.rgb_to_grayscale(picture, num_output_channels=3) if gray else picture
        picture = vision.gaussian_blur(picture, [13, 13], [blur, blur]) if blur else picture
        picture = torch.rot90(picture, quarter, (1, 2))
        return vision.rotate(picture, rotate, interpolation=InterpolationMode.BILINEAR)

    expected = by_sample(
        one,
        cropped,
        *(drawn[name] for name in ("flip", "jitter", "gray", "blur", "quarter", "rotate")),
    )
    torch.testing.assert_close(seen, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("name", ["flip", "gray", "cutout", "noise", "sobel"])
def test_a_probability_is_the_share_of_samples_that_are_changed(name):
    x = pictures(1000, side=8)
    for p in (0.3, 1.0):
        seen = Augmentation(**WHOLE, **{name: p})(x, rng(3))
        changed = int((seen - x).abs().amax((1, 2, 3)).gt(1e-4).sum())
        assert binomtest(changed, 1000, p).pvalue > 1e-3


def test_quarter_turns_are_equally_frequent_and_jitter_and_blur_touch_their_shares():
    drawn = Augmentation(quarter=1.0, jitter=1.0, jitter_p=0.6, blur=0.3).draw(4000, 16, rng())
    assert all(
        binomtest(int((drawn["quarter"] == k).sum()), 4000, 0.25).pvalue > 1e-3 for k in range(4)
    )
    touched = (drawn["jitter"] != torch.tensor([1.0, 1.0, 1.0, 0.0])).any(1)
    assert binomtest(int(touched.sum()), 4000, 0.6).pvalue > 1e-3
    assert binomtest(int((drawn["blur"] > 0).sum()), 4000, 0.3).pvalue > 1e-3


@pytest.mark.parametrize(
    ("parameters", "name", "low", "high"),
    [
        ({"jitter": 0.5, "jitter_p": 1.0}, "brightness", 0.6, 1.4),
        ({"jitter": 1.0, "jitter_p": 1.0}, "contrast", 0.2, 1.8),
        ({"jitter": 1.0, "jitter_p": 1.0}, "saturation", 0.2, 1.8),
        ({"jitter": 1.0, "jitter_p": 1.0}, "hue", -0.2, 0.2),
        ({"blur": 1.0}, "blur", 0.1, 2.0),
        ({"rotate": 35.0}, "rotate", -35.0, 35.0),
    ],
)
def test_parameters_are_uniform_over_simclrs_ranges(parameters, name, low, high):
    drawn = Augmentation(**parameters).draw(3000, 16, rng())
    parts = ("brightness", "contrast", "saturation", "hue")
    values = drawn["jitter"][:, parts.index(name)] if name in parts else drawn[name]
    assert kstest(values.double().numpy(), "uniform", args=(low, high - low)).pvalue > 1e-3
    assert values.min() >= low - 1e-5
    assert values.max() <= high + 1e-5


# Crops


def shape_of(crop: Tensor, side: int) -> dict[str, Tensor]:
    top, left, height, width = crop.double().unbind(1)
    return {
        "area": height * width / side**2,
        "log_aspect": (width / height).log(),
        "top": top / side,
        "left": left / side,
    }


@pytest.mark.parametrize(
    ("area_min", "area_max", "aspect"), [(0.08, 1.0, 4 / 3), (0.2, 0.6, 2.0), (0.9, 1.0, 4.0)]
)
def test_crops_are_distributed_as_torchvisions(area_min, area_max, aspect):
    n, side = 3000, 10_000  # torchvision rounds to whole px, which a side this large hides
    ours = shape_of(
        Augmentation(area_min=area_min, area_max=area_max, aspect=aspect).draw(n, side, rng())[
            "crop"
        ],
        side,
    )
    picture = torch.empty(1).expand(1, side, side)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        boxes = [
            RandomResizedCrop.get_params(picture, [area_min, area_max], [1 / aspect, aspect])
            for _ in range(n)
        ]
    theirs = shape_of(torch.tensor(boxes), side)
    for name in ours:
        assert ks_2samp(ours[name], theirs[name]).pvalue > 1e-3, name


@settings(deadline=None, max_examples=40, derandomize=True)
@given(
    st.floats(0.01, 1), st.floats(0.01, 1), st.floats(1, 5), st.integers(4, 200), st.integers(0, 9)
)
def test_crops_lie_inside_the_picture_with_area_and_aspect_in_their_ranges(
    area1, area2, aspect, side, seed
):
    low, high = sorted((area1, area2))
    crop = (
        Augmentation(area_min=low, area_max=high, aspect=aspect)
        .draw(50, side, rng(seed))["crop"]
        .double()
    )
    top, left, height, width = crop.unbind(1)
    slack = side * 1e-5
    assert crop.min() >= 0
    assert (top + height).max() <= side + slack
    assert (left + width).max() <= side + slack
    whole = (height > side - slack) & (
        width > side - slack
    )  # what is taken where none of ten tries fits
    area, ratio = (height * width / side**2)[~whole], (width / height)[~whole]
    assert ((area > low - 1e-5) & (area < high + 1e-5)).all()
    assert ((ratio > 1 / aspect - 1e-4) & (ratio < aspect + 1e-4)).all()


def test_small_crops_seldom_fall_back_to_the_whole_picture():
    crop = Augmentation(area_min=0.1, area_max=0.3).draw(1000, 100, rng())["crop"]
    assert crop[:, 2:].prod(1).max() < 0.3 * 100**2 + 1


def test_a_crop_of_the_whole_picture_is_the_picture():
    x = pictures()
    torch.testing.assert_close(Augmentation(**WHOLE)(x, rng()), x)
    torch.testing.assert_close(
        Augmentation(view=7, **WHOLE)(x, rng()), vision.resize(x, [7, 7], antialias=True)
    )


@pytest.mark.parametrize(
    "out", [9, 16, 40]
)  # made smaller, with antialiasing; of the picture's size; larger
def test_a_crop_is_pils_resize_of_a_box(out):
    x = pictures(side=16)
    boxes = Augmentation(area_min=0.1).draw(len(x), 16, rng(1))["crop"]

    def pil(picture, box):
        top, left, height, width = box
        box = (left, top, min(left + width, 16), min(top + height, 16))
        return torch.stack(
            [
                torch.from_numpy(
                    np.array(
                        Image.fromarray(c.numpy()).resize(
                            (out, out), Image.Resampling.BILINEAR, box=box
                        )
                    )
                )
                for c in picture
            ]
        )

    torch.testing.assert_close(
        resample.crop(x, boxes, out), by_sample(pil, x, boxes), rtol=0, atol=1e-4
    )


# One augmentation at a time


def test_flip_mirrors_left_and_right():
    x = pictures()
    torch.testing.assert_close(Augmentation(flip=1.0, **WHOLE)(x, rng()), vision.horizontal_flip(x))


def coloured() -> Tensor:
    """Random pictures with black, white, grey and pure colours among their pixels.

    There formulas of hue divide by zero or change sextant.
    """
    x = pictures(6)
    special = [
        (0, 0, 0),
        (1, 1, 1),
        (0.5, 0.5, 0.5),
        *itertools.product((0.0, 1.0), repeat=3),
        (1, 0.5, 0.5),
        (0.2, 0.2, 0.7),
    ]
    x[:, :, 0, : len(special)] = torch.tensor(special).T
    return x


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs", "amounts"),
    [
        (adjust_brightness, vision.adjust_brightness, [0.0, 0.3, 0.9, 1.0, 1.4, 2.0]),
        (adjust_contrast, vision.adjust_contrast, [0.0, 0.3, 0.9, 1.0, 1.4, 2.0]),
        (adjust_saturation, vision.adjust_saturation, [0.0, 0.3, 0.9, 1.0, 1.4, 2.0]),
        (adjust_hue, vision.adjust_hue, [-0.25, -0.1, 0.0, 0.05, 0.2, 0.25]),
    ],
)
def test_colour_adjustments_equal_torchvisions_sample_by_sample(ours, theirs, amounts, channels):
    x, amount = coloured()[:, :channels], torch.tensor(amounts)
    torch.testing.assert_close(ours(x, amount), by_sample(theirs, x, amount), atol=1e-5, rtol=0)


def test_grayscale_equals_torchvisions_in_all_channels():
    x = coloured()
    torch.testing.assert_close(grayscale(x), vision.rgb_to_grayscale(x))
    torch.testing.assert_close(
        Augmentation(gray=1.0, **WHOLE)(x, rng()), vision.rgb_to_grayscale(x, num_output_channels=3)
    )


def test_saturation_hue_and_grayscale_change_nothing_on_one_channel():
    x, half = pictures(channels=1), torch.full((6,), 0.5)
    assert torch.equal(adjust_hue(x, half), x)
    torch.testing.assert_close(adjust_saturation(x, half), x)
    torch.testing.assert_close(Augmentation(gray=1.0, **WHOLE)(x, rng()), x)


@pytest.mark.parametrize(
    ("side", "reach"), [(16, 6), (7, 6), (5, 4)]
)  # 3 of the largest sigma, or as far as an edge can be reflected
def test_blur_equals_torchvisions_with_a_sigma_for_each_sample(side, reach):
    x, sigma = pictures(side=side), torch.tensor([0.1, 0.3, 0.7, 1.0, 1.6, 2.0])
    expected = by_sample(
        lambda picture, s: vision.gaussian_blur(picture, [2 * reach + 1] * 2, [s, s]), x, sigma
    )
    torch.testing.assert_close(gaussian_blur(x, sigma), expected, atol=1e-5, rtol=0)


def test_a_sigma_of_0_leaves_a_picture_exactly_as_it_is():
    x = pictures()
    assert torch.equal(gaussian_blur(x, torch.zeros(6)), x)


@pytest.mark.parametrize("side", [15, 16])
def test_rotation_equals_torchvisions_and_at_90_degrees_a_quarter_turn(side):
    x, degrees = pictures(side=side), torch.tensor([-170.0, -33.0, 0.0, 5.0, 90.0, 180.0])
    turned = functional.rotate(x, degrees)
    expected = by_sample(
        lambda picture, d: vision.rotate(picture, d, interpolation=InterpolationMode.BILINEAR),
        x,
        degrees,
    )
    torch.testing.assert_close(turned, expected, atol=2e-5, rtol=0)
    torch.testing.assert_close(turned[4], torch.rot90(x[4], 1, (1, 2)), atol=2e-5, rtol=0)
    torch.testing.assert_close(turned[5], torch.rot90(x[5], 2, (1, 2)), atol=2e-5, rtol=0)


def test_quarter_turns_are_those_of_rot90():
    x = pictures(32)
    seen, drawn = Augmentation(quarter=1.0, **WHOLE)(x, rng(), return_drawn=True)
    assert drawn["quarter"].unique().tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(
        seen, by_sample(lambda picture, k: torch.rot90(picture, k, (1, 2)), x, drawn["quarter"])
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_sobel_equals_kornias(channels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what kornia's import warns of is not ours
        from kornia.filters import sobel
    x = pictures(channels=channels)
    torch.testing.assert_close(sobel(x), sobel(x, normalized=True))
    torch.testing.assert_close(
        Augmentation(sobel=1.0, **WHOLE)(x, rng()), sobel(x, normalized=True)
    )


def test_sobel_of_a_ramp_is_its_slope():
    x = (torch.arange(16.0) / 20).expand(1, 1, 16, 16)
    torch.testing.assert_close(
        sobel(x)[..., 1:-1], torch.full((1, 1, 16, 14), 1 / 20), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize(
    ("side", "share", "hole"), [(16, 0.5, 8), (16, 0.25, 4), (20, 0.1, 2), (8, 1.0, 8)]
)
def test_a_cutout_is_one_square_of_its_share_of_the_side(side, share, hole):
    white = torch.ones(64, 3, side, side)
    seen = Augmentation(cutout=1.0, cutout_side=share, **WHOLE)(white, rng())
    places = set()
    for picture in seen:
        rows, cols = (picture[0] == 0).nonzero().unbind(1)
        assert len(rows) == hole**2
        top, left = int(rows.min()), int(cols.min())
        assert not picture[:, top : top + hole, left : left + hole].any()
        assert picture.sum() == 3 * (side**2 - hole**2)
        places.add((top, left))
    assert len(places) > (1 if hole < side else 0)


def test_a_cutout_that_is_no_whole_number_of_pixels_has_the_right_area_on_average():
    seen = Augmentation(cutout=1.0, cutout_side=0.43, **WHOLE)(torch.ones(4000, 1, 10, 10), rng())
    sides = (seen == 0).any(3).sum(2).flatten()
    assert set(sides.tolist()) == {4, 5}
    assert (seen == 0).float().mean().item() == pytest.approx(0.43**2, rel=0.02)


def test_noise_is_gaussian_with_its_standard_deviation_and_its_own_in_every_channel_and_sample():
    gray = torch.full((8, 3, 32, 32), 0.5)
    noise = (Augmentation(noise=1.0, noise_std=0.05, **WHOLE)(gray, rng()) - gray).double()
    assert noise.std().item() == pytest.approx(0.05, rel=0.02)
    assert kstest(noise.flatten().numpy(), "norm", args=(0, 0.05)).pvalue > 1e-3
    assert torch.corrcoef(noise.flatten(0, 1).flatten(1)).fill_diagonal_(0).abs().max() < 0.15


@pytest.mark.parametrize("kind", [None, "block"])
@pytest.mark.parametrize(
    ("side", "patch", "cells"), [(16, None, 8), (28, None, 7), (28, 4, 7), (13, 5, 3), (9, 20, 1)]
)
def test_a_mask_hides_its_patches_and_nothing_else(side, patch, cells, kind):
    x = pictures(side=side) + 0.1
    seen, drawn = Augmentation(**WHOLE, mask=0.3, mask_patch=patch, mask_kind=kind)(
        x, rng(), return_drawn=True
    )
    assert drawn["mask"].shape == (6, cells, cells)
    assert drawn["mask"].dtype == torch.bool
    expected, px = x.clone(), patch or math.ceil(side / 8)
    for i, row, col in itertools.product(range(6), range(cells), range(cells)):
        if drawn["mask"][i, row, col]:
            expected[i, :, row * px : (row + 1) * px, col * px : (col + 1) * px] = 0
    torch.testing.assert_close(seen, expected)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_strewn_patches_are_the_share_that_was_asked_for_and_each_as_often_as_any_other(share):
    masks = Augmentation(mask=share).draw(2000, 16, rng())["mask"]
    assert masks.sum((1, 2)).unique().tolist() == [round(64 * share)]
    p = round(64 * share) / 64
    assert all(binomtest(int(times), 2000, p).pvalue > 1e-5 for times in masks.sum(0).flatten())
    assert len(masks.unique(dim=0)) > 60 or round(64 * share) == 0


@pytest.mark.parametrize("share", [0.05, 0.25, 0.5, 0.75])
def test_a_block_is_one_rectangle_of_about_the_area_anywhere_and_of_any_aspect(share):
    masks = Augmentation(mask=share, mask_kind="block", mask_patch=1).draw(500, 16, rng())["mask"]
    corners, shapes = set(), set()
    for mask in masks:
        rows, cols = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
        height, width = int(rows[-1] - rows[0] + 1), int(cols[-1] - cols[0] + 1)
        assert int(mask.sum()) == height * width == len(rows) * len(cols)
        assert (
            abs(height * width - share * 256) <= max(height, width) / 2 + 1
        )  # the width is rounded
        corners.add((int(rows[0]), int(cols[0])))
        shapes.add((height, width))
    assert (
        min(height / width for height, width in shapes)
        < 1
        < max(height / width for height, width in shapes)
    )
    assert {0} < {top for top, _ in corners}
    assert {0} < {left for _, left in corners}
    assert masks.any(0).all()


def test_a_mask_of_nothing_draws_nothing():
    assert Augmentation(mask=0.0).draw(3, 16, rng()).keys() == {"crop"}
    x = pictures()
    assert torch.equal(Augmentation(mask=0.0, **ALL)(x, rng()), Augmentation(**ALL)(x, rng()))
    masked, drawn = Augmentation(mask=0.5, **ALL)(
        x, rng(), return_drawn=True
    )  # everything before it is as it is without
    kept = ~drawn["mask"].repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None].expand_as(x)
    assert torch.equal(masked[kept], Augmentation(**ALL)(x, rng())[kept])


# Nothing waits for the device


@pytest.mark.parametrize(
    "waits",
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: range(x.argmax()),
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: np.asarray(x),
        lambda x: x[x > 0.5],
        lambda x: x.masked_select(x > 0.5),
        lambda x: x.index_put_((x > 0.5,), x[0]),
        lambda x: x.nonzero(),
        lambda x: torch.where(x > 0.5),
        lambda x: x.unique(),
        lambda x: torch.equal(x, x),
        lambda x: x[[0, 1]],
        lambda x: torch.tensor([1.0, 2.0]),
        lambda x: x.new_tensor([1.0, 2.0]),
    ],
)
def test_the_watch_sees_what_waits_for_a_device(no_host_sync, waits):
    with pytest.raises(AssertionError, match="waits for the device"), no_host_sync():
        waits(torch.rand(4))


@pytest.mark.parametrize("kind", [None, "block"])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_augmentation_waits_for_the_device(no_host_sync, channels, kind):
    augment, x, one = (
        Augmentation(view=12, mask=0.5, mask_kind=kind, **ALL),
        pictures(channels=channels),
        rng(),
    )
    with no_host_sync():
        drawn = augment.draw(6, 16, one, channels=channels)
        augment.apply(resample.crop(x, drawn["crop"], 12), drawn)
        augment(x, one)


def test_views_are_made_where_the_pictures_are_and_read_nothing_there():
    """On the meta device, which holds no data and refuses tensors of another device."""
    augment, x = Augmentation(view=12, mask=0.5, **ALL), pictures()
    there = {
        name: value.to("meta") for name, value in augment.draw(6, 16, rng(), channels=3).items()
    }
    assert augment.apply(resample.crop(x.to("meta"), there["crop"], 12), there).shape == (
        6,
        3,
        12,
        12,
    )


# All together


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.data())
def test_any_parameters_give_finite_pictures_of_the_right_shape_in_0_to_1(data):
    share = st.sampled_from([0.0, 0.5, 1.0])
    low, high = sorted(data.draw(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1))))
    augment = Augmentation(
        view=data.draw(st.none() | st.integers(4, 24)),
        area_min=low,
        area_max=high,
        aspect=data.draw(st.floats(1, 4)),
        jitter=data.draw(st.floats(0, 1.25)),
        rotate=data.draw(st.floats(0, 360)),
        cutout_side=data.draw(st.floats(0, 1)),
        noise_std=data.draw(st.floats(0, 2)),
        **{
            name: data.draw(share)
            for name in ("flip", "jitter_p", "gray", "blur", "quarter", "cutout", "noise", "sobel")
        },
    )
    channels, side = data.draw(st.sampled_from([1, 3])), data.draw(st.integers(4, 24))
    x = pictures(3, channels, side, seed=data.draw(st.integers(0, 9)))
    if data.draw(st.booleans()):
        x = x.round()  # black and white, where rounding leaves [0, 1] most easily
    seen = augment(x, rng())
    out = augment.view or side
    assert seen.shape == (3, channels, out, out)
    assert seen.isfinite().all()
    assert seen.min() >= -1e-6
    assert seen.max() <= 1 + 1e-6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"view": 3}, "view = 3 px is too small"),
        ({"area_min": 0.0}, "area_min = 0.0"),
        ({"area_min": 0.6, "area_max": 0.5}, "area_min = 0.6, area_max = 0.5"),
        ({"area_max": 1.1}, "area_max = 1.1"),
        ({"aspect": 0.9}, "aspect = 0.9"),
        ({"jitter": -0.1}, "jitter"),
        ({"jitter": 1.3}, "jitter"),
        ({"rotate": -1.0}, "rotate"),
        ({"noise_std": -0.1}, "noise_std"),
        *(
            ({name: value}, rf"{name} = {value} is not in \[0, 1\]")
            for name in ("flip", "jitter_p", "gray", "blur")
            for value in (-0.1, 1.1)
        ),
        *(
            ({name: value}, rf"{name} = {value} is not in \[0, 1\]")
            for name in ("quarter", "cutout", "cutout_side", "noise", "sobel")
            for value in (-0.1, 1.1)
        ),
        ({"mask": -0.1}, r"mask = -0.1: the share of patches that are hidden is in \[0, 1\)"),
        ({"mask": 1.0}, r"mask = 1.0: the share"),
        ({"mask": 0.5, "mask_patch": 0}, "mask_patch = 0 px"),
        ({"mask_patch": 4}, "give mask"),
        ({"mask_kind": "block"}, "give mask"),
        ({"flip": math.nan}, "flip = nan"),
        ({"area_min": math.nan}, "area_min = nan"),
    ],
)
def test_parameters_out_of_range_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Augmentation(**parameters)


@pytest.mark.parametrize(
    "parameters",
    [
        {"view": 4},
        {"area_min": 1.0, "area_max": 1.0},
        {"aspect": 1.0},
        {"jitter": 1.25},
        {"flip": 1.0, "cutout": 1.0, "cutout_side": 1.0},
    ],
)
def test_parameters_at_the_ends_of_their_ranges_are_accepted(parameters):
    assert Augmentation(**parameters)(pictures(), rng()).shape[:2] == (6, 3)


def test_tensorflows_boxes_are_its_kernels_rule_by_a_loop():
    """GenerateRandomCrop of `sample_distorted_bounding_box`, on the vectorised rule's numbers."""
    side, area, aspect, n = 28, (0.5, 1.0), 4 / 3, 400
    source, numbers = rng(), []

    def uniform(low, high, *shape):
        numbers.append(torch.rand(n, *shape, generator=source, dtype=torch.float64))
        return numbers[-1] * (high - low) + low

    found = tensorflow(side, uniform, area=area, aspect=aspect)
    ratios, heights, down, across = numbers
    for i in range(n):
        expected = (0, 0, side, side)
        for ratio, chance in zip(
            (ratios[i] * (aspect - 1 / aspect) + 1 / aspect).tolist(),
            heights[i].tolist(),
            strict=True,
        ):
            height, most = (
                round(math.sqrt(area[0] * side**2 / ratio)),
                round(math.sqrt(area[1] * side**2 / ratio)),
            )
            if round(most * ratio) > side:
                most = int((side + 0.5 - 1e-7) / ratio)
                most -= round(most * ratio) > side
            most = min(most, side)
            height = min(height, most)
            height += int(chance * (most - height + 1))
            height += height * round(height * ratio) < area[0] * side**2
            height -= height * round(height * ratio) > area[1] * side**2
            width = round(height * ratio)
            if (
                area[0] * side**2 <= height * width <= area[1] * side**2
                and max(height, width) <= side
            ):
                expected = (
                    int(down[i] * (side - height)),
                    int(across[i] * (side - width)),
                    height,
                    width,
                )
                break
        assert found[i].tolist() == list(expected)


def test_tensorflows_boxes_are_whole_pixels_inside_with_shapes_in_range():
    drawn = Augmentation(area_min=0.5, boxes="tensorflow").draw(4000, 28, rng())["crop"]
    top, left, height, width = drawn.unbind(1)
    assert torch.equal(drawn, drawn.round())
    assert drawn.min() >= 0
    assert (top + height).max() <= 28
    assert (left + width).max() <= 28
    assert (height * width).min() >= 0.5 * 28**2
    assert (
        width / height
    ).max() <= 4 / 3 + 1 / 20  # a width is rounded, by half of a pixel in 20 at most
    assert (drawn[:, 2:] == 28).all(
        1
    ).float().mean() < 0.1  # hardly any is the whole picture for want of one that fits


def test_a_crop_that_grows_is_torchs_bilinear_resize_but_for_its_rim():
    x = torch.rand(1, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for top, left, height, width in ((3, 5, 20, 22), (0, 0, 28, 21), (7, 1, 21, 27)):
        ours = crop(x, torch.tensor([[top, left, height, width]], dtype=torch.float32), 28)
        theirs = torch.nn.functional.interpolate(
            x[..., top : top + height, left : left + width],
            size=(28, 28),
            mode="bilinear",
            align_corners=False,
        )
        torch.testing.assert_close(
            ours[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1], atol=1e-5, rtol=1e-5
        )
        assert (
            (ours - theirs).abs().max() < 0.29
        )  # the neighbour's weight there is (1 - 20 / 28) / 2 at most, of two in a corner


def test_a_pair_of_operations_is_what_their_parameters_are():
    x = torch.rand(6, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    pair = Augmentation(op1="cutout", op2="rotate")(x, torch.Generator().manual_seed(1))
    assert torch.equal(
        pair, Augmentation(cutout=1.0, quarter=1.0)(x, torch.Generator().manual_seed(1))
    )
    assert torch.equal(
        pair, Augmentation(op1="rotate", op2="cutout")(x, torch.Generator().manual_seed(1))
    )
    assert torch.equal(
        Augmentation(op1="blur", op2="blur")(x, torch.Generator().manual_seed(1)),
        Augmentation(blur=1.0)(x, torch.Generator().manual_seed(1)),
    )
