"""Cells in folders: what was trained and probed is there whole, or not at all.

A cell's folder is named by its key, a hash of its parameters. Nothing else writes under the store,
and nothing in it is ever unpickled.

cells/KEY/      published by one rename: cell.json weights.safetensors trace.jsonl about.json
                sums.json
cells/KEY/probes/NAME.json   small records; a changed probe retrains nothing
cells/KEY/probes/NAME.units.npz   which held-out instances were told rightly
work/KEY/       a training under way: checkpoint, trace
damaged/        what failed its checksum, put aside
locks/          who trains what
machine.json    what was measured on this machine
results/        figures, tables, and which cells a recipe has
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from suppression import places
from suppression.errors import UserError
from suppression.experiment.keys import Record, dumps
from suppression.metrics.units import UNITS, packed, with_units, without_units
from suppression.notes import Note, ignore
from suppression.writing import replace, replace_all, write_through

if TYPE_CHECKING:
    from torch import Tensor

STORE_VARIABLE = "SUPPRESSION_HOME"
CHECKPOINT_SECONDS = 20.0


def default_root() -> Path:
    """`SUPPRESSION_HOME`, else the platform's folder for a user's data."""
    return places.own(STORE_VARIABLE, "") / "store"


def nothing() -> None:
    """What is done while waiting, where nobody waits."""


class Unwritable(UserError):
    """The store cannot be written: it is read-only, its disk is full."""


class Store:
    def __init__(self, root: Path | str | None = None) -> None:
        self.root = default_root() if root is None else places.named(root)

    # --- reading ----------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        return (self.root / "cells" / key / "sums.json").is_file()

    def keys(self) -> list[str]:
        cells = self.root / "cells"
        return sorted(path.name for path in cells.iterdir()) if cells.is_dir() else []

    def damage(self, key: str) -> str | None:
        """What is wrong with a published cell, by checksum; None if it is whole."""
        folder = self.root / "cells" / key
        try:
            sums = json.loads((folder / "sums.json").read_text(encoding="utf-8"))
            for name, digest in sums.items():
                if sha256((folder / name).read_bytes()) != digest:
                    return f"{folder / name} is not what was written (its checksum differs)"
        except (OSError, ValueError, AttributeError) as error:
            return f"{folder} is not whole ({error})"
        return None

    def set_aside(self, key: str) -> Path:
        """Move a cell that is damaged, or of other pictures, out of the way; nothing is deleted."""
        aside = self.root / "damaged" / f"{key}-{time.time_ns()}"
        with self.writing():
            aside.parent.mkdir(parents=True, exist_ok=True)
            os.rename(self.root / "cells" / key, aside)
        return aside

    def cell(self, key: str) -> Record:
        """The parameters of a published cell."""
        return json.loads((self.root / "cells" / key / "cell.json").read_text(encoding="utf-8"))

    def about(self, key: str) -> Record:
        return json.loads((self.root / "cells" / key / "about.json").read_text(encoding="utf-8"))

    def trace(self, key: str) -> list[Record]:
        return read_lines(self.root / "cells" / key / "trace.jsonl")

    def weights(self, key: str) -> dict[str, Tensor]:
        from safetensors.torch import load

        return load((self.root / "cells" / key / "weights.safetensors").read_bytes())

    def rows(self, key: str, probe: str) -> list[Record] | None:
        """The rows of a probe; None where it was not asked, or its record is damaged.

        Those that the instances behind an accuracy were kept of bear them as `units`.
        """
        folder = self.root / "cells" / key / "probes"
        try:
            record = json.loads((folder / f"{probe}.json").read_text(encoding="utf-8"))
            rows, digest = record["rows"], record["sha256"]
            of_units = record.get(UNITS)  # records from before they were kept have none
            units = None if of_units is None else (folder / f"{probe}.{UNITS}").read_bytes()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if sha256(dumps(rows).encode()) != digest:
            return None
        if units is None:
            return rows
        return with_units(rows, units) if sha256(units) == of_units else None

    def probed(self, key: str, probe: str) -> bool:
        """Whether there is a record of this probe, whole or damaged."""
        return (self.root / "cells" / key / "probes" / f"{probe}.json").is_file()

    # --- writing ----------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turns a failure to write into the user's error; what was finished before stays."""
        try:
            yield
        except OSError as error:
            raise Unwritable(
                f"the store {self.root} cannot be written: {error.strerror or error}; name another "
                f"with --store or {STORE_VARIABLE}. What was finished before is kept"
            ) from error

    def check_writable(self) -> None:
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".write-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()

    @contextmanager
    def claim(
        self, key: str, *, on_wait: Callable[[], None] = nothing, note: Note = ignore
    ) -> Iterator[None]:
        """Wait until no other process trains this cell; meanwhile none starts to.

        A killed holder's claim ends with it. On a file system without locks there are no claims:
        two processes may train one cell, and the first to finish keeps its place.

        Args:
            key: The cell's key.
            on_wait: Called once, if another process has the claim.
            note: Told that there are no locks.
        """
        from filelock import FileLock, Timeout

        with self.writing():
            (self.root / "locks").mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "locks" / f"{key}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire()
        except OSError as error:
            note(
                f"{self.root} has no file locks ({error.strerror}): two programs may train one "
                "cell twice, and nothing is lost by it"
            )
        try:
            yield
        finally:
            lock.release()

    def workplace(self, key: str, sources: Record | None = None) -> Workplace:
        """Where a training is under way, on sources with these fingerprints."""
        return Workplace(self, key, sources or {})

    def publish(
        self,
        key: str,
        *,
        cell: Record,
        weights: dict[str, Tensor],
        trace: list[Record],
        about: Record,
    ) -> None:
        """Write a cell beside its place and rename it there.

        If another process was first, its folder stays and this one goes.

        Args:
            key: The cell's key.
            cell: Its parameters.
            weights: Its method's tensors, by name.
            trace: What was logged while it was trained.
            about: How it was trained: machine, versions, seconds.
        """
        from safetensors.torch import save

        trace_lines = [dumps(row) + "\n" for row in trace]
        files = {
            "cell.json": dumps(cell).encode(),
            "about.json": json.dumps(about, indent=1).encode(),
            "trace.jsonl": "".join(trace_lines).encode(),
            "weights.safetensors": save(weights),
        }
        sums = {name: sha256(content) for name, content in files.items()}
        files["sums.json"] = dumps(sums).encode()
        beside = self.root / "work" / f"{key}.publish-{os.getpid()}"
        folder = self.root / "cells" / key
        with self.writing():
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                write_through(beside / name, content)
            (beside / "probes").mkdir()
            try:
                os.rename(beside, folder)
            except OSError:
                if not self.has(key):
                    raise
                shutil.rmtree(beside)
            shutil.rmtree(self.root / "work" / key, ignore_errors=True)
            # Of killed processes: the caller holds the claim, so no one else is publishing.
            for left in (self.root / "work").glob(f"{key}.publish-*"):
                shutil.rmtree(left, ignore_errors=True)

    def put_rows(self, key: str, probe: str, rows: list[Record]) -> None:
        """Keep the rows of a probe, and beside them their `units`, where they bear some."""
        told = [without_units(row) for row in rows]
        record = {"sha256": sha256(dumps(told).encode()), "rows": told}
        files = {}
        if any("units" in row for row in rows):
            units = packed([row.get("units") for row in rows])
            files[f"{probe}.{UNITS}"] = units
            record[UNITS] = sha256(units)
        files[f"{probe}.json"] = json.dumps(record, indent=1).encode()
        with self.writing():
            replace_all(self.root / "cells" / key / "probes", files)

    def machine(self) -> Record:
        """What was measured once on this machine, by name."""
        try:
            return json.loads((self.root / "machine.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def put_machine(self, name: str, value: object) -> None:
        with self.claim("machine"):  # workers measure side by side
            content = json.dumps({**self.machine(), name: value}, indent=1)
            with self.writing():
                replace(self.root / "machine.json", content.encode())

    def put_result(self, name: str, content: bytes) -> None:
        """A figure or a table of a run, under results/."""
        with self.writing():
            (self.root / "results").mkdir(parents=True, exist_ok=True)
            replace(self.root / "results" / name, content)

    def results_of(self, name: str, digest: str, endings: list[str]) -> dict[str, bytes] | None:
        """A result's files by their endings, if they are there and drawn from these rows.

        Args:
            name: The result's name.
            digest: The digest of the rows.
            endings: The endings of its files.
        """
        folder = self.root / "results"
        try:
            if (folder / f"{name}.sha256").read_text(encoding="utf-8") != digest:
                return None
            return {ending: (folder / f"{name}.{ending}").read_bytes() for ending in endings}
        except (OSError, ValueError):
            return None

    def put_keys(self, name: str, keys: list[str]) -> None:
        """Which cells a recipe has at a scale, for the list that answers without torch."""
        self.put_result(f"{name}.keys", "\n".join(keys).encode())

    def result_keys(self, name: str) -> list[str]:
        path = self.root / "results" / f"{name}.keys"
        return path.read_text(encoding="utf-8").split() if path.is_file() else []


class Workplace:
    """A training under way: its trace as it grows and its last checkpoint (a `train.Keeper`)."""

    def __init__(self, store: Store, key: str, sources: Record) -> None:
        self.store, self.folder = store, store.root / "work" / key
        self.sources = sources
        self.saved = time.monotonic()
        self.trace: list[Record] = []
        self.damaged: str | None = None
        self.resumed_at = 0
        with store.writing():
            self.folder.mkdir(parents=True, exist_ok=True)

    def log(self, row: Record) -> None:
        self.trace.append(row)
        with (
            self.store.writing(),
            (self.folder / "trace.jsonl").open("a", encoding="utf-8") as file,
        ):
            file.write(dumps(row) + "\n")

    def due(self) -> bool:
        return time.monotonic() - self.saved > CHECKPOINT_SECONDS

    def save(self, tensors: dict[str, Tensor], step: int) -> None:
        """Replace the checkpoint.

        Its file holds the sha256, a line feed, then safetensors with the step and the sources in
        the metadata.
        """
        from safetensors.torch import save

        metadata = {"step": str(step), "sources": dumps(self.sources)}
        content = save(tensors, metadata=metadata)
        with self.store.writing():
            replace(self.folder / "checkpoint", sha256(content).encode() + b"\n" + content)
        self.saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], int] | None:
        """The last checkpoint and its step; the trace is cut back to it.

        None if there is none that is whole; `damaged` then says why.
        """
        checkpoint = self.read_checkpoint()
        step = 0 if checkpoint is None else checkpoint[1]
        logged = read_lines(self.folder / "trace.jsonl")
        self.trace = [row for row in logged if row["step"] < step]
        lines = [dumps(row) + "\n" for row in self.trace]
        with self.store.writing():
            replace(self.folder / "trace.jsonl", "".join(lines).encode())
        self.resumed_at = step
        return checkpoint

    def read_checkpoint(self) -> tuple[dict[str, Tensor], int] | None:
        from safetensors.torch import load

        path = self.folder / "checkpoint"
        if not path.is_file():
            return None
        digest, _, content = path.read_bytes().partition(b"\n")
        if sha256(content) != digest.decode(errors="replace"):
            self.damaged = (
                f"{path} is not what was written (its checksum differs); the cell starts anew"
            )
            return None
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        told = header["__metadata__"]
        if told.get("sources", dumps(self.sources)) != dumps(self.sources):
            self.damaged = f"{path} is of other pictures than those there now; the cell starts anew"
            return None
        return load(content), int(told["step"])


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_lines(path: Path) -> list[Record]:
    """JSON lines; a last line cut short by a kill is left out."""
    rows: list[Record] = []
    if not path.is_file():
        return rows
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
