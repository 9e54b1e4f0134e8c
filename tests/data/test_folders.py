"""A folder is not taken at its word: parts, links, hidden files, duplicates, odd pictures."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from suppression.data.pool import MissingSource
from suppression.data.sources import decoding
from suppression.data.sources import digits as sources
from suppression.data.sources.decoding import as_rgb, decoded
from suppression.data.sources.digits import mnist
from suppression.data.sources.image_folder import folder, listed
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
    with pytest.raises(UserError, match=r"has train/, .* there is holdout/"):
        read(tree(tmp_path, ("train", "holdout")))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("test", "val"), "has test/, which holds folders, and beside it no part to train with"),
        (("train", "eval"), "no part to test with: .* there is eval/"),
        (("training_set", "test_set"), "training_set/ and test_set/, .* call them train and test"),
        (("train2017", "val2017"), "train2017/ and val2017/, .* call them train and test"),
    ],
)
def test_parts_that_are_not_recognised_are_no_classes(tmp_path, parts, message):
    with pytest.raises(UserError, match=message):
        read(tree(tmp_path, parts))


def test_parts_without_classes_are_no_classes_themselves(tmp_path):
    for part in ("train", "valid"):
        for k in range(3):
            picture(tmp_path / part / f"{k}.png", seed=k)
    with pytest.raises(UserError, match=r"train has no class folders .it holds 3 files"):
        read(tmp_path)


def test_what_lies_beside_parts_and_classes_is_told(tmp_path):
    top = tree(tmp_path, ("train", "val", "test"))
    assert "passed over are val (beside train/ and test/)" in read(top)[1][0]
    picture(top / "train" / "loose.png")
    (top / "README.txt").write_text("of cats")
    (note,) = read(top)[1]
    assert "passed over are README.txt (beside train/ and test/), and 2 more" in note
    flat = tree(tmp_path / "train", ("",))
    (note,) = read(flat)[1]
    assert "passed over are loose.png (not in a class folder)" in note


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    top = tree(tmp_path, ("",))
    os.mkfifo(top / "cat" / "pipe.png")
    (note,) = read(top)[1]
    assert "cat/pipe.png (no regular file)" in note


def test_a_class_folder_may_be_a_link(tmp_path):
    elsewhere = tree(tmp_path / "elsewhere", ("",))
    top = tmp_path / "pics"
    top.mkdir()
    for name in ("cat", "dog"):
        (top / name).symlink_to(elsewhere / name)
    pool, notes = read(top)
    assert (len(pool), notes) == (4, [])


def test_folders_that_may_not_be_read_are_told(tmp_path, monkeypatch):
    top = tree(tmp_path, ("",))
    (top / "cat" / "closed").mkdir()
    listing = type(top).iterdir

    def refused(path):
        if path.name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return listing(path)

    monkeypatch.setattr(type(top), "iterdir", refused)
    with pytest.raises(MissingSource, match=r"cannot be read: .*Permission denied: .*closed"):
        read(top)


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
    (top / "test" / "cat" / "0.png").write_bytes((top / "train" / "dog" / "1.png").read_bytes())
    plan = make_plan("digits_on_photos", scale="smoke", pins={"photos": [f"folder:{top}"]})
    notes = []
    check_sources(plan.cells, Context(store=tmp_path, device="cpu"), notes.append)
    (note,) = notes
    assert "1 of 6 held-out files are training files, too, byte for byte" in note
    assert "(test/cat/0.png is train/dog/1.png)" in note


def test_copies_in_a_tree_without_parts_are_told_and_only_those_across_the_parts(tmp_path):
    top = tree(tmp_path, ("",), each=5)
    found = listed(top)
    trained_on, held_out = found.training[0][0], found.held_out[0][0]
    other = found.training[0][1]
    other.write_bytes(trained_on.read_bytes())
    assert read(top)[1] == []
    held_out.write_bytes(trained_on.read_bytes())
    (note,) = read(top)[1]
    example = f"({held_out.relative_to(top)} is {trained_on.relative_to(top)})"
    assert "1 of 2 held-out files are training files, too, byte for byte" in note
    assert example in note or example.replace(trained_on.name, other.name) in note


def test_what_a_terminal_would_obey_in_a_name_is_not_told(tmp_path):
    top = tree(tmp_path, ("train", "test"))
    for name in ("red\x1b[31m.png", "two\nlines.png"):
        (top / "train" / "cat" / name).write_bytes(b"no picture")
        (top / name).write_bytes(b"")
    pool, notes = read(top, skip_bad=True)
    assert len(pool) == 6
    assert "train/cat/red\ufffd[31m.png (no picture)" in " ".join(notes)
    assert "".join(notes).isprintable()


def test_a_folder_without_a_name_is_not_the_current_one():
    with pytest.raises(MissingSource, match="'folder:' names no folder"):
        read("")


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
    (top / "cat" / strange).write_bytes(b"no picture")
    notes = [note for train in (True, False) for note in read(top, train, skip_bad=True)[1]]
    (note,) = notes
    assert "1 of " in note


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
    found = listed(top)
    return top / "cat" / "0.png" in (found.training if train else found.held_out)[0]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_white_of_16_bit_files_is_what_their_numbers_reach(bits):
    ramp = np.linspace(0, 2**bits - 1, 256).round().astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (256, 1)))
    grey = np.asarray(as_rgb(image))[0, :, 0].astype(int)
    assert abs(grey - np.arange(256)).max() <= 1


def test_what_is_transparent_everywhere_is_a_bad_file(tmp_path):
    top = tree(tmp_path, ("train", "test"))
    Image.new("RGBA", (16, 16), (200, 10, 10, 0)).save(top / "train" / "cat" / "0.png")
    with pytest.raises(UserError, match=r"0.png \(nothing of it is visible"):
        read(top)
    assert len(read(top, skip_bad=True)[0]) == 5


def test_of_an_animation_the_first_frame_is_taken_and_told(tmp_path):
    top = tree(tmp_path, ("train", "test"))
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    for name in ("a.gif", "b.webp", "c.tif"):
        frames[0].save(top / "train" / "cat" / name, save_all=True, append_images=frames[1:])
    pool, (note,) = read(top)
    assert len(pool) == 9
    assert "3 of 9 files" in note
    assert "a.gif (of its frames the first one is taken)" in note
    assert read(top, train=False)[1] == []


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
    monkeypatch.setattr(decoding, "MOST_PIXELS", 300)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for most, number in ((200, 1), (100, 0)):  # 256 pixels: more than it, more than twice
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
            decoded.cache_clear()
            pictures, bad, _ = decoded(((str(tmp_path / "a.png"), (0,)),), 16)
            assert (len(pictures), len(bad)) == (number, 1 - number)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some programs do
        monkeypatch.setattr(decoding, "MOST_PIXELS", 255)
        decoded.cache_clear()
        _, bad, _ = decoded(((str(tmp_path / "a.png"), (0,)),), 16)
        assert list(bad.values()) == ["it has more than 0 million pixels"]


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
