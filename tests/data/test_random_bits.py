"""Competitors of so many bits: what two views share, against hashlib and counts."""

from __future__ import annotations

import hashlib

import pytest
import torch

from suppression.data import ColouredDigits, Pool, RandomBits
from suppression.errors import UserError
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.experiment.run import Run
from suppression.seeding import torch_rng

CPU = torch.device("cpu")


def pool_of(m=40, channels=None, side=28) -> Pool:
    shape = (m, side, side) if channels is None else (m, channels, side, side)
    return Pool(
        torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8),
        torch.arange(m) % 10,
    )


def number(pixels: torch.Tensor) -> int:
    """The first eight bytes of the sha256 of an instance's pixels, without the last bit."""
    return (
        int.from_bytes(hashlib.sha256(bytes(pixels.flatten().tolist())).digest()[:8], "little") // 2
    )


def cell_of(data: str, **given) -> Run:
    return Run.of({"data": data, "method": "simclr", **given})


def test_an_instances_hash_is_that_of_its_pixels():
    pool = pool_of(5)
    assert pool.hashes.tolist() == [number(image) for image in pool.images]
    # head -c 784 /dev/zero | sha256sum
    black = "0c37ddc45244523ca3b841e3ea85e147a1d35c6ae1cd767e8c30dabf057516fd"
    assert Pool(torch.zeros(1, 28, 28, dtype=torch.uint8), torch.zeros(1)).hashes.tolist() == [
        int.from_bytes(bytes.fromhex(black)[:8], "little") // 2
    ]


@pytest.mark.parametrize("bits", [0, 1, 5, 24])
@pytest.mark.parametrize("channels", [None, 3])
def test_the_bits_of_an_instance_are_those_of_its_hash_modulo_2_to_the_bits(bits, channels):
    pool, scene = (
        pool_of(channels=channels),
        RandomBits(bits=bits, source="digits" if channels is None else "photos"),
    )
    drawn = scene.factors(100, torch_rng("test"), pool)
    for instance, row in zip(drawn["instance"].tolist(), drawn["bits"].tolist(), strict=True):
        assert sum(bit << i for i, bit in enumerate(row)) == number(pool.images[instance]) % 2**bits
    labels = scene.labels(drawn)
    assert tuple(labels) == scene.features == ("class", *(f"bit{i}" for i in range(1, bits + 1)))
    assert torch.equal(labels["class"], drawn["instance"] % 10)
    for i in range(bits):
        assert torch.equal(labels[f"bit{i + 1}"], drawn["bits"][:, i])


def test_more_bits_are_the_fewer_and_others():
    pool = pool_of()
    few, many = (RandomBits(bits=bits).factors(30, torch_rng("test"), pool) for bits in (3, 9))
    assert torch.equal(many["instance"], few["instance"])
    assert torch.equal(many["bits"][:, :3], few["bits"])


@pytest.mark.parametrize("source", ["digits", "photos"])
def test_shared_bits_agree_between_views_and_augmentation_does_not_reach_them(source, tmp_path):
    cell = cell_of(
        "random_bits",
        source=source,
        bits=6,
        batch=32,
        canvas=24,
        view=16,
        jitter=1.0,
        noise=1.0,
        cutout=1.0,
        sobel=1.0,
        rotate=30.0,
    )
    pool = load_pools(cell, Context(store=tmp_path), CPU)[True]
    x1, x2, _ = training_batches(cell, pool, CPU)(0)
    own = 1 if source == "digits" else 3
    assert x1.shape == x2.shape == (32, own + 6, 16, 16)
    assert not torch.equal(x1[:, :own], x2[:, :own])
    assert torch.equal(x1[:, own:], x2[:, own:])
    drawn = cell.dataset.factors(32, torch_rng("train", 0, 0), pool)
    for planes, row in zip(x1[:, own:], drawn["bits"].tolist(), strict=True):
        for plane, bit in zip(planes, row, strict=True):
            assert plane.unique().tolist() == [bit]


def test_the_picture_fills_the_canvas_and_is_a_copy_at_its_own_size():
    pool, photos = pool_of(), pool_of(channels=3, side=20)
    scene, scenes = RandomBits(bits=2), RandomBits(bits=2, source="photos", canvas=20)
    drawn, seen = (
        scene.factors(7, torch_rng("test"), pool),
        scenes.factors(7, torch_rng("test"), photos),
    )
    torch.testing.assert_close(
        scene.render(drawn, pool), pool.images[drawn["instance"]][:, None] / 255
    )
    torch.testing.assert_close(scenes.render(seen, photos), photos.images[seen["instance"]] / 255)
    view = torch.tensor([[4.0, 6.0, 10.0, 10.0]]).expand(7, 4)
    torch.testing.assert_close(
        scenes.render(seen, photos, view=view, out=10),
        photos.images[seen["instance"]][..., 4:14, 6:16] / 255,
    )
    double = RandomBits(
        bits=2, source="photos", canvas=40
    )  # a canvas of twice the picture's size: the same place is twice as many px
    torch.testing.assert_close(
        double.render(seen, photos, view=2 * view, out=10),
        scenes.render(seen, photos, view=view, out=10),
    )


