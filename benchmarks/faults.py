"""The section `faults`: what is killed, filled, flipped and mutated, and what is lost by it.

`python benchmarks/faults.py` runs the long form, with --write into README.md; tests/faults/ runs a
short one. Each fault strikes a process of its own, forked from this one.
"""

from __future__ import annotations

import argparse
import datetime
import errno
import faulthandler
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import power
import torch
from paired import Found
from PIL import Image

from suppression import exp
from suppression import store as store_command
from suppression.data.sources.decoding import decoded
from suppression.execution import store as store_room
from suppression.execution import workplace as workplace_room
from suppression.execution.archive import export_cells, import_cells
from suppression.execution.context import Context
from suppression.execution.inventory import faults as faults_in
from suppression.execution.inventory import stored_cells
from suppression.execution.runner import run_cell
from suppression.execution.store import Store
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.spec import load_card
from suppression.reporting.records import read_record

TOP = Path(__file__).parent.parent
HANG = 120.0  # seconds after which a process has hung: on a busy machine
RECIPE = """
title = "Two small digits"
claim = "none"
data = "two_digits"
axis = "size2"
arms = [{ method = "simclr", tau = 0.2 }, { method = "untrained" }]
probe = { train = 60, test = 30 }

[scale.smoke]
canvas = 12
size1 = 5
size2 = [5, 6]
width = 4
samples = 96
batch = 16
precision = "fp32"
"""
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")

T = TypeVar("T")
Work = Callable[[], object]
Strike = Callable[[], None]


@dataclass
class Fault:
    """A line of the table.

    Args:
        name: What was done.
        goal: What must hold each time.
        times: How often it was done.
        wrong: Where it did not hold: what was seen.
    """

    name: str
    goal: str
    times: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, holds: bool, what: str) -> None:
        if not holds:
            self.wrong.append(what)

    def __str__(self) -> str:
        seen = "none" if not self.wrong else f"**{len(self.wrong)}**: {self.wrong[0]:.120}"
        return f"| {self.name} | {self.times:,} | {self.goal} | {seen.replace('|', '/')} |"


# --- a process that is struck ----------------------------------------------------------------


@dataclass
class Ended:
    """How a process ended: its exit status, below 0 for a signal, and all that it has said."""

    status: int
    said: str

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def clean(self) -> bool:
        """Whether it ended as programs do: done, or a mistake that was told without traceback."""
        return self.status in (0, 1, 2) and "Traceback" not in self.said


def struck(work: Work, *, after: float | None = None, patch: Strike | None = None) -> Ended:
    """Run `work` in a process of its own; its status is what it returns, 99 if it raises.

    Args:
        work: What is done.
        after: The seconds after which it is killed; none lets it end.
        patch: Called in the process first: what is wrong with its world.
    """
    with tempfile.TemporaryFile() as heard:
        process = os.fork()
        if process == 0:
            os.dup2(heard.fileno(), 1)
            os.dup2(heard.fileno(), 2)
            sys.stdout = sys.stderr = os.fdopen(1, "w")  # whatever stood in their places
            faulthandler.register(signal.SIGUSR1, file=sys.stderr)
            os._exit(status_of(work, patch))
        try:
            status = waited(process, after)
        finally:
            heard.seek(0)
        return Ended(status, heard.read().decode(errors="replace"))


