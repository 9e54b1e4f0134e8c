"""Digit scenes: resampling against torchvision and PIL, placements against loops.

Sources of digits are compared with the data sets they come from.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as vision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import chisquare
from sklearn.datasets import load_digits
from torch import Tensor

from suppression import seeding
from suppression.data import SOURCES, MissingSource, MultiDigits, Pool, TwoDigits
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.transforms.resample import axis_weights, crop, resample, triangle_sum
from suppression.seeding import number, torch_rng

needs_mnist = pytest.mark.skipif(
    not (Path(os.environ.get("SUPPRESSION_DATA", "")) / "MNIST/raw").is_dir(),
    reason="no MNIST where SUPPRESSION_DATA points",
)
some = settings(deadline=None, max_examples=60, derandomize=True)
ROUNDING = {
    "atol": 2e-5,
    "rtol": 0,
}  # places of up to 100 px are float32, good to 1e-5 px, and a picture changes by up to 1 a px


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pool_of(*, m: int = 20, margin: int = 4) -> Pool:
    """Random pictures whose outer `margin` px are blank (as in MNIST, where it is 4)."""
    images = torch.zeros(m, 28, 28, dtype=torch.uint8)
    inner = slice(margin, 28 - margin)
    images[:, inner, inner] = torch.randint(
        256, (m, 28 - 2 * margin, 28 - 2 * margin), generator=rng(1), dtype=torch.uint8
    )
    return Pool(images, torch.arange(m) % 10)


def pasted(scene: MultiDigits | TwoDigits, factors: dict[str, Tensor], pool: Pool) -> Tensor:
    """The oracle: each sprite resized by torchvision, pasted on zeros, (n, k, canvas, canvas)."""
    n, k = factors["instance"].shape
    canvas = torch.zeros(n, k, scene.canvas, scene.canvas)
    for a, j in itertools.product(range(n), range(k)):
        top, left, size = (int(factors[name][a, j]) for name in ("top", "left", "size"))
        sprite = pool.images[factors["instance"][a, j]][None].float() / 255
        canvas[a, j, top : top + size, left : left + size] = vision.resize(
            sprite, [size, size], antialias=True
        )[0]
    return canvas


def one_digit(scene: MultiDigits, top: int, left: int) -> dict[str, Tensor]:
    here = {"instance": 0, "digit": 0, "top": top, "left": left, "size": scene.digit_sizes[0]}
    return {name: torch.tensor([[value]]) for name, value in here.items()}


# Names


def test_a_named_number_is_the_start_of_the_sha256_of_the_joined_names():
    # printf 'two_digits\x1ftrain\x1f0' | sha256sum
    digest = "576fa62934287ace3945f887e995846a32562104ea48c533bb56e82930115ef9"
    assert (
        number("two_digits", "train", 0) == int.from_bytes(bytes.fromhex(digest)[:8], "little") // 2
    )


def test_names_that_only_join_alike_give_different_numbers():
    names = [("a", "b"), ("ab",), ("a", "b", ""), ("b", "a"), (1, 23), (12, 3), (123,)]
    assert len({number(*name) for name in names}) == len(names)


def test_generators_of_one_name_agree_and_of_two_names_differ():
    def draws(name: str) -> list[float]:
        return [seeding.rng(name).random(), torch.rand((), generator=torch_rng(name)).item()]

    assert draws("a") == draws("a")
    assert all(x != y for x, y in zip(draws("a"), draws("b"), strict=True))


# Resampling


@pytest.mark.parametrize("out", [5, 12, 20, 33])
def test_a_whole_picture_is_resized_as_by_torchvision(out):
    x = torch.rand(3, 2, 20, 20, generator=rng())
    weights = axis_weights(torch.zeros(3), torch.full((3,), 20 / out), 20, out)
    torch.testing.assert_close(
        resample(x, weights, weights), vision.resize(x, [out, out], antialias=True)
    )


@pytest.mark.parametrize(
    ("box", "out"),
    [((3, 4, 10, 8), 16), ((2, 1, 15, 17), 6), ((5, 7, 8, 12), 8), ((1, 2, 17, 9), 24)],
)
def test_a_crop_equals_torchvision_where_the_kernel_stays_inside_the_crop(box, out):
    top, left, height, width = box
    x = torch.rand(2, 3, 20, 20, generator=rng())
    seen = crop(x, torch.tensor([box, box]).float(), out)
    expected = vision.resized_crop(x, top, left, height, width, [out, out], antialias=True)
    # torchvision cuts first and resizes then, so at the rim it does not see the neighbouring pixels
    # that are seen here.
    inside = []
    for side in (height, width):
        step = side / out
        inside.append(
            [
                u
                for u in range(out)
                if (u + 0.5) * step - max(step, 1) >= -0.5
                and (u + 0.5) * step + max(step, 1) <= side + 0.5
            ]
        )
    assert min(map(len, inside)) >= out // 2
    torch.testing.assert_close(
        seen[:, :, inside[0]][..., inside[1]], expected[:, :, inside[0]][..., inside[1]]
    )


@pytest.mark.parametrize(
    ("box", "out"),
    [
        ((3, 4, 10, 8), 16),
        ((2.3, 1.7, 15.1, 17.9), 6),
        ((0, 0, 20, 20), 7),
        ((5.5, 7.25, 3.125, 12.0), 11),
        ((0, 19, 1, 1), 4),
    ],
)
def test_a_crop_at_any_fraction_of_a_pixel_equals_pil_resize_with_a_box(box, out):
    top, left, height, width = box
    x = torch.rand(20, 20, generator=rng())
    seen = crop(x[None, None], torch.tensor([box]).float(), out)[0, 0]
    expected = Image.fromarray(x.numpy()).resize(
        (out, out), Image.Resampling.BILINEAR, box=(left, top, left + width, top + height)
    )
    torch.testing.assert_close(seen, torch.from_numpy(np.array(expected)))


def test_each_sample_of_a_batch_has_its_own_crop():
    x = torch.rand(1, 1, 16, 16, generator=rng())
    boxes = torch.tensor([[0, 0, 8, 8], [8, 8, 8, 8], [3, 5, 8, 8]]).float()
    seen = crop(x.expand(3, 1, 16, 16), boxes, 8)
    for picture, (top, left, height, width) in zip(seen, boxes.long().tolist(), strict=True):
        torch.testing.assert_close(
            picture, x[0, :, top : top + height, left : left + width]
        )  # at scale 1 a crop is a slice


def test_padding_goes_on_with_zeros_as_a_picture_on_a_larger_empty_one_does():
    x = torch.rand(1, 1, 6, 6, generator=rng()) + 0.5
    for step in (0.4, 1.0, 2.5):
        out = round(36 / step)  # of 15 blank px on each side of 6
        weights = axis_weights(
            torch.tensor([-15.0]), torch.tensor([36 / out]), 6, out, zeros_around=True
        )
        expected = vision.resize(vision.pad(x, [15]), [out, out], antialias=True)
        torch.testing.assert_close(resample(x, weights, weights), expected)


@some
@given(st.floats(1, 9), st.floats(-3, 3))
def test_a_triangles_sum_in_closed_form_is_its_sum_pixel_by_pixel(reach, centre):
    expected = sum(max(0.0, reach - abs(i + 0.5 - centre)) for i in range(-20, 20))
    found = triangle_sum(
        torch.tensor(centre, dtype=torch.float64), torch.tensor(reach, dtype=torch.float64)
    )
    assert found.item() == pytest.approx(expected)


# Rendering


@pytest.mark.parametrize("sizes", [(14, 28), (20, 80), (12, 31)])
def test_placed_sprites_equal_torchvision_resized_sprites_pasted_on_zeros(sizes):
    scene, pool = TwoDigits(canvas=84, size1=sizes[0], size2=sizes[1]), pool_of()
    factors = scene.factors(6, rng(), pool)
    expected = pasted(
        scene, factors, pool
    )  # torchvision repeats the sprite's edge, here zeros go on: the same, as the margin is blank
    torch.testing.assert_close(scene.masks(factors, pool), expected, **ROUNDING)


def test_masks_are_one_map_a_digit_between_0_and_1():
    scene, pool = MultiDigits(canvas=40, count=3, sizes=(10, 15, 40)), pool_of(margin=0)
    masks = scene.masks(scene.factors(5, rng(), pool), pool, out=17)
    assert masks.shape == (5, 3, 17, 17)
    assert masks.min() >= 0
    assert 0.5 < masks.max() <= 1 + 1e-6


def test_combine_is_the_largest_or_the_sum_of_pasted_digits():
    pool = pool_of()
    most, added = (
        MultiDigits(canvas=40, count=4, sizes=(24,), combine=combine) for combine in ("max", "add")
    )
    factors = most.factors(8, rng(), pool)
    digits = pasted(most, factors, pool)
    assert (digits.sum(1) > 1).any()  # so the sum is also cut at 1
    torch.testing.assert_close(most.render(factors, pool)[:, 0], digits.amax(1), **ROUNDING)
    torch.testing.assert_close(
        added.render(factors, pool)[:, 0], digits.sum(1).clamp(max=1), **ROUNDING
    )


@pytest.mark.parametrize("visible", [(0,), (2,), (0, 2), (2, 1)])
def test_only_the_visible_digits_are_drawn(visible):
    scene, pool = MultiDigits(canvas=40, count=3, sizes=(24, 20, 16)), pool_of()
    factors = scene.factors(5, rng(), pool)
    digits = pasted(scene, factors, pool)
    shown = scene.render(factors, pool, visible=visible)[:, 0]
    torch.testing.assert_close(shown, digits[:, list(visible)].amax(1), **ROUNDING)
    assert not torch.allclose(shown, digits.amax(1), atol=0.1)


@pytest.mark.parametrize("out", [80, 40, 20, 16, 10, 5])
def test_a_shrunk_picture_is_the_canvas_resized_by_torchvision_even_where_sprites_have_no_margin(
    out,
):
    scene = MultiDigits(
        canvas=80, count=1, sizes=(20,), box=20
    )  # a sprite px is a canvas px, so the full picture is exact
    pool = Pool(torch.full((1, 28, 28), 255, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    full = torch.zeros(1, 1, 80, 80)
    full[..., 33:53, 27:47] = 1
    torch.testing.assert_close(
        scene.render(one_digit(scene, 33, 27), pool, out=out),
        vision.resize(full, [out, out], antialias=True),
    )


@pytest.mark.parametrize("box", [1, 12, 20, 27, 28])
def test_a_box_is_the_central_square_of_the_source_picture(box):
    scene, pool = MultiDigits(canvas=28, count=1, sizes=(box,), box=box), pool_of(margin=0)
    edge = (28 - box) // 2
    expected = (
        pool.images[:1, edge : edge + box, edge : edge + box] / 255
    )  # at scale 1 a sprite is a copy
    torch.testing.assert_close(
        scene.render(one_digit(scene, 0, 0), pool)[:, 0, :box, :box], expected
    )


def test_a_view_of_whole_pixels_at_scale_1_is_a_slice_of_the_whole_picture():
    scene, pool = TwoDigits(canvas=60, size1=20, size2=50), pool_of(margin=0)
    factors = scene.factors(4, rng(), pool)
    whole = scene.render(factors, pool)
    views = torch.tensor([[0, 0, 24, 24], [36, 36, 24, 24], [10, 21, 24, 24], [7, 3, 24, 24]])
    seen = scene.render(factors, pool, view=views.float(), out=24)
    for a, (top, left, height, width) in enumerate(views.tolist()):
        torch.testing.assert_close(
            seen[a], whole[a, :, top : top + height, left : left + width], **ROUNDING
        )
    assert seen.amax((1, 2, 3)).min() > 0.1  # something is to be seen on each


def test_rendering_uses_no_random_number_and_gives_the_same_picture_again():
    scene, pool = TwoDigits(canvas=40, size1=10, size2=30), pool_of()
    factors = scene.factors(3, rng(), pool)
    state = torch.get_rng_state()
    first, masks = scene.render(factors, pool), scene.masks(factors, pool)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(scene.render(factors, pool), first)
    assert torch.equal(scene.masks(factors, pool), masks)


def test_two_views_of_each_scene_can_be_drawn_at_once():
    scene, pool = TwoDigits(canvas=40, size1=10, size2=30), pool_of()
    factors = scene.factors(5, rng(), pool)
    crops = [Augmentation(view=16).draw(5, 40, rng(seed))["crop"] for seed in (1, 2)]
    both = scene.render(
        {name: value.repeat(2, 1) for name, value in factors.items()},
        pool,
        view=torch.cat(crops),
        out=16,
    )
    torch.testing.assert_close(
        both, torch.cat([scene.render(factors, pool, view=crop, out=16) for crop in crops])
    )


@pytest.mark.parametrize(
    "parameters", [{}, {"placement": "in_grid"}, {"combine": "add"}, {"count": 1}]
)
def test_scenes_are_drawn_without_waiting_for_the_device(no_host_sync, parameters):
    scene, pool, one, view = (
        MultiDigits(**{"canvas": 60, "count": 3, "sizes": (15,)} | parameters),
        pool_of(),
        rng(),
        torch.tensor([[3.5, 2.0, 30.0, 20.0]]),
    )
    with no_host_sync():
        factors = scene.factors(4, one, pool)
        scene.render(factors, pool)
        scene.render(factors, pool, view=view.expand(4, 4), out=12, visible=(0,))
        scene.masks(factors, pool)


def test_scenes_whose_overlap_is_limited_wait_for_the_device(no_host_sync):
    with pytest.raises(AssertionError, match="waits for the device"), no_host_sync():
        MultiDigits(canvas=60, count=3, sizes=(15,), overlap=0.3).factors(4, rng(), pool_of())


def test_scenes_are_drawn_where_the_pool_is_and_nothing_is_read_there():
    """On the meta device, which holds no data and refuses tensors of another device."""
    scene, pool = MultiDigits(canvas=60, count=3, sizes=(15,)), pool_of()
    factors = {name: value.to("meta") for name, value in scene.factors(4, rng(), pool).items()}
    assert scene.render(factors, pool.to("meta")).shape == (4, 1, 60, 60)
    assert scene.render(
        factors, pool.to("meta"), view=torch.zeros(4, 4, device="meta"), out=12
    ).shape == (4, 1, 12, 12)


# Factors


@some
@given(
    st.integers(12, 60),
    st.integers(1, 4),
    st.lists(st.integers(1, 60), min_size=4, max_size=4),
    st.sampled_from(["random", "in_grid"]),
    st.integers(0, 9),
)
def test_boxes_lie_inside_the_canvas_and_in_a_grid_at_most_one_a_cell(
    canvas, count, sizes, placement, seed
):
    sizes = tuple(min(size, canvas) for size in sizes[:count])
    per_row = canvas // max(sizes)
    assume(placement == "random" or per_row**2 >= count)
    scene, pool = (
        MultiDigits(canvas=canvas, count=count, sizes=sizes, placement=placement),
        pool_of(),
    )
    factors = scene.factors(7, rng(seed), pool)
    for a in range(7):
        cells = set()
        for j in range(count):
            top, left, size, instance, digit = (
                int(factors[name][a, j]) for name in ("top", "left", "size", "instance", "digit")
            )
            assert size == sizes[j]
            assert 0 <= top <= canvas - size
            assert 0 <= left <= canvas - size
            assert digit == instance % 10  # as this pool is labelled
            if placement == "in_grid":
                assert top % max(sizes) == left % max(sizes) == 0
                cells.add((top // max(sizes), left // max(sizes)))
        assert placement == "random" or len(cells) == count


def test_boxes_do_not_overlap_where_overlap_is_0():
    scene, pool = MultiDigits(canvas=40, count=3, sizes=(8, 12, 16), overlap=0.0), pool_of()
    free = MultiDigits(canvas=40, count=3, sizes=(8, 12, 16))
    covered = []
    for factors in (scene.factors(60, rng(), pool), free.factors(60, rng(), pool)):
        times = torch.zeros(60, 40, 40)
        for a, j in itertools.product(range(60), range(3)):
            top, left, size = (int(factors[name][a, j]) for name in ("top", "left", "size"))
            times[a, top : top + size, left : left + size] += 1
        covered.append(times.max().item())
    assert covered[0] == 1
    assert covered[1] > 1  # where they are free, some do


@pytest.mark.parametrize("overlap", [0.25, 0.5, 0.75])
def test_boxes_reach_into_one_another_by_no_more_than_the_share_allowed(overlap):
    scene, pool = TwoDigits(canvas=40, size1=10, size2=20, overlap=overlap), pool_of()
    factors = scene.factors(400, rng(), pool)
    apart = []
    for a in range(400):
        (y1, y2), (x1, x2) = (
            [int(factors[name][a, j]) + size / 2 for j, size in ((0, 10), (1, 20))]
            for name in ("top", "left")
        )
        apart.append(max(abs(y1 - y2), abs(x1 - x2)))
    touching = 15
    assert (1 - overlap) * touching <= min(apart) < touching


def test_corners_are_drawn_uniformly_up_to_both_edges():
    scene, pool = MultiDigits(canvas=18, count=2, sizes=(9,)), pool_of()
    factors = scene.factors(4000, rng(), pool)
    for name, places in (("top", 10), ("left", 10), ("instance", 20)):
        for j in range(2):
            assert chisquare(factors[name][:, j].bincount(minlength=places)).pvalue > 1e-3
            assert len(factors[name][:, j].unique()) == places


def test_grid_cells_are_drawn_uniformly():
    scene, pool = MultiDigits(canvas=30, count=2, sizes=(10,), placement="in_grid"), pool_of()
    factors = scene.factors(4000, rng(), pool)
    cell = factors["top"] // 10 * 3 + factors["left"] // 10
    assert chisquare(cell[:, 0].bincount(minlength=9)).pvalue > 1e-3
    pairs = (cell[:, 0] * 9 + cell[:, 1]).bincount(minlength=81).view(9, 9)
    assert (
        chisquare(pairs[~torch.eye(9, dtype=torch.bool)]).pvalue > 1e-3
    )  # all ordered pairs of different cells


@pytest.mark.parametrize("parameters", [{}, {"placement": "in_grid"}, {"overlap": 0.3}])
def test_one_seed_gives_the_same_factors_and_another_seed_others(parameters):
    scene, pool = MultiDigits(canvas=60, count=3, sizes=(15,), **parameters), pool_of()
    first, again, other = (scene.factors(20, rng(seed), pool) for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in ("instance", "top", "left"))


def test_factors_leave_the_global_random_state_alone():
    state = torch.get_rng_state()
    MultiDigits(canvas=60, count=3, sizes=(15,), overlap=0.3).factors(20, rng(), pool_of())
    assert torch.equal(torch.get_rng_state(), state)


def test_two_digits_are_the_multi_digits_of_the_same_two_sizes():
    pool = pool_of()
    two, multi = (
        TwoDigits(canvas=50, size1=10, size2=30),
        MultiDigits(canvas=50, count=2, sizes=(10, 30)),
    )
    factors, same = two.factors(5, rng(), pool), multi.factors(5, rng(), pool)
    assert all(
        torch.equal(factors[name], same[name])
        for name in ("instance", "digit", "top", "left", "size")
    )
    assert torch.equal(two.render(factors, pool), multi.render(same, pool))


def test_digits_are_told_apart_only_where_all_sizes_differ():
    assert TwoDigits(size1=20, size2=80).sizes_differ
    assert not TwoDigits(size1=50, size2=50).sizes_differ
    assert MultiDigits(count=3, sizes=(10, 20, 30)).sizes_differ
    assert not MultiDigits(count=3, sizes=(10, 20, 10)).sizes_differ
    assert not MultiDigits(count=2, sizes=(28,)).sizes_differ
    assert MultiDigits(count=1, sizes=(28,)).sizes_differ


def test_there_is_one_feature_a_digit_that_can_be_told_from_the_others_by_its_size():
    assert TwoDigits().features == ("first", "second")
    assert MultiDigits(count=3, sizes=(10, 20, 30)).features == ("digit1", "digit2", "digit3")
    assert MultiDigits(count=3).features == ("digit",)


def test_digits_of_one_size_are_asked_for_one_alone_and_others_alone_and_together():
    assert MultiDigits(count=3).questions() == [("alone", None, ("digit",))]
    assert MultiDigits(count=3, sizes=(28,), canvas=64).probed() == MultiDigits(
        count=1, sizes=(28,), canvas=64
    )
    two = TwoDigits(size1=20, size2=80)
    assert two.probed() is two
    assert two.questions() == [
        ("alone", (0,), ["first"]),
        ("alone", (1,), ["second"]),
        ("together", None, ("first", "second")),
    ]
    assert TwoDigits(size1=50, size2=50).questions() == two.questions()[:2]


def test_supervised_training_is_told_which_classes_are_on_a_picture():
    scene, pool = MultiDigits(count=3, canvas=60, sizes=(20,)), pool_of()
    factors = scene.factors(50, rng(), pool)
    assert scene.spaces(pool) == (10,)
    for row, digits in zip(
        scene.targets(factors, pool).tolist(), factors["digit"].tolist(), strict=True
    ):
        assert row == [float(c in digits) for c in range(10)]


@pytest.mark.parametrize("parameters", [{}, {"placement": "in_grid"}, {"overlap": 0.3}])
def test_a_second_view_shows_the_same_digits_placed_anew_only_if_they_are_to_be_replaced(
    parameters,
):
    pool = pool_of()
    kept, replaced = (
        MultiDigits(canvas=60, count=3, sizes=(15,), replace=replace, **parameters)
        for replace in (None, True)
    )
    factors = kept.factors(40, rng(), pool)
    state = (one := rng(1)).get_state()
    assert all(
        torch.equal(kept.again(factors, one, pool)[name], value) for name, value in factors.items()
    )
    assert torch.equal(
        one.get_state(), state
    )  # so that scenes without it draw what they drew before there was such a parameter
    seen = replaced.again(factors, one, pool)
    assert all(torch.equal(seen[name], factors[name]) for name in ("instance", "digit", "size"))
    for name in ("top", "left"):
        assert not torch.equal(seen[name], factors[name])
        assert abs(np.corrcoef(seen[name].flatten(), factors[name].flatten())[0, 1]) < 0.3
        assert 0 <= seen[name].min() <= seen[name].max() <= 45
    corner = torch.stack([seen["top"], seen["left"]])
    apart = (
        (corner[:, :, :, None] - corner[:, :, None])
        .abs()
        .amax(0)[:, ~torch.eye(3, dtype=torch.bool)]
    )
    assert apart.min() >= {"placement": 15, "overlap": 0.7 * 15}.get(next(iter(parameters), ""), 0)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"canvas": 56, "count": 5, "sizes": (28,), "placement": "in_grid"},
            "5 digits of up to 28 px need as many grid cells; a canvas of 56 px has 4",
        ),
        ({"canvas": 50, "sizes": (51,)}, "a digit of 51 px does not fit on a canvas of 50 px"),
        ({"sizes": (0,)}, "a digit size of 0 px"),
        ({"overlap": -0.1}, r"overlap = -0.1 is not in \[0, 1\]"),
        ({"overlap": 1.1}, r"overlap = 1.1 is not in \[0, 1\]"),
        ({"box": 0}, "box = 0"),
        ({"box": 29}, "box = 29"),
        ({"count": 0}, "count = 0"),
        ({"count": 3, "sizes": (10, 20)}, "2 sizes for 3 digits"),
    ],
)
def test_scenes_that_cannot_be_drawn_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        MultiDigits(**parameters)


def test_the_same_parameters_a_little_nearer_are_accepted():
    MultiDigits(canvas=56, count=4, sizes=(28,), placement="in_grid")
    MultiDigits(canvas=50, sizes=(50,))
    TwoDigits(canvas=80, size1=1, size2=80)


def test_a_placement_that_is_impossible_says_what_to_change():
    scene = TwoDigits(
        canvas=60, size1=40, size2=40, overlap=0.0
    )  # two of 40 px never lie side by side on 60 px
    with pytest.raises(
        ValueError,
        match=r"no placement of digits of 40, 40 px on a canvas of 60 px with overlap 0.0 .* "
        "allow more overlap or a larger canvas",
    ):
        scene.factors(2, rng(), pool_of())


# Sources


def in_sklearn(pool: Pool) -> list[int]:
    """The picture of scikit-learn's digits that is nearest to each instance, if enlarged."""
    pictures = torch.tensor(load_digits().images, dtype=torch.float32) * 255 / 16
    large = vision.resize(
        pictures, [20, 20], interpolation=vision.InterpolationMode.BICUBIC, antialias=True
    )
    return (
        torch.cdist(pool.images[:, 4:24, 4:24].flatten(1).float(), large.flatten(1))
        .argmin(1)
        .tolist()
    )


