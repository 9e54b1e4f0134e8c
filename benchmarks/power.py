"""A disk that loses its power: what may be left of the changes that a process has made.

What was synced is there. Of all else a disk may have kept anything: nothing of it, all of it, each
change alone, all but each one. A file is kept by a sync of itself, its name by one of its folder.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Named:
    """A name in a folder: of something new, of what had another name, or of nothing any more."""

    folder: int
    name: str
    what: int | None
    before: tuple[int, str] | None = None


@dataclass(frozen=True)
class Written:
    """What a file holds from now on, if it is synced."""

    what: int
    content: bytes


@dataclass(frozen=True)
class Synced:
    """A file's content, or a folder's names, that outlive a loss of power."""

    what: int


Change = Named | Written | Synced
Names = dict[int, dict[str, int]]
Tree = dict[Path, bytes | None]  # of a folder, each before what is in it; a folder holds None


@dataclass
class Disk:
    """What has happened below a folder, in its order.

    Args:
        root: The folder.
        changes: What has happened.
        contents: What files held at first, by their numbers; a folder holds None.
        names: What folders held at first, by their numbers; that of the root is 0.
    """

    root: Path
    changes: list[Change] = field(default_factory=list)
    contents: dict[int, bytes | None] = field(default_factory=dict)
    names: Names = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.live: dict[Path, int] = {}
        self.last: dict[int, bytes] = {}  # what files hold that were not synced since
        self.kinds: dict[int, bool] = {}
        for path in [self.root, *sorted(self.root.rglob("*"))]:
            self.begin_with(path)

    def begin_with(self, path: Path) -> None:
        number = self.add(path, is_folder=path.is_dir())
        if number:
            self.names[self.live[path.parent]][path.name] = number
        self.contents[number] = None if path.is_dir() else path.read_bytes()

    def add(self, path: Path, *, is_folder: bool) -> int:
        number = len(self.kinds)
        self.live[path] = number
        self.kinds[number] = is_folder
        if is_folder:
            self.names[number] = {}
        return number

    # --- what happens ----------------------------------------------------------------------

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Note a change that is about to be made, and what files hold by now."""
        self.look()
        if event == "open" and isinstance(args[0], (str, bytes, os.PathLike)):
            self.opened(Path(os.fsdecode(args[0])), args[2])
        elif event == "os.mkdir":
            self.made(whole(args[0], args[2]), is_folder=True)
        elif event in ("os.rmdir", "os.remove"):
            self.removed(whole(args[0], args[1]))
        elif event == "os.rename":
            self.renamed(whole(args[0], args[2]), whole(args[1], args[3]))
        elif event == "os.link":
            self.linked(whole(args[0], args[2]), whole(args[1], args[3]))

    def opened(self, path: Path, flags: int) -> None:
        if not flags & WRITES or not self.is_within(path):
            return
        if path not in self.live:
            self.made(path, is_folder=False)
        if path in self.live:
            self.last.setdefault(self.live[path], b"" if flags & os.O_TRUNC else self.read(path))

    def read(self, path: Path) -> bytes:
        return path.read_bytes() if path.is_file() else b""

    def made(self, path: Path, *, is_folder: bool) -> None:
        if path.parent in self.live and path not in self.live:
            number = self.add(path, is_folder=is_folder)
            self.changes.append(Named(self.live[path.parent], path.name, number))

    def removed(self, path: Path) -> None:
        if path in self.live:
            number = self.live.pop(path)
            if number not in self.live.values():
                self.last.pop(number, None)
            self.changes.append(Named(self.live[path.parent], path.name, None))

    def renamed(self, source: Path, target: Path) -> None:
        """A rename to a folder that is not empty will fail, so it is none."""
        in_the_way = target.is_dir() and any(target.iterdir())
        if source not in self.live or target.parent not in self.live or in_the_way:
            return
        number, before = self.live[source], (self.live[source.parent], source.name)
        self.changes.append(Named(self.live[target.parent], target.name, number, before))
        self.live.pop(target, None)
        for path in [path for path in self.live if path.is_relative_to(source)]:
            self.live[target / path.relative_to(source)] = self.live.pop(path)

    def linked(self, source: Path, target: Path) -> None:
        """A second name; where that is taken the link will fail, so it is none."""
        if source in self.live and target.parent in self.live and target not in self.live:
            self.live[target] = self.live[source]
            self.changes.append(Named(self.live[target.parent], target.name, self.live[source]))

    def synced(self, path: Path) -> None:
        self.look()
        if path in self.live:
            self.changes.append(Synced(self.live[path]))

    def look(self) -> None:
        """Note what those files hold that were opened to be written."""
        for path, number in list(self.live.items()):
            if number in self.last and path.is_file():
                content = path.read_bytes()
                if content != self.last[number]:
                    self.last[number] = content
                    self.changes.append(Written(number, content))

    def is_within(self, path: Path) -> bool:
        return path.is_relative_to(self.root)

    # --- what is left ----------------------------------------------------------------------

    def losses(self, after: int) -> Iterator[frozenset[int]]:
        """Sets of changes, of the first so many, that a loss of power then may undo."""
        at_stake = self.not_synced(after)
        yield frozenset(at_stake)
        yield frozenset()
        if len(at_stake) > 1:
            for each in at_stake:
                yield frozenset([each])
                yield frozenset(at_stake) - {each}

    def not_synced(self, after: int) -> list[int]:
        """The numbers of the changes, of the first so many, that no sync has followed yet."""
        found: list[int] = []
        for i, change in enumerate(self.changes[:after]):
            if isinstance(change, Synced):
                found = [each for each in found if concerns(self.changes[each]) != change.what]
            else:
                found.append(i)
        return found

    def left(self, after: int, lost: frozenset[int]) -> Tree:
        """What is found after a loss of power.

        Args:
            after: How many changes were made.
            lost: Which of them were lost.
        """
        names = {number: dict(there) for number, there in self.names.items()}
        contents = {number: content or b"" for number, content in self.contents.items()}
        for i, change in enumerate(self.changes[:after]):
            if i in lost or isinstance(change, Synced):
                continue
            if isinstance(change, Written):
                contents[change.what] = change.content
            else:
                rename(names, change)
        found: Tree = {}
        self.gather(found, Path(), 0, names, contents)
        return found

    def gather(
        self, found: Tree, at: Path, number: int, names: Names, contents: dict[int, bytes]
    ) -> None:
        if not self.kinds[number]:
            found[at] = contents.get(number, b"")
            return
        found[at] = None
        for name, each in sorted(names[number].items()):
            self.gather(found, at / name, each, names, contents)

    def every_state(self) -> Iterator[Tree]:
        """What may be found after a loss of power at any moment, each once, the last ones last."""
        seen = set()
        for after in range(len(self.changes) + 1):
            for lost in self.losses(after):
                tree = self.left(after, lost)
                digest = hash(tuple(tree.items()))
                if digest not in seen:
                    seen.add(digest)
                    yield tree


