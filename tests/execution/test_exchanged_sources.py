"""Pictures that are exchanged under one name are trained on anew, and what was stored is kept."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from suppression.data.sources.fingerprint import fingerprint
from suppression.execution.store import Store
from suppression.exp import main


def write_pictures(top, seed, classes=("cat", "dog"), each=6):
    rng = np.random.default_rng(seed)
    for name in classes:
        (top / name).mkdir(parents=True, exist_ok=True)
        for i in range(each):
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(top / name / f"{i}.png")
    return top


def run(store, pictures, *more):
    command = ["digits_on_photos", "--scale", "smoke", "--method", "simclr", "--tau", "0.2"]
    return main(
        [*command, "--alpha", "0.5", "--photos", f"folder:{pictures}", "--store", str(store), *more]
    )


def test_embedded_sources_have_no_fingerprint_and_a_missing_folder_has_none():
    for name in ("digits", "mnist5k", "photos", "colour_photos", "folder:/no/where"):
        assert fingerprint(name) is None


def test_a_fingerprint_is_of_names_sizes_and_contents_and_not_of_times(tmp_path):
    one = write_pictures(tmp_path / "one", 0)
    first = fingerprint(f"folder:{one}")
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(one, copy)
    os.utime(copy / "cat" / "0.png", (1, 1))
    assert fingerprint(f"folder:{copy}") == first
    (copy / "cat" / "0.png").rename(copy / "cat" / "9.png")
    assert fingerprint(f"folder:{copy}") != first
    other = write_pictures(tmp_path / "other", 1)
    assert fingerprint(f"folder:{other}") != first


def test_a_large_source_is_told_by_the_times_of_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr("suppression.data.sources.fingerprint.MOST_READ", 1)
    one = write_pictures(tmp_path / "one", 0)
    first = fingerprint(f"folder:{one}")
    assert fingerprint(f"folder:{one}") == first
    os.utime(one / "cat" / "0.png", (1, 1))
    assert fingerprint(f"folder:{one}") != first


@pytest.mark.slow
def test_exchanged_pictures_are_told_and_trained_on_anew(tmp_path, capsys):
    pictures, store = write_pictures(tmp_path / "pics", 0), tmp_path / "store"
    assert run(store, pictures) == 0
    had = Store(store).keys()
    capsys.readouterr()
    assert run(store, pictures, "--dry") == 0
    assert "0 missing" in capsys.readouterr().out

    shutil.rmtree(pictures)
    assert run(store, pictures) == 0  # answered from the store: nothing says otherwise
    assert "are not those" not in capsys.readouterr().err

    write_pictures(pictures, 1)
    assert run(store, pictures, "--dry") == 0
    assert f"{len(had)} missing" in capsys.readouterr().out
    assert Store(store).keys() == had
    assert run(store, pictures) == 0
    told = capsys.readouterr().err
    assert told.count(f"the pictures of folder:{pictures} are not those that a stored cell") == len(
        had
    )
    assert Store(store).keys() == had  # equal keys, trained anew
    assert len(list((store / "damaged").iterdir())) == len(had)
    assert run(store, pictures) == 0
    assert "are not those" not in capsys.readouterr().err