def test_only_what_is_asked_for_is_visible():
    pool, scene = pool_of(), RandomBits(bits=3)
    drawn = scene.factors(9, torch_rng("test"), pool)

    def shown(visible):
        return scene.append(scene.render(drawn, pool, visible=visible), drawn, visible=visible)

    everything = shown(None)
    assert torch.equal(shown((0, 1, 2, 3)), everything)
    alone, bits = shown((0,)), shown((1, 2, 3))
    assert torch.equal(alone[:, :1], everything[:, :1])
    assert alone[:, 1:].max() == 0
    assert bits[:, :1].max() == 0
    assert torch.equal(bits[:, 1:], everything[:, 1:])
    assert shown((2,))[:, [0, 1, 3]].max() == 0
    assert torch.equal(shown((2,))[:, 2], everything[:, 2])
    assert scene.questions() == [
        ("alone", (0,), ["class"]),
        ("alone", (1, 2, 3), ("bit1", "bit2", "bit3")),
        ("together", None, scene.features),
    ]
    assert RandomBits(bits=0).questions() == [("together", None, ("class",))]


def test_supervised_training_is_told_the_class_and_no_bit():
    pool, scene = pool_of(), RandomBits(bits=3)
    drawn = scene.factors(50, torch_rng("test"), pool)
    assert scene.spaces(pool) == (10,)
    assert scene.targets(drawn, pool).argmax(1).tolist() == drawn["class"].tolist()


@pytest.mark.parametrize("scene", [RandomBits, ColouredDigits])
@pytest.mark.parametrize(
    ("bits", "told"), [(-1, r"bits = -1 is not in 0\.\.24"), (25, r"bits = 25 is not in 0\.\.24")]
)
def test_bits_that_cannot_be_had_are_refused(bits, told, scene):
    with pytest.raises(ValueError, match=told):
        scene(bits=bits)


def test_a_source_that_is_not_known_is_told_with_the_nearest():
    with pytest.raises(UserError, match="there is no source 'mnits'; did you mean 'mnist'"):
        RandomBits(source="mnits")
    RandomBits(source="folder:anywhere")


def test_the_strength_of_the_competitor_is_its_number_of_bits():
    assert RandomBits(bits=7).shared_bits == ColouredDigits(bits=7).shared_bits == 7.0


# Colours


def all_bits(bits: int) -> dict[str, torch.Tensor]:
    """Factors that run through every colour."""
    values = torch.arange(2**bits)
    return {
        "bits": values[:, None] >> torch.arange(bits) & 1,
        "instance": torch.zeros_like(values),
        "digit": torch.zeros_like(values),
    }


def test_every_number_has_its_colour_and_none_is_dark():
    for bits in range(13):
        colours = ColouredDigits(bits=bits).colours(all_bits(bits))
        assert len(colours.unique(dim=0)) == 2**bits
        assert colours.min() >= 0.4 - 1e-6
        assert colours.max() == 1
    assert ColouredDigits(bits=0).colours(all_bits(0)).tolist() == [[1, 1, 1]]
    # by hand: bits 1, 0, 1 of red, green, blue; then two more of red and green, worth half as much
    for row, expected in (([1, 0, 1], [1, 0.4, 1]), ([1, 0, 1, 0, 1], [0.8, 0.6, 1])):
        assert ColouredDigits(bits=len(row)).colours({"bits": torch.tensor([row])})[
            0
        ].tolist() == pytest.approx(expected)


def test_24_bits_are_told_apart_in_float32():
    one = torch.zeros(24, 24, dtype=torch.int64).fill_diagonal_(1)
    colours = ColouredDigits(bits=24).colours(
        {"bits": torch.cat([torch.zeros(1, 24, dtype=torch.int64), one])}
    )
    assert (colours[1:] - colours[0]).amax(1).min() > 1e-3


def test_a_digit_is_its_ink_times_its_instances_colour():
    pool, scene = pool_of(), ColouredDigits(bits=5)
    drawn = scene.factors(20, torch_rng("test"), pool)
    picture, colours = scene.render(drawn, pool), scene.colours(drawn)
    for a, instance in enumerate(drawn["instance"].tolist()):
        assert (
            sum(bit << i for i, bit in enumerate(drawn["bits"][a].tolist()))
            == number(pool.images[instance]) % 32
        )
        for c in range(3):
            torch.testing.assert_close(picture[a, c], pool.images[instance] / 255 * colours[a, c])
    white = scene.render(drawn, pool, visible=(0,))
    assert torch.equal(white[:, 0], white[:, 2])
    torch.testing.assert_close(white[:, 1], pool.images[drawn["instance"]] / 255)
    plain = scene.render(drawn, pool, visible=(1, 2, 3, 4, 5))
    torch.testing.assert_close(plain, colours[:, :, None, None].expand(-1, -1, 28, 28))
