"""An exported folder: pictures and factors that agree, whole or not there, nobody's files lost."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shlex

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from suppression.data import (
    RandomBits,
    TableScenes,
    Trifeature,
    TwoDigits,
    export,
    fixed,
    from_table,
    load_pool,
)
from suppression.errors import UserError
from suppression.show import main

SCENES = TwoDigits(canvas=24, size1=8, size2=12)


def table(folder, part):
    with (folder / part / "metadata.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def pixels(path):
    return np.asarray(Image.open(path))


def rendered(rows, train):
    """The pictures of a table's rows, drawn anew from the positions and instances in it."""
    factors = {}
    for name in ("instance", "top", "left", "size"):
        columns = [[int(row[f"{name}{j}"]) for j in (1, 2)] for row in rows]
        factors[name] = torch.tensor(columns)
    pool = load_pool(SCENES, train=train)
    return (255 * SCENES.render(factors, pool)).round().byte()[:, 0].numpy(), pool, factors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return export(SCENES, tmp_path_factory.mktemp("export"), n=600)


@pytest.mark.parametrize(("part", "n"), [("train", 480), ("test", 120)])
def test_pictures_are_what_the_table_says(folder, part, n):
    rows = table(folder, part)
    drawn, pool, factors = rendered(rows, part == "train")
    assert len(rows) == n
    for row, picture, instances in zip(rows, drawn, factors["instance"].tolist(), strict=True):
        assert np.array_equal(pixels(folder / part / row["file_name"]), picture)
        digits = [str(int(pool.labels[number])) for number in instances]
        assert [row["first"], row["second"]] == digits
        assert row["unit"] == f"{part}-{instances[0]}"


def test_a_table_reads_the_same_pixels_factors_and_units(folder):
    for scenes in (from_table(folder), TableScenes(canvas=24, source=f"table:{folder}")):
        assert scenes.features == ("first", "second")
        for part in ("train", "test"):
            rows, pool = table(folder, part), load_pool(scenes, train=part == "train")
            names = [scenes.classes(pool)[name] for name in scenes.features]
            for number, row in enumerate(rows):
                image = pixels(folder / part / row["file_name"])
                assert (pool.images[number].numpy() == image).all()  # three equal channels
                codes = pool.factors[number].tolist()
                labels = [names[j][code] for j, code in enumerate(codes)]
                assert labels == [row["first"], row["second"]]
            assert len(pool.originals.unique()) == len({row["unit"] for row in rows})


def test_another_column_is_a_factor_if_it_is_chosen(folder):
    assert from_table(folder, ["first"]).features == ("first",)
    with pytest.raises(UserError, match="no column 'frist'; did you mean 'first'"):
        from_table(folder, ["frist"])
    scenes = from_table(folder, ["left1"])
    assert {*scenes.classes(load_pool(scenes))["left1"]} == {str(left) for left in range(17)}


@pytest.mark.parametrize(
    "text", ["no json", "[1]", '{"recordSet": 3}', '{"recordSet": [{"field": 1}]}']
)
def test_croissant_metadata_that_are_none_are_told(folder, tmp_path, text):
    place = export(SCENES, tmp_path / "damaged", n=100, note=lambda text: None)
    (place / "croissant.json").write_text(text)
    with pytest.raises(UserError, match=r"croissant\.json is no Croissant metadata"):
        from_table(place)


def test_both_parts_have_instances_of_their_own(folder):
    units = [{row["unit"] for row in table(folder, part)} for part in ("train", "test")]
    assert not units[0] & units[1]
    held_out = load_pool(SCENES, train=False)
    training = {image.numpy().tobytes() for image in load_pool(SCENES).images}
    for row in table(folder, "test"):
        for j in (1, 2):
            assert held_out.images[int(row[f"instance{j}"])].numpy().tobytes() not in training


