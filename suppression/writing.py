"""Files that are there whole or not at all: written beside their places, then renamed."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)  # of folders, on some disks


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process of this machine is at these files, by a lock in its temporary
    folder: none is left beside them. Where there are no file locks nobody waits.

    Args:
        path: What the files are named by; it need not be there.
    """
    from filelock import FileLock

    named = sha256(os.fsencode(path.resolve()))[:24]
    lock = FileLock(Path(tempfile.gettempdir()) / f"suppression-{named}.lock")
    with suppress(OSError):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def sync(path: Path) -> None:
    """Make what a file holds, or which names stand in a folder, outlive a loss of power.

    Where folders cannot be synced (Windows, some file systems of others) they are as safe as they
    can be there.
    """
    if os.name == "nt" and path.is_dir():
        return
    number = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in NO_SYNC or not path.is_dir():
            raise
    finally:
        os.close(number)


def make_folders(path: Path) -> None:
    """Make a folder, and those above it that are missing, to outlive a loss of power."""
    missing = []
    for folder in (path, *path.parents):
        if folder.exists():
            break
        missing.append(folder)
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing[::-1]:
        sync(folder.parent)


def write_through(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes its place when all of it is written; an error leaves the old one."""
    beside = path.parent / f".{path.name}.{os.getpid()}"
    try:
        with beside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync(path.parent)
    finally:
        beside.unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Replace one file; where it cannot be written, the old one stays as it is."""
    replace_all(path.parent, {path.name: content})


def replace_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace several files together; where one cannot be written, none has changed.

    Args:
        folder: Where they stand; it is there.
        files: What each one is to hold, by name. They are renamed in this order: a process that is
            killed meanwhile, or a loss of power, leaves the first ones new and the others old,
            which `finish` mends.

    Raises:
        OSError: if the disk is full, the folder read-only, or a folder stands in a file's place.
    """
    beside = {name: folder / f".{name}.{os.getpid()}" for name in files}
    try:
        for name, content in files.items():
            if (folder / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), folder / name)
            write_through(beside[name], content)
            if len(files) > 1:  # `finish` goes by which of them stand there
                sync(folder)
        for name, path in beside.items():
            os.replace(path, folder / name)
            sync(folder)
    finally:
        take_away(folder, list(beside.values()))


def take_away(folder: Path, paths: Sequence[Path]) -> None:
    """Remove files of a folder, the first one last: while others are there, it is, too."""
    for path in reversed(paths):
        if path.exists():
            path.unlink()
            sync(folder)


def finish(folder: Path, names: Sequence[str]) -> None:
    """Finish a `replace_all` of these files whose process was killed between two renames.

    All new files are written by the first rename, and then stand beside their places. What was
    killed before that is taken away: the old files are whole. That of the first one is there before
    the others, and goes after them, so that without it there was a rename.

    Args:
        folder: Where they stand.
        names: The files, in their order; the first one is among those that were replaced.

    Raises:
        OSError: if they cannot be renamed.
    """
    left: dict[int, list[str]] = {}
    for name in names:
        for path in folder.glob(f".{glob.escape(name)}.*"):
            number = path.suffix.removeprefix(".")
            if number.isdigit():
                left.setdefault(int(number), []).append(name)
    for process, there in left.items():
        if is_running(process):
            continue
        beside = [folder / f".{name}.{process}" for name in there]
        if names[0] in there:
            take_away(folder, beside)
            continue
        for name, path in zip(there, beside, strict=True):
            os.replace(path, folder / name)
            sync(folder)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


SUMS = "SHA256SUMS"
"""The checksums of a folder's files, as `sha256sum -c` reads them; it is written last."""


@contextmanager
def filling(folder: Path, names: Sequence[str], *, overwrite: bool = False) -> Iterator[Path]:
    """A new folder whose content takes its place in `folder` when all of it is written.

    An error or an interruption leaves `folder` as it was. Links are never followed.

    Args:
        folder: Where the content goes; it is made if it is not there.
        names: Of all that is going to stand in it, beside `SHA256SUMS`.
        overwrite: Whether what an earlier call wrote there is replaced. Another name, and a file
            that `SHA256SUMS` does not list, is somebody's, and refused.

    Raises:
        FileExistsError: `folder` holds something, or, with `overwrite`, something of others.
    """
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    beside = folder / f".filling.{os.getpid()}"
    new, old = beside / "new", beside / "old"
    try:
        check_replaceable(folder, entries(folder), names, overwrite=overwrite)
        new.mkdir(parents=True)
        old.mkdir()
        yield new
        (new / SUMS).write_bytes(sums_of(new))
        there = entries(folder)  # anew: this may have taken an hour
        check_replaceable(folder, there, names, overwrite=overwrite)
        for path in there:
            os.rename(path, old / path.name)
        for path in sorted(new.iterdir(), key=lambda path: path.name == SUMS):
            os.rename(path, folder / path.name)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # it is not empty: all was written
                folder.rmdir()


def entries(folder: Path) -> list[Path]:
    """What is in a folder, but for what a `filling` that was killed has left, which goes."""
    found = []
    for path in folder.iterdir():
        name, _, number = path.name.rpartition(".")
        if name == ".filling" and number.isdigit():
            if not is_running(int(number)):
                shutil.rmtree(path, ignore_errors=True)
            continue
        found.append(path)
    return found


def check_replaceable(
    folder: Path, there: Sequence[Path], names: Sequence[str], *, overwrite: bool
) -> None:
    """FileExistsError unless nothing is there, or only what an earlier `filling` wrote."""
    if not there:
        return
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "is not empty", str(folder))
    sums = folder / SUMS
    known = {SUMS}
    if sums.is_file() and not sums.is_symlink():
        for line in sums.read_text("utf-8", "replace").splitlines():
            known.add(line.partition("  ")[2])
    for path in there:
        is_ours = path.name in (*names, SUMS)
        for each in [path, *path.rglob("*")]:
            name = each.relative_to(folder).as_posix()
            is_known = each.is_dir() or name in known
            if not is_ours or not is_known or each.is_symlink():
                raise FileExistsError(errno.EEXIST, f"holds {name}, which no export wrote", folder)


def sums_of(folder: Path) -> bytes:
    """A line a file below a folder: its sha256, two blanks, its name."""
    lines = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest = sha256(path.read_bytes())
            lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    return "".join(lines).encode()
