"""What is in a file, read once: a process that lives long meets files that are exchanged."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

Stamp = tuple[int, ...]


def stamp(path: Path) -> Stamp:
    """Another one whenever the file was written, replaced or renamed, whatever its time says."""
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def sha256(path: Path) -> str:
    """Of the file's bytes, as hexadecimal digits; its path if it may not be read."""
    return _sha256(path, stamp(path))


@lru_cache(maxsize=200_000)
def _sha256(path: Path, _: Stamp) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(path)
