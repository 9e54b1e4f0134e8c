"""A short form of benchmarks/faults.py: what is killed, filled, flipped, mutated loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent.parent / "benchmarks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="each fault strikes a forked process"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def suite():
    """The module of the benchmarks, which is on no path."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = spec_from_file_location("faults", BENCHMARKS / "faults.py")
        module = sys.modules["faults"] = module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(str(BENCHMARKS))
        del sys.modules["faults"]


@pytest.fixture(scope="module")
def bench(suite, tmp_path_factory):
    pause = suite.workplace_room.CHECKPOINT_SECONDS
    yield suite.Bench(tmp_path_factory.mktemp("faults"))
    suite.workplace_room.CHECKPOINT_SECONDS = pause


@pytest.mark.parametrize("name", ["changes", "full", "power", "underway", "list", "mutations"])
def test_a_fault_loses_nothing(suite, bench, name):
    strike, times, _ = suite.SUITE[name]
    fault = strike(bench, times)
    assert fault.times > 0
    assert fault.wrong == []


def test_what_is_lost_would_be_seen(suite, bench):
    """The oracle itself: a store whose bits are others, or in which a cell is damaged, is told."""
    root = bench.store(full=True)
    path = max(root.glob("cells/*/trace.jsonl"), key=lambda each: each.stat().st_size)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    fault = suite.Fault("altered behind its back", "nothing")
    bench.sound(fault, root, "altered")
    assert any("a finished cell has changed" in each for each in fault.wrong)


def test_an_older_version_that_hangs_is_killed_and_told(suite, monkeypatch):
    monkeypatch.setattr(suite, "HANG", 1.0)
    fault = suite.Fault("an older version", "ends")
    pipe = subprocess.PIPE
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True)
    assert suite.ended_well(fault, process, "it waits") == ""
    assert process.returncode != 0
    assert fault.wrong == ["it waits: hung for 1 s"]


@pytest.mark.skipif(not (BENCHMARKS.parent / ".git").exists(), reason="no checkout of versions")
def test_versions_end_when_the_time_is_up(suite, bench, monkeypatch):
    """One pair is tried of the four that two older versions make."""
    monkeypatch.setattr(suite, "OLDER", ("HEAD", "HEAD"))
    monkeypatch.setattr(bench, "end", time.monotonic())
    fault = suite.versions(bench, 2)
    assert fault.times == 2
    assert fault.wrong == []


def test_a_process_that_is_struck_tells_how_it_ended(suite, tmp_path):
    def fails():
        raise ZeroDivisionError

    def hangs():
        while True:
            pass

    assert suite.struck(lambda: 0).status == 0
    assert "ZeroDivisionError" in suite.struck(fails).said
    assert not suite.struck(fails).clean
    assert suite.struck(hangs, after=0.1).killed
    (tmp_path / "in").mkdir()

    def writes():
        for i in range(3):
            (tmp_path / "in" / str(i)).write_text("x")
        (tmp_path / "out").write_text("x")

    assert suite.changes_of(writes, tmp_path / "in") == 3

    def second():
        suite.at_change(tmp_path / "in", 2, suite.kill_myself)

    for path in (tmp_path / "in").iterdir():
        path.unlink()
    assert suite.struck(writes, patch=second).killed
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["0"]