def status_of(work: Work, patch: Strike | None) -> int:
    """In the forked process."""
    try:
        if patch is not None:
            patch()
        done = work()
        code = done if isinstance(done, int) else 0
    except BaseException as error:
        traceback.print_exc()
        code = 99 if not isinstance(error, store_room.UserError) else 2
        if code == 2:
            print(f"error: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def waited(process: int, after: float | None) -> int:
    """The exit status of a process that is killed after some seconds, or when it hangs."""
    end = time.monotonic() + (HANG if after is None else after)
    while True:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= end:
            if after is None:  # it says where it hangs
                os.kill(process, signal.SIGUSR1)
                time.sleep(0.5)
            os.kill(process, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            return -signal.SIGALRM if after is None else status
        time.sleep(0.002)


def changes_below(event: str, args: tuple[Any, ...], folder: str) -> bool:
    """Whether an audited event is about to change a file below a folder."""
    if event == "open":
        if isinstance(args[0], int):
            return False
        writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
        return bool(args[2] & writes) and within(args[0], folder)
    if event in ("os.remove", "os.rmdir") and args[1] != -1:  # as shutil.rmtree names them
        return within(power.whole(*args[:2]), folder)
    return event in CHANGES and any(within(each, folder) for each in args[:2])


def within(path: object, folder: str) -> bool:
    return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(folder)


def at_change(folder: Path, number: int, strike: Strike, *, always: bool = False) -> None:
    """In this process: strike before the change of this number below the folder, and, if
    `always`, before all that follow. What is counted can only be undone by the process's end."""
    count = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if changes_below(event, args, str(folder)):
            count += 1
            if count == number or (always and count > number):
                strike()

    sys.addaudithook(hook)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_space() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only() -> None:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def changes_of(work: Work, folder: Path) -> int:
    """How many changes below a folder some work makes."""
    with tempfile.TemporaryFile() as counted:

        def patch() -> None:
            def hook(event: str, args: tuple[Any, ...]) -> None:
                if changes_below(event, args, str(folder)):
                    os.write(counted.fileno(), b".")

            sys.addaudithook(hook)

        ended = struck(work, patch=patch)
        assert ended.status == 0, ended.said
        return os.fstat(counted.fileno()).st_size


# --- what is struck ----------------------------------------------------------------------------


def train(root: Path, plan: Plan, pause: float = 0.0) -> int:
    """All cells of a plan, one after the other, with a checkpoint at each step that is logged."""
    workplace_room.CHECKPOINT_SECONDS = pause
    context = Context(store=root, threads=1)
    for cell in plan.cells:
        run_cell(cell, plan.probe, context)
    return 0


def record(plan: Plan, root: Path, out: Path, *more: str) -> int:
    """The command that answers from a store that has all cells, and records."""
    asked = [plan.name_or_path, "--scale", plan.scale, "--workers", "1"]
    return exp.main([*asked, "--store", str(root), "--out", str(out), *more])


def contents(folder: Path) -> dict[str, bytes]:
    """What must be the same each time: all files but what tells seconds, and sums of that."""
    found = {}
    for path in sorted(folder.rglob("*")):
        is_own = path.name in ("about.json", "sums.json") or path.name.startswith(".")
        if path.is_file() and not is_own:
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def finished(store: Store) -> dict[str, bytes]:
    """Every file of every cell that is whole."""
    found = {}
    for key in store.keys() if store.root.is_dir() else []:
        if store.has(key):
            for name in (*store_room.FILES, store_room.SUMS):
                path = store.root / "cells" / key / name
                found[f"{key}/{name}"] = path.read_bytes()
    return found


class Bench:
    """A room for stores, and what undisturbed runs leave."""

    def __init__(self, room: Path, seed: int = 0, seconds: float = float("inf")) -> None:
        (room / "mine.toml").write_text(RECIPE)
        self.plan = make_plan(str(room / "mine.toml"), scale="smoke")
        self.room, self.rng = room, random.Random(seed)
        self.number = 0
        self.end = time.monotonic() + seconds
        self.reference = room / "reference"
        train(room / "warm", self.plan)  # what is imported and drawn once is not in the moments
        began = time.monotonic()
        ended = struck(partial(train, self.reference, self.plan))
        self.seconds = time.monotonic() - began
        assert ended.status == 0, ended.said
        self.cells = contents(self.reference / "cells")

    def has_time(self) -> bool:
        return time.monotonic() < self.end

    def in_time(self, every: Iterable[T]) -> Iterator[T]:
        """What is to be done until the time is up; at least one."""
        for i, each in enumerate(every):
            if i and not self.has_time():
                return
            yield each

    def warm_record(self) -> None:
        """Import and draw once here what each forked process would otherwise do anew."""
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            assert record(self.plan, self.store(full=True), self.room / "warm_record") == 0

    def store(self, *, full: bool = False) -> Path:
        """The path of a new store: none yet, or a copy of the undisturbed one."""
        self.number += 1
        root = self.room / f"store{self.number}"
        if full:
            shutil.copytree(self.reference, root)
        return root

    def sound(self, fault: Fault, root: Path, what: str) -> None:
        """Go on from what is left; then all must be as if nothing had happened."""
        before = finished(Store(root))
        ended = struck(partial(train, root, self.plan))
        fault.check(ended.status == 0, f"{what}: the next run ended with {ended.said[-200:]}")
        after = finished(Store(root))
        lost = [name for name, content in before.items() if after.get(name) != content]
        fault.check(not lost, f"{what}: a finished cell has changed: {lost[:1]}")
        cells = contents(root / "cells")
        others = [name for name in self.cells if cells.get(name) != self.cells[name]]
        fault.check(not others, f"{what}: other bits in {others[:1]}")
        wrong = list(faults_in(Store(root), Store(root).keys()))
        fault.check(not wrong, f"{what}: damaged: {wrong[:1]}")
        left = list((root / "work").iterdir())
        fault.check(not left, f"{what}: work left: {left[:1]}")
        shutil.rmtree(root)


# --- the faults --------------------------------------------------------------------------------


def kills_at_random(bench: Bench, number: int) -> Fault:
    """Each store is killed three times at random moments, then let go on."""
    fault = Fault(
        "SIGKILL at a random moment of training, probing, publishing",
        "no finished cell lost, resumed bit-identical",
    )
    while fault.times < number and bench.has_time():
        root = bench.store()
        for _ in range(3):
            after = bench.rng.uniform(0, bench.seconds)
            fault.times += struck(partial(train, root, bench.plan), after=after).killed
        bench.sound(fault, root, "killed at random")
    return fault


def places_of(number: int, wanted: int, rng: random.Random) -> list[int]:
    """Some of the numbers from 1 to `number`, or all of them."""
    every = list(range(1, number + 1))
    return rng.sample(every, min(number, wanted))


def kills_at_changes(bench: Bench, number: int) -> Fault:
    fault = Fault(
        "SIGKILL before each change of a file of the store",
        "no finished cell lost, resumed bit-identical",
    )
    work = partial(train, plan=bench.plan)
    changes = changes_of(partial(work, counted := bench.store()), counted)
    for n in bench.in_time(places_of(changes, number, bench.rng)):
        root = bench.store()
        ended = struck(partial(work, root), patch=partial(at_change, root, n, kill_myself))
        fault.times += ended.killed
        bench.sound(fault, root, f"killed at change {n} of {changes}")
    return fault


def full_disk(bench: Bench, number: int) -> Fault:
    fault = Fault(
        "disk full (ENOSPC) from each change of a file of the store on",
        "told without traceback, nothing lost, then bit-identical",
    )
    work = partial(train, plan=bench.plan)
    changes = changes_of(partial(work, counted := bench.store()), counted)
    for n in bench.in_time(places_of(changes, number, bench.rng)):
        root = bench.store()
        patch = partial(at_change, root, n, no_space, always=True)
        ended = struck(partial(work, root), patch=patch)
        fault.times += 1
        told = ended.status == 2 and "cannot be written: No space left" in ended.said
        # The last changes let go of the claim, when all is there and nothing is left to be told.
        told = told or (ended.status == 0 and n > changes - LETTING_GO)
        fault.check(told, f"change {n} of {changes}: {ended.status}, {ended.said[-300:]!r}")
        bench.sound(fault, root, f"full at change {n} of {changes}")
    return fault


def power_losses(bench: Bench, number: int) -> Fault:
    """Of the states in which the disk may be found, some are gone on from."""
    fault = Fault(
        "power lost at any moment: of what was not synced some is there, some is not",
        "no finished cell lost, then bit-identical",
    )
    root = bench.store()
    root.mkdir()
    with power.watched(root) as disk:
        train(root, bench.plan)
    states = list(disk.every_state())
    for i in bench.in_time(bench.rng.sample(range(len(states)), min(number, len(states)))):
        found = bench.store()
        power.write(states[i], found)
        fault.times += 1
        bench.sound(fault, found, f"power lost, state {i} of {len(states)}")
    return fault


@contextmanager
def small_disk(room: Path, size: int) -> Iterator[Path | None]:
    """A tmpfs of some bytes; None where it may not be mounted."""
    place = room / "disk"
    place.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield place if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(place)], check=True)


