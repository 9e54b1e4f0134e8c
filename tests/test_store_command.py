"""`python -m suppression.store`: what it lists, finds, deletes, writes out and takes in."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile

import pytest
import torch

from suppression.execution.store import Store
from suppression.metrics.units import Units
from suppression.store import main


@pytest.fixture
def door(capsys):
    def run(*argv):
        code = main([str(word) for word in argv])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return code, told.out, told.err

    return run


def tree(folder):
    """Every file below a folder with its content, but for the locks."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "locks" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def made(root, number):
    """A store of made-up cells of one method, each with a record of a probe."""
    store = Store(root)
    for i in range(number):
        key = hashlib.sha256(str(i).encode()).hexdigest()[:24]
        cell = {"data": "two_digits", "method": "simclr", "seed": i}
        about = {"seconds": 1.0}
        store.publish(key, cell=cell, weights={"w": torch.zeros(3)}, trace=[], about=about)
        store.put_rows(key, "probe-0", [{"accuracy": 0.5}])
    return store


def asked(store, number):
    """Answers of a made-up encoder, as an audit keeps them."""
    keys = []
    for i in range(number):
        keys.append(hashlib.sha256(f"audit {i}".encode()).hexdigest()[:24])
        row = {"feature": f"bit{i}", "scenes": "alone", "probe": "linear", "layer": "h"}
        units = Units.of([3, 3, 8], [1, 0, 1])
        store.put_answers(keys[-1], [{**row, "encoder": "f00d", "accuracy": 2 / 3, "units": units}])
    return sorted(keys)


def test_answers_of_audits_are_listed_with_every_byte_and_deleted_when_told(door, tmp_path):
    store = made(tmp_path / "store", 2)
    keys, cells = asked(store, 3), tree(store.root / "cells")
    assert "6 files of audits' answers" in door("--store", store.root)[1]
    code, out, _ = door("--store", store.root, "--audits")
    *lines, total = out.splitlines()
    assert (code, [line.split()[0] for line in lines]) == (0, keys)
    assert {line.split()[-1] for line in lines} == {"bit0", "bit1", "bit2"}
    size = sum(map(len, tree(store.root / "audits").values()))
    assert total == f"3 answers of audits, {size / 1e6:,.1f} MB"
    door("--store", store.root, "--keep-recipes", "digit_size", "--delete")
    assert len(tree(store.root / "audits")) == 6  # no recipe has an audit: they stay
    shutil.rmtree(store.root / "cells")
    assert "3 answers of audits" in door("--store", store.root, "--audits", "--delete")[1]
    assert tree(store.root / "audits") == {}
    assert len(cells) == 12


@pytest.mark.parametrize("ending", ["json", "units.npz"])
def test_any_flipped_byte_of_an_answer_is_found(door, tmp_path, ending):
    store = made(tmp_path / "store", 1)
    (key,) = asked(store, 1)
    assert door("--store", store.root, "--check")[0] == 0
    path = store.root / "audits" / f"{key}.{ending}"
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        blank = whole[at : at + 1].isspace() or path.read_bytes()[at : at + 1].isspace()
        code, out, _ = door("--store", store.root, "--check")
        assert (code, key in out) == (1, True) or blank, at
    path.unlink()
    assert door("--store", store.root, "--check")[0] == 1


def test_answers_of_audits_are_exported_and_imported_bit_for_bit_and_once(door, tmp_path):
    store, file, other = made(tmp_path / "store", 0), tmp_path / "a.zip", tmp_path / "other"
    asked(store, 3)
    code, out, err = door("--store", store.root, "--export", file)
    assert (code, "0 cells and 3 answers of audits" in out) == (0, True), err
    code, out, _ = door("--store", other, "--import", file)
    assert (code, "3 answers of audits taken in, 0 left out" in out) == (0, True)
    assert tree(other / "audits") == tree(store.root / "audits")
    assert "0 answers of audits taken in" in door("--store", other, "--import", file)[1]

    def other_rows(files):
        name = min(name for name in files if name.endswith(".json"))
        files[name] = files[name].replace(b'"alone"', b'"a lie"')

    rewritten(file, tmp_path / "bad.zip", other_rows)
    code, out, err = door("--store", tmp_path / "third", "--import", tmp_path / "bad.zip")
    assert (code, "2 answers of audits taken in, 1 left out" in out) == (1, True)
    assert "is not what was written" in err