def write(tree: Tree, target: Path) -> None:
    """Make the folder; there is none yet."""
    for path, content in tree.items():
        if content is None:
            (target / path).mkdir()
        else:
            (target / path).write_bytes(content)


def concerns(change: Change) -> int:
    """The number of what must be synced for a change to last."""
    return change.folder if isinstance(change, Named) else change.what


def rename(names: Names, change: Named) -> None:
    """What has been renamed elsewhere meanwhile has no second name."""
    if change.before is not None:
        folder, name = change.before
        if names[folder].get(name) == change.what:
            del names[folder][name]
    if change.what is None:
        names[change.folder].pop(change.name, None)
    else:
        names[change.folder][change.name] = change.what


def whole(path: Any, folder: int) -> Path:
    """A path that may be relative to an open folder."""
    name = Path(os.fsdecode(path))
    return name if name.is_absolute() or folder == -1 else behind(folder) / name


def behind(number: int) -> Path:
    """What an open file or folder is called now."""
    return Path(os.readlink(f"/proc/self/fd/{number}"))


disk: Disk | None = None  # the one that is watched: what is once hooked stays so
hooked: list[Callable[..., None]] = []


def hook(event: str, args: tuple[Any, ...]) -> None:
    global disk
    if disk is not None and (event == "open" or event.startswith("os.")):
        watching, disk = disk, None  # what it reads itself
        try:
            watching.hear(event, args)
        finally:
            disk = watching


@contextmanager
def watched(root: Path) -> Iterator[Disk]:
    """Watch what this process does below a folder; its path is absolute and has no links."""
    global disk
    if not hooked:
        sys.addaudithook(hook)
        hooked.append(hook)
    real, found = os.fsync, Disk(root)

    def fsync(file: Any) -> None:
        number = file if isinstance(file, int) else file.fileno()
        real(number)
        found.synced(behind(number))

    os.fsync, disk = fsync, found
    try:
        yield found
    finally:
        os.fsync, disk = real, None
        found.look()
