"""Pictures that are exchanged under one name are trained on anew, and what was stored is kept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import suppression as sup
from suppression.data.sources.fingerprint import FILES, UNUSABLE, agree, fingerprint
from suppression.execution.batches import exchanged, fingerprints, trained_on
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.exp import main
from suppression.experiment import files
from suppression.experiment.plan import make_plan


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


def test_check_reads_the_contents_of_a_large_source_too(tmp_path, monkeypatch):
    monkeypatch.setattr("suppression.data.sources.fingerprint.MOST_READ", 1)
    name, file = f"folder:{write_pictures(tmp_path / 'one', 0)}", tmp_path / "one/cat/0.png"
    by_times, checked = fingerprint(name), fingerprint(name, check=True)
    stat, content = file.stat(), bytearray(file.read_bytes())
    content[-20] ^= 255
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert agree(fingerprint(name), by_times)  # what times alone cannot tell
    assert not agree(fingerprint(name, check=True), checked)
    assert agree(fingerprint(name, check=True), by_times)  # whose contents were not kept
    content[-20] ^= 255
    file.write_bytes(content)
    os.utime(file, (1, 1))
    assert agree(fingerprint(name, check=True), checked)  # a copy has other times
    assert not agree(fingerprint(name), checked)


def test_a_record_does_not_grow_by_cells_of_other_pictures(tmp_path, capsys):
    pictures, out = write_pictures(tmp_path / "pics", 0), tmp_path / "record"
    more = ("--method", "untrained", "--out", str(out))
    assert run(tmp_path / "store", pictures, *more) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    write_pictures(pictures, 1)
    capsys.readouterr()
    assert run(tmp_path / "store", pictures, *more, "--grow", "--seed", "1") == 2
    told = f"was made on other pictures of folder:{pictures} than those there now"
    assert told in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    write_pictures(pictures, 0)
    assert run(tmp_path / "store", pictures, *more, "--grow", "--seed", "1") == 0


def test_a_cell_that_another_process_trained_on_other_pictures_is_no_answer(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    pins = {"photos": [f"folder:{pictures}"], "method": ["untrained"]}
    plan = make_plan("digits_on_photos", scale="smoke", pins=pins)
    cell, context = plan.cells[0], Context(store=tmp_path / "store", device="cpu")
    store = Store(context.store)

    def answer():
        return run_cell(cell, plan.probe, context), trained_on(store, cell.key)

    rows, told = answer()
    assert answer() == (rows, told)
    assert not (store.root / "damaged").exists()
    write_pictures(pictures, 1)
    again, told_again = answer()
    assert told_again != told
    assert (again, told_again) == answer()
    (aside,) = (store.root / "damaged").iterdir()
    assert aside.name.startswith(cell.key)


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
    pictures_of = f"the pictures of folder:{pictures} are not those that"
    assert told.count(f"{pictures_of} {len(had)} stored cells were trained on") == 1
    assert Store(store).keys() == had  # equal keys, trained anew
    assert len(list((store / "damaged").iterdir())) == len(had)
    assert run(store, pictures) == 0
    assert "are not those" not in capsys.readouterr().err


def test_what_is_not_read_as_a_picture_does_not_count(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    first = fingerprint(f"folder:{pictures}")
    for name in (".DS_Store", "README.txt", "cat/.ipynb_checkpoints/0.png"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes(b"of a system")
    assert fingerprint(f"folder:{pictures}") == first


def test_a_file_replaced_with_its_size_and_time_kept_counts_in_the_same_process(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    file = pictures / "cat" / "0.png"
    first, stat = fingerprint(f"folder:{pictures}"), file.stat()
    content = bytearray(file.read_bytes())
    content[-20] ^= 255
    file.write_bytes(content)
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert file.stat().st_size == stat.st_size
    assert fingerprint(f"folder:{pictures}") != first


def test_pictures_behind_links_count(tmp_path):
    elsewhere = write_pictures(tmp_path / "elsewhere", 0)
    pictures = tmp_path / "pics"
    pictures.mkdir()
    for name in ("cat", "dog"):
        (pictures / name).symlink_to(elsewhere / name)
    first = fingerprint(f"folder:{pictures}")
    assert first == fingerprint(f"folder:{elsewhere}")
    write_pictures(elsewhere, 1)
    assert fingerprint(f"folder:{pictures}") != first


def test_what_may_not_be_read_is_as_if_it_were_not_there(tmp_path, monkeypatch):
    pictures = write_pictures(tmp_path / "pics", 0)

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refused)
    assert fingerprint(f"folder:{pictures}") is None


def test_a_tree_that_has_become_unusable_is_no_longer_the_same(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    shutil.rmtree(pictures / "dog")
    assert fingerprint(f"folder:{pictures}") == UNUSABLE


def test_files_of_torchvisions_form_are_told_by_their_contents(tmp_path, monkeypatch):
    monkeypatch.setattr("suppression.data.sources.fingerprint.MOST_READ", 1)
    for names in FILES.values():
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(name.encode())
    for source, names in FILES.items():
        first = fingerprint(source, tmp_path)
        os.utime(tmp_path / names[0], (1, 1))
        assert fingerprint(source, tmp_path) == first
        (tmp_path / names[0]).write_bytes(b"other pictures")
        assert fingerprint(source, tmp_path) not in (None, first)
        (tmp_path / names[0]).unlink()
        assert fingerprint(source, tmp_path) is None


def test_a_cell_tells_the_sources_of_what_it_builds_on(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    recipe = tmp_path / "mine.toml"
    text = Path(files.find("experiments", "transfer")).read_text(encoding="utf-8")
    source = 'data = "photographs"\nsource = "folder:pics"'
    recipe.write_text(text.replace('data = "photographs"', source), encoding="utf-8")
    plan = make_plan(str(recipe), scale="smoke")
    store = Store(tmp_path / "store")
    for key, run in plan.before.items():
        about = {"sources": fingerprints(run, store, tmp_path)}
        store.publish(key, cell=run.parameters, weights={}, trace=[], about=about)
    told = [fingerprints(cell, store, tmp_path) for cell in plan.cells if cell.prerequisites]
    expected = {"folder:pics": fingerprint("folder:pics", tmp_path)}
    assert sorted(told, key=len) == [{}, {}, {}, expected]
    assert len(exchanged(store, plan.before, tmp_path)) == 0
    write_pictures(pictures, 1)
    assert len(exchanged(store, plan.before, tmp_path)) == 1


@pytest.mark.parametrize("about", ["", "[]", "5", '{"sources": 5}', '{"sources": ["a"]}', "\xff"])
def test_a_damaged_description_of_a_cell_tells_nothing(tmp_path, about):
    store = Store(tmp_path)
    store.publish("k", cell={}, weights={}, trace=[], about={"sources": {"mnist": "old"}})
    assert trained_on(store, "k") == {"mnist": "old"}
    (tmp_path / "cells" / "k" / "about.json").write_bytes(about.encode("latin-1"))
    assert trained_on(store, "k") == {}
    assert store.damage("k")


def test_a_checkpoint_of_other_pictures_is_not_gone_on_with(tmp_path):
    tensors = {"x": torch.ones(2)}
    Store(tmp_path).workplace("k", {"folder:pics": "old"}).save(tensors, step=3)
    same = Store(tmp_path).workplace("k", {"folder:pics": "old"}).load()
    assert same is not None
    assert same[1] == 3
    work = Store(tmp_path).workplace("k", {"folder:pics": "new"})
    assert work.load() is None
    assert "is of other pictures than those there now" in work.damaged


def test_library_calls_tell_what_is_passed_over_in_a_folder(tmp_path):
    pictures = write_pictures(tmp_path / "pics", 0)
    (pictures / "cat" / "link.png").symlink_to(tmp_path / "nowhere.png")
    scenes = sup.datasets.DigitsOnPhotos(canvas=16, photos=f"folder:{pictures}")
    with pytest.warns(UserWarning, match="passed over are cat/link.png"):
        encoder = sup.fit(scenes, steps=1, batch=4, width=2, progress=False)
    with pytest.warns(UserWarning, match="passed over are cat/link.png"):
        sup.evaluate(encoder, scenes, train=20, test=10)
