"""What all commands share: nothing that is told can end what is done, and mistakes are one line."""

from __future__ import annotations

import errno
import io
import os
import sys

import pytest
import torch

from suppression import exp, report, show
from suppression.door import Outlet, door
from suppression.errors import UserError


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")


def without_a_reader():
    """A pipe whose reader has gone, as behind `| head`."""
    read, write = os.pipe()
    os.close(read)
    return open(write, "w", buffering=1)


def told_in_full(done, code=0):
    def command():
        print("first")
        done.append("kept")
        print("last", flush=True)
        return code

    return command


def test_a_reader_who_has_gone_ends_no_work_and_changes_no_code(monkeypatch, capsys):
    done = []
    for code in (0, 1):
        command = told_in_full(done, code)
        with without_a_reader() as gone, monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", gone)
            assert door(command) == code
    assert done == ["kept", "kept"]
    assert capsys.readouterr().err == ""


def test_a_reader_of_stderr_who_has_gone_ends_no_work(monkeypatch, capsys):
    def command():
        print("working", file=sys.stderr, flush=True)
        print("found")
        return 0

    with without_a_reader() as gone, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", gone)
        assert door(command) == 0
    assert capsys.readouterr().out == "found\n"


def test_a_full_disk_behind_stdout_is_one_line_and_1_when_all_is_done(monkeypatch, capsys):
    done = []
    monkeypatch.setattr(sys, "stdout", Full())
    assert door(told_in_full(done)) == 1
    assert done == ["kept"]
    told = capsys.readouterr().err
    assert told == "error: stdout cannot be written: No space left on device\n"


def test_a_letter_that_the_terminal_lacks_becomes_a_question_mark(monkeypatch):
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding="ascii"))
    assert door(lambda: print("naïve ± 3 \udcff") or 0) == 0
    assert held.getvalue() == b"na?ve ? 3 ?\n"


def test_streams_that_were_closed_before_the_start_are_no_mistake(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    done = []
    assert door(told_in_full(done)) == 0
    assert done == ["kept"]


def test_an_outlet_is_its_stream_in_all_else(tmp_path):
    with (tmp_path / "file").open("w", encoding="latin-1") as stream:
        outlet = Outlet(stream)
        assert (outlet.encoding, outlet.isatty(), outlet.fileno()) == (
            "latin-1",
            False,
            stream.fileno(),
        )
        assert outlet.write("ü") == 1
        outlet.flush()
    assert (tmp_path / "file").read_bytes() == b"\xfc"


def raising(error):
    def command(*args):
        raise error

    return command


@pytest.mark.parametrize("room", [exp, show, report])
def test_every_command_ends_a_mistake_and_ctrl_c_alike(room, monkeypatch, capsys):
    for error, code, told in [
        (UserError("a mistake"), 2, "error: a mistake\n"),
        (KeyboardInterrupt(), 130, "\nstopped"),
    ]:
        monkeypatch.setattr(room, "command", raising(error))
        assert room.main([]) == code
        assert capsys.readouterr().err.startswith(told)


@pytest.mark.parametrize("room", [exp, show, report])
def test_memory_that_runs_out_is_one_line_and_another_fault_is_not_hidden(
    room, monkeypatch, capsys
):
    for error in (
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    ):
        monkeypatch.setattr(room, "command", raising(error))
        assert room.main([]) == 1
        assert capsys.readouterr().err.startswith("error: out of memory; ")
    monkeypatch.setattr(room, "command", raising(RuntimeError("a fault of ours")))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        room.main([])


@pytest.mark.parametrize(
    ("main", "argv", "told"),
    [
        (exp.main, ["digit_size", "--tau"], "error: --tau: expected at least one argument"),
        (exp.main, ["digit_size", "--scale"], "error: --scale: expected one argument"),
        (exp.main, ["digit_size", "--seeds", "few"], "error: --seeds: invalid int value: 'few'"),
        (exp.main, ["digit_size", "--grow=yes"], "error: --grow: ignored explicit argument"),
        (exp.main, ["digit_size", "--help", "me"], "error: -h/--help: invalid choice: 'me'"),
        (exp.main, ["digit_size", "-tau", "0.2"], "error: parameters have two dashes: --tau"),
        (exp.main, ["digit_size", "--seed", "1", "--seeds", "3"], "error: seed and seeds both say"),
        (show.main, ["two_digits", "--size2"], "error: --size2: expected one argument"),
        (show.main, ["two_digits", "--seed", "x"], "error: --seed: invalid int value: 'x'"),
        (show.main, ["two_digits", "three"], "error: 'three' stands where a --parameter is"),
        (report.main, ["now"], "error: python -m suppression.report takes no arguments"),
    ],
)
def test_a_mistake_in_the_flags_is_one_line(main, argv, told, capsys):
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith(told)
    assert err.count("\n") == 1


def test_a_library_that_is_not_installed_is_told_in_one_line(capsys):
    def command():
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    assert door(command) == 1
    told = capsys.readouterr().err
    assert "torch is not installed" in told
    assert told.count("\n") == 1


def test_a_room_of_ours_that_is_missing_is_a_fault_of_ours():
    def command():
        raise ModuleNotFoundError("No module named 'suppression.x'", name="suppression.x")

    with pytest.raises(ModuleNotFoundError):
        door(command)
