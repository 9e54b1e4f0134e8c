"""Pools of a generator's sources, and `stream`: the same batches whoever draws them."""

from __future__ import annotations

import pickle
from itertools import islice

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from suppression.data import (
    DATASETS,
    SOURCES,
    Augmentation,
    DigitsOnPhotos,
    MissingSource,
    MultiDigits,
    Pool,
    RandomBits,
    Trifeature,
    TwoDigits,
    load_pool,
    stream,
    torch_dataset,
)
from suppression.data.loader import load_training_pool
from suppression.data.two_views import two_views
from suppression.errors import UserError
from suppression.seeding import torch_rng

SMALL = TwoDigits(canvas=32, size1=10, size2=20)


def same(one, other):
    """Whether two batches are equal to the bit."""
    factors, others = one[2], other[2]
    tensors = [*one[:2], *one[3:], *factors.values()]
    their = [*other[:2], *other[3:], *others.values()]
    return list(factors) == list(others) and all(map(torch.equal, tensors, their))


def test_a_pool_holds_what_the_sources_of_the_scenes_give():
    digits = SOURCES["digits"](True)
    assert torch.equal(load_pool(SMALL).images, digits.images)
    assert len(load_pool(SMALL, train=False)) == 500
    both = load_pool(DigitsOnPhotos(canvas=48))
    assert torch.equal(both.images, digits.images)
    assert both.photos.images.shape[1:] == (3, 48, 48)
    own = load_pool(RandomBits(source="photos", canvas=40), source="mnist")
    assert own.images.shape[1:] == (3, 40, 40)
    assert len(load_pool(Trifeature())) == 0


def test_scenes_limit_what_they_are_trained_on_and_not_what_is_held_out():
    few = DigitsOnPhotos(instances=7, canvas=32)
    assert len(load_training_pool(few)) == 7
    assert len(load_pool(few, train=False)) == 500
    (_, _, factors) = next(iter(stream(few, batch=100)))
    assert 5 < len(factors["instance"].unique()) <= 7
    with pytest.raises(UserError, match="instances = 2000: source 'digits' has 1297 for training"):
        load_training_pool(DigitsOnPhotos(instances=2000))


def test_a_source_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no source of digits 'mnits'; did you mean 'mnist'"):
        load_pool(SMALL, "mnits")
    with pytest.raises(
        UserError, match="no source of digits 'photos'; there are: digits, digits_by_writer, mnist"
    ):
        load_pool(SMALL, "photos")
    with pytest.raises(MissingSource, match="train-images-idx3-ubyte"):
        load_pool(SMALL, "mnist", root=str(tmp_path))
    ones = Pool(torch.zeros(5, 28, 28, dtype=torch.uint8), torch.ones(5, dtype=torch.int64))
    monkeypatch.setitem(SOURCES, "ones", lambda train, root, download: ones)
    with pytest.raises(UserError, match="'ones' has digits of one class only"):
        load_pool(SMALL, "ones")


def test_files_that_are_no_pictures_are_left_out_and_noted_on_request(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (16, 16), (i, 0, ord(name))).save(
                tmp_path / "tree" / name / f"{i}.png"
            )
        (tmp_path / "tree" / name / "bad.png").write_text("no picture")
    scenes = RandomBits(source="folder:tree", canvas=16)
    with pytest.raises(UserError, match="cannot be used"):
        load_pool(scenes, root=tmp_path)
    notes: list[str] = []

    def load(train):
        return load_pool(scenes, train=train, root=tmp_path, skip_bad=True, note=notes.append)

    assert len(load(True)) + len(load(False)) == 20
    assert len(notes) >= 1
    assert "bad.png (no picture)" in notes[0]


@pytest.mark.parametrize("name", DATASETS)
def test_a_batch_holds_both_views_and_all_that_was_drawn(name):
    scenes = DATASETS[name]()
    views = Augmentation(view=16, jitter=0.5, blur=1.0, noise=0.5)
    x1, x2, factors = next(iter(stream(scenes, batch=6, augmentation=views)))
    for x in (x1, x2):
        assert x.shape == (6, scenes.channels, 16, 16)
        assert x.dtype == torch.float32
        assert 0 <= x.min() < x.max() <= 1
    assert not torch.equal(x1, x2)
    drawn = scenes.factors(6, torch_rng("train", 0, 0), load_pool(scenes))
    assert set(factors) == set(drawn) | set(scenes.features)
    for key, value in drawn.items():
        assert torch.equal(factors[key], value)
    for feature, label in scenes.labels(drawn).items():
        if feature not in drawn:
            assert torch.equal(factors[feature], label)


