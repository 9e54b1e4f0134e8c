"""What SECURITY.md promises of files from strangers: they are data, and their sizes are bounded."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
import time
import warnings
import zipfile
import zlib
from pathlib import Path

import nbformat
import numpy as np
import pytest

from suppression import exp, show
from suppression.data.sources.decoding import decoded
from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.arms import MOST_ARMS, product
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_card, load_recipe
from suppression.metrics.units import MOST_BYTES, unpacked

TOP = Path(__file__).parent.parent
RECIPE = """
title = "Mine"
claim = "none"
data = "two_digits"
axis = "size2"
arms = [{ method = "simclr", tau = 0.2 }]
[scale.smoke]
size2 = [6, 12]
"""


def told(capsys, *argv):
    """The one line that a mistake is answered with; it takes less than five seconds."""
    began = time.monotonic()
    assert exp.main([str(word) for word in argv]) == 2
    err = capsys.readouterr().err
    assert time.monotonic() - began < 5
    assert len(err.splitlines()) == 1
    return err


# --- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("canvas = 1000000000", "1000000000"),
        ("canvas = 100000", "GB of memory"),
        ("width = 1000000000", "1000000000"),
        ("seeds = 1000000", "1000000"),
        (f"size2 = {list(range(1, 401))}\nseeds = 2500", "1,000,000 cells, and 20,000"),
        ("batch = 900000\nsamples = 900000", "GB of memory"),
    ],
)
def test_a_recipe_that_asks_for_too_much_is_refused_with_the_number(tmp_path, capsys, line, number):
    text = RECIPE
    if line.startswith("size2"):
        text = text.replace("size2 = [6, 12]\n", "")
    (tmp_path / "mine.toml").write_text(text + line + "\n")
    found = told(capsys, tmp_path / "mine.toml", "--scale", "smoke", "--dry")
    assert number in found, found


def test_a_million_cells_of_the_command_line_are_refused(capsys):
    taus = [str(0.01 * i) for i in range(1, 101)]
    err = told(capsys, "digit_size", "--scale", "smoke", "--tau", *taus, "--seeds", "10000")
    assert "cells, and" in err


def test_lists_that_multiply_are_counted_before_they_are_multiplied():
    lists = {name: list(range(1000)) for name in "abcdefgh"}
    with pytest.raises(UserError, match=f"{1000**8:,} arms.*{MOST_ARMS}"):
        product(lists)


def test_a_file_that_is_no_recipe_is_not_read_to_its_end(tmp_path, capsys):
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(10**10)  # sparse
    assert "more than 1,000,000 bytes" in told(capsys, path)
    path.write_text("a = " + "[" * 100_000 + "]" * 100_000)
    assert "nested too deep" in told(capsys, path)


def chunk(kind, content):
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def test_a_decompression_bomb_is_told_and_not_unpacked(tmp_path):
    """A PNG of 0.4 MB with 6 thousand million pixels of one bit."""
    side = 80_000
    packer = zlib.compressobj(9)
    rows = [packer.compress(bytes(10_001 * 1000)) for _ in range(side // 1000)]
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", b"".join([*rows, packer.flush()]))]
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join([*parts, chunk(b"IEND", b"")]))
    assert bomb.stat().st_size < 1_000_000
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures, bad, _ = decoded(((str(bomb), (0,)),), 16)
    assert (len(pictures), list(bad.values())) == (0, ["it has more than 179 million pixels"])
    assert time.process_time() - began < 1


def test_units_that_unpack_to_too_much_are_refused_unread():
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("set.npy", "w", force_zip64=True) as file,
    ):
        for _ in range(MOST_BYTES // 10_000_000 + 1):
            file.write(bytes(10_000_000))
    assert len(content.getvalue()) < 1_000_000
    with pytest.raises(UserError, match="bytes, and 500,000,000 are the most"):
        unpacked(content.getvalue(), 1)


# --- data is no code, and names no place ---------------------------------------------------------


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_units_with_pickled_objects_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = io.BytesIO()
    np.savez(content, set=np.array([Evil()], dtype=object))
    with pytest.raises(UserError, match="holds no correctness"):
        unpacked(content.getvalue(), 1)
    assert not (tmp_path / "evil").exists()


def test_nothing_in_the_package_unpickles_but_what_a_worker_is_sent_by_its_parent():
    """Calls of pickle, torch.load, numpy's pickles, yaml, eval and exec, by file.

    `expect` evaluates the annotations of functions, which are code already.
    """
    calls = r"pickle\.loads?\(|torch\.load\(|allow_pickle=True|yaml\.|\beval\(|\bexec\(|joblib"
    found = {}
    for path in (TOP / "suppression").rglob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(calls, line) and not re.search(r"\.eval\(\)|weights_only=True", line):
                found.setdefault(path.relative_to(TOP / "suppression").as_posix(), []).append(line)
    assert set(found) == {"execution/executor.py", "expect.py"}, found


@pytest.mark.parametrize("name", ["../experiments/digit_size", "/etc/passwd", "..", "a/b", ""])
def test_a_recipe_names_its_card_and_no_path(name, tmp_path):
    (tmp_path / "mine.toml").write_text(RECIPE.replace("two_digits", name))
    with pytest.raises(UserError, match=r"data.*there is no card"):
        load_recipe(str(tmp_path / "mine.toml"))
    with pytest.raises(UserError, match="there is no"):
        files.find("experiments", name)


@pytest.mark.parametrize("place", ["/etc", "../..", "pics/../../..", "~", "~root/pics"])
@pytest.mark.parametrize("shelf", ["card", "recipe"])
def test_a_card_or_recipe_names_no_folder_outside_the_data_root(place, shelf, tmp_path):
    text = {
        "recipe": RECIPE + f'source = "folder:{place}"\n',
        "card": 'title = "t"\ntext = "t"\nkind = "random_bits"\nfeatures = {}\n'
        f'[parameters]\nsource = "folder:{place}"\n',
    }[shelf]
    path = tmp_path / "mine.toml"
    path.write_text(text)
    load = {"recipe": load_recipe, "card": load_card}[shelf]
    with pytest.raises(UserError, match=r"source.*may lie anywhere"):
        load(str(path))


def test_plug_ins_are_named_in_the_output(tmp_path, monkeypatch, capsys, own_registries):
    plugin = tmp_path / "mine.py"
    plugin.write_text("")
    monkeypatch.setenv("SUPPRESSION_PLUGINS", str(plugin))
    sheet = str(tmp_path / "sheet.png")
    assert show.main(["two_digits", "--out", sheet]) == 0
    err = capsys.readouterr().err
    assert f"note: plug-in {str(plugin)!r} was loaded: it is code" in err


def test_the_notebooks_and_the_recipes_hold_no_output_that_runs():
    for path in sorted((TOP / "notebooks").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                kinds = set(output.get("data", {}))
                assert not kinds & {"application/javascript", "text/latex"}
                shown = json.dumps(output.get("data", {}).get("text/html", ""))
                assert not re.search(r"<script|<iframe|<object|\bon\w+ *=|javascript:", shown), path


def test_the_page_on_security_names_rules_that_exist():
    """Every `file: name` that SECURITY.md points to."""
    pointed = re.findall(r"`([\w/]+\.py)`: `(\w+)`", (TOP / "SECURITY.md").read_text())
    assert len(pointed) >= 8
    for file, name in pointed:
        assert re.search(rf"\b{name}\b", (TOP / "suppression" / file).read_text()), (file, name)


def test_the_licences_of_what_is_installed_are_printed():
    done = subprocess.run(
        [sys.executable, str(TOP / ".ci" / "licences")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^numpy +\S+ +.*BSD", done.stdout, re.M)


def test_a_plan_of_as_many_cells_as_there_may_be_is_made_in_seconds():
    began = time.process_time()
    plan = make_plan("digit_size", scale="smoke", seeds=500)
    assert len(plan.cells) > 4000
    assert time.process_time() - began < 10
