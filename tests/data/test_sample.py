"""A sample of scenes, and its sheet by its pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from suppression.data import DATASETS, Augmentation, MissingSource, RandomBits, TwoDigits, load_pool
from suppression.errors import UserError
from suppression.seeding import torch_rng

WHOLE = Augmentation(area_min=1.0, aspect=1.0)  # every crop is the whole canvas


def pixels(sheet, row, column, columns):
    """The picture that an axis of the sheet shows."""
    (image,) = sheet.axes[row * columns + column].images
    return np.asarray(image.get_array())


def row_names(sheet, columns):
    return [ax.get_ylabel() for ax in sheet.axes[::columns]]


@pytest.mark.parametrize("name", DATASETS)
def test_a_sample_of_any_data_set_is_what_its_factors_say(name):
    scenes = DATASETS[name]()
    sample = scenes.sample(3)
    pool = load_pool(scenes)
    drawn = {key: value for key, value in sample.factors.items() if not key.startswith("again_")}
    assert len(sample) == 3
    assert torch.equal(sample.x, scenes.append(scenes.render(drawn, pool), drawn))
    assert sample.x.shape == (3, scenes.channels, scenes.canvas, scenes.canvas)
    assert [view.shape for view in sample.views] == [sample.x.shape] * 2
    assert sample.captions == scenes.captions(drawn, pool)
    assert list(sample.labels) == list(scenes.features)
    sheet = sample.show()
    assert row_names(sheet, 3) == ["scene", "view 1", "view 2"]
    assert [ax.get_title() for ax in sheet.axes[:3]] == sample.captions
    assert type(scenes).__name__ in sheet.get_suptitle()


def test_a_sheet_shows_the_pictures_of_the_sample_and_the_outlines_of_the_crops():
    scenes = TwoDigits(canvas=40, size1=10, size2=20, replace=True)
    views = Augmentation(view=16, local=2)
    sample = scenes.sample(4, seed=1, augmentation=views)
    sheet = sample.show(title="Two")
    rows = ["scene", "scene again", "view 1", "view 2", "local 1", "local 2"]
    assert row_names(sheet, 4) == rows
    pictures = [sample.x, sample.x_again, *sample.views, *sample.local]
    for row, tensor in enumerate(pictures):
        for column in range(4):
            shown = pixels(sheet, row, column, 4)
            assert np.array_equal(shown, tensor[column, 0].numpy())
    for row, crops in ((0, sample.crops[0]), (1, sample.crops[1])):
        for column, (top, left, height, width) in enumerate(crops.tolist()):
            (box,) = sheet.axes[row * 4 + column].patches
            assert box.get_xy() == pytest.approx((left - 0.5, top - 0.5))
            assert (box.get_height(), box.get_width()) == pytest.approx((height, width))
    assert sheet.get_suptitle().startswith("Two: classes above")
    assert [len(ax.patches) for ax in sheet.axes[8:]] == [0] * 16


def test_both_outlines_are_on_the_one_scene_where_views_share_it():
    sheet = TwoDigits(canvas=40, size1=10, size2=20).sample(2).show()
    assert [len(ax.patches) for ax in sheet.axes] == [2, 2, 0, 0, 0, 0]


def test_the_views_show_what_their_crops_say():
    scenes = TwoDigits(canvas=40, size1=10, size2=20)
    whole = scenes.sample(3, augmentation=WHOLE)
    for view in whole.views:
        assert torch.allclose(view, whole.x, atol=1e-5)
    sample = scenes.sample(3, augmentation=Augmentation(view=16))
    for view, crops in zip(sample.views, sample.crops, strict=True):
        drawn = scenes.render(sample.factors, load_pool(scenes), view=crops, out=16)
        assert torch.allclose(view, drawn, atol=1e-6)


def test_appended_planes_are_in_the_sample_and_not_on_the_sheet():
    sample = RandomBits(bits=3).sample(2)
    assert sample.x.shape == (2, 4, 28, 28)
    assert torch.equal(sample.x[:, 1:, 0, 0].long(), sample.factors["bits"])
    sheet = sample.show()
    assert np.array_equal(pixels(sheet, 0, 1, 2), sample.x[1, 0].numpy())
    assert "classes and appended planes above" in sheet.get_suptitle()


def test_one_scene_makes_a_sheet_and_a_notebook_shows_both_as_a_png():
    sample = TwoDigits(canvas=40, size1=10, size2=20).sample(1)
    for content in (sample._repr_png_(), sample.show()._repr_png_()):
        assert content.startswith(b"\x89PNG")


def test_the_seed_decides_what_is_drawn():
    scenes = TwoDigits(canvas=40, size1=10, size2=20)
    one, two, other = (scenes.sample(2, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.x, two.x)
    assert torch.equal(one.views[1], two.views[1])
    assert not torch.equal(one.x, other.x)
    drawn = scenes.factors(2, torch_rng("sample", 0), load_pool(scenes))
    assert torch.equal(one.factors["instance"], drawn["instance"])


def test_bad_input_is_refused(tmp_path):
    scenes = TwoDigits(canvas=60, size1=40, size2=40, overlap=0.0)
    with pytest.raises(UserError, match="no placement of digits of 40, 40 px"):
        scenes.sample()
    small = TwoDigits(canvas=40, size1=10, size2=20)
    with pytest.raises(UserError, match="n = 0: a sample has one scene at least"):
        small.sample(0)
    with pytest.raises(UserError, match="did you mean 'mnist'"):
        small.sample(source="mnits")
    with pytest.raises(MissingSource, match="source 'mnist' is not in"):
        small.sample(source="mnist", root=tmp_path)
