"""`python -m suppression.show`: a sheet of samples, the card, and mistakes."""

from __future__ import annotations

import errno

import pytest

from suppression import writing
from suppression.experiment.files import names
from suppression.show import main

PNG = b"\x89PNG"


def test_without_a_name_it_lists_every_card(capsys):
    assert main([]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == names("datasets")


def test_show_draws_a_sheet_and_prints_the_card(tmp_path, capsys):
    out = tmp_path / "sheet.png"
    assert main(["two_digits", "--size2", "40", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(PNG)
    told = capsys.readouterr().out
    assert "feature first" in told
    assert "size2=40" in told
    assert told.endswith(f"picture: {out}\n")


def test_one_seed_is_one_picture_and_another_is_another(tmp_path):
    pictures = []
    for seed in ("0", "0", "1"):
        out = tmp_path / "sheet.png"
        assert main(["two_digits", "--seed", seed, "--out", str(out)]) == 0
        pictures.append(out.read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_without_out_the_picture_has_the_cards_name_in_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["random_bits", "--bits", "4"]) == 0
    assert (tmp_path / "random_bits.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("x.jpg", b"\xff\xd8"), ("x.JPEG", b"\xff\xd8"), ("x.svg", b"<?xml"), ("x.pdf", b"%PDF")],
)
def test_a_picture_is_what_the_ending_of_its_name_says(tmp_path, name, begins):
    argv = ["random_bits", "--canvas", "16", "--out"]
    pictures = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / name
        assert main([*argv, str(out)]) == 0
        pictures.append(out.read_bytes())
        assert [path.name for path in out.parent.iterdir()] == [name]
    assert pictures[0].startswith(begins)
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize("name", ["x.bmp", "x", "x.png.txt", ".png", "folder", "folder.png"])
def test_a_name_that_no_picture_can_have_is_told_before_any_is_drawn(
    tmp_path, name, capsys, monkeypatch
):
    monkeypatch.setattr("suppression.show.picture", lambda *args: pytest.fail("was drawn"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    assert main(["random_bits", "--out", str(tmp_path / name)]) == 2
    err = capsys.readouterr().err
    assert "is a folder: name a picture in it" in err or "end in .png, .jpg, .jpeg, .svg" in err


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, capsys, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "x.png"
    out.write_bytes(b"old")
    monkeypatch.setattr(writing, "write_through", full)
    assert main(["random_bits", "--canvas", "16", "--out", str(out)]) == 2
    assert "cannot be written: No space left on device" in capsys.readouterr().err
    assert out.read_bytes() == b"old"


MISTAKES = [
    (["two_digit"], "no card 'two_digit'; did you mean 'two_digits'?"),
    (["two_digits", "--sise2", "3"], "did you mean 'size2'?"),
    (["two_digits", "--tau", "3"], "two_digits has no parameter 'tau'"),
    (["--size2", "3"], "name the data set first"),
    (["two_digits", "--size2", "300"], "does not fit"),
    (
        ["two_digits", "--size2", "110", "--size1", "110", "--overlap", "0"],
        "no placement of digits",
    ),
    (["two_digits", "--out", "/nowhere/x.png"], "cannot be written"),
    (
        ["multidigits", "--count", "17", "--placement", "in_grid"],
        "17 digits of up to 28 px need as many grid cells; a canvas of 112 px has 16",
    ),
    (["random_bits", "--bits", "25"], "bits = 25 is not in 0..24"),
    (["random_bits", "--source", "photo"], "there is no source 'photo'; did you mean 'photos'?"),
    (["random_bits", "--source", "folder:no/where"], "source 'folder:no/where' is not there"),
    (
        ["random_bits", "--instances", "1298"],
        "instances = 1298: source 'digits' has 1297 for training",
    ),
]


@pytest.mark.parametrize(("argv", "told"), MISTAKES, ids=[" ".join(argv) for argv, _ in MISTAKES])
def test_show_tells_a_mistake_and_exits_with_2(argv, told, capsys):
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.startswith("error: ")
