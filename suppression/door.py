"""How the commands begin and end: mistakes in one line, exit codes, and output no one may read."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any, NoReturn

from suppression.errors import UserError, is_out_of_memory, unknown


def door(command: Callable[[], int], *, stopped: str = "stopped") -> int:
    """Run a command; its exit code.

    A mistake (`UserError`) is one line on stderr and 2, memory that runs out one line and 1.
    Ctrl-C is one line and 130; so are the signals by which systems end programs, SIGTERM (143)
    and SIGHUP (129). A reader who has gone (`| head`) changes nothing: the command does all that
    it was asked, in silence, and its code tells how that went. Where stdout cannot be written, as
    on a full disk, the command goes on as well; that is one line on stderr, and at least 1.

    Args:
        command: What is run.
        stopped: What is told after such a signal.
    """
    out: Any = Outlet(sys.stdout)
    err: Any = Outlet(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err), signals_as_interrupts():
        try:
            code = command()
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            code = 2
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] == "suppression":
                raise
            print(
                f"error: {error.name} is not installed for {sys.executable}: an install that was "
                "not finished, or another Python; pip install -e . in the checkout brings it",
                file=sys.stderr,
            )
            code = 1
        except KeyboardInterrupt as error:
            print(f"\n{stopped}", file=sys.stderr)
            code = 128 + (error.number if isinstance(error, Signal) else signal.SIGINT)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            print("error: out of memory; smaller pictures, or fewer, may fit", file=sys.stderr)
            code = 1
        except SystemExit as end:  # argparse, after --help
            code = int(end.code or 0)
        out.flush()
        if out.fault is not None and not isinstance(out.fault, ConnectionError):
            print(f"error: stdout cannot be written: {out.fault.strerror}", file=sys.stderr)
            code = max(code, 1)
        err.flush()
    return code


class Signal(KeyboardInterrupt):
    """A signal that ends the program as Ctrl-C does: with all that is finished kept."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """While it lasts SIGTERM and SIGHUP are raised as `Signal`, where they are not ignored.

    Elsewhere than in the main thread no signal can be caught.
    """

    def raised(number: int, _: object) -> None:
        raise Signal(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, raised)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Outlet:
    """A standard stream on which telling never fails, so that nothing else ends with it.

    A letter that its encoding lacks becomes a question mark. What it cannot take, because its
    reader has gone or its disk is full, is not told, and `fault` says why.
    """

    def __init__(self, stream: Any) -> None:
        # None where the stream was closed before Python started (`>&-`).
        self.stream = io.StringIO() if stream is None else stream
        self.fault: OSError | None = None

    def write(self, text: str) -> int:
        encoding = self.stream.encoding or "utf-8"
        if self.fault is None:
            try:
                self.stream.write(text.encode(encoding, "replace").decode(encoding))
            except OSError as error:
                self.give_up(error)
        return len(text)

    def flush(self) -> None:
        if self.fault is None:
            try:
                self.stream.flush()
            except OSError as error:
                self.give_up(error)

    def give_up(self, fault: OSError) -> None:
        """Also what the stream holds already goes nowhere: Python flushes it when it ends."""
        self.fault = fault
        with suppress(OSError, ValueError):  # a stream without a file
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


UNKNOWN = "unrecognized arguments: "  # how argparse begins


class Parser(argparse.ArgumentParser):
    """Flags whose mistakes are told as all others are, in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        if message.startswith(UNKNOWN):
            flags = [action.option_strings[-1:] for action in self._actions]
            there = [flag.lstrip("-") for each in flags for flag in each]
            raise unknown_word(self.prog, message.removeprefix(UNKNOWN).split()[0], there)
        raise UserError(message.removeprefix("argument "))


def unknown_word(name: str, word: str, there: Iterable[str]) -> UserError:
    """The error for a word of a command line that no flag takes.

    Args:
        name: What was asked for.
        word: The word.
        there: The flags there are, without their dashes.
    """
    if not word.startswith("-"):
        return UserError(f"'{word}' stands where a --parameter is expected")
    wrong = word.split("=")[0].lstrip("-").replace("-", "_")
    if not word.startswith("--") and wrong in there:
        return UserError(f"parameters have two dashes: --{wrong}")
    return unknown(f"{name} has no parameter", wrong, there)
