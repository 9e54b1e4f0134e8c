"""A tree of class folders (ImageNet's layout) as a source of photographs."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.contents import sha256, stamp
from suppression.data.sources.decoding import decoded
from suppression.data.sources.root import data_root
from suppression.errors import UserError
from suppression.notes import Note
from suppression.places import named

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
    found = listed(top)
    if train:
        tell_passed_over(found.passed_over, top, note)
        tell_copies(found, top, note)
    labelled = []
    for label, paths in (found.training if train else found.held_out).items():
        labelled += [(path, label) for path in paths]
    labelled.sort(key=lambda item: digest(item[0], top))
    stamped = tuple((str(path), stamp(path)) for path, _ in labelled)
    images, bad, odd = decoded(stamped, side)
    part = "training" if train else "test"
    if odd:
        note(f"{counted(odd, len(labelled), top, part)}: {examples(odd, top)}")
    if bad:
        complaint = f"{counted(bad, len(labelled), top, part)} cannot be used: {examples(bad, top)}"
        if not skip_bad:
            raise UserError(f"{complaint}; mend or remove them, or add --skip-bad to use the rest")
        note(complaint)
    labels = [label for path, label in labelled if str(path) not in bad]
    empty = sorted(set(range(len(found.classes))) - set(labels))
    if empty:
        raise UserError(f"{top}: no file of class '{found.classes[empty[0]]}' can be used")
    names = tuple(map(printable, found.classes))
    return Pool(images, torch.tensor(labels), names)


@dataclass
class Listing:
    """What is in a tree.

    Args:
        classes: Their names, sorted.
        training: The files for training, by label.
        held_out: Those that are held out.
        passed_over: What is neither, and why.
    """

    classes: list[str]
    training: dict[int, list[Path]]
    held_out: dict[int, list[Path]]
    passed_over: list[tuple[Path, str]]

    @property
    def files(self) -> list[Path]:
        """All files of both parts."""
        found: list[Path] = []
        for part in (self.training, self.held_out):
            for paths in part.values():
                found += paths
        return found


def listed(top: Path) -> Listing:
    """What is in a tree; UserError if it has no classes, MissingSource if it may not be read."""
    try:
        parts = parts_of(top)
        if parts is None:
            return listed_without_parts(top)
        return listed_by_parts(top, *parts)
    except OSError as error:
        raise MissingSource(f"{top} cannot be read: {error}") from error


def listed_without_parts(top: Path) -> Listing:
    passed_over = beside(top, "not in a class folder")
    classes = class_folders(top)
    training, held_out = {}, {}
    for label, paths in files_of(top, classes, passed_over).items():
        training[label] = split(paths, True, top)
        held_out[label] = split(paths, False, top)
    return Listing(classes, training, held_out, passed_over)


def listed_by_parts(top: Path, training: Path, held_out: Path) -> Listing:
    passed_over: list[tuple[Path, str]] = []
    for entry in sorted(top.iterdir()):
        if entry not in (training, held_out):
            passed_over.append((entry, f"beside {training.name}/ and {held_out.name}/"))
    for part in (training, held_out):
        passed_over += beside(part, "not in a class folder")
    classes = class_folders(training)
    strange = sorted(set(folder_names(held_out)) - set(classes))
    if strange:
        raise UserError(f"{held_out} has the class folder '{strange[0]}', which {training} has not")
    of_training = files_of(training, classes, passed_over)
    return Listing(classes, of_training, files_of(held_out, classes, passed_over), passed_over)


def parts_of(top: Path) -> tuple[Path, Path] | None:
    """The folders of the training and of the held-out part; None where `top` has classes itself.

    Raises:
        UserError: if only one of them is there, or they are called otherwise.
    """
    by_name: dict[str, Path] = {}
    for name in folder_names(top):
        by_name.setdefault(name.lower(), top / name)
    training = first_of(TRAINING, by_name)
    held_out = first_of(HELD_OUT, by_name)
    if training is not None and held_out is not None:
        return training, held_out
    like_parts = []  # a folder of pictures may be a class that is called so
    for kind, exact in ((TRAINING, training), (HELD_OUT, held_out)):
        alike = [path for name, path in by_name.items() if set(kind) & set(words(name))]
        like_parts.append([path for path in alike if path != exact and folder_names(path)])
        if exact is not None and folder_names(exact):
            others = [f"{path.name}/" for path in by_name.values() if path != exact]
            raise UserError(
                f"{top} has {exact.name}/, which holds folders, and beside it no part to "
                f"{'test' if kind is TRAINING else 'train'} with: a tree has train/ and one of "
                f"{', '.join(f'{name}/' for name in HELD_OUT)}; there is "
                f"{', '.join(others) or 'no other folder'}"
            )
    if all(like_parts):
        raise UserError(
            f"{top} has {like_parts[0][0].name}/ and {like_parts[1][0].name}/, which hold folders: "
            "if these are parts, call them train and test"
        )
    return None


def first_of(names: tuple[str, ...], by_name: dict[str, Path]) -> Path | None:
    return next((by_name[name] for name in names if name in by_name), None)


def words(name: str) -> list[str]:
    """Of a folder's name: train2017 has 'train', training_set has 'training' and 'set'."""
    return re.findall("[a-z]+", name)


