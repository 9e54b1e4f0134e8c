"""What a store holds: its cells with their sizes, what is damaged, what no recipe has."""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from suppression.execution.store import Store
from suppression.experiment.keys import Record


@dataclass(frozen=True)
class Stored:
    """A cell as the list shows it.

    Args:
        key: Its key.
        data: The kind of its data; `?` where its parameters cannot be read.
        method: Its method; `?` likewise.
        seed: Its seed; None likewise.
        size: Of its files, bytes.
        probes: How many records of probes it has.
        written: When the last of its files was written, seconds since 1970.
    """

    key: str
    data: str
    method: str
    seed: int | None
    size: int
    probes: int
    written: float

    @property
    def day(self) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(self.written))


def stored_cells(store: Store, of: Container[str] | None = None) -> list[Stored]:
    """The published cells, of all or of those among `of`; nothing of them is verified."""
    return [stored_cell(store, key) for key in store.keys(of) if store.has(key)]


def stored_cell(store: Store, key: str) -> Stored:
    folder = os.path.join(store.root, "cells", key)
    size, probes, written = 0, 0, 0.0
    for each in [*os.scandir(folder), *scanned(os.path.join(folder, "probes"))]:
        if each.is_file(follow_symlinks=False):
            status = each.stat(follow_symlinks=False)
            size += status.st_size
            written = max(written, status.st_mtime)
            probes += each.name.startswith("probe-") and each.name.endswith(".json")
    cell = parameters(store, key)
    seed = cell.get("seed")
    return Stored(
        key=key,
        data=word(cell.get("data")),
        method=word(cell.get("method")),
        seed=seed if isinstance(seed, int) else None,
        size=size,
        probes=probes,
        written=written,
    )


def scanned(folder: str) -> list[os.DirEntry[str]]:
    """What stands in a folder; nothing where there is none."""
    try:
        return list(os.scandir(folder))
    except OSError:
        return []


def parameters(store: Store, key: str) -> Record:
    """A cell's parameters; none where they cannot be read."""
    try:
        found = store.cell(key)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def word(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else "?"


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            total += path.stat().st_size
    return total


def faults(store: Store, keys: list[str]) -> Iterator[str]:
    """What is not what was written: in cells, in the records of their probes, and beside them."""
    for key in keys:
        fault = store.damage(key)
        if fault is not None:
            yield fault
        for path in sorted((store.root / "cells" / key / "probes").glob("*.json")):
            if store.rows(key, path.stem) is None:
                yield f"{path} is not what was written (its checksum differs)"
    yield from store.faults_beside_cells()


def unneeded(store: Store, needed: set[str]) -> dict[str, int]:
    """The keys of cells and trainings that are not among those needed, and their bytes.

    A training whose cell is published is over, and what is left of it is not needed.

    Args:
        store: Where they are.
        needed: The keys of cells that stay.
    """
    found = {each.key: each.size for each in stored_cells(store) if each.key not in needed}
    for path in sorted((store.root / "work").glob("*")):
        key = path.name.partition(".")[0]
        if key not in needed or store.has(key):
            found[key] = found.get(key, 0) + size_of(path)
    return found