def test_a_batch_is_what_a_training_step_with_this_seed_sees():
    views = Augmentation(view=16, flip=0.5, jitter=0.5)
    batches = list(stream(SMALL, batch=5, augmentation=views, seed=3, steps=3))
    assert len(batches) == 3
    pool = load_pool(SMALL)
    for step, (x1, x2, factors) in enumerate(batches):
        rng = torch_rng("train", 3, step)
        drawn = SMALL.factors(5, rng, pool)
        assert torch.equal(factors["instance"], drawn["instance"])
        assert all(map(torch.equal, (x1, x2), two_views(SMALL, views, drawn, pool, rng)))


def test_what_the_second_view_shows_anew_is_told_and_local_crops_follow():
    scenes = TwoDigits(canvas=32, size1=10, size2=20, replace=True)
    pool = load_pool(scenes)
    views = Augmentation(area_min=1.0, aspect=1.0, local=3, local_view=8)
    x1, x2, factors, *local = next(iter(stream(scenes, batch=4, augmentation=views)))
    assert [crop.shape for crop in local] == [(4, 1, 8, 8)] * 3
    assert {name for name in factors if name.startswith("again_")} == {"again_top", "again_left"}
    again = factors | {name: factors[f"again_{name}"] for name in ("top", "left")}
    assert torch.allclose(x1, scenes.render(factors, pool), atol=1e-5)
    assert torch.allclose(x2, scenes.render(again, pool), atol=1e-5)


def test_digits_of_one_size_keep_all_their_classes():
    _, _, factors = next(iter(stream(MultiDigits(count=3, canvas=64), batch=4)))
    assert factors["digit"].shape == (4, 3)


def test_the_same_seed_gives_the_same_batches_and_another_one_others():
    one, two, other = (list(stream(SMALL, batch=4, seed=s, steps=2)) for s in (0, 0, 1))
    assert all(map(same, one, two))
    assert not same(one[0], one[1])
    assert not same(one[0], other[0])


def test_held_out_batches_are_of_held_out_instances():
    (_, _, factors) = next(iter(stream(SMALL, batch=200, train=False)))
    labels = SOURCES["digits"](False).labels
    assert torch.equal(factors["digit"], labels[factors["instance"]])
    assert 300 < factors["instance"].max() < 500


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("steps", [0, 1, 5])
def test_workers_of_a_data_loader_give_each_batch_once_and_in_order(workers, steps):
    batches = stream(SMALL, batch=4, steps=steps)
    loader = DataLoader(batches, batch_size=None, num_workers=workers)
    given = list(loader)
    assert len(given) == len(loader) == len(batches) == steps
    for one, other in zip(given, batches, strict=True):
        assert same(one, other)


def test_an_endless_stream_has_no_length_and_does_not_end():
    endless = stream(SMALL, batch=2)
    with pytest.raises(TypeError, match="no length; give steps"):
        len(endless)
    assert len(list(islice(endless, 7))) == 7


def test_a_stream_can_be_sent_to_another_process():
    batches = stream(RandomBits(bits=2), batch=3, steps=1)
    (sent,) = pickle.loads(pickle.dumps(batches))
    (kept,) = batches
    assert same(sent, kept)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scenes": TwoDigits}, r"stream draws from a generator, such as TwoDigits\(canvas=64\)"),
        ({"scenes": "two_digits"}, "and got 'two_digits'"),
        ({"batch": 0}, "batch = 0: a batch has one scene at least"),
        ({"steps": -1}, "steps = -1"),
        ({"source": "mnits"}, "did you mean 'mnist'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(given, message):
    scenes = given.pop("scenes", SMALL)
    with pytest.raises(UserError, match=message):
        stream(scenes, **{"batch": 4} | given)


def test_workers_draw_on_the_cpu_only(monkeypatch):
    class Worker:
        id, num_workers = 1, 2

    monkeypatch.setattr(torch_dataset, "get_worker_info", lambda: Worker)
    with pytest.raises(UserError, match="device = cuda: workers draw on the CPU"):
        next(iter(stream(SMALL, batch=2, device="cuda")))
    one, two = islice(stream(SMALL, batch=2), 2)
    assert not same(one, two)