def test_the_digits_are_those_of_sklearn_each_once_with_its_label():
    train, test = SOURCES["digits"](train=True), SOURCES["digits"](train=False)
    assert (len(train), len(test)) == (1297, 500)
    from_train, from_test = in_sklearn(train), in_sklearn(test)
    assert sorted(from_train + from_test) == list(range(1797))  # so train and test are disjoint
    labels = torch.tensor(load_digits().target)
    assert torch.equal(train.labels, labels[from_train])
    assert torch.equal(test.labels, labels[from_test])


def test_the_digits_are_stratified_by_class():
    test = SOURCES["digits"](train=False)
    counts = np.bincount(load_digits().target)
    assert np.abs(test.labels.bincount().numpy() - counts * 500 / 1797).max() < 1


def test_the_digits_fill_the_central_20_pixels_and_are_the_same_again():
    pool, again = SOURCES["digits"](train=True), SOURCES["digits"](train=True)
    assert pool.images.shape == (1297, 28, 28)
    assert pool.images.dtype == torch.uint8
    inner = pool.images[:, 4:24, 4:24]
    assert inner.long().sum() == pool.images.long().sum() > 0
    assert inner.amax((1, 2)).min() > 200
    assert torch.equal(pool.images, again.images)
    assert torch.equal(pool.labels, again.labels)