def small_disks(bench: Bench, number: int) -> Fault:
    fault = Fault(
        "a disk (tmpfs) that is full after some KB",
        "told without traceback, nothing damaged, then bit-identical",
    )
    whole = sum(map(len, bench.cells.values())) + 300_000
    for i in bench.in_time(range(number)):
        size = 4096 * max(3, round(whole * (i + 1) / (number + 1) / 4096))
        with small_disk(bench.room, size) as disk:
            if disk is None:
                return fault
            ended = struck(partial(train, disk / "store", bench.plan))
            fault.times += 1
            told = ended.status == 0 or "cannot be written: No space left" in ended.said
            fault.check(told, f"{size} bytes: {ended.status}, {ended.said[-300:]!r}")
            root = bench.store()
            if (disk / "store").is_dir():
                shutil.copytree(disk / "store", root)
        bench.sound(fault, root, f"a disk of {size} bytes")
    return fault


def read_only_stores(bench: Bench, number: int) -> Fault:
    fault = Fault(
        "a store that is read-only: with all cells, and with none",
        "answered, or told without traceback; nothing has changed",
    )
    out = bench.room / "elsewhere"
    bench.warm_record()
    for i in range(number):
        root = bench.store(full=True)
        if i % 2:
            shutil.rmtree(root / "cells")
        before = contents(root)
        patch = partial(at_change, root, 1, read_only, always=True)
        ended = struck(partial(record, bench.plan, root, out, "--overwrite"), patch=patch)
        fault.times += 1
        fault.check(ended.clean, f"{ended.status}, {ended.said[-300:]!r}")
        expected = 2 if i % 2 else 0
        fault.check(ended.status == expected, f"status {ended.status}: {ended.said[-200:]!r}")
        fault.check(contents(root) == before, "a read-only store has changed")
        shutil.rmtree(root)
    return fault


