"""Sources of photographs: trees of folders, pictures of every kind as RGB, and bad files."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from suppression import exp, show
from suppression.data import MissingSource
from suppression.data.sources import decoding as pictures
from suppression.data.sources import embedded
from suppression.data.sources.decoding import as_rgb, squared
from suppression.data.sources.embedded import EMBEDDED, embedded_at
from suppression.data.sources.photos import photographs
from suppression.errors import UserError
from suppression.execution.batches import load_pools
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.experiment.builders import build_method
from suppression.experiment.plan import make_plan

needs_cifar = pytest.mark.skipif(
    not (Path(os.environ.get("SUPPRESSION_DATA", "")) / "cifar10_jpeg").is_dir(),
    reason="no cifar10_jpeg under SUPPRESSION_DATA",
)


def picture(path: Path, colour=(200, 100, 50), size=(24, 16), mode="RGB", **how) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **how)
    return path


@pytest.fixture
def top(tmp_path):
    """A tree of two classes, ten plain pictures each, without parts.

    Class `a` is red, of as many levels as there are pictures, and `b` blue.
    """
    for i in range(10):
        picture(tmp_path / "tree" / "a" / f"{i}.png", (100 + 10 * i, 0, 0))
        picture(tmp_path / "tree" / "b" / f"{i}.png", (0, 0, 100 + 10 * i))
    return tmp_path / "tree"


def load(top, train=True, side=16, **how):
    return photographs(f"folder:{top}", train, side=side, **how)


def levels(pool) -> list[int]:
    return sorted(pool.images.amax((1, 2, 3)).tolist())


# Trees


def test_a_fifth_of_each_class_of_a_tree_without_parts_is_held_out_whatever_the_order_on_disk(top):
    train, test = load(top), load(top, False)
    assert train.names == test.names == ("a", "b")
    for label in (0, 1):
        kept, held = (
            sorted(pool.images[pool.labels == label].amax((1, 2, 3)).tolist())
            for pool in (train, test)
        )
        assert sorted(kept + held) == list(range(100, 200, 10))
        assert len(held) == 2
    before = levels(test)
    for name in ("a", "b"):  # a new file may change the share, but the old ones keep their order
        (top / name / "0.png").rename(top / name / "z.tmp")
        (top / name / "z.tmp").rename(top / name / "0.png")
    assert levels(load(top, False)) == before


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_a_tree_with_parts_is_read_by_its_parts(tmp_path, held_out):
    for part, level in (("train", 50), (held_out, 150)):
        for name in ("a", "b"):
            picture(tmp_path / part / name / "deep" / "one.png", (level, 0, 0))
    assert levels(load(tmp_path)) == [50, 50]
    assert levels(load(tmp_path, False)) == [150, 150]


def test_the_first_few_pictures_of_a_tree_are_of_all_classes(top):
    assert set(load(top).labels[:6].tolist()) == {0, 1}


def test_a_relative_path_is_looked_for_under_the_data_root(top, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPPRESSION_DATA", str(tmp_path))
    assert len(photographs("folder:tree", True, side=16)) == 16
    monkeypatch.delenv("SUPPRESSION_DATA")
    assert len(photographs("folder:tree", True, tmp_path, side=16)) == 16
    with pytest.raises(MissingSource, match=r"folder:no/such.*is not there.*and.*no folder"):
        photographs("folder:no/such", True, tmp_path, side=16)


def test_a_folder_without_class_folders_is_told(tmp_path):
    picture(tmp_path / "one.png")
    with pytest.raises(UserError, match=r"has no class folders \(it holds 1 files\)"):
        load(tmp_path)


def test_a_folder_with_one_class_is_told(top):
    shutil.rmtree(top / "b")
    with pytest.raises(
        UserError, match="has one class folder only, 'a'; a probe needs two classes at least"
    ):
        load(top)


def test_an_empty_class_and_a_class_of_one_file_are_told(top):
    (top / "c").mkdir()
    with pytest.raises(UserError, match="has no file of class 'c'"):
        load(top)
    picture(top / "c" / "only.png")
    with pytest.raises(UserError, match="c has one file; a class needs two at least"):
        load(top)


def test_a_class_that_only_the_test_part_has_is_told(top, tmp_path):
    shutil.copytree(top, tmp_path / "parts" / "train")
    shutil.copytree(top, tmp_path / "parts" / "test")
    picture(tmp_path / "parts" / "test" / "c" / "0.png")
    with pytest.raises(UserError, match=r"has the class folder 'c', which .*train has not"):
        load(tmp_path / "parts", False)


@needs_cifar
def test_the_jpeg_tree_of_cifar10_is_whole():
    for train, each in ((True, 800), (False, 200)):
        pool = photographs("folder:cifar10_jpeg", train, side=64)
        assert pool.images.shape == (
            10 * each,
            3,
            32,
            32,
        )  # held at its own size: nothing is gained by enlarging it beforehand
        assert pool.labels.bincount().tolist() == [each] * 10
        assert pool.names[:2] == ("airplane", "automobile")
    assert 0.4 < pool.images.float().mean() / 255 < 0.55


# Files that are no pictures


@pytest.fixture
def spoilt(top):
    """The tree with a text, a truncated picture, an empty file and a hidden one in training."""
    whole = picture(top / "a" / "whole.jpg", size=(64, 64), quality=95).read_bytes()
    (top / "a" / "whole.jpg").unlink()
    for name, content in (
        ("notes.txt", b"not a picture"),
        ("cut.jpg", whole[: len(whole) // 2]),
        ("empty.png", b""),
        (".DS_Store", b"x"),
    ):
        (top / "a" / name).write_bytes(content)
    shutil.copytree(top, top.parent / "parts" / "train")
    shutil.copytree(top / "b", top.parent / "parts" / "test" / "b")
    shutil.copytree(top / "b", top.parent / "parts" / "test" / "a")
    return top.parent / "parts"


def test_files_that_are_no_pictures_are_named_and_counted(spoilt):
    with pytest.raises(
        UserError, match=r"3 of 23 files in .* \(training part\) cannot be used"
    ) as error:
        load(spoilt)
    for told in (
        "train/a/notes.txt (no picture)",
        "train/a/cut.jpg (",
        "train/a/empty.png (no picture)",
        "--skip-bad",
    ):
        assert told in str(error.value)
    assert ".DS_Store" not in str(error.value)


def test_the_rest_is_used_if_bad_files_are_to_be_skipped_and_what_was_skipped_is_told(spoilt):
    notes = []
    pool = load(spoilt, skip_bad=True, note=notes.append)
    assert levels(pool) == sorted([*range(100, 200, 10)] * 2)
    hidden, copies, bad = notes
    assert "held-out files are training files" in copies
    assert ".DS_Store (hidden" in hidden
    assert "3 of 23 files" in bad
    assert "notes.txt" in bad
    assert load(spoilt, False, note=notes.append).labels.tolist().count(0) == 10
    assert len(notes) == 3


def test_of_many_bad_files_the_first_few_are_named(top):
    for i in range(9):
        (top / "b" / f"bad{i}.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot be used: .*, \.\.\.") as error:
        load(top)
    assert str(error.value).count("(no picture)") == 5


def test_a_class_of_which_nothing_is_left_is_told(spoilt):
    for path in (spoilt / "train" / "a").glob("?.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="no file of class 'a' can be used"):
        load(spoilt, skip_bad=True)


@pytest.mark.slow
def test_the_doors_tell_bad_files_and_go_on_with_skip_bad(spoilt, tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nclaim = "none"\ndata = "random_bits"\naxis = "bits"\n'
        'arms = [{ method = "untrained" }]\n'
        f'[scale.smoke]\nsource = "folder:{spoilt.name}"\ncanvas = 16\nbits = [1]\nwidth = 4\n'
        "probe = { train = 60, test = 30 }\n"
    )
    asked = [
        str(tmp_path / "mine.toml"),
        "--scale",
        "smoke",
        "--store",
        str(tmp_path / "store"),
        "--root",
        str(spoilt.parent),
        "--workers",
        "1",
    ]
    assert exp.main(asked) == 2
    assert "3 of 23 files" in capsys.readouterr().err
    assert exp.main([*asked, "--skip-bad"]) == 0
    assert capsys.readouterr().err.count("note: 3 of 23 files") == 1
    sheet = [
        "random_bits",
        "--source",
        f"folder:{spoilt}",
        "--canvas",
        "16",
        "--out",
        str(tmp_path / "x.png"),
    ]
    assert show.main(sheet) == 2
    assert show.main([*sheet, "--skip-bad"]) == 0


def test_pictures_much_smaller_than_the_canvas_are_told_and_others_are_enlarged_as_they_are_drawn(
    top,
):
    assert load(top, side=64).images.shape[-1] == 16  # a quarter of it
    picture(top / "a" / "small.png", size=(100, 15))
    picture(top / "a" / "small2.png", size=(100, 15))
    picture(top / "a" / "small3.png", size=(100, 15))
    parts = [load(top, train, side=60).images.shape[-1] for train in (True, False)]
    assert parts == [16, 16]
    bad = set()
    for train in (True, False):
        with pytest.raises(
            UserError, match="its shorter side is 15 px, too small for 64 px; the least is 16"
        ) as error:
            load(top, train, side=64)
        bad.add(str(error.value))
    assert bad


def test_more_pictures_than_fit_into_memory_are_told_before_any_is_read(top, monkeypatch):
    monkeypatch.setattr(pictures, "memory", lambda: 10_000.0)
    with pytest.raises(
        UserError,
        match=r"16 pictures of 16 px need .* GB of memory and this machine has .*; "
        "take a smaller canvas",
    ):
        load(top)


# Pictures of every kind


def png16(path: Path, pixels: np.ndarray) -> None:
    """A PNG of 16 bits a channel, written byte by byte: (h, w), or (h, w, 2 or 3 or 4)."""
    colour_type = 0 if pixels.ndim == 2 else {2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = [
        (
            b"IHDR",
            struct.pack(
                ">IIBBBBB",
                pixels.shape[1],
                pixels.shape[0],
                16,
                colour_type,
                0,
                0,
                0,
            ),
        ),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def seen(path: Path) -> list[int]:
    with Image.open(path) as image:
        rgb = as_rgb(image)
    assert rgb.mode == "RGB"
    (colour,) = {rgb.getpixel((x, y)) for x in range(rgb.width) for y in range(rgb.height)}
    return list(colour)


def test_grey_palette_transparent_and_cmyk_pictures_become_rgb(tmp_path):
    path = tmp_path / "x.png"
    assert seen(picture(path, 77, mode="L")) == [77] * 3
    assert seen(picture(path, 1, mode="1")) == [255] * 3
    assert seen(picture(path, (200, 100, 50, 255), mode="RGBA")) == [200, 100, 50]
    # Two fifths of it: what is dark lies on white, what is bright on black.
    assert seen(picture(path, (200, 100, 50, 102), mode="RGBA")) == [233, 193, 173]
    assert seen(picture(path, (200, 102), mode="LA")) == [80] * 3
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(path)
    assert seen(path) == [200, 100, 50]
    palette.save(path, transparency=1)
    with pytest.raises(ValueError, match="transparent everywhere"):
        seen(path)
    assert seen(picture(tmp_path / "x.tif", (0, 255, 255, 0), mode="CMYK")) == [255, 0, 0]


@pytest.mark.parametrize(
    ("level", "grey"), [(0, 0), (128, 128), (257, 16), (4095, 255), (25700, 100), (65535, 255)]
)
def test_16_bits_are_scaled_to_8_and_not_cut_off(tmp_path, level, grey):
    """Where no number is larger than 255, or than 4095, the file is of 8 or of 12 bits."""
    png16(tmp_path / "grey.png", np.full((5, 6), level))
    png16(tmp_path / "rgb.png", np.full((5, 6, 3), [level, 65535, 0]))
    assert seen(tmp_path / "grey.png") == [grey] * 3
    assert (
        abs(seen(tmp_path / "rgb.png")[0] - level / 257) <= 1
    )  # PIL keeps the upper byte of these
    assert seen(tmp_path / "rgb.png")[1:] == [255, 0]


@pytest.mark.parametrize("most", [255, 4095, 65535])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_colours_of_16_bits_are_scaled_as_grey_is(tmp_path, ending, most):
    numbers = np.random.default_rng(0).integers(0, most + 1, (16, 16, 3)).astype(np.uint16)
    numbers[0, 0] = most
    file = tmp_path / f"x.{ending}"
    if ending == "png":
        png16(file, numbers)
    else:
        tifffile.imwrite(file, numbers)
    seen_in, bad, _ = pictures.decoded(((str(file), ()),), 16)
    assert bad == {}
    assert abs(seen_in[0].permute(1, 2, 0).numpy() - numbers * (255 / most)).max() <= 1


@pytest.mark.parametrize("white", [255, 65535])
@pytest.mark.parametrize("channels", [2, 4])
def test_an_alpha_of_16_bits_has_a_white_of_its_own(tmp_path, channels, white):
    numbers = np.random.default_rng(0).integers(0, 256, (16, 16, channels))
    numbers[..., -1] = white
    png16(tmp_path / "x.png", numbers)
    seen_in, bad, _ = pictures.decoded(((str(tmp_path / "x.png"), ()),), 16)
    assert bad == {}
    expected = np.broadcast_to(numbers[..., :-1], (16, 16, 3))
    assert (seen_in[0].permute(1, 2, 0).numpy() == expected).all()


def test_pictures_without_a_known_white_are_told(top):
    for part in range(8):
        Image.fromarray(np.full((16, 16), 0.5, np.float32)).save(top / "a" / f"float{part}.tif")
    with pytest.raises(UserError, match="floating-point numbers, which have no known white"):
        load(top)


def test_a_photograph_is_turned_as_its_camera_was_held(tmp_path):
    image, exif = Image.new("RGB", (8, 4)), Image.Exif()
    image.paste((255, 0, 0), (0, 0, 8, 2))  # red above
    exif[0x0112] = 3  # held upside down
    image.save(tmp_path / "x.png", exif=exif)
    with Image.open(tmp_path / "x.png") as opened:
        turned = np.asarray(as_rgb(opened))
    assert turned[:2].max() == 0
    assert turned[2:, :, 0].min() == 255


def test_a_picture_is_cut_to_its_central_square_and_shrunk_with_antialiasing(tmp_path):
    stripes = np.zeros((32, 48, 3), np.uint8)
    stripes[:, ::2] = 255  # of one pixel: grey when shrunk
    stripes[:, :8] = stripes[:, 40:] = [0, 255, 0]  # cut off
    Image.fromarray(stripes).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as opened:
        small = np.asarray(squared(opened, 8)).astype(int)
    assert small.shape == (8, 8, 3)
    assert np.abs(small - 127.5).max() < 20
    assert np.ptp(small, axis=2).max() == 0


# The embedded photographs, and torchvision's


def test_the_embedded_photographs_are_one_class_each_and_need_no_network(monkeypatch):
    import socket

    monkeypatch.setattr(
        socket, "socket", lambda *args, **kw: pytest.fail("a connection was opened")
    )
    embedded_at.cache_clear()
    for train in (True, False):
        pool = photographs("photos", train, side=20)
        assert pool.names == tuple(EMBEDDED)
        assert pool.images.dtype == torch.uint8
        assert pool.images.shape[1:] == (3, 20, 20)
        counts = pool.labels.bincount()
        assert len(counts) == len(EMBEDDED) == 20
        assert counts.min() >= 40
        assert len(pool.labels[:200].unique()) == 20
        assert len(pool.images.flatten(1).unique(dim=0)) > 0.95 * len(pool)


def test_training_and_test_windows_of_a_photograph_do_not_touch(monkeypatch):
    """Red on the left, green for a tenth in the middle, blue on the right: trained on red only."""
    painted = Image.new("RGB", (200, 120), (0, 255, 0))
    painted.paste((255, 0, 0), (0, 0, 90, 120))
    painted.paste((0, 0, 255), (110, 0, 200, 120))
    monkeypatch.setattr(embedded, "as_rgb", lambda image: painted)
    embedded_at.cache_clear()
    try:
        for train, channel in ((True, 0), (False, 2)):
            images = photographs("photos", train, side=20).images
            assert images[:, channel].min() == 255
            assert images[:, [c for c in range(3) if c != channel]].max() == 0
    finally:
        embedded_at.cache_clear()


def test_a_canvas_too_large_for_the_embedded_photographs_is_told():
    with pytest.raises(UserError, match="take a smaller canvas"):
        photographs("photos", True, side=1000)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cifar10", "cifar-10-batches-py"),
        ("stl10", "stl10_binary"),
        ("imagenette", "imagenette2-160"),
    ],
)
def test_a_data_set_of_torchvision_that_is_not_there_is_told_with_what_to_place_where(
    name, folder, tmp_path
):
    with pytest.raises(
        MissingSource, match=rf"source '{name}' is not in .*{folder}.*--download"
    ) as error:
        photographs(name, True, tmp_path, side=32)
    assert str(tmp_path) in str(error.value)


def test_cifar10_and_stl10_are_what_torchvision_reads(monkeypatch):
    class Fake:
        classes = ("cat", "dog")

        def __init__(self, root, train=None, split=None, download=False):
            self.data = np.random.default_rng(0).integers(256, size=(6, 32, 32, 3), dtype=np.uint8)
            self.targets = [0, 1] * 3
            if split:
                self.data, self.labels = (
                    self.data.transpose(0, 3, 1, 2),
                    np.array(self.targets, dtype=np.uint8),
                )

    for name in ("CIFAR10", "STL10"):
        monkeypatch.setattr(f"torchvision.datasets.{name}", Fake)
        pool = photographs(name.lower(), True, side=64)
        assert np.array_equal(pool.images.permute(0, 2, 3, 1), Fake("").data)
        assert pool.labels.tolist() == [0, 1] * 3
        assert pool.labels.dtype == torch.int64
        assert pool.names == ("cat", "dog")
    small = photographs("cifar10", True, side=8).images
    expected = [
        np.asarray(Image.fromarray(image).resize((8, 8), Image.Resampling.BILINEAR))
        for image in Fake("").data
    ]
    assert np.abs(small.permute(0, 2, 3, 1).numpy().astype(int) - np.stack(expected)).max() <= 1


def test_imagenette_is_read_from_the_smallest_of_its_folders_that_need_not_be_enlarged(tmp_path):
    for size, level in ((160, 50), (320, 150)):
        for part in ("train", "val"):
            for i in range(10):
                picture(
                    tmp_path / f"imagenette2-{size}" / part / f"n{i}" / "x.jpeg",
                    (level, level, level),
                    size=(size, size),
                )
    assert photographs(
        "imagenette", True, tmp_path, side=100
    ).images.float().mean().item() == pytest.approx(50, abs=2)
    large = photographs("imagenette", False, tmp_path, side=200)
    assert large.images.float().mean().item() == pytest.approx(150, abs=2)
    assert large.names[0] == "tench"


def test_a_source_of_photographs_that_is_not_known_is_told_with_the_nearest():
    with pytest.raises(
        UserError, match="there is no source of photographs 'foto'; did you mean 'photos'"
    ):
        photographs("foto", True, side=8)


def test_two_cells_of_one_process_read_a_folder_once_and_again_when_it_changes(top, monkeypatch):
    one, same = load(top), load(top)
    assert one.images is same.images
    picture(top / "a" / "3.png", (33, 0, 0))
    os.utime(top / "a" / "3.png", (1, 1))
    assert 33 in levels(load(top)) + levels(load(top, False))


def test_a_cell_on_photographs_has_the_number_of_classes_of_its_source(top, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nclaim = "none"\ndata = "random_bits"\naxis = "bits"\n'
        'arms = [{ method = "supervised" }]\n'
        f'[scale.smoke]\nsource = "folder:{top.name}"\ncanvas = 16\nbits = [2]\nwidth = 4\n'
        'samples = 64\nbatch = 8\nprecision = "fp32"\nprobe = { train = 60, test = 30 }\n'
    )
    plan = make_plan(str(tmp_path / "mine.toml"), scale="smoke")
    context = Context(store=tmp_path / "store", root=top.parent)
    rows = run_cell(plan.cells[0], plan.probe, context)
    named = ("class", "bit1", "bit2", "bit")
    assert [(row["scenes"], row["feature"]) for row in rows] == [
        (scenes, name) for scenes in ("alone", "together") for name in named
    ]
    pools = load_pools(plan.cells[0], context, torch.device("cpu"))
    assert build_method(plan.cells[0], pools[True]).head.out_features == 2


def test_the_photographs_in_colour_are_those_whose_channels_differ():
    for train in (True, False):
        everything, coloured = (
            photographs(name, train, side=32) for name in ("photos", "colour_photos")
        )
        spread = everything.images.float().std(1).mean((1, 2))  # over red, green, blue
        medians = {
            name: float(spread[everything.labels == i].median())
            for i, name in enumerate(everything.names)
        }
        assert set(coloured.names) == {name for name, median in medians.items() if median > 5}
        assert len(coloured) == len(coloured.names) * len(everything) // len(everything.names)