@needs_mnist
@pytest.mark.parametrize(
    ("train", "counts"),  # the counts are LeCun's
    [
        (True, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        (False, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]),
    ],
)
def test_mnist_is_whole(train, counts):
    pool = SOURCES["mnist"](train=train)
    assert len(pool) == sum(counts) == (60_000 if train else 10_000)
    assert pool.labels.bincount().tolist() == counts
    assert pool.images.shape == (len(pool), 28, 28)
    assert pool.images.dtype == torch.uint8
    if train:
        assert pool.images.float().div_(255).mean().item() == pytest.approx(
            0.1307, abs=1e-4
        )  # the mean that every tutorial normalises by


def test_a_missing_source_says_which_files_go_where(tmp_path):
    with pytest.raises(MissingSource, match="train-images-idx3-ubyte") as error:
        SOURCES["mnist"](train=True, root=tmp_path)
    assert str(tmp_path / "MNIST" / "raw") in str(error.value)
    assert isinstance(error.value, ValueError)


def test_an_mnist_file_that_was_cut_short_is_told(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-images-idx3-ubyte").write_bytes(bytes(1000))
    with pytest.raises(MissingSource, match="has 1,000 bytes where MNIST has 7,840,016"):
        SOURCES["mnist"](train=False, root=tmp_path)


@needs_mnist
def test_mnist_is_mapped_from_its_file_and_equal_to_torchvisions():
    from torchvision.datasets import MNIST

    pool, theirs = SOURCES["mnist"](train=True), MNIST(os.environ["SUPPRESSION_DATA"], train=True)
    assert torch.equal(pool.images, theirs.data)
    assert torch.equal(pool.labels, theirs.targets)
    # Mapped: the memory belongs to a file, which all processes share.
    start = pool.images.untyped_storage().data_ptr()
    maps = (
        [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
        if Path("/proc/self/maps").exists()
        else []
    )
    if maps:
        (name,) = [
            m[-1]
            for m in maps
            if int(m[0].split("-")[0], 16) <= start < int(m[0].split("-")[1], 16)
        ]
        assert name.endswith("train-images-idx3-ubyte")


def test_sources_are_looked_for_where_the_environment_says_unless_a_root_is_given(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("SUPPRESSION_DATA", str(tmp_path / "named"))
    with pytest.raises(MissingSource, match="named"):
        SOURCES["mnist"](train=True)
    with pytest.raises(MissingSource) as error:
        SOURCES["mnist"](train=True, root=tmp_path / "given")
    assert str(tmp_path / "given" / "MNIST" / "raw") in str(error.value)
    assert str(tmp_path / "named") not in str(error.value)


def test_a_pool_moved_to_a_device_keeps_its_content():
    pool = pool_of()
    moved = pool.to("cpu")
    assert len(moved) == 20
    assert torch.equal(moved.images, pool.images)
    assert torch.equal(moved.labels, pool.labels)


def test_held_out_writers_are_those_of_the_last_forms_of_the_file():
    """Each form begins with 0 to 9 three times and goes on with the same twenty digits."""
    pools = [SOURCES["digits_by_writer"](train) for train in (True, False)]
    labels = torch.cat([pool.labels for pool in pools]).tolist()
    assert len(labels) == 1797
    goes_on = [0, 9, 5, 5, 6, 5, 0, 9, 8, 9, 8, 4, 1, 7, 7, 3, 5, 1, 0, 0]
    begins = [i - 30 for i in range(len(labels)) if labels[i : i + 20] == goes_on]
    assert len(begins) == 13  # one more form goes on otherwise
    boundary = len(pools[0])
    assert boundary in begins
    assert pools[1].labels[:30].tolist() == 3 * list(range(10))
    assert len([start for start in begins if start >= boundary]) == 4
    assert pools[1].labels.unique().tolist() == list(range(10))


def test_the_two_splits_of_the_digits_have_the_same_pictures():
    def all_of(name):
        pools = [SOURCES[name](train) for train in (True, False)]
        return sorted(bytes(image.numpy()) for pool in pools for image in pool.images)

    assert all_of("digits") == all_of("digits_by_writer")