def test_every_file_has_its_checksum(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {*sums, "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_a_smaller_n_is_the_beginning_of_both_parts(folder, tmp_path):
    few = export(SCENES, tmp_path / "few", n=100, note=lambda text: None)
    for part, n in (("train", 80), ("test", 20)):
        rows = table(few, part)
        assert rows == table(folder, part)[:n]
        for row in rows:
            name = row["file_name"]
            assert (few / part / name).read_bytes() == (folder / part / name).read_bytes()


def head_of(folder):
    """The head of the card: each line is a key and JSON, which is YAML."""
    _, head, _ = (folder / "README.md").read_text().split("---\n", 2)
    return {
        line.partition(": ")[0]: json.loads(line.partition(": ")[2]) for line in head.splitlines()
    }


def test_the_command_of_the_card_makes_the_same_files(tmp_path, capsys):
    flags = ["--canvas", "24", "--size1", "8", "--size2", "12", "--seed", "3", "--n", "40"]
    assert main(["two_digits", "--export", str(tmp_path / "one"), *flags]) == 0
    assert "40 pictures and their factors" in capsys.readouterr().out
    card = (tmp_path / "one" / "README.md").read_text()
    (line,) = [line for line in card.splitlines() if line.startswith("python -m")]
    assert str(tmp_path) not in card
    argv = shlex.split(line.replace("DIR", str(tmp_path / "two")))[3:]
    assert main(argv) == 0
    sums = [(tmp_path / name / "SHA256SUMS").read_text() for name in ("one", "two")]
    assert sums[0] == sums[1]
    assert head_of(tmp_path / "one")["license"] == "cc-by-4.0"


def test_the_head_of_the_card_has_the_columns_of_the_table(folder):
    info = head_of(folder)["dataset_info"]
    names = [feature["name"] for feature in info["features"]]
    assert ["file_name", *names[1:]] == list(table(folder, "train")[0])
    assert [split["num_examples"] for split in info["splits"]] == [480, 120]


def test_planes_that_no_picture_holds_are_columns_and_are_told(tmp_path):
    notes = []
    place = export(RandomBits(bits=3), tmp_path / "bits", n=500, note=notes.append)
    assert "The 3 planes" in notes[0]
    assert notes[0] in (place / "README.md").read_text()
    pool = load_pool(RandomBits(bits=3))
    for row in table(place, "train")[:20]:
        bits = int(pool.hashes[int(row["instance"])]) & 7
        assert [int(row[f"bit{i}"]) for i in (1, 2, 3)] == [bits >> i & 1 for i in range(3)]
        image = (pool.images[int(row["instance"])]).numpy()
        assert np.array_equal(pixels(place / "train" / row["file_name"]), image)


def test_scenes_of_no_source_have_no_unit_and_names_for_classes(tmp_path):
    place = export(Trifeature(canvas=16), tmp_path / "tri", n=400)
    rows = table(place, "train")
    assert "unit" not in rows[0]
    assert "instance" not in rows[0]
    assert {row["colour"] for row in rows} == set(Trifeature().classes(None)["colour"])
    assert "no picture of anybody's" in (place / "README.md").read_text()
    assert from_table(place).features == ("shape", "texture", "colour")


# --- somebody's folder -----------------------------------------------------------------------


def everything(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def few(place, n=10, **options):
    return export(SCENES, place, n=n, note=lambda text: None, **options)


def test_a_folder_that_is_not_empty_is_refused_and_left(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"is not empty|holds mine\.txt, which no export wrote"):
            few(tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_overwrite_replaces_what_an_export_wrote_and_nothing_else(tmp_path):
    few(tmp_path, n=20)
    few(tmp_path, n=10, overwrite=True)
    assert len(table(tmp_path, "train")) == 8
    assert len(list((tmp_path / "train").rglob("*.png"))) == 8
    (tmp_path / "train" / "notes.txt").write_text("mine")
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"holds train/notes\.txt, which no export wrote"):
        few(tmp_path, overwrite=True)
    assert everything(tmp_path) == before


def test_files_that_others_made_checksums_of_are_not_taken_for_ours(tmp_path):
    (tmp_path / "disk.iso").write_text("mine")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  disk.iso\n")
    before = everything(tmp_path)
    with pytest.raises(UserError, match=r"holds disk\.iso, which no export wrote"):
        few(tmp_path, overwrite=True)
    assert everything(tmp_path) == before


def test_a_link_is_never_followed(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "000000.png").write_text("mine")
    place = few(tmp_path / "out")
    os.rename(place / "test", tmp_path / "old")
    (place / "test").symlink_to(elsewhere)
    with pytest.raises(UserError, match="holds test, which no export wrote"):
        few(place, overwrite=True)
    assert (elsewhere / "000000.png").read_text() == "mine"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_what_is_interrupted_leaves_nothing_and_the_old_ones_as_they_were(tmp_path, error):
    def stop(done, n):
        raise error

    with pytest.raises((KeyboardInterrupt, UserError)):
        few(tmp_path / "new", progress=stop)
    assert not (tmp_path / "new").exists()
    old = few(tmp_path / "old")
    before = everything(old)
    with pytest.raises((KeyboardInterrupt, UserError)):
        few(old, n=20, overwrite=True, progress=stop)
    assert everything(old) == before


def test_what_a_killed_export_left_is_taken_away(tmp_path):
    dead = 2**22 + 1  # above the largest number of a process
    (tmp_path / f".filling.{dead}" / "train").mkdir(parents=True)
    few(tmp_path)
    assert not list(tmp_path.glob(".filling*"))


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["--n", "50"], "--n and --overwrite go with --export DIR"),
        (["--export", "x", "--n", "9"], "n = 9: 10 to 1,000,000 pictures are written"),
        (["--export", "x", "--n", "1000001"], "10 to 1,000,000 pictures"),
        (["--export", "no/where"], "there is no folder no"),
        (["--export", "x", "--out", "y.png"], "--export draws no sheet"),
        (["--export", " "], "an empty name is no folder"),
    ],
)
def test_mistakes_are_told_before_anything_is_drawn(argv, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["two_digits", *argv]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


# --- by number -------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_scenes_by_number_are_the_same_in_any_order_and_worker(workers):
    scenes = fixed(SCENES, n=30, seed=1)
    loader = DataLoader(scenes, batch_size=8, num_workers=workers)
    x = torch.cat([x for x, _ in loader])
    first = torch.cat([labels["first"] for _, labels in loader])
    for number in (29, 3, -1):
        alone, labels = scenes[number]
        assert torch.allclose(alone, x[number], atol=1e-6)
        assert labels["first"] == first[number]
    longer = fixed(SCENES, n=1200, seed=1)
    assert torch.equal(longer.labels["first"][:30], first)
    assert not torch.equal(fixed(SCENES, n=30, seed=2).labels["first"], first)


def test_a_transform_sees_one_scene_and_labels_stay():
    scenes = fixed(SCENES, n=5, train=False, transform=lambda x: x.shape)
    assert scenes[0][0] == (1, 24, 24)
    assert len(scenes) == 5
    with pytest.raises(IndexError, match="scene 5 of 5"):
        scenes[5]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"n": 0}, "n = 0; the least is 1"),
        ({"n": 2.5}, "n = 2.5 is not a whole number"),
        ({"n": 10**9}, r"10,000,000 scenes at most"),
        ({"scenes": TwoDigits}, "fixed draws from a generator"),
        ({"source": "mnits"}, "did you mean 'mnist'"),
    ],
)
def test_bad_arguments_are_refused(given, told):
    scenes = given.pop("scenes", SCENES)
    with pytest.raises(UserError, match=told):
        fixed(scenes, **{"n": 5} | given)
