"""Cells in folders: what was trained and probed is there whole, or not at all.

A cell's folder is named by its key, a hash of its parameters. Nothing else writes under the store,
and nothing in it is ever unpickled.

cells/KEY/      published by one rename: cell.json weights.safetensors trace.jsonl about.json
                sums.json, and snapshots.safetensors where weights were kept along training
cells/KEY/probes/NAME.json   small records; a changed probe retrains nothing
cells/KEY/probes/NAME.units.npz   which held-out instances were told rightly
audits/KEY.json answers of networks that others trained, with KEY.units.npz
work/KEY/       a training under way: execution.workplace
damaged/        what failed its checksum, put aside
locks/          who trains what: execution.claims
queue/          what other machines run: execution.queue
machine.json    what was measured on this machine
mark            a random word, by which another machine tells that it sees this same store
bucket          the URL of which this folder is a copy, and sent/ what is there: execution.bucket
results/        figures, tables, and which cells a recipe has: execution.results
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from suppression import places
from suppression.errors import UserError
from suppression.execution.bucket import FOLDERS, UNSENT, bucket_of, folder_of
from suppression.execution.claims import Claim
from suppression.execution.results import Results
from suppression.execution.traces import as_lines, read_trace
from suppression.execution.workplace import Workplace, by_step
from suppression.experiment.keys import Record, dumps, is_key
from suppression.metrics.units import UNITS, packed, with_units, without_units
from suppression.notes import Note, ignore
from suppression.writing import make_folders, replace, replace_all, sha256, sync, write_through

if TYPE_CHECKING:
    from torch import Tensor

STORE_VARIABLE = "SUPPRESSION_HOME"

FILES = ("cell.json", "about.json", "trace.jsonl", "weights.safetensors")
SNAPSHOTS = "snapshots.safetensors"  # beside them, where a training kept some
SUMS = "sums.json"  # the checksums of all of these


def default_root() -> Path | str:
    """`SUPPRESSION_HOME`, a folder or a URL, else the platform's folder for a user's data."""
    told = os.environ.get(STORE_VARIABLE, "")
    return told if places.is_url(told) else places.own(STORE_VARIABLE, "") / "store"


def nothing(who: str) -> None:
    """What is done while waiting, where nobody waits."""


class Unwritable(UserError):
    """The store cannot be written: it is read-only, its disk is full."""


class Store:
    """The store in a folder, or behind a URL: `execution.bucket`.

    Args:
        root: The folder or URL; `SUPPRESSION_HOME`, or the user's data folder, if None.

    Raises:
        UserError: if there is no such home folder, or the URL cannot be reached.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        named = default_root() if root is None else root
        is_url = isinstance(named, str) and places.is_url(named)
        self.root = folder_of(str(named)) if is_url else places.named(named)
        self.bucket = bucket_of(self.root)
        self.results = Results(self)

    @property
    def place(self) -> str:
        """How the user names it, on every machine."""
        return str(self.root) if self.bucket is None else self.bucket.url

    # --- reading ----------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether a cell is published; one that is behind a URL is fetched."""
        return self.has_here(key) or self.fetched("cells", key)

    def has_here(self, key: str) -> bool:
        return (self.root / "cells" / key / SUMS).is_file()

    def fetched(self, folder: str, key: str) -> bool:
        """Whether something new came out of the bucket, if there is one."""
        return self.bucket is not None and self.bucket.fetch(self, folder, key)

    def fetch_all(self) -> Iterator[tuple[int, int]]:
        """Fetch what the bucket has and this machine's folder has not, one after another.

        Yields:
            How many were looked at, and how many there are.
        """
        if self.bucket is None:
            return
        there = [(folder, key) for folder in FOLDERS for key in self.bucket.versions(folder)]
        for number, (folder, key) in enumerate(there, 1):
            self.bucket.fetch(self, folder, key)
            yield number, len(there)

    def keys(self, of: Container[str] | None = None) -> list[str]:
        """The keys of the published cells, of all or of those that are among `of`."""
        cells = self.root / "cells"
        names = sorted(os.listdir(cells)) if cells.is_dir() else []
        return [name for name in names if of is None or name in of]

    def damage(self, key: str) -> str | None:
        """What is wrong with a published cell, by checksum; None if it is whole."""
        folder = self.root / "cells" / key
        try:
            sums = json.loads((folder / SUMS).read_text(encoding="utf-8"))
            if not set(FILES) <= set(sums) <= {*FILES, SNAPSHOTS}:
                return f"{folder / SUMS} is not what was written (it names other files)"
            for name, digest in sums.items():
                if sha256((folder / name).read_bytes()) != digest:
                    return f"{folder / name} is not what was written (its checksum differs)"
        except (OSError, ValueError, AttributeError, TypeError) as error:
            return f"{folder} is not whole ({error})"
        return None

    def set_aside(self, key: str, *, everywhere: bool = False) -> Path:
        """Move a cell that is damaged, or of other pictures, out of the way; nothing is deleted.

        Args:
            key: The cell's key.
            everywhere: Whether what a bucket has of it is as wrong, and goes.
        """
        aside = self.root / "damaged" / f"{key}-{time.time_ns()}"
        with self.writing():
            make_folders(aside.parent)
            os.rename(self.root / "cells" / key, aside)
            sync(aside.parent)
        if self.bucket is not None:
            self.bucket.forget(self, "cells", key, there=everywhere)
        return aside

    def cell(self, key: str) -> Record:
        """The parameters of a published cell."""
        return json.loads((self.root / "cells" / key / "cell.json").read_text(encoding="utf-8"))

    def about(self, key: str) -> Record:
        return json.loads((self.root / "cells" / key / "about.json").read_text(encoding="utf-8"))

    def trace(self, key: str) -> list[Record]:
        return read_trace(self.root / "cells" / key / "trace.jsonl")

    def trace_under_way(self, key: str) -> list[Record]:
        """What a training that goes on has logged so far; nothing where none does."""
        try:
            return read_trace(self.root / "work" / key / "trace.jsonl")
        except OSError:  # it has just ended, and its folder is taken away
            return []

    def weights(self, key: str) -> dict[str, Tensor]:
        from safetensors.torch import load

        return load((self.root / "cells" / key / "weights.safetensors").read_bytes())

    def snapshots(self, key: str) -> dict[int, dict[str, Tensor]]:
        """The weights that a training kept before its end, by the number of steps."""
        from safetensors.torch import load

        path = self.root / "cells" / key / SNAPSHOTS
        return by_step(load(path.read_bytes())) if path.is_file() else {}

    def rows(self, key: str, probe: str) -> list[Record] | None:
        """The rows of a probe; None where it was not asked, or its record is damaged.

        Those that the instances behind an accuracy were kept of bear them as `units`.
        """
        folder = self.root / "cells" / key / "probes"
        found = self._read_rows(folder, probe)
        if found is None and self.fetched("cells", key):
            return self._read_rows(folder, probe)
        return found

    def answers(self, key: str) -> list[Record] | None:
        """The rows of a network that is no cell, by a key of all that they depend on."""
        found = self.answers_here(key)
        if found is None and self.fetched("audits", key):
            return self.answers_here(key)
        return found

    def answers_here(self, key: str) -> list[Record] | None:
        return self._read_rows(self.root / "audits", key)

    def audit_keys(self) -> list[str]:
        """The keys of the answers of networks that are no cells, whole or damaged."""
        found = set()
        for path in (self.root / "audits").glob("*"):
            key = path.name.partition(".")[0]
            if is_key(key):
                found.add(key)
        return sorted(found)

    def audit_files(self, key: str) -> dict[str, bytes]:
        """The files of such an answer by their names, the .json last."""
        folder = self.root / "audits"
        names = [f"{key}.{UNITS}", f"{key}.json"]
        return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}

    def _read_rows(self, folder: Path, name: str) -> list[Record] | None:
        try:
            record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            rows, digest = record["rows"], record["sha256"]
            if not set(record) <= {"rows", "sha256", UNITS}:
                return None
            of_units = record.get(UNITS)  # records from before they were kept have none
            units = None if of_units is None else (folder / f"{name}.{UNITS}").read_bytes()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if sha256(dumps(rows).encode()) != digest:
            return None
        if units is None:
            return rows
        return with_units(rows, units) if sha256(units) == of_units else None

    def files_of(self, key: str) -> dict[str, bytes]:
        """A cell's files by their names; those of its probes are `probes/NAME`."""
        folder = self.root / "cells" / key
        names = [*FILES, SUMS]
        if (folder / SNAPSHOTS).is_file():
            names.append(SNAPSHOTS)
        for path in sorted((folder / "probes").glob("probe-*")):
            names.append(f"probes/{path.name}")
        return {name: (folder / name).read_bytes() for name in names}

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

    def try_to_claim(self, key: str) -> Claim | None:
        """The claim to a cell, to be released; None where another process trains it now."""
        with self.writing():
            claim = Claim(self.claims(), key)
            return claim if claim.take() is None else None

    def claims(self) -> Path:
        """Where claims lie."""
        folder = self.root / "locks"
        make_folders(folder)
        return folder

    def discard(self, key: str) -> bool:
        """Delete a cell and what is left of its training; False where it is being trained.

        The cell goes from its place by one rename, so that none is ever there in part.
        """
        lock = self.try_to_claim(key)
        if lock is None:
            return False
        try:
            with self.writing():
                beside = self.root / "work" / f"{key}.discard-{os.getpid()}"
                if (self.root / "cells" / key).is_dir():
                    make_folders(beside.parent)
                    os.rename(self.root / "cells" / key, beside)
                    sync(beside.parent)
                    sync(self.root / "cells")
                for left in (self.root / "work").glob(f"{key}*"):
                    shutil.rmtree(left)
            if self.bucket is not None:
                self.bucket.forget(self, "cells", key, there=True)
        finally:
            lock.release()
        return True

    def discard_damaged(self) -> None:
        """Delete what was put aside."""
        with self.writing():
            if (self.root / "damaged").is_dir():
                shutil.rmtree(self.root / "damaged")

    def check_writable(self) -> None:
        """Whether it can be written; what an earlier command could not send is sent.

        Raises:
            UserError: if it cannot, or a bucket cannot be reached.
        """
        with self.writing():
            make_folders(self.root)
            probe = self.root / f".write-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        self.send_unsent()

    def send_unsent(self) -> None:
        if self.bucket is not None:
            self.bucket.send_unsent(self)

    def send(self, folder: str, key: str) -> None:
        """Send what was finished, if there is a bucket."""
        if self.bucket is not None:
            self.bucket.send(self, folder, key)

    def mark(self) -> str:
        """A word that no other store has: who reads it at the same path sees the same disk."""
        if self.bucket is not None:
            return self.bucket.url
        with self.writing():
            make_folders(self.root)
            with suppress(FileExistsError), (self.root / "mark").open("x") as file:
                file.write(secrets.token_hex(8))
        return self.read_mark() or ""

    def read_mark(self) -> str | None:
        """None where there is no such store."""
        if self.bucket is not None:
            return self.bucket.url
        try:
            return (self.root / "mark").read_text(encoding="utf-8")
        except OSError:
            return None

    @contextmanager
    def claim(
        self, key: str, *, on_wait: Callable[[str], None] = nothing, note: Note = ignore
    ) -> Iterator[None]:
        """Wait until no other process trains this cell; meanwhile none starts to.

        A killed holder's claim ends with it, or some minutes later where it is of another machine
        on a disk without locks: `execution.claims`.

        Args:
            key: The cell's key.
            on_wait: Told once who has the claim, if another process does.
            note: Told that there are no locks, and that a claim was taken over.
        """
        with self.writing():
            claim = Claim(self.claims(), key, note)
            claim.wait(on_wait)
        try:
            yield
        finally:
            claim.release()

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
        snapshots: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Write a cell beside its place and rename it there.

        If another process was first, its folder stays and this one goes.

        Args:
            key: The cell's key.
            cell: Its parameters.
            weights: Its method's tensors, by name.
            trace: What was logged while it was trained.
            about: How it was trained: machine, versions, seconds.
            snapshots: The tensors that were kept along training, as `Workplace.kept` names them.
        """
        from safetensors.torch import save

        files = {
            "cell.json": dumps(cell).encode(),
            "about.json": json.dumps(about, indent=1).encode(),
            "trace.jsonl": as_lines(trace),
            "weights.safetensors": save(weights),
        }
        if snapshots:
            files[SNAPSHOTS] = save(dict(snapshots))
        sums = {name: sha256(content) for name, content in files.items()}
        self.put_cell(key, {**files, SUMS: dumps(sums).encode()})
        self.clear_work(key)
        self.send("cells", key)

    def put_cell(self, key: str, files: Mapping[str, bytes]) -> None:
        """Write a cell's files beside its place and rename them there.

        When that is done the cell outlives a loss of power, and its checkpoint may go.
        """
        beside = self.root / "work" / f"{key}.publish-{os.getpid()}"
        folder = self.root / "cells" / key
        with self.writing():
            shutil.rmtree(beside, ignore_errors=True)
            make_folders(beside)
            make_folders(folder.parent)
            for name, content in files.items():
                write_through(beside / name, content)
            (beside / "probes").mkdir()
            sync(beside)
            try:
                os.rename(beside, folder)
                sync(folder.parent)
            except OSError:
                if not self.has_here(key):
                    raise
                shutil.rmtree(beside)

    def clear_work(self, key: str) -> None:
        """Remove what is left of the training of a published cell; the caller holds its claim.

        Processes that were killed leave some, too: no one else is publishing.
        """
        for left in (self.root / "work" / key, *(self.root / "work").glob(f"{key}.publish-*")):
            shutil.rmtree(left, ignore_errors=True)

    def put_rows(self, key: str, probe: str, rows: list[Record]) -> None:
        """Keep the rows of a probe, and beside them their `units`, where they bear some."""
        if self.bucket is not None:  # a kill from here on leaves it to the next command
            self.bucket.note(self, "cells", key, UNSENT)
        with self.writing():
            self._write_rows(self.root / "cells" / key / "probes", probe, rows)
        self.send("cells", key)

    def put_answers(self, key: str, rows: list[Record]) -> None:
        """Keep the rows of a network that is no cell."""
        with self.writing():
            make_folders(self.root / "audits")
            self._write_rows(self.root / "audits", key, rows)
        self.send("audits", key)

    def put_audit(self, files: Mapping[str, bytes]) -> None:
        """Put the files of an answer into their place, its .json last."""
        with self.writing():
            make_folders(self.root / "audits")
            replace_all(self.root / "audits", files)

    def discard_audit(self, key: str) -> None:
        """Delete an answer, its .json first: without it there is none."""
        with self.writing():
            for name in (f"{key}.json", f"{key}.{UNITS}"):
                (self.root / "audits" / name).unlink(missing_ok=True)
                sync(self.root / "audits")
        if self.bucket is not None:
            self.bucket.forget(self, "audits", key, there=True)

    def _write_rows(self, folder: Path, name: str, rows: list[Record]) -> None:
        told = [without_units(row) for row in rows]
        record = {"sha256": sha256(dumps(told).encode()), "rows": told}
        files = {}
        if any("units" in row for row in rows):
            units = packed([row.get("units") for row in rows])
            files[f"{name}.{UNITS}"] = units
            record[UNITS] = sha256(units)
        files[f"{name}.json"] = json.dumps(record, indent=1).encode()
        replace_all(folder, files)

    def put_probe(self, key: str, files: Mapping[str, bytes]) -> None:
        """Put the files of a probe's record beside a cell, its .json last."""
        with self.writing():
            replace_all(self.root / "cells" / key / "probes", files)

    def machine(self) -> Record:
        """What was measured once on this machine, by name; nothing where that is damaged."""
        found = self.read_machine()
        return {} if found is None else found

    def read_machine(self) -> Record | None:
        """None where the file is not what was written; older ones have no checksum."""
        try:
            found = json.loads((self.root / "machine.json").read_text(encoding="utf-8"))
            digest = found.pop("sha256", None)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError):
            return None
        return found if digest in (None, sha256(dumps(found).encode())) else None

    def put_machine(self, name: str, value: object) -> None:
        with self.claim("machine"):  # workers measure side by side
            self.write_machine({**self.machine(), name: value})

    def write_machine(self, values: Record) -> None:
        content = json.dumps({**values, "sha256": sha256(dumps(values).encode())}, indent=1)
        with self.writing():
            replace(self.root / "machine.json", content.encode())

    # --- keeping house ----------------------------------------------------------------------

    def faults_beside_cells(self) -> Iterator[str]:
        """What is damaged of that which no cell needs; the next run makes it again."""
        wrong = "is not what was written (its checksum differs)"
        if self.read_machine() is None:
            yield f"{self.root / 'machine.json'} {wrong}"
        for key in self.audit_keys():
            if self.answers(key) is None:
                yield f"{self.root / 'audits' / key}.json {wrong}"
        yield from self.results.faults(wrong)

    def migrate(self) -> list[str]:
        """Give the files of older versions, which had none, their checksums.

        Returns:
            The names of the files that were written anew.
        """
        done = []
        machine = self.root / "machine.json"
        with self.claim("machine"):
            if machine.is_file() and "sha256" not in machine.read_text(encoding="utf-8"):
                self.write_machine(self.machine())
                done.append(machine.name)
        return done + self.results.migrate()
