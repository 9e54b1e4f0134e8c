"""What a class finds: lessons that were prepared, a store that is not there, or is damaged."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import suppression as sup
from suppression import running
from suppression.lessons import __main__ as command
from suppression.lessons import reading
from suppression.reporting.result import Recorded

TINY = """
title = "Tiny"
claim = "Nothing."
data = "random_bits"
axis = "bits"
arms = [{ method = "untrained" }]

[scale.demo]
source = "digits"
canvas = 16
bits = [0, 4]
stem = 1
width = 2
probe = { train = 40, test = 20 }
"""


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """`random_bits` is an experiment of a second, as a user's own recipe of that name would be."""
    shelf = tmp_path / "shelves" / "experiments"
    shelf.mkdir(parents=True)
    (shelf / "random_bits.toml").write_text(TINY)
    monkeypatch.setenv("SUPPRESSION_PATH", str(tmp_path / "shelves"))
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("name", reading.LIVE)
def test_without_a_store_the_record_is_shown_and_told(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path / "home"))
    found = sup.lessons.result(name, live=False)
    assert isinstance(found, Recorded)
    told = capsys.readouterr().err
    assert f"the recorded result of {name} ({found.plan.scale} scale)" in told
    assert "python -m suppression.lessons prepare" in told
    assert re.search(r"in about \d+ minute", told)
    assert not (tmp_path / "home").exists()


def test_what_was_trained_is_shown_and_a_store_that_cannot_be_read_is_as_none(
    tiny, monkeypatch, in_this_process
):
    assert sup.lessons.result("random_bits", live=True).plan.scale == "demo"
    monkeypatch.setattr(running, "train_missing", None)  # not called
    assert len(sup.lessons.result("random_bits", live=False).answers) == 2
    cells = [path for path in tiny.rglob("*") if path.is_file() and "cells" in str(path)]
    assert cells
    for path in cells:
        path.write_bytes(b"of another version")
    with pytest.raises(sup.UserError, match="has no record"):  # which this recipe lacks
        sup.lessons.result("random_bits", live=False)


def test_an_experiment_that_is_not_live_is_told():
    with pytest.raises(sup.UserError, match="digit_size is not trained in lessons; these are"):
        sup.lessons.result("digit_size")


def test_prepare_tells_the_minutes_and_trains_nothing_when_dry(tiny, capsys):
    assert command.main(["prepare", "--dry"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in told] == list(reading.LIVE)
    assert all(re.search(r"\d+ networks?, about \d+\.\d minutes on", line) for line in told)
    assert not tiny.exists()


def test_prepare_trains_and_copies_and_keeps_what_a_student_wrote(
    tiny, tmp_path, monkeypatch, capsys, in_this_process
):
    monkeypatch.setattr(reading, "LIVE", ("random_bits",))
    own = tmp_path / "class"
    own.mkdir()
    (own / "05_shared_bits.ipynb").write_text("mine")
    assert command.main(["prepare", "--to", str(own)]) == 0
    assert "1 were there, and stay as they are" in capsys.readouterr().out
    assert (own / "05_shared_bits.ipynb").read_text() == "mine"
    ours = Path(command.NOTEBOOKS)
    assert {path.name for path in own.iterdir()} == {path.name for path in ours.glob("*.ipynb")}
    assert command.main(["prepare", "--to", str(own)]) == 0
    assert "random_bits: is in the store" in capsys.readouterr().out


def test_the_list_has_every_lesson_with_its_question(capsys):
    assert command.main([]) == 0
    told = capsys.readouterr().out.splitlines()
    assert len(told) == len(list(command.NOTEBOOKS.glob("*.py")))
    assert "05_shared_bits" in told[5]
    assert "A few shared bits" in told[5]


def test_mistakes_end_with_2_and_a_sentence(tmp_path, monkeypatch, capsys):
    assert command.main(["prepair"]) == 2
    monkeypatch.setattr(command, "NOTEBOOKS", tmp_path)
    assert command.main(["list"]) == 2
    assert "no notebooks beside this package" in capsys.readouterr().err


def test_every_lesson_stands_on_the_teachers_page():
    page = (command.NOTEBOOKS / "README.md").read_text()
    for path in command.lessons():
        assert f"[{path.stem[:2]} {command.title_of(path)}]({path.name})" in page
        assert len(re.findall(rf"^\| {path.stem[:2]} \|", page, re.M)) == 1
