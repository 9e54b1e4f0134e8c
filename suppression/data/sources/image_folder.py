"""A tree of class folders (ImageNet's layout) as a source of photographs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.decoding import decoded
from suppression.data.sources.root import data_root
from suppression.errors import UserError

FOLDER = "folder:"
TEST_SHARE = 0.2  # of a folder that has no parts of its own
NAMED = 5  # bad files that a message names

Note = Callable[[str], None]


def folder(
    path: str, train: bool, root: Path | None, *, side: int, skip_bad: bool, note: Note
) -> Pool:
    """The pictures of a tree, for training or held out.

    The tree is `PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`), or `PATH/CLASS/*`. Of the
    latter a fifth of each class, chosen by the files' names, is held out. Hidden files are passed
    over.

    Args:
        path: Of the tree; a relative one is looked for under the data root, then in the current
            folder.
        train: For training, or held out.
        root: The data root; `SUPPRESSION_DATA` if None.
        side: Most at which pictures are held, px.
        skip_bad: Leave out files that are no pictures, and call `note`.
        note: Gets a line about what was left out.

    Raises:
        MissingSource: There is no such folder.
        UserError: It has no two classes, a class has no pictures, or files are no pictures.
    """
    top = tree(path, root)
    files, classes = files_by_label(top, train)
    labelled = []
    for label, paths in files.items():
        labelled += [(path, label) for path in paths]
    labelled.sort(key=lambda item: digest(item[0], top))
    stamped = [(str(path), path.stat().st_mtime_ns) for path, _ in labelled]
    images, bad = decoded(tuple(stamped), side)
    if bad:
        complaint = complaint_of(bad, len(labelled), top, "training" if train else "test")
        if not skip_bad:
            raise UserError(f"{complaint}; mend or remove them, or add --skip-bad to use the rest")
        note(complaint)
    labels = [label for path, label in labelled if str(path) not in bad]
    empty = sorted(set(files) - set(labels))
    if empty:
        raise UserError(f"{top}: no file of class '{classes[empty[0]]}' can be used")
    return Pool(images, torch.tensor(labels), tuple(classes))


def files_by_label(top: Path, train: bool) -> tuple[dict[int, list[Path]], list[str]]:
    """The files of the training or of the held-out part, by label, and the classes' names."""
    training, held_out = top / "train", top / "test"
    if not held_out.is_dir():
        held_out = top / "val"
    if training.is_dir() and held_out.is_dir():
        classes = class_folders(training)
        files = files_of(training if train else held_out, classes)
        strange = sorted(set(class_folders(held_out)) - set(classes))
        if strange:
            raise UserError(
                f"{held_out} has the class folder '{strange[0]}', which {training} has not"
            )
        return files, classes
    classes = class_folders(top)
    files = {}
    for label, paths in files_of(top, classes).items():
        files[label] = split(paths, train, top)
    return files, classes


def complaint_of(bad: dict[str, str], files: int, top: Path, part: str) -> str:
    """How many files cannot be used, and why the first few cannot."""
    some = list(bad.items())[:NAMED]
    reasons = [f"{Path(file).relative_to(top)} ({why})" for file, why in some]
    if len(bad) > NAMED:
        reasons.append("...")
    counted = f"{len(bad)} of {files} files in {top} ({part} part)"
    return f"{counted} cannot be used: {', '.join(reasons)}"


def tree(path: str, root: Path | None) -> Path:
    """The folder of this path; MissingSource if there is none."""
    given = Path(path).expanduser()
    places = [given] if given.is_absolute() else [data_root(root) / given, given.absolute()]
    for place in places:
        if place.is_dir():
            return place
    looked = f"{places[0]} is no folder"
    if len(places) > 1:
        looked = f"{places[0]} and {places[1]} are no folder"
    raise MissingSource(
        f"source '{FOLDER}{path}' is not there: {looked}; name one that holds a folder for each "
        "class, or train/ and test/ (or val/) with a folder for each class"
    )


def class_folders(top: Path) -> list[str]:
    """The names of the classes, sorted."""
    entries = [entry for entry in top.iterdir() if not entry.name.startswith(".")]
    classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise UserError(
            f"{top} has no class folders (it holds {len(entries)} files): a source of photographs "
            "has a folder for each class, which holds its pictures"
        )
    if len(classes) == 1:
        raise UserError(
            f"{top} has one class folder only, '{classes[0]}'; a probe needs two classes at least"
        )
    return classes


def files_of(top: Path, classes: list[str]) -> dict[int, list[Path]]:
    """Each class's files, wherever below its folder they lie."""
    files = {}
    for label, name in enumerate(classes):
        below = [path for path in (top / name).rglob("*") if is_shown(path)]
        if not below:
            raise UserError(f"{top} has no file of class '{name}'")
        files[label] = below
    return files


def is_shown(path: Path) -> bool:
    """Whether it is a file that is not hidden."""
    return path.is_file() and not path.name.startswith(".")


def digest(path: Path, top: Path) -> bytes:
    """An order that depends on names alone, and mixes the classes."""
    return hashlib.sha256(path.relative_to(top).as_posix().encode()).digest()


def split(files: list[Path], train: bool, top: Path) -> list[Path]:
    """The training or the held-out part of one class's files."""
    if len(files) < 2:
        raise UserError(
            f"{files[0].parent} has one file; a class needs two at least, one to train on and one "
            "to test with"
        )
    ordered = sorted(files, key=lambda path: digest(path, top))
    held_out = max(1, round(TEST_SHARE * len(files)))
    return ordered[held_out:] if train else ordered[:held_out]
