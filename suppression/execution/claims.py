"""Who works at a cell: a file lock, and beside it a file that its holder keeps renewing.

A lock ends with its process at once, but some network disks have none, or one for each machine.
There the file tells: `locks/KEY.N.claim` names the holder and counts its beats. Who waits watches
the count by its own monotonic clock, so that no two machines' clocks are ever compared.

Claims save work and keep nothing safe. Two processes that train one cell nevertheless do no harm:
the first one to publish it keeps its place (`Store.put_cell`).
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from suppression.notes import Note, ignore
from suppression.writing import is_running

BEAT = 20.0  # seconds between two renewals of a claim
SILENCE = 300.0  # seconds without one, after which a claim is nobody's
LOOK = 0.2  # seconds between two looks at a claim that is waited for
ENDING = ".claim"

MACHINE_ID = Path("/etc/machine-id")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Holder:
    """A process that has a claim; what cannot be told of its machine is empty.

    Args:
        host: The name of its machine, of which others may have the same.
        machine: The machine's own number.
        boot: Another one whenever the machine has started.
        pid: Of the process.
        word: Random, of this claim alone.
    """

    host: str
    machine: str
    boot: str
    pid: int
    word: str

    @classmethod
    def here(cls) -> Holder:
        """This process, for a new claim."""
        return cls(
            socket.gethostname(), told(MACHINE_ID), told(BOOT_ID), os.getpid(), secrets.token_hex(8)
        )

    @classmethod
    def read(cls, content: bytes) -> Holder | None:
        """None where the file was cut short, or is damaged."""
        try:
            return cls(**json.loads(content)["holder"])
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def name(self) -> str:
        return f"process {self.pid} of {self.host}"

    def is_gone(self, mine: Holder, *, lock: bool) -> bool:
        """Whether it is known to have ended.

        Args:
            mine: This process.
            lock: Whether this process has the lock, which is good at least between the processes
                of one machine.
        """
        if self.boot and self.boot == mine.boot:
            return lock or not is_running(self.pid)
        # This machine has started anew since.
        return bool(self.machine) and (self.host, self.machine) == (mine.host, mine.machine)


def told(path: Path) -> str:
    """What a small file of the system says; nothing where it is not there."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


