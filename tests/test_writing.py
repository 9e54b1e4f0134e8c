"""Several files replaced together, by a process that is killed at each moment of it."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from suppression.writing import finish, replace_all

NAMES = ("a.csv", "a.svg", "a.json")
OLD = {name: f"old {name}".encode() for name in NAMES}
NEW = {name: f"new {name}".encode() for name in NAMES}


def struck(folder, renames):
    """Replace the files and die, as by SIGKILL, before the rename of this number."""
    done = []

    def rename(source, target, real=os.replace):
        if len(done) == renames:
            os._exit(9)
        done.append(real(source, target))

    os.replace = rename
    replace_all(folder, NEW)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def struck_before(folder, renames):
    replace_all(folder, OLD)
    process = multiprocessing.get_context("fork").Process(target=struck, args=(folder, renames))
    process.start()
    process.join()
    assert process.exitcode == 9


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_what_a_kill_left_half_done_is_finished_or_undone(tmp_path, renames):
    struck_before(tmp_path, renames)
    assert len(contents(tmp_path)) > len(NAMES)
    finish(tmp_path, NAMES)
    assert contents(tmp_path) == (NEW if renames else OLD)


def test_files_of_a_process_that_runs_are_left_alone(tmp_path):
    replace_all(tmp_path, OLD)
    mine = tmp_path / f".a.json.{os.getpid()}"
    mine.write_bytes(b"half of it")
    finish(tmp_path, NAMES)
    assert contents(tmp_path) == {**OLD, mine.name: b"half of it"}