def tell_passed_over(passed_over: list[tuple[Path, str]], top: Path, note: Note) -> None:
    """A note of how many files, folders and links are not read, with one of them."""
    if passed_over:
        path, why = passed_over[0]
        others = f", and {len(passed_over) - 1} more" if len(passed_over) > 1 else ""
        note(f"{top}: passed over are {within(path, top)} ({why}){others}")


def tell_copies(found: Listing, top: Path, note: Note) -> None:
    """A note where files that are held out are, byte for byte, files that are trained on."""
    held_out = [path for paths in found.held_out.values() for path in paths]
    sizes = {path.stat().st_size for path in held_out}
    trained_on: dict[str, Path] = {}
    for paths in found.training.values():
        for path in paths:
            if path.stat().st_size in sizes:  # others need not be read
                trained_on.setdefault(sha256(path), path)
    sizes = {path.stat().st_size for path in trained_on.values()}
    copies = []
    for path in held_out:
        if path.stat().st_size in sizes and sha256(path) in trained_on:
            copies.append((path, trained_on[sha256(path)]))
    if copies:
        copy, original = (within(path, top) for path in copies[0])
        note(
            f"{top}: {len(copies)} of {len(held_out)} held-out files are training files, too, byte "
            f"for byte ({copy} is {original}): what a probe reads there it may know by heart"
        )


def within(path: Path, top: Path) -> str:
    """A path below a tree, as it may be shown."""
    return printable(str(path.relative_to(top)))


def printable(name: str) -> str:
    """The name of a file without what is no UTF-8, or what a terminal would obey."""
    text = os.fsencode(name).decode(errors="replace")
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def counted(some: dict[str, str], files: int, top: Path, part: str) -> str:
    return f"{len(some)} of {files} files in {top} ({part} part)"


def examples(some: dict[str, str], top: Path) -> str:
    """The first few files, and what is said of each."""
    told = [f"{within(Path(file), top)} ({why})" for file, why in list(some.items())[:NAMED]]
    if len(some) > NAMED:
        told.append("...")
    return ", ".join(told)


def tree(path: str, root: Path | None) -> Path:
    """The folder of this path; MissingSource if there is none that may be read."""
    if not path.strip():
        raise MissingSource(f"source '{FOLDER}' names no folder; '{FOLDER}.' is the current one")
    given = named(path)
    places = [given] if given.is_absolute() else [data_root(root) / given, given.absolute()]
    try:
        for place in places:
            if place.is_dir():
                return place
    except OSError as error:
        raise MissingSource(f"source '{FOLDER}{path}' cannot be read: {error}") from error
    looked = f"{places[0]} is no folder"
    if len(places) > 1:
        looked = f"{places[0]} and {places[1]} are no folder"
    raise MissingSource(
        f"source '{FOLDER}{path}' is not there: {looked}; name one that holds a folder for each "
        "class, or train/ and test/ (or val/) with a folder for each class"
    )


def folder_names(top: Path) -> list[str]:
    """The names of the folders in it that are shown, sorted."""
    return sorted(entry.name for entry in top.iterdir() if is_shown(entry) and entry.is_dir())


def class_folders(top: Path) -> list[str]:
    """The names of the classes, sorted."""
    classes = folder_names(top)
    if not classes:
        holds = sum(map(is_shown, top.iterdir()))
        raise UserError(
            f"{top} has no class folders (it holds {holds} files): a source of photographs "
            "has a folder for each class, which holds its pictures"
        )
    if len(classes) == 1:
        raise UserError(
            f"{top} has one class folder only, '{classes[0]}'; a probe needs two classes at least"
        )
    return classes


def beside(top: Path, why: str) -> list[tuple[Path, str]]:
    """What is in a folder that has class folders, and is none."""
    classes = folder_names(top)
    others = [entry for entry in sorted(top.iterdir()) if entry.name not in classes]
    return [(entry, why_passed_over(entry, top) or why) for entry in others]


def files_of(
    top: Path, classes: list[str], passed_over: list[tuple[Path, str]]
) -> dict[int, list[Path]]:
    """Each class's files, wherever below its folder they lie; the rest is added to the list."""
    files: dict[int, list[Path]] = {}
    for label, name in enumerate(classes):
        files[label] = []
        for path in below(top / name):
            why = why_passed_over(path, top)
            if why:
                passed_over.append((path, why))
            elif path.is_file():
                files[label].append(path)
        if not files[label]:
            raise UserError(f"{top} has no file of class '{name}'")
    return files


def below(top: Path) -> Iterator[Path]:
    """All that is below a folder, in order; links to folders are not followed."""
    # Not `rglob`, which leaves out without a word what may not be read.
    for entry in sorted(top.iterdir()):
        yield entry
        if entry.is_dir() and not entry.is_symlink():
            yield from below(entry)


def why_passed_over(path: Path, top: Path) -> str:
    """Why a file below a class folder is none of its pictures; nothing if it may be one."""
    if not all(map(is_shown, [path, *path.parents][: len(path.relative_to(top).parts)])):
        return "hidden, or left by a system"
    if path.is_file():
        return ""
    if path.is_dir():
        return "a link to a folder" if path.is_symlink() else ""
    return "a link that leads nowhere" if path.is_symlink() else "no regular file"


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
