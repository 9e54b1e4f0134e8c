"""Figures and tables of runs, in results/ of a store, and which cells a recipe has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from suppression.experiment.keys import is_key
from suppression.writing import make_folders, replace, sha256

if TYPE_CHECKING:
    from suppression.execution.store import Store

DIGITS = 64  # of a sha256


class Results:
    """The results of a store.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.folder = store, store.root / "results"

    def put(self, name: str, content: bytes) -> None:
        """A figure or a table of a run, under results/."""
        with self.store.writing():
            make_folders(self.folder)
            replace(self.folder / name, content)

    def put_drawn(self, name: str, digest: str, files: Mapping[str, bytes]) -> None:
        """A result's files, and last which rows they were drawn from and their checksums.

        Args:
            name: The result's name.
            digest: The digest of the rows.
            files: Their contents, by their endings.
        """
        lines = [digest]
        for ending, content in files.items():
            self.put(f"{name}.{ending}", content)
            lines.append(f"{sha256(content)}  {ending}")
        self.put(f"{name}.sha256", "\n".join(lines).encode())

    def drawn_from(self, name: str, digest: str, endings: list[str]) -> dict[str, bytes] | None:
        """A result's files by their endings, if they are what was drawn from these rows.

        Args:
            name: The result's name.
            digest: The digest of the rows.
            endings: The endings of its files.
        """
        told, sums = self.sums(name)
        if told != digest:
            return None
        found = {}
        for ending in endings:
            content = self.read(f"{name}.{ending}")
            if content is None or sums.get(ending) != sha256(content):
                return None
            found[ending] = content
        return found

    def read(self, name: str) -> bytes | None:
        """A file under results/; None where it cannot be read."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def sums(self, name: str) -> tuple[str, dict[str, str]]:
        """The digest of the rows that a result was drawn from, and its files' checksums.

        Both are empty where the file that tells them is not there, or damaged.
        """
        lines = (self.read(f"{name}.sha256") or b"").decode(errors="replace").split("\n")
        sums = {}
        for line in lines[1:]:
            digest, _, ending = line.partition("  ")
            sums[ending] = digest
        return lines[0], sums

    def put_keys(self, name: str, keys: list[str]) -> None:
        """Which cells a recipe has at a scale, for the list that answers without torch."""
        content = "\n".join(keys)
        self.put(f"{name}.keys", f"{content}\n{sha256(content.encode())}".encode())

    def keys(self, name: str) -> list[str]:
        return self.read_keys(name) or []

    def read_keys(self, name: str) -> list[str] | None:
        """None where the file is not what was written; older ones have no checksum."""
        lines = (self.read(f"{name}.keys") or b"").decode(errors="replace").split("\n")
        digest = lines.pop() if len(lines[-1]) == DIGITS else None
        if digest not in (None, sha256("\n".join(lines).encode())):
            return None
        return lines if all(map(is_key, lines)) else None

    def names(self, ending: str) -> list[str]:
        """The names of results with a file of this ending."""
        paths = self.folder.glob(f"*{ending}")
        return sorted(path.name.removesuffix(ending) for path in paths)

    def faults(self, wrong: str) -> Iterator[str]:
        """A line for each file that is damaged: where it is, and what is wrong with it.

        Args:
            wrong: What is said of a file whose checksum differs.
        """
        for name in self.names(".keys"):
            if self.read_keys(name) is None:
                yield f"{self.folder / name}.keys {wrong}"
        for name in self.names(".sha256"):
            for ending, digest in self.sums(name)[1].items():
                content = self.read(f"{name}.{ending}")
                if content is None or sha256(content) != digest:
                    yield f"{self.folder / name}.{ending} {wrong}"

    def migrate(self) -> list[str]:
        """Give the files of older versions, which had none, their checksums.

        Returns:
            The names of the files that were written anew.
        """
        done = []
        for name in self.names(".keys"):
            content = self.read(f"{name}.keys") or b""
            if len(content.rpartition(b"\n")[2]) != DIGITS:
                self.put_keys(name, content.decode(errors="replace").split())
                done.append(f"results/{name}.keys")
        for name in self.names(".sha256"):
            digest, sums = self.sums(name)
            if not sums:
                files = {}
                for ending in ("csv", "svg", "png", "pictures.png"):
                    drawn = self.read(f"{name}.{ending}")
                    if drawn is not None:
                        files[ending] = drawn
                self.put_drawn(name, digest, files)
                done.append(f"results/{name}.sha256")
        return done
