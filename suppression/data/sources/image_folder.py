"""A tree of class folders (ImageNet's layout) as a source of photographs: which files, of what class, for training or held out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.decoding import decoded
from suppression.data.sources.digits import data_root
from suppression.errors import UserError

FOLDER = "folder:"
TEST_SHARE = 0.2  # of a folder that has no parts of its own
NAMED = 5  # bad files that a message names

Note = Callable[[str], None]


def folder(path: str, train: bool, root: Path | None, *, side: int, skip_bad: bool, note: Note) -> Pool:
    """`PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`), or `PATH/CLASS/*`, of which a fifth of each class, chosen by its files' names, is held out.

    A relative path is looked for under the data root, then in the current folder. Hidden files are passed over.
    """
    top = tree(path, root)
    parts = {name: top / name for name in ("train", "test", "val") if (top / name).is_dir()}
    held_out = parts.get("test", parts.get("val"))
    if "train" in parts and held_out is not None:
        classes = class_folders(parts["train"])
        files = files_of(parts["train"] if train else held_out, classes)
        if strange := sorted(set(class_folders(held_out)) - set(classes)):
            raise UserError(f"{held_out} has the class folder '{strange[0]}', which {parts['train']} has not")
    else:
        classes = class_folders(top)
        files = {label: split(some, train, top) for label, some in files_of(top, classes).items()}
    named = sorted(((path, label) for label, some in files.items() for path in some), key=lambda item: digest(item[0], top))
    images, bad = decoded(tuple((str(path), path.stat().st_mtime_ns) for path, _ in named), side)
    if bad:
        told = ", ".join(f"{Path(file).relative_to(top)} ({why})" for file, why in list(bad.items())[:NAMED])
        told = f"{len(bad)} of {len(named)} files in {top} ({'training' if train else 'test'} part) cannot be used: {told}" + (
            ", ..." if len(bad) > NAMED else ""
        )
        if not skip_bad:
            raise UserError(f"{told}; mend or remove them, or add --skip-bad to use the rest")
        note(told)
    labels = [label for path, label in named if str(path) not in bad]
    if empty := sorted({label for _, label in named} - set(labels)):
        raise UserError(f"{top}: no file of class '{classes[empty[0]]}' can be used")
    return Pool(images, torch.tensor(labels), tuple(classes))


def tree(path: str, root: Path | None) -> Path:
    given = Path(path).expanduser()
    places = [given] if given.is_absolute() else [data_root(root) / given, given.absolute()]
    for place in places:
        if place.is_dir():
            return place
    raise MissingSource(
        f"source '{FOLDER}{path}' is not there: {' and '.join(map(str, places))} {'are' if len(places) > 1 else 'is'} no folder; name one that holds a folder "
        "a class, or train/ and test/ (or val/) with a folder a class"
    )


def class_folders(top: Path) -> list[str]:
    """The names of the classes, sorted."""
    entries = [entry for entry in top.iterdir() if not entry.name.startswith(".")]
    classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise UserError(f"{top} has no class folders (it holds {len(entries)} files): a source of photographs has a folder a class, each with its pictures")
    if len(classes) == 1:
        raise UserError(f"{top} has one class folder only, '{classes[0]}'; a probe needs two classes at least")
    return classes


def files_of(top: Path, classes: list[str]) -> dict[int, list[Path]]:
    """Each class's files, wherever below its folder they lie."""
    files = {}
    for label, name in enumerate(classes):
        below = [path for path in (top / name).rglob("*") if path.is_file() and not path.name.startswith(".")] if (top / name).is_dir() else []
        if not below:
            raise UserError(f"{top} has no file of class '{name}'")
        files[label] = below
    return files


def digest(path: Path, top: Path) -> bytes:
    """An order that depends on names alone, and mixes the classes."""
    return hashlib.sha256(path.relative_to(top).as_posix().encode()).digest()


def split(files: list[Path], train: bool, top: Path) -> list[Path]:
    """The training or the held-out part of one class's files."""
    if len(files) < 2:
        raise UserError(f"{files[0].parent} has one file; a class needs two at least, one to train on and one to test with")
    ordered = sorted(files, key=lambda path: digest(path, top))
    held_out = max(1, round(TEST_SHARE * len(files)))
    return ordered[held_out:] if train else ordered[:held_out]
