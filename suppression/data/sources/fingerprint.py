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
from suppression.data.sources.torchvision_sets import CIFAR10_FILES, IMAGENETTE_FOLDERS, STL10_FILES
from suppression.errors import UserError

MOST_READ = 200e6  # bytes of a tree that are read; of a larger one the times of change are taken
FILES = {
    "mnist": [f"MNIST/raw/{name}" for names in (IMAGES, LABELS) for name in names.values()],
    "cifar10": CIFAR10_FILES,
    "stl10": STL10_FILES,
}
UNUSABLE = "unusable"  # equal to no fingerprint that was ever recorded


def fingerprint(name: str, root: Path | None = None) -> str | None:
    """Equal for equal files: 16 hexadecimal digits of a sha256.

    It is made of the names, sizes and contents of the files that are read as pictures or labels.
    In a tree of more than 200 MB their times of change stand for the contents.

    Args:
        name: Of a source of digits or photographs, or folder:PATH.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.

    Returns:
        None for a source that is part of a package, whose version tells what is in it, and for one
        that is not there; `UNUSABLE` for a tree that is there and cannot be trained on.
    """
    top = data_root(root)
    if name in FILES:
        files = [top / file for file in FILES[name]]
        return of_files(files, top, is_read=True) if all(map(Path.is_file, files)) else None
    try:
        if name == "imagenette":
            trees = [top / place for place in IMAGENETTE_FOLDERS.values()]
            trees = [place for place in trees if place.is_dir()]
        elif name.startswith(FOLDER):
            top = tree(name.removeprefix(FOLDER), root)
            trees = [top]
        else:
            trees = []
        files = []
        for place in trees:
            files += listed(place).files
        is_read = sum(path.stat().st_size for path in files) <= MOST_READ
        return of_files(files, top, is_read) if files else None
    except MissingSource:
        return None
    except (UserError, OSError):
        return UNUSABLE


def of_files(files: list[Path], top: Path, is_read: bool) -> str:
    """The fingerprint of these files below `top`, by their contents or by their times of change."""
    total = hashlib.sha256()
    for path in sorted(files):
        stat = path.stat()
        told_by = sha256(path) if is_read else stat.st_mtime_ns
        total.update(os.fsencode(path.relative_to(top)))
        total.update(f" {stat.st_size} {told_by}\n".encode())
    return total.hexdigest()[:16]
