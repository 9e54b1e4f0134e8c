"""What is in a source, as a short text: files may be exchanged where its name stays the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from suppression.data.pool import MissingSource
from suppression.data.sources.contents import sha256
from suppression.data.sources.digits import IMAGES, LABELS
from suppression.data.sources.image_folder import FOLDER, listed, tree
from suppression.data.sources.root import data_root
from suppression.data.sources.table import TABLE, load_table
from suppression.data.sources.torchvision_sets import CIFAR10_FILES, IMAGENETTE_FOLDERS, STL10_FILES
from suppression.errors import UserError

MOST_READ = 200e6  # bytes of a tree that are read; of a larger one the times of change are taken
FILES = {
    "mnist": [f"MNIST/raw/{name}" for names in (IMAGES, LABELS) for name in names.values()],
    "cifar10": CIFAR10_FILES,
    "stl10": STL10_FILES,
}
UNUSABLE = "unusable"  # equal to no fingerprint that was ever recorded


def fingerprint(name: str, root: Path | None = None, *, check: bool = False) -> str | None:
    """Equal for equal files: 16 hexadecimal digits of a sha256; `agree` compares two.

    It is made of the names, sizes and contents of the files that are read as pictures or labels.
    In a tree of more than 200 MB their times of change stand for the contents, which are read
    where that is asked for.

    Args:
        name: Of a source of digits or photographs, folder:PATH or table:PATH.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        check: Whether the contents of a large tree are read, too: their digits follow after a +.

    Returns:
        None for a source that is part of a package, whose version tells what is in it, and for one
        that is not there or may not be read; `UNUSABLE` for a tree that has become none.
    """
    try:
        if name in FILES:  # of which each has one name only
            files = [(Path(), data_root(root) / file) for file in FILES[name]]
            there = all(path.is_file() for _, path in files)
            return digest(files, is_read=True) if there else None
        if name.startswith(TABLE):
            return load_table(name, root).digest
        named = []
        for top in trees_of(name, root):
            named += [(path.relative_to(top), path) for path in sorted(listed(top).files)]
        is_read = sum(path.stat().st_size for _, path in named) <= MOST_READ
        if not named:
            return None
        found = digest(named, is_read)
        if check and not is_read:
            found += f"+{digest(named, is_read=True)}"
        return found
    except (MissingSource, OSError):
        return None
    except UserError:
        return UNUSABLE


def agree(now: str | None, told: str) -> bool:
    """Whether a source is, as far as can be told, what it was; one that is not there is not known.

    Contents decide where both tell them: a tree that was copied has other times of change.
    """
    if now is None or now == told:
        return True
    here, there = now.split("+"), told.split("+")
    if len(here) == len(there) == 2:
        return here[1] == there[1]
    return UNUSABLE not in (now, told) and here[0] == there[0]


def trees_of(name: str, root: Path | None) -> list[Path]:
    """The trees of class folders that a source is read from; none if it is read from elsewhere."""
    if name.startswith(FOLDER):
        return [tree(name.removeprefix(FOLDER), root)]
    if name == "imagenette":
        places = [data_root(root) / place for place in IMAGENETTE_FOLDERS.values()]
        return [place for place in places if place.is_dir()]
    return []


def digest(named: list[tuple[Path, Path]], is_read: bool) -> str:
    """Of files and the names they count by: of their contents, or of their times of change."""
    total = hashlib.sha256()
    for name, path in named:
        stat = path.stat()
        told_by = sha256(path) if is_read else stat.st_mtime_ns
        total.update(os.fsencode(name))
        total.update(f" {stat.st_size} {told_by}\n".encode())
    return total.hexdigest()[:16]
