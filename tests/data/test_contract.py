"""The contract of `suppression.data.Scenes`, kept by every data set that is shipped."""

from __future__ import annotations

import dataclasses
import re

import pytest
import torch

from suppression.data import (
    DATASETS,
    Augmentation,
    ColouredDigits,
    DigitsOnPhotos,
    Dominoes,
    MultiDigits,
    RandomBits,
    Scenes,
    Trifeature,
    TwoDigits,
)
from suppression.data.loader import load_training_pool
from suppression.seeding import torch_rng
from suppression.testing import check_dataset

VARIANTS = [
    TwoDigits(canvas=41, size1=10, size2=30, overlap=0.5, combine="add", replace=True),
    TwoDigits(canvas=64, size1=20, size2=20, placement="in_grid", replace=True, box=20),
    MultiDigits(canvas=64, count=3, sizes=(10, 20, 30)),
    DigitsOnPhotos(placement="one", combine="alpha", instances=3),
    DigitsOnPhotos(canvas=33, combine="add"),
    Dominoes(canvas=41, correlation=0.5),
    Trifeature(canvas=51, correlation=1.0),
    RandomBits(canvas=40, source="photos", bits=24),
    RandomBits(bits=0),
    ColouredDigits(canvas=45, bits=24),
]
COMPETING = [name for name in DATASETS if name != "table"]  # others drew its factors
VARIANTS += [dataclasses.replace(DATASETS[name](), blank=True) for name in COMPETING]
REDRAWN = [dataclasses.replace(DATASETS[name](), redraw=0.5) for name in COMPETING]
CHANGED_BY_AGAIN = {"top", "left"}


def drawn_from(scenes, pool, n=12, seed=0):
    return scenes.factors(n, torch_rng("test", seed), pool)


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_keeps_the_contract_by_its_defaults(name):
    check_dataset(DATASETS[name])


@pytest.mark.parametrize("scenes", [*VARIANTS, *REDRAWN], ids=repr)
def test_every_data_set_keeps_the_contract_at_the_rims_of_its_parameters(scenes):
    check_dataset(scenes)


@pytest.mark.parametrize("scenes", VARIANTS, ids=repr)
def test_the_second_view_shows_the_same_but_for_what_is_placed_anew(scenes):
    pool = load_training_pool(scenes)
    drawn = drawn_from(scenes, pool)
    again = scenes.again(drawn, torch_rng("again"), pool)
    changed = {name for name in drawn if not torch.equal(drawn[name], again[name])}
    assert changed == (CHANGED_BY_AGAIN if getattr(scenes, "replace", None) else set())


@pytest.mark.parametrize("scenes", [v for v in VARIANTS if isinstance(v, TwoDigits | MultiDigits)])
def test_a_digit_scene_is_the_ink_of_its_digits_put_together(scenes):
    pool = load_training_pool(scenes)
    drawn = drawn_from(scenes, pool)
    ink = scenes.masks(drawn, pool)
    together = ink.amax(1) if scenes.combine == "max" else ink.sum(1).clamp(max=1)
    assert torch.allclose(scenes.render(drawn, pool)[:, 0], together, atol=1e-6)
    for j in range(ink.shape[1]):
        alone = scenes.render(drawn, pool, visible=(j,))
        assert torch.allclose(alone[:, 0], ink[:, j].clamp(0, 1), atol=1e-6)
        for i in range(len(ink)):  # nothing outside the digit's box
            top, left, side = (int(drawn[name][i, j]) for name in ("top", "left", "size"))
            outside = ink[i, j].clone()
            outside[top : top + side, left : left + side] = 0
            assert outside.max() < 0.05  # but for the antialiasing of its rim
            assert ink[i, j].max() > 0.5


@pytest.mark.parametrize("combine", ["max", "add", "alpha"])
def test_a_photograph_is_untouched_where_its_digit_has_no_ink(combine):
    scenes = DigitsOnPhotos(combine=combine)
    pool = load_training_pool(scenes)
    drawn = drawn_from(scenes, pool)
    bare = (scenes.masks(drawn, pool) == 0).expand(-1, 3, -1, -1)
    photo = scenes.render(drawn, pool, visible=(1,))
    both = scenes.render(drawn, pool)
    assert 0.2 < bare.float().mean() < 1
    assert torch.equal(both[bare], photo[bare])
    assert (both >= photo - 1e-6).all()
    assert not torch.equal(both, photo)


@pytest.mark.parametrize("name", DATASETS)
def test_what_is_hidden_does_not_show(name):
    """A picture on which one feature is visible stays, whatever carries the hidden ones."""
    scenes = DATASETS[name]().probed()
    pool = load_training_pool(scenes)
    drawn, other = drawn_from(scenes, pool), drawn_from(scenes, pool, seed=1)
    for _, visible, features in scenes.questions():
        if visible is None or len(visible) > 1:
            continue
        if name == "two_digits":
            mixed = {key: value.clone() for key, value in other.items()}
            for key in mixed:
                mixed[key][:, visible[0]] = drawn[key][:, visible[0]]
        elif name in ("random_bits", "coloured_digits"):
            mixed = drawn | {"bits": other["bits"]}
        else:
            hidden = {"digit": ("photo", "scene"), "scene": ("instance", "digit", "top", "left")}
            names = [key for key in hidden[features[0]] if key in drawn]
            mixed = drawn | {key: other[key] for key in names}
        pictures = []
        for factors in (drawn, mixed):
            x = scenes.render(factors, pool, visible=visible)
            pictures.append(scenes.append(x, factors, visible=visible))
        assert torch.equal(*pictures)
        whole = [scenes.append(scenes.render(f, pool), f) for f in (drawn, mixed)]
        assert not torch.equal(*whole)


def described(cls) -> list[str]:
    """The names that the class's docstring describes under `Args:`."""
    section = cls.__doc__.split("Args:\n")[1].split("\n\n")[0]
    return re.findall(r"^        (\w+): \S", section, flags=re.MULTILINE)


@pytest.mark.parametrize("cls", [*DATASETS.values(), Augmentation])
def test_every_parameter_is_described_once_and_in_its_order(cls):
    names = [field.name for field in dataclasses.fields(cls)]
    assert sorted(described(cls)) == sorted(names)
    assert described(cls) == names
    for line in cls.__doc__.split("\n"):
        assert len(line) <= 100


def test_what_has_a_default_is_what_the_contract_says():
    assert Scenes.__abstractmethods__ == {"features", "factors", "render"}