def test_the_list_has_every_cell_and_every_byte(door, tmp_path):
    store = made(tmp_path / "store", 7)
    code, out, _ = door("--store", store.root)
    assert code == 0
    size = sum(map(len, tree(store.root / "cells").values()))
    assert f"7 cells, {size / 1e6:,.1f} MB" in out
    _, out, _ = door("--store", store.root, "--cells")
    assert [line.split()[0] for line in out.splitlines()] == store.keys()


def test_a_thousand_cells_are_listed_in_a_fraction_of_a_second(tmp_path, door):
    """benchmarks/faults.py lists ten thousand."""
    root = tmp_path / "store"
    (key,) = made(root, 1).keys()
    for i in range(1000):
        shutil.copytree(root / "cells" / key, root / "cells" / f"{i:024x}")
    began = time.process_time()
    assert "1001 cells" in door("--store", root)[1]
    assert time.process_time() - began < 1


def test_the_list_imports_no_torch(tmp_path):
    made(tmp_path, 1)
    code = (
        "import sys; from suppression import store; "
        f"store.main(['--store', {str(tmp_path)!r}]); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_a_whole_store_is_whole_and_a_flipped_bit_of_any_file_is_found(door, smoke):
    """Any file but locks: what the smoke run left, each with one bit of it flipped."""
    assert door("--store", smoke, "--check")[0] == 0
    kinds = {}
    for path in sorted(path for path in smoke.rglob("*") if path.is_file()):
        if path.parent.name != "locks" and path.stat().st_size:
            kinds.setdefault("".join(path.suffixes[-2:]) + path.parent.name[:7], path)
    assert len(kinds) >= 8
    for path in kinds.values():
        whole = path.read_bytes()
        for at in {0, len(whole) // 3, len(whole) // 2, len(whole) - 1}:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
            code, out, _ = door("--store", smoke, "--check")
            first_line_of_sums = path.suffix == ".sha256" and at < 64
            assert code == 1 or first_line_of_sums, (path, at)
            assert path.parent.name in out or path.name in out or first_line_of_sums
        path.write_bytes(whole)
    assert door("--store", smoke, "--check")[0] == 0


def test_pruning_keeps_the_cells_of_recipes_and_deletes_nothing_unless_told(door, smoke):
    extra = made(smoke, 0)
    keys = extra.keys()
    strange = made(smoke.parent / "other", 1).keys()[0]
    shutil.copytree(smoke.parent / "other" / "cells" / strange, smoke / "cells" / strange)
    (smoke / "work" / f"{strange}").mkdir(parents=True)
    (smoke / "work" / f"{strange}" / "checkpoint").write_bytes(b"1" * 99)
    before = tree(smoke)
    code, out, _ = door("--store", smoke, "--keep-recipes", "digit_size")
    assert (code, "would go" in out, "nothing was deleted" in out) == (0, True, True)
    assert tree(smoke) == before
    code, out, _ = door("--store", smoke, "--keep-recipes", "digit_size", "--delete")
    assert (code, out.count("deleted")) == (0, 1)
    assert extra.keys() == keys
    assert not any(strange in name for name in tree(smoke))
    with Store(smoke).claim(keys[0]):  # as of a process that trains it
        code, out, _ = door("--store", smoke, "--keep-recipes", "random_bits", "--delete")
    assert "is being trained, stays" in out
    assert extra.keys() == keys[:1]


def test_an_exported_store_is_imported_bit_for_bit_and_once(door, smoke, tmp_path):
    file, other = tmp_path / "cells.zip", tmp_path / "other"
    assert door("--store", smoke, "--of", "digit_size", "--export", file)[0] == 0
    code, out, err = door("--store", other, "--import", file)
    assert (code, "12 cells taken in" in out) == (0, True), err
    assert tree(other / "cells") == tree(smoke / "cells")
    victim = next((other / "cells").glob("*/probes/*.json"))
    victim.unlink()
    code, out, _ = door("--store", other, "--import", file)
    assert (code, "12 were there (1 records" in out) == (0, True), out
    assert tree(other / "cells") == tree(smoke / "cells")
    first = file.read_bytes()
    door("--store", other, "--export", file)
    assert file.read_bytes() == first


def rewritten(source, target, change):
    """An archive with its members changed, and `sums.json` right for them."""
    with zipfile.ZipFile(source) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != "sums.json"}
    change(files)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in {**files, "sums.json": json.dumps(sums).encode()}.items():
            archive.writestr(name, content)


STRANGE = [
    "../../evil",
    "/evil",
    "k/cell.json",
    "{key}/../../evil",
    "audits/../evil",
    "{key}/probes/../../evil.json",
]


@pytest.mark.parametrize("name", [*STRANGE, "{key}/evil.py", "{key}/probes/x/y.json", "C:\\evil"])
def test_a_path_in_an_archive_is_never_trusted(door, smoke, tmp_path, name):
    file, bad, other = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "in" / "other"
    door("--store", smoke, "--export", file)
    name = name.format(key=Store(smoke).keys()[0])
    rewritten(file, bad, lambda files: files.update({name: b"evil"}))
    code, _, err = door("--store", other, "--import", bad)
    assert (code, "is no file of a cell" in err) == (2, True), err
    assert not list(tmp_path.rglob("*evil*"))
    assert not other.exists()


def test_an_archive_that_is_cut_altered_or_compressed_is_refused_whole(door, smoke, tmp_path):
    file, bad, other = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "other"
    door("--store", smoke, "--export", file)
    whole = file.read_bytes()
    for content in (b"", whole[:-30], whole[: len(whole) // 2], b"no zip"):
        bad.write_bytes(content)
        assert door("--store", other, "--import", bad)[0] == 2
    middle = len(whole) // 2
    bad.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    assert door("--store", other, "--import", bad)[0] == 2
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{'0' * 24}/weights.safetensors", b"\0" * 10_000_000)
    code, _, err = door("--store", other, "--import", bad)
    assert (code, "compressed" in err) == (2, True), err
    assert not other.exists()
    assert door("--store", other, "--import", tmp_path / "none.zip")[0] == 2


def replaced(name, old, new, *, sums=True):
    """A change of one cell's file, with the cell's own checksums right for it."""

    def change(files):
        key = min(name.split("/")[0] for name in files)
        path = f"{key}/{name}"
        files[path] = files[path].replace(old, new)
        if sums:
            told = json.loads(files[f"{key}/sums.json"])
            told[name] = hashlib.sha256(files[path]).hexdigest()
            files[f"{key}/sums.json"] = json.dumps(told).encode()

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (replaced("cell.json", b'"seed":0', b'"seed":7'), "its key is not that of its parameters"),
        (replaced("cell.json", b"two_digits", b"no_digits"), "no_digits"),
        (replaced("about.json", b'"python"', b'"serpent"'), "python"),
        (replaced("about.json", b'"cpu"', b'"\\u001b[2J"'), "not printed"),
        (replaced("weights.safetensors", b'"F32"', b'"F3_"'), "its weights are none"),
        (replaced("about.json", b'"cpu"', b'"gpu"', sums=False), "is of other files"),
    ],
)
def test_a_cell_that_this_program_did_not_make_is_left_out_and_told(
    door, smoke, tmp_path, change, told
):
    file, bad, other = tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "other"
    door("--store", smoke, "--export", file)
    rewritten(file, bad, change)
    code, out, err = door("--store", other, "--import", bad)
    assert (code, "11 cells taken in" in out, err.count("left out")) == (1, True, 1), err
    assert told in err


def test_files_of_an_older_version_are_given_their_checksums_and_stay_what_they_were(door, smoke):
    machine = json.loads((smoke / "machine.json").read_text())
    del machine["sha256"]
    (smoke / "machine.json").write_text(json.dumps(machine))
    for path in (smoke / "results").glob("*.keys"):
        path.write_text("\n".join(path.read_text().split()[:-1]))
    (drawn,) = (smoke / "results").glob("*.sha256")
    drawn.write_text(drawn.read_text().split("\n")[0])
    keys = Store(smoke).results.keys("digit_size.smoke")
    code, out, _ = door("--store", smoke, "--migrate")
    assert (code, len(out.splitlines())) == (0, 3)
    assert Store(smoke).machine() == machine
    assert Store(smoke).results.keys("digit_size.smoke") == keys
    assert door("--store", smoke, "--check")[0] == 0
    assert "nothing to do" in door("--store", smoke, "--migrate")[1]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("--delete",), "--keep-recipes"),
        (("--of", "digit_sise"), "digit_size"),
        (("--keep-recipes", "digit_sise"), "digit_size"),
        (("--check", "--cells"), "not allowed with"),
        (("--of", "digit_size", "--migrate"), "--of goes with"),
        (("--exprot", "x"), "did you mean 'export'?"),
    ],
)
def test_a_mistake_is_one_line(door, smoke, argv, told):
    code, _, err = door("--store", smoke, *argv)
    assert (code, told in err, len(err.splitlines())) == (2, True, 1), err


def test_a_store_that_is_not_there_is_told_and_not_made(door, tmp_path):
    code, _, err = door("--store", tmp_path / "none")
    assert (code, "there is no store" in err) == (2, True)
    assert os.listdir(tmp_path) == []
