"""What is in a source, as a short text: files may be exchanged where its name stays the same."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from suppression.data.pool import MissingSource
from suppression.data.sources.digits import IMAGES, LABELS
from suppression.data.sources.image_folder import FOLDER, tree
from suppression.data.sources.root import data_root
from suppression.data.sources.torchvision_sets import IMAGENETTE_FOLDERS

MOST_READ = 200e6  # bytes of a source that are read; of a larger one the times of change are taken
MNIST = [f"MNIST/raw/{name}" for names in (IMAGES, LABELS) for name in names.values()]
PLACES = {
    "mnist": MNIST,
    "cifar10": ["cifar-10-batches-py"],
    "stl10": ["stl10_binary"],
    "imagenette": list(IMAGENETTE_FOLDERS.values()),
}


def fingerprint(name: str, root: Path | None = None) -> str | None:
    """Equal for equal files: 16 hexadecimal digits of a sha256.

    It is made of the files' names, sizes and contents, or, beyond 200 MB, of their names, sizes and
    times of change.

    Args:
        name: Of a source of digits or photographs, or folder:PATH.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.

    Returns:
        None for a source that is part of a package, whose version tells what is in it, and for one
        that is not there.
    """
    if name.startswith(FOLDER):
        try:
            places = [tree(name.removeprefix(FOLDER), root)]
        except MissingSource:
            return None
    else:
        places = [data_root(root) / place for place in PLACES.get(name, ())]
    files = []
    for place in places:
        below = [place] if place.is_file() else sorted(place.rglob("*"))
        files += [(path.relative_to(place), path, path.stat()) for path in below if path.is_file()]
    if not files:
        return None
    is_read = sum(stat.st_size for _, _, stat in files) <= MOST_READ
    total = hashlib.sha256()
    for relative, path, stat in files:
        is_told_by = sha256(str(path), stat.st_size, stat.st_mtime_ns) if is_read else None
        total.update(os.fsencode(relative))
        total.update(f" {stat.st_size} {is_told_by or stat.st_mtime_ns}\n".encode())
    return total.hexdigest()[:16]


@lru_cache(maxsize=100_000)
def sha256(path: str, size: int, changed: int) -> str:
    """Of a file of this size that was changed then, so that it is read once."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