def writers(bench: Bench, number: int) -> Fault:
    """Eight processes at a time on one store."""
    fault = Fault("8 writers at once on one store", "each ends well, all bit-identical")
    for _ in bench.in_time(range(number)):
        root = bench.store()
        ended = struck(partial(eight, root, bench.plan))
        fault.times += 1
        fault.check(ended.status == 0, ended.said[-300:])
        bench.sound(fault, root, "8 writers")
    return fault


def eight(root: Path, plan: Plan) -> int:
    processes = []
    for _ in range(8):
        process = os.fork()
        if process == 0:
            os._exit(status_of(partial(train, root, plan), None))
        processes.append(process)
    statuses = [os.waitpid(process, 0)[1] for process in processes]
    return int(any(statuses))


LETTING_GO = 2  # changes at the end of a training: its claim is removed
OLDER = ("19ee0e2", "9cdeb37")  # before results had checksums; when units were new
BY_A_VERSION = """
import json, sys
from pathlib import Path
try:
    from suppression.execution import workplace
except ImportError:  # a version in which trainings under way lay in the store's own room
    from suppression.execution import store as workplace
from suppression.execution.context import Context
from suppression.execution.runner import run_cell
from suppression.experiment.plan import make_plan

workplace.CHECKPOINT_SECONDS = 0.0
plan = make_plan(sys.argv[1], scale="smoke")
for cell in plan.cells:
    rows = run_cell(cell, plan.probe, Context(store=Path(sys.argv[2]), threads=1))
    print(json.dumps([{k: v for k, v in row.items() if k != "units"} for row in rows]), flush=True)
"""


@contextmanager
def checkout(commit: str, room: Path) -> Iterator[Path | None]:
    """The program as it was; None where this is no checkout, or one without that commit."""
    top = room / commit
    git = ["git", "-C", str(TOP), "worktree"]
    add = subprocess.run([*git, "add", "-q", "--detach", str(top), commit], capture_output=True)
    try:
        yield top if add.returncode == 0 else None
    finally:
        if add.returncode == 0:
            subprocess.run([*git, "remove", "--force", str(top)], check=True)