class Claim:
    """A name, such as a cell's key, claimed by this process, or wished for.

    Args:
        folder: Where locks and claims lie; it is there.
        name: What is claimed.
        note: Told that there are no locks, and that a claim was taken over.
    """

    def __init__(self, folder: Path, name: str, note: Note = ignore) -> None:
        from filelock import FileLock

        self.folder, self.name, self.note = folder, name, note
        self.lock = FileLock(folder / f"{name}.lock")
        self.holder = Holder.here()
        self.ours: tuple[Path, Beats] | None = None
        self.watched: tuple[int, bytes] | None = None
        self.since = 0.0

    def wait(self, on_wait: Callable[[str], None]) -> None:
        """Wait until it is ours.

        Args:
            on_wait: Told once who has it, if another process does.

        Raises:
            OSError: if the disk cannot be written.
        """
        other = self.take()
        if other is not None:
            on_wait(other)
        while other is not None:
            time.sleep(LOOK)
            other = self.take()

    def take(self) -> str | None:
        """Take it if nobody has it.

        Returns:
            None if it is ours now, else who has it, in words.

        Raises:
            OSError: if the disk cannot be written.
        """
        from filelock import Timeout

        fault = None
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            return self.has_it(self.latest()[1])
        except OSError as error:
            fault = error
        try:
            other = self.take_file()
        except OSError:
            self.lock.release()
            raise
        if other is not None:
            self.lock.release()
        elif fault is not None:
            self.note(
                f"{self.folder.parent} has no file locks ({fault.strerror}): who trains what is "
                f"told by files alone, and a killed process of another machine is waited for "
                f"{SILENCE / 60:.0f} minutes"
            )
        return other

    def take_file(self) -> str | None:
        """The same by the file alone. Those who take over one claim all make the same next file,
        which one of them can.
        """
        while True:
            generation, content = self.latest()
            is_silent = self.is_silent(generation, content)
            if generation and not is_silent and not self.is_free(content):
                return self.has_it(content)
            if not self.create(generation + 1):
                continue
            if generation and is_silent:
                self.note(f"{self.has_it(content)} was silent; its claim is taken over")
            killed = self.folder.glob(f".{self.name}.*")  # while they made theirs
            for left in [*map(self.path, range(1, generation + 1)), *killed]:
                with suppress(OSError):  # where an open file cannot be removed
                    left.unlink(missing_ok=True)
            return None

    def latest(self) -> tuple[int, bytes]:
        """The number of the file that counts, 0 where there is none, and what it says."""
        numbers = [0]
        for path in self.folder.glob(f"{self.name}.*{ENDING}"):
            number = path.name.removeprefix(f"{self.name}.").removesuffix(ENDING)
            if number.isdigit():
                numbers.append(int(number))
        generation = max(numbers)
        try:
            return generation, self.path(generation).read_bytes()
        except FileNotFoundError:  # there is none, or it was let go meanwhile
            return 0, b""

    def path(self, generation: int) -> Path:
        return self.folder / f"{self.name}.{generation}{ENDING}"

    def is_free(self, content: bytes) -> bool:
        other = Holder.read(content)
        return other is not None and other.is_gone(self.holder, lock=self.lock.is_locked)

    def is_silent(self, generation: int, content: bytes) -> bool:
        """Whether a claim stood still for so long, while it was looked at, that it is nobody's."""
        now = time.monotonic()
        if self.watched != (generation, content):
            self.watched, self.since = (generation, content), now
        return now - self.since > SILENCE

    def has_it(self, content: bytes) -> str:
        other = Holder.read(content)
        return "another process" if other is None else other.name

    def create(self, generation: int) -> bool:
        """Make the file that says that it is ours; False where another process was first.

        It is written beside its place and linked there, so that nobody finds it empty, not after
        a loss of power either. Where a disk has no links it is made in its place.
        """
        beside = self.folder / f".{self.name}.{self.holder.word}"
        beats = self.begun(beside)
        try:
            os.link(beside, self.path(generation))
        except (FileExistsError, FileNotFoundError):  # another one was first, and tidied up
            beats.end()
            return False
        except OSError:
            beats.end()
            try:
                beats = self.begun(self.path(generation))
            except FileExistsError:
                return False
        finally:
            beside.unlink(missing_ok=True)
        self.ours = self.path(generation), beats
        beats.start()
        return True

    def begun(self, path: Path) -> Beats:
        """A new file with the first beat in it."""
        beats = Beats(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), self.holder)
        try:
            beats.beat()
        except OSError:
            beats.end()
            path.unlink(missing_ok=True)
            raise
        return beats

    def release(self) -> None:
        """Let it go, if it is ours."""
        if self.ours is not None:
            path, beats = self.ours
            beats.end()
            with suppress(OSError):  # of a disk that is gone; that the beats have ended tells, too
                path.unlink(missing_ok=True)
            self.ours = None
        self.lock.release()


class Beats(threading.Thread):
    """Renews a claim until its end.

    It writes to the file that it was given open: where others took the claim over meanwhile, that
    file has no name any more, and theirs stays as it is.

    Args:
        number: The open file.
        holder: Whose claim it is.
    """

    def __init__(self, number: int, holder: Holder) -> None:
        super().__init__(name="suppression-claim", daemon=True)
        self.number, self.holder = number, holder
        self.count = 0
        self.over = threading.Event()

    def beat(self) -> None:
        content = json.dumps({"holder": asdict(self.holder), "beat": self.count})
        os.lseek(self.number, 0, os.SEEK_SET)
        os.write(self.number, content.encode())
        os.fsync(self.number)  # a network disk shows it to others then
        self.count += 1

    def run(self) -> None:
        while not self.over.wait(BEAT):
            with suppress(OSError):  # a disk that is full or gone for a while
                self.beat()

    def end(self) -> None:
        self.over.set()
        if self.is_alive():
            self.join()
        os.close(self.number)
