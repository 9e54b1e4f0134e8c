"""A tree of class folders (ImageNet's layout) as a source of photographs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.decoding import decoded
from suppression.data.sources.root import data_root
from suppression.errors import UserError
from suppression.notes import Note, ignore

FOLDER = "folder:"
TEST_SHARE = 0.2  # of a folder that has no parts of its own
TRAINING = ("train", "training")  # names of parts, in any capitals
HELD_OUT = ("test", "val", "valid", "validation")  # the first one that is there is taken
LEFT_BEHIND = ("__macosx", "thumbs.db", "desktop.ini", "@eadir")
NAMED = 5  # bad files that a message names


def folder(
    path: str, train: bool, root: Path | None, *, side: int, skip_bad: bool, note: Note
) -> Pool:
    """The pictures of a tree, for training or held out.

    The tree is `PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`, `valid`, `validation`, in
    any capitals), or `PATH/CLASS/*`. Of the latter a fifth of each class, chosen by the files'
    names, is held out. What is hidden, what systems leave behind, and links that lead to folders or
    nowhere are passed over, and told.

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
    files, classes = files_by_label(top, train, note)
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
    names = tuple(os.fsencode(name).decode(errors="replace") for name in classes)
    return Pool(images, torch.tensor(labels), names)


def files_by_label(top: Path, train: bool, note: Note) -> tuple[dict[int, list[Path]], list[str]]:
    """The files of the training or of the held-out part, by label, and the classes' names."""
    parts = parts_of(top)
    if parts is not None:
        training, held_out = parts
        classes = class_folders(training)
        files = files_of(training if train else held_out, classes, note)
        strange = sorted(set(class_folders(held_out)) - set(classes))
        if strange:
            raise UserError(
                f"{held_out} has the class folder '{strange[0]}', which {training} has not"
            )
        return files, classes
    classes = class_folders(top)
    files = {}
    for label, paths in files_of(top, classes, note if train else ignore).items():
        files[label] = split(paths, train, top)
    return files, classes


def parts_of(top: Path) -> tuple[Path, Path] | None:
    """The folders of the training and of the held-out part; None where `top` has classes itself.

    Raises:
        UserError: if there is a training part and none that is held out.
    """
    by_name = {entry.name.lower(): entry for entry in top.iterdir() if holds_folders(entry)}
    training = next((by_name[name] for name in TRAINING if name in by_name), None)
    if training is None:
        return None
    for name in HELD_OUT:
        if name in by_name:
            return training, by_name[name]
    others = ", ".join(sorted(entry.name for entry in by_name.values() if entry != training))
    raise UserError(
        f"{top} has {training.name}/, which holds folders, and no part that is held out beside "
        f"it ({', '.join(HELD_OUT)}); there are: {others or 'no other folders'}"
    )


def holds_folders(entry: Path) -> bool:
    """Whether it is a folder of folders: a part, not a class."""
    return entry.is_dir() and any(inner.is_dir() and is_shown(inner) for inner in entry.iterdir())


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
    entries = [entry for entry in top.iterdir() if is_shown(entry)]
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


def files_of(top: Path, classes: list[str], note: Note) -> dict[int, list[Path]]:
    """Each class's files, wherever below its folder they lie."""
    files: dict[int, list[Path]] = {}
    passed_over: list[tuple[Path, str]] = []
    for label, name in enumerate(classes):
        files[label] = []
        for path in sorted((top / name).rglob("*")):
            why = why_passed_over(path, top)
            if why:
                passed_over.append((path, why))
            elif path.is_file():
                files[label].append(path)
        if not files[label]:
            raise UserError(f"{top} has no file of class '{name}'")
    if passed_over:
        path, why = passed_over[0]
        others = f", and {len(passed_over) - 1} more" if len(passed_over) > 1 else ""
        note(f"{top}: passed over are {path.relative_to(top)} ({why}){others}")
    return files


def why_passed_over(path: Path, top: Path) -> str:
    """Why a file below a class folder is none of its pictures; nothing if it may be one."""
    if not all(is_shown(Path(part)) for part in path.relative_to(top).parts):
        return "hidden, or left by a system"
    if path.is_symlink() and path.is_dir():
        return "a link to a folder"
    if path.is_symlink() and not path.exists():
        return "a link that leads nowhere"
    return ""


def is_shown(path: Path) -> bool:
    """Whether it is neither hidden nor what systems leave behind."""
    return not path.name.startswith(".") and path.name.lower() not in LEFT_BEHIND


def digest(path: Path, top: Path) -> bytes:
    """An order that depends on names alone, and mixes the classes."""
    return hashlib.sha256(os.fsencode(path.relative_to(top).as_posix())).digest()


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