def begun(top: Path, plan: Plan, root: Path) -> subprocess.Popen[str]:
    """All cells of a plan by the program of a folder, in a process that has begun."""
    words = [sys.executable, "-c", BY_A_VERSION, plan.name_or_path, str(root)]
    told = {**os.environ, "PYTHONPATH": str(top), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(words, env=told, cwd=top, stdout=pipe, stderr=pipe, text=True)


def stamps(root: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in root.glob("cells/*/weights.*")}


def versions(bench: Bench, number: int) -> Fault:
    """This version and an older one on one store, in turn."""
    fault = Fault(
        "an older version of the program and this one on one store, in turn",
        "each answers from the other's cells; one goes on where the other was killed",
    )
    for commit in bench.in_time(OLDER[:number]):
        with checkout(commit, bench.room) as older:
            if older is None:
                continue
            ours = begun(TOP, bench.plan, bench.reference)
            answers = ended_well(fault, ours, f"{commit}: ours alone")
            pairs = {
                "the older one read ours": (TOP, older),
                "we read the older one's": (older, TOP),
            }
            for what, (first, second) in bench.in_time(pairs.items()):
                root = bench.store()
                ended_well(fault, begun(first, bench.plan, root), f"{commit}: {what}: writing")
                before = stamps(root)
                told = ended_well(fault, begun(second, bench.plan, root), f"{commit}: {what}")
                fault.times += 1
                fault.check(stamps(root) == before, f"{commit}: {what}: cells were made again")
                fault.check(told == answers, f"{commit}: {what}: other answers")
                root = bench.store()
                process = begun(first, bench.plan, root)
                end = time.monotonic() + HANG
                while process.poll() is None and not list(root.glob("work/*/checkpoint")):
                    if time.monotonic() > end:
                        fault.check(False, f"{commit}: {what}: no checkpoint in {HANG:.0f} s")
                        break
                    time.sleep(0.01)
                process.kill()
                process.communicate()
                told = ended_well(
                    fault, begun(second, bench.plan, root), f"{commit}: {what}, killed"
                )
                fault.times += 1
                fault.check(told == answers, f"{commit}: {what}, killed: other answers")
    return fault


def ended_well(fault: Fault, process: subprocess.Popen[str], what: str) -> str:
    """What a process printed; one that hangs is killed."""
    try:
        told, error = process.communicate(timeout=HANG)
    except subprocess.TimeoutExpired:
        process.kill()
        told, error = process.communicate()
        error += f"hung for {HANG:.0f} s"
    fault.check(process.returncode == 0, f"{what}: {error[-300:]}")
    return told


def clocks(bench: Bench, number: int) -> Fault:
    fault = Fault("the clock jumps by years, at each look", "bit-identical")
    for i in bench.in_time(range(number)):
        root = bench.store()
        patch = partial(jumping_clock, i)
        ended = struck(partial(train, root, bench.plan), after=bench.seconds / 2, patch=patch)
        ended = struck(partial(train, root, bench.plan), patch=patch)
        fault.times += 1
        fault.check(ended.status == 0, ended.said[-300:])
        bench.sound(fault, root, "a jumping clock")
    return fault


def jumping_clock(seed: int) -> None:
    rng, now = random.Random(seed), time.time

    class Jumping(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime.datetime:
            return datetime.datetime.fromtimestamp(time.time(), tz)

    time.time = lambda: max(0.0, now() + rng.uniform(-3e8, 3e8))
    time.time_ns = lambda: int(1e9 * time.time())
    datetime.datetime = Jumping  # type: ignore[misc]


def flipped(path: Path, rng: random.Random) -> int:
    """Flip one bit of a file; the number of its byte."""
    content = bytearray(path.read_bytes())
    at = rng.randrange(len(content))
    content[at] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return at


def flips(bench: Bench, number: int) -> Fault:
    """A bit of a file of a store, which is then checked and used."""
    fault = Fault(
        "a flipped bit in a file of the store, kinds of files in turn",
        "found by --check; only that part made again, bit-identical",
    )
    prepared = bench.store(full=True)
    bench.warm_record()
    assert struck(partial(record, bench.plan, prepared, bench.room / "made")).status == 0
    bench.reference = prepared
    kinds: dict[str, list[Path]] = {}
    for path in sorted(prepared.rglob("*")):
        if path.is_file() and path.stat().st_size and "locks" not in path.parts:
            place = path.relative_to(prepared).parts[0]
            kinds.setdefault(f"{place} {''.join(path.suffixes[-2:])}{path.name[:5]}", []).append(
                path
            )
    while fault.times < number and bench.has_time():
        for kind, paths in sorted(kinds.items()):
            name = bench.rng.choice(paths).relative_to(prepared)
            root = bench.store(full=True)
            at = flipped(root / name, bench.rng)
            fault.times += 1
            what = f"{kind}, byte {at} of {name}"
            code = struck(partial(store_command.main, ["--store", str(root), "--check"]))
            of_rows = name.suffix == ".sha256" and at <= 64  # then it is drawn again
            fault.check(code.status == 1 or of_rows, f"{what}: not found")
            before = {path: path.stat().st_mtime_ns for path in root.glob("cells/*/weights.*")}
            ended = struck(partial(record, bench.plan, root, bench.room / "made", "--overwrite"))
            fault.check(ended.clean and ended.status == 0, f"{what}: {ended.said[-300:]!r}")
            own = root / name.parent / "weights.safetensors"
            for path, stamp in before.items():
                same = path.is_file() and path.stat().st_mtime_ns == stamp
                fault.check(same or path == own, f"{what}: another cell was made again")
            results = {n: c for n, c in contents(root).items() if n.startswith("results/")}
            expected = {n: c for n, c in contents(prepared).items() if n.startswith("results/")}
            others = [n for n in expected if results.get(n) != expected[n] and ".keys" not in n]
            fault.check(not others, f"{what}: other bits in {others[:1]}")
            if ".keys" in kind or "machine" in kind:
                for path in (root / "machine.json", *root.glob("results/*.keys")):
                    path.unlink()  # made again by the next training, which need not be
            bench.sound(fault, root, what)
    return fault


def flips_under_way(bench: Bench, number: int) -> Fault:
    fault = Fault("a flipped bit in a checkpoint or trace under way", "found, ends bit-identical")
    while fault.times < number and bench.has_time():
        root = bench.store()
        after = bench.rng.uniform(0.2, 0.9) * bench.seconds
        struck(partial(train, root, bench.plan), after=after)
        files = [path for path in root.glob("work/*/*") if path.is_file() and path.stat().st_size]
        if files:
            path = bench.rng.choice(files)
            at = flipped(path, bench.rng)
            fault.times += 1
            bench.sound(fault, root, f"byte {at} of {path.name}")
    return fault


def kills_while_recording(bench: Bench, number: int) -> Fault:
    """A new record, one that is replaced, and one that grows by a seed."""
    fault = Fault(
        "SIGKILL before each change of a file by --out, --overwrite, --grow",
        "what was recorded is read as it was or as it will be; then bit-identical",
    )
    plan, store = bench.plan, bench.store(full=True)
    bench.warm_record()
    two_seeds = make_plan(plan.name_or_path, scale="smoke", seeds=2)
    assert struck(partial(train, store, two_seeds)).status == 0
    old, new = bench.room / "old", bench.room / "new"
    assert struck(partial(record, plan, store, old)).status == 0
    shutil.copytree(old, new)
    grow = ("--seed", "1", "--grow")
    assert struck(partial(record, plan, store, new, *grow)).status == 0
    ways = {"out": ((), None, old), "overwrite": (("--overwrite",), old, old)}
    ways["grow"] = (grow, old, new)
    for more, before, after in ways.values():
        counted = bench.room / "counted"
        fresh(counted, before)
        changes = changes_of(partial(record, plan, store, counted, *more), counted)
        for n in bench.in_time(places_of(changes, -(-number // 3), bench.rng)):
            out = bench.room / "out"
            fresh(out, before)
            patch = partial(at_change, out, n, kill_myself)
            fault.times += struck(partial(record, plan, store, out, *more), patch=patch).killed
            what = f"{more}, change {n} of {changes}"
            check_record(fault, plan, out, before, after, what)
            ended = struck(partial(record, plan, store, out, *more))
            there = "has a record" in ended.said or "has all of this" in ended.said
            fault.check(ended.status == 0 or there, f"{what}: {ended.said[-300:]!r}")
            same = rows_of(out) == rows_of(after)
            fault.check(same, f"{what}: the next run has other rows")
    return fault


def fresh(folder: Path, source: Path | None) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if source is not None:
        shutil.copytree(source, folder)


def rows_of(record: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(record.glob("*.csv"))]


def check_record(
    fault: Fault, plan: Plan, out: Path, before: Path | None, after: Path, what: str
) -> None:
    """Whether what is in the folder is one of the two records, or none where there was none."""
    try:
        read_record(out, plan)
    except store_room.UserError as error:
        is_none = before is None and not list(out.glob("*.json"))
        fault.check(is_none, f"{what}: {error}")
        return
    known = [rows_of(each) for each in (before, after) if each is not None]
    fault.check(rows_of(out) in known, f"{what}: other rows")


def ten_thousand(bench: Bench, number: int) -> Fault:
    fault = Fault(f"a store of {number:,} cells is listed", "in a second of CPU time, or 1.5")
    root = bench.store()
    (source, *_) = (bench.reference / "cells").iterdir()
    (root / "cells").mkdir(parents=True)
    for i in range(number):
        shutil.copytree(source, root / "cells" / f"{i:024x}", copy_function=os.link)
    began = time.process_time()
    listed = stored_cells(Store(root))
    seconds = time.process_time() - began
    fault.times = 1
    fault.name += f" ({seconds:.2f} s)"
    fault.check(len(listed) == number, f"{len(listed)} cells")
    fault.check(seconds < 1.5 * number / 10_000 + 0.1, f"{seconds:.2f} s")
    shutil.rmtree(root)
    return fault


# --- files of strangers --------------------------------------------------------------------------

NASTY = [
    b"\x00",
    b"\xff",
    b"[",
    b"'",
    b'"',
    b"=",
    b"\n",
    b"../",
    b"nan",
    b"1e999",
    b"-1",
    b"9" * 30,
]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, taken out, repeated or put in, at one to three places."""
    found = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(found) + 1)
        to = min(len(found), at + rng.choice([0, 1, 1, 4, 30]))
        part = bytes(found[at:to])
        found[at:to] = rng.choice([b"", 2 * part, rng.choice(NASTY), bytes([rng.randrange(256)])])
    return bytes(found)


def try_recipe(room: Path, rng: random.Random) -> None:
    source = rng.choice(sorted((TOP / "experiments").glob("*.toml")))
    path = room / "stranger.toml"
    path.write_bytes(mutated(source.read_bytes(), rng))
    make_plan(str(path), scale="smoke")


def try_card(room: Path, rng: random.Random) -> None:
    source = rng.choice(sorted((TOP / "datasets").glob("*.toml")))
    path = room / "card.toml"
    path.write_bytes(mutated(source.read_bytes(), rng))
    load_card(str(path))


def try_flags(room: Path, rng: random.Random) -> None:
    words = [
        b"--tau=0.2",
        b"--size2=6",
        b"--seeds=1",
        b"--canvas=20",
        b"--method=simclr",
        b"--grow",
    ]
    flags = [mutated(word, rng).decode(errors="replace") for word in rng.sample(words, 2)]
    asked = ["digit_size", "--scale", "smoke", "--dry", "--store", str(room / "none")]
    code = exp.main([*asked, *flags])
    assert code in (0, 1, 2), f"{flags}: {code}"


def try_record(room: Path, rng: random.Random) -> None:
    plan = make_plan("random_bits", scale="laptop")
    for ending in ("csv", "json"):
        content = (TOP / "experiments" / f"random_bits.laptop.{ending}").read_bytes()
        if ending == "csv":
            content = mutated(content, rng)
        else:
            made = json.loads(content)
            for each in made if isinstance(made, list) else [made]:
                each.pop("sha256", None)  # as of one who knows of them
            content = json.dumps(made).encode()
            if rng.random() < 0.5:
                content = mutated(content, rng)
        (room / f"random_bits.laptop.{ending}").write_bytes(content)
    read_record(room, plan)


def try_picture(room: Path, rng: random.Random) -> None:
    ending = rng.choice(["png", "jpg", "gif", "bmp", "tiff", "webp"])
    content = io.BytesIO()
    image = Image.effect_noise((40, 30), 50).convert("RGB")
    image.save(content, {"jpg": "jpeg"}.get(ending, ending))
    path = room / f"picture.{ending}"
    path.write_bytes(mutated(content.getvalue(), rng))
    decoded.cache_clear()
    decoded(((str(path), (0,)),), 16)


def try_archive(room: Path, rng: random.Random) -> None:
    path = room / "cells.zip"
    path.write_bytes(mutated((room / "whole.zip").read_bytes(), rng))
    import_cells(Store(room / "imported"), path)


TRIES = {
    "recipe": try_recipe,
    "card": try_card,
    "flags": try_flags,
    "record": try_record,
    "picture": try_picture,
    "archive": try_archive,
}


def too_long(*_: object) -> None:
    raise TimeoutError("it took over 10 s")


def mutations(bench: Bench, number: int) -> Fault:
    fault = Fault(
        "mutated recipes, cards, flags, records, pictures, archives",
        "no traceback, no hang over 10 s, no file elsewhere",
    )
    room = bench.room / "strangers"
    room.mkdir()
    export_cells(Store(bench.reference), Store(bench.reference).keys(), room / "whole.zip")
    for kind, attempt in TRIES.items():
        ended = struck(partial(many, kind, attempt, room, number // len(TRIES)))
        fault.times += number // len(TRIES)
        lines = [line for line in ended.said.splitlines() if line.startswith("WRONG")]
        fault.wrong += lines
        fault.check(ended.status == 0, f"{kind}: {ended.status} {ended.said[-300:]!r}")
    return fault


def many(kind: str, attempt: Callable[[Path, random.Random], None], room: Path, number: int) -> int:
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_long)
    seen: list[str] = []

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if changes_below(event, args, "/") and not changes_below(event, args, str(room)):
            seen.append(str(args[:2]))

    sys.addaudithook(hook)
    for i in range(number):
        signal.alarm(10)
        try:
            attempt(room, random.Random(f"{kind} {i}"))
        except store_room.UserError:
            pass
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            print(f"WRONG {kind} {i}: {error!r:.150} at {Path(last.filename).name}:{last.lineno}")
        finally:
            signal.alarm(0)
        if seen:
            print(f"WRONG {kind} {i}: changed {seen.pop()}")
            seen.clear()
    return 0


SUITE: dict[str, tuple[Callable[[Bench, int], Fault], int, int]] = {
    # fault: how it is done, how often in the short form, how often in the long one
    "random": (kills_at_random, 2, 200),
    "changes": (kills_at_changes, 1, 200),
    "recording": (kills_while_recording, 2, 40),
    "power": (power_losses, 2, 100),
    "writers": (writers, 1, 5),
    "full": (full_disk, 1, 100),
    "tmpfs": (small_disks, 1, 20),
    "readonly": (read_only_stores, 2, 4),
    "versions": (versions, 1, 2),
    "clocks": (clocks, 1, 10),
    "flips": (flips, 1, 60),
    "underway": (flips_under_way, 1, 40),
    "list": (ten_thousand, 200, 10_000),
    "mutations": (mutations, 30, 10_000),
}


CHEAP = ("list", "mutations")  # nothing is trained, so they are always done in full


def run_suite(names: list[str], share: float, minutes: float = float("inf")) -> list[Fault]:
    """Each fault, by its share of the long form's numbers, in at most so many minutes."""
    torch.set_num_threads(1)
    found = []
    for name in names:
        do, _, times = SUITE[name]
        times = times if name in CHEAP else max(1, round(times * share))
        with tempfile.TemporaryDirectory() as room:
            began = time.monotonic()
            found.append(do(Bench(Path(room), seconds=60 * minutes), times))
        print(f"{found[-1]} {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        for wrong in found[-1].wrong[1:9]:
            print(f"    {wrong[:400]}", file=sys.stderr, flush=True)
    return found


def faults(
    repetitions: int,
    share: float = 1.0,
    minutes: float = float("inf"),
    names: Iterable[str] = tuple(SUITE),
) -> Found:
    """What is lost when something breaks; each fault strikes a process of its own.

    A store is trained (four small cells, a checkpoint at each step that is logged), struck, and
    gone on with; then every cell that was finished before must be the same file for file, and all
    of them, with their traces and answers, bit by bit what an undisturbed run leaves (but for what
    tells seconds). `python benchmarks/faults.py --write` writes this section, `--only FAULT` a line
    of it; the last column tells the commit and the day of each.
    """
    import run

    rows = known_rows(run.README.read_text(encoding="utf-8"))
    stamp = f"{run.environment.commit()}, {datetime.date.today()}"
    for fault in run_suite(list(names), repetitions * share, minutes):
        rows[fault.name.partition(" (")[0]] = f"{fault} {stamp} |"
    return Found([], ["\n".join([*HEAD, *rows.values()])])


HEAD = [
    "| fault | times | what must hold | where it did not | measured |",
    "|---|---:|---|---|---|",
]


def known_rows(page: str) -> dict[str, str]:
    """The lines of the table that the page has, by what their faults are called."""
    found = {}
    for line in page.partition(HEAD[0])[2].partition("\n\n")[0].splitlines():
        if line.startswith("| "):
            found[line.removeprefix("| ").partition(" |")[0].partition(" (")[0]] = line
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--only", nargs="+", choices=SUITE, metavar="FAULT", help=f"of {', '.join(SUITE)}")
    add("--share", type=float, default=1.0, help="of the numbers of the long form (default: 1)")
    add("--minutes", type=float, default=float("inf"), metavar="M", help="at most, for each fault")
    add("--write", action="store_true", help="put the lines into benchmarks/README.md")
    given = parser.parse_args()
    import run

    names = given.only or list(SUITE)
    section = run.SECTIONS["faults"]
    do = partial(faults, share=given.share, minutes=given.minutes, names=names)
    run.SECTIONS["faults"] = section._replace(run=do)
    text, _ = run.report("faults", 1, run.environment.commit())
    print(text)
    if given.write:
        run.put("faults", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
