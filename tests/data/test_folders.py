"""A folder is not taken at its word: parts, links, hidden files, duplicates, odd pictures."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from suppression.data.pool import MissingSource
from suppression.data.sources import digits as sources
from suppression.data.sources.decoding import as_rgb, decoded
from suppression.data.sources.digits import mnist
from suppression.data.sources.image_folder import files_by_label, folder
from suppression.errors import UserError
from suppression.execution.batches import check_sources
from suppression.execution.context import Context
from suppression.experiment.plan import make_plan


def picture(path, seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)


def tree(top, parts, each=3):
    for i, part in enumerate(parts):
        for j, name in enumerate(("cat", "dog")):
            for k in range(each):
                picture(top / part / name / f"{k}.png", seed=100 * i + 10 * j + k)
    return top


def read(top, train=True, skip_bad=False):
    notes = []
    pool = folder(str(top), train, None, side=16, skip_bad=skip_bad, note=notes.append)
    return pool, notes


@pytest.mark.parametrize(
    "parts",
    [("train", "valid"), ("train", "validation"), ("Train", "Test"), ("TRAINING", "VAL")],
)
def test_parts_are_parts_whatever_they_are_called(tmp_path, parts):
    top = tree(tmp_path, parts)
    training, _ = read(top)
    held_out, _ = read(top, train=False)
    assert training.names == held_out.names == ("cat", "dog")
    assert (len(training), len(held_out)) == (6, 6)
    assert not torch.equal(training.images, held_out.images)


def test_a_training_part_without_one_that_is_held_out_is_no_problem_of_two_classes(tmp_path):
    with pytest.raises(UserError, match=r"has train/, .* there are: holdout"):
        read(tree(tmp_path, ("train", "holdout")))


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "plane"):
        for k in range(3):
            picture(tmp_path / name / f"{k}.png", seed=k)
    assert read(tmp_path)[0].names == ("plane", "train")


def test_what_is_no_picture_of_a_class_is_passed_over_and_told(tmp_path):
    top = tree(tmp_path / "pics", ("",))
    for name in (".ipynb_checkpoints/0.png", "__MACOSX/0.png", "Thumbs.db", ".DS_Store"):
        picture(top / "cat" / "x.png")
        (top / "cat" / name).parent.mkdir(exist_ok=True)
        (top / "cat" / "x.png").rename(top / "cat" / name)
    (top / "dog" / "gone.png").symlink_to(tmp_path / "nothing.png")
    picture(tmp_path / "more" / "0.png")
    (top / "dog" / "more").symlink_to(tmp_path / "more")
    training, notes = read(top)
    held_out, _ = read(top, train=False)
    assert len(training) + len(held_out) == 6
    (note,) = notes
    assert "passed over are cat" in note
    assert "and 7 more" in note  # two folders, what is in them, and the rest


def test_pictures_in_both_parts_are_told(tmp_path):
    top = tree(tmp_path, ("train", "test"))
    (top / "test" / "cat" / "0.png").write_bytes((top / "train" / "cat" / "1.png").read_bytes())
    plan = make_plan("digits_on_photos", scale="smoke", pins={"photos": [f"folder:{top}"]})
    notes = []
    check_sources(plan.cells[:1], Context(store=tmp_path, device="cpu"), notes.append)
    (note,) = notes
    assert f"1 of 6 held-out pictures of folder:{top} are training pictures, too" in note


def test_names_need_not_be_utf_8(tmp_path):
    top = tree(tmp_path, ("",))
    strange = os.fsdecode(b"caf\xe9.png")
    try:
        picture(top / "cat" / strange, seed=7)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    training, _ = read(top)
    held_out, _ = read(top, train=False)
    assert len(training) + len(held_out) == 7


def test_whatever_a_decoder_raises_makes_a_bad_file(tmp_path, monkeypatch):
    top = tree(tmp_path, ("",))
    opened = Image.open

    def fails(file):
        if str(file).endswith("cat/0.png"):
            raise KeyError("a decoder's own fault")
        return opened(file)

    monkeypatch.setattr(Image, "open", fails)
    for k in range(3, 9):
        picture(top / "cat" / f"{k}.png", seed=k)
    parts = [train for train in (True, False) if is_in_part(top, train)]
    with pytest.raises(UserError, match="a decoder's own fault"):
        read(top, parts[0])
    pools = [read(top, train, skip_bad=True)[0] for train in (True, False)]
    assert sum(map(len, pools)) == 11


def is_in_part(top, train):
    """Whether cat/0.png is one of this part's pictures."""
    files, _ = files_by_label(top, train, lambda text: None)
    return top / "cat" / "0.png" in files[0]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_white_of_16_bit_files_is_what_their_numbers_reach(bits):
    ramp = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (256, 1)))
    grey = np.asarray(as_rgb(image))[0, :, 0].astype(int)
    assert abs(grey - np.arange(256)).max() <= 1


@pytest.mark.parametrize(("stroke", "ground"), [(0, 255), (255, 0)])
def test_a_drawing_on_nothing_stays_visible(stroke, ground):
    pixels = np.zeros((8, 8, 4), dtype=np.uint8)
    pixels[2:6, 2:6] = (stroke, stroke, stroke, 255)
    seen = np.asarray(as_rgb(Image.fromarray(pixels)))
    assert (seen[0, 0] == ground).all()
    assert (seen[3, 3] == stroke).all()


def test_large_pictures_are_read_without_a_warning_and_too_large_ones_are_bad(
    tmp_path, monkeypatch
):
    picture(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for most, number in ((200, 1), (100, 0)):  # 256 pixels: more than it, more than twice
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
            decoded.cache_clear()
            pictures, bad = decoded(((str(tmp_path / "a.png"), 0),), 16)
            assert (len(pictures), len(bad)) == (number, 1 - number)


# --- MNIST's files -------------------------------------------------------------------------------


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    """Files of MNIST's form, of ten instances."""
    monkeypatch.setattr(sources, "INSTANCES", {True: 10, False: 10})
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    images = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (10, 28, 28))
    labels = bytes([0, 0, 8, 1]) + (10).to_bytes(4, "big")
    for train in (True, False):
        (raw / sources.IMAGES[train]).write_bytes(images + bytes(7840))
        (raw / sources.LABELS[train]).write_bytes(labels + bytes(range(10)))
    return tmp_path


def test_files_of_mnists_form_are_read(small_mnist):
    assert mnist(True, small_mnist).labels.tolist() == list(range(10))


@pytest.mark.parametrize("which", [sources.IMAGES, sources.LABELS])
def test_files_whose_first_bytes_say_something_else_are_refused(small_mnist, which):
    path = small_mnist / "MNIST" / "raw" / which[True]
    path.write_bytes(b"\x1f\x8b" + path.read_bytes()[2:])
    with pytest.raises(MissingSource, match="is no idx file of 10"):
        mnist(True, small_mnist)


def test_labels_beyond_9_are_refused(small_mnist):
    path = small_mnist / "MNIST" / "raw" / sources.LABELS[True]
    path.write_bytes(path.read_bytes()[:-1] + bytes([47]))
    with pytest.raises(MissingSource, match="has the label 47, where MNIST's are 0 to 9"):
        mnist(True, small_mnist)
