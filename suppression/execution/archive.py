"""Cells in one file, to be carried from store to store; what comes in is a stranger's data.

The file is a zip whose members are stored as they are: KEY/cell.json and so on, as they lie under
cells/, and last `sums.json`, the sha256 of each. Nothing is ever unpacked to a path that the file
names: a member is read, checked, and written where its kind belongs.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from suppression.errors import UserError
from suppression.execution import audited
from suppression.execution.store import FILES, SNAPSHOTS, SUMS, Store
from suppression.execution.workplace import by_step
from suppression.experiment.keys import dumps
from suppression.experiment.run import Run
from suppression.metrics.units import UNITS, unpacked
from suppression.writing import make_folders, replacing, sha256

if TYPE_CHECKING:
    from torch import Tensor

TRAINED = (*FILES, SNAPSHOTS, SUMS)
MEMBER = re.compile(rf"([0-9a-f]{{24}})/({'|'.join(TRAINED)}|probes/[a-z0-9_-]+\.(?:json|{UNITS}))")
MOST_MEMBERS = 1_000_000
MOST_BYTES = 2_000_000_000  # of a member: a ResNet-50's weights are 100 MB
MADE = (1980, 1, 1, 0, 0, 0)  # the first day of a zip, so that equal cells make equal files

Files = dict[str, bytes]


class About(BaseModel):
    """What pages show of how a cell was trained."""

    model_config = ConfigDict(strict=True, extra="allow")
    commit: str | None
    libraries: dict[str, str]
    python: str
    device: str
    machine: str
    cores: int | None
    threads: int
    sources: dict[str, str] = {}
    seconds: float | int = 0.0
    peak_mb: float | int | None = None
    precision: str = "none"


class Answer(BaseModel):
    """What every row of a probe says."""

    model_config = ConfigDict(strict=True, extra="allow")
    feature: str
    scenes: str
    probe: str
    layer: str


@dataclass
class Imported:
    """What became of the cells of an archive.

    Args:
        new: The keys of cells that were not there.
        there: Those that were, and stay as they are.
        probes: How many records of probes joined cells that were there.
        answers: The keys of answers of audits that were not there.
        left_out: Why others were not taken, by their keys.
    """

    new: list[str] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    probes: int = 0
    answers: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def export_cells(store: Store, keys: list[str], path: Path, answers: Sequence[str] = ()) -> int:
    """Write cells to one file.

    Args:
        store: Where they are.
        keys: Which ones.
        answers: Which answers of audits.
        path: The file, which is replaced when it is whole.

    Returns:
        Its bytes.

    Raises:
        UserError: if a cell is damaged, or the file cannot be written.
    """
    sums = {}
    try:
        make_folders(path.parent)
        with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for key in keys:
                fault = store.damage(key)
                if fault:
                    raise UserError(f"{fault}; its experiment, run again, trains it anew")
                for name, data in store.files_of(key).items():
                    sums[f"{key}/{name}"] = sha256(data)
                    archive.writestr(zipfile.ZipInfo(f"{key}/{name}", MADE), data)
            for key in answers:
                if store.answers(key) is None:
                    raise UserError(f"the answer {key} is damaged; its audit asks for it anew")
                for name, data in store.audit_files(key).items():
                    sums[f"{audited.FOLDER}/{name}"] = sha256(data)
                    archive.writestr(zipfile.ZipInfo(f"{audited.FOLDER}/{name}", MADE), data)
            archive.writestr(zipfile.ZipInfo(SUMS, MADE), dumps(sums))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from error
    return path.stat().st_size


def import_cells(store: Store, path: Path) -> Imported:
    """Take in what a store lacks of an archive; what is there is never replaced.

    The archive is read and checked as a whole before anything is written.

    Raises:
        UserError: if it is no archive of cells, or not what was written.
    """
    done = Imported()
    for number, (key, files) in enumerate(cells_of(path)):
        if number == 0:
            store.check_writable()
        if key == audited.FOLDER:
            done.answers, wrong = audited.take_in_answers(store, files, check_probe)
            done.left_out |= wrong
            continue
        fault = why_no_cell(key, files)
        if fault:
            done.left_out[key] = fault
        else:
            with store.claim(key):
                take_in(store, key, files, done)
                store.clear_work(key)
    store.send_unsent()
    return done


def fetch(store: Store, path: Path, key: str) -> str | None:
    """Take in one cell, or one answer of an audit, whose archive came out of a bucket.

    Whether this process has the claim to it, or another one trains it now, does not matter: what
    is left of a training stays, and is cleared by who has the claim.

    Returns:
        Why it was not taken; None if it was.

    Raises:
        UserError: if it is no archive, or not what was written.
    """
    done = Imported()
    fault: str | None = "it is of another one"
    for each, files in cells_of(path):
        if each == audited.FOLDER and any(name.startswith(key) for name in files):
            _, wrong = audited.take_in_answers(store, files, check_probe)
            fault = wrong.get(key)
        elif each == key:
            fault = why_no_cell(key, files)
            if fault is None:
                take_in(store, key, files, done)
    return fault


def cells_of(path: Path) -> Iterator[tuple[str, Files]]:
    """Each cell of an archive by its key, once all of it was checked; answers are one of them.

    Raises:
        UserError: if it is no archive of cells, or not what was written.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            cells = members(archive, path)
            sums = checked_json(archive.read(SUMS))
            if not isinstance(sums, dict) or len(sums) != sum(map(len, cells.values())):
                raise UserError(f"{path}: {SUMS} names other files than there are")
            for key, names in cells.items():
                for name in names:
                    if sha256(archive.read(f"{key}/{name}")) != sums.get(f"{key}/{name}"):
                        raise UserError(f"{path}: {key}/{name} is not what was written")
            for key, names in cells.items():
                yield key, {name: archive.read(f"{key}/{name}") for name in names}
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, NotImplementedError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path} is no archive of cells: {error}") from error


def members(archive: zipfile.ZipFile, path: Path) -> dict[str, list[str]]:
    """The names of each cell's files, by its key.

    Raises:
        UserError: for a name that no cell has, one that stands twice, a size out of bounds.
    """
    listed = archive.infolist()
    if len(listed) > MOST_MEMBERS:
        raise UserError(f"{path} has {len(listed):,} files, and {MOST_MEMBERS:,} are the most")
    cells: dict[str, list[str]] = {}
    for each in listed:
        if each.compress_type != zipfile.ZIP_STORED or each.flag_bits & 1:
            raise UserError(f"{path}: {each.filename!r} is compressed or encrypted; cells are not")
        if each.file_size > MOST_BYTES:
            raise UserError(f"{path}: {each.filename!r} has {each.file_size:,} bytes")
        if each.filename == SUMS:
            continue
        parts = MEMBER.fullmatch(each.filename) or audited.MEMBER.fullmatch(each.filename)
        if parts is None:
            raise UserError(f"{path}: {each.filename!r} is no file of a cell")
        names = cells.setdefault(parts[1], [])
        if parts[2] in names:
            raise UserError(f"{path}: {each.filename!r} is there twice")
        names.append(parts[2])
    if sum(each.file_size for each in listed) > path.stat().st_size:
        raise UserError(f"{path} says that its files are larger than itself")
    return cells


def why_no_cell(key: str, files: Mapping[str, bytes]) -> str | None:
    """What is wrong with a cell from elsewhere; None if this program could have made it."""
    try:
        sums = checked_json(files[SUMS])
        trained = [*FILES, SNAPSHOTS] if SNAPSHOTS in files else FILES
        if sums != {name: sha256(files[name]) for name in trained}:
            return f"its {SUMS} is of other files"
        values = checked_json(files["cell.json"])
        if Run.of(values).key != key:
            return "its key is not that of its parameters, or of another version of the program"
        About.model_validate(checked_json(files["about.json"]))
        check_lines(files["trace.jsonl"])
        check_weights(files["weights.safetensors"])
        if SNAPSHOTS in files:
            by_step(check_weights(files[SNAPSHOTS]))
        for name in files:
            if name.startswith("probes/") and name.endswith(".json"):
                check_probe(name, files)
    except ValidationError as error:
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    except KeyError as error:
        return f"there is no {error}"
    except (ValueError, TypeError, AttributeError) as error:
        return str(error)
    return None


def check_lines(content: bytes) -> None:
    for line in content.splitlines():
        row = checked_json(line)
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise ValueError("its trace names no steps")


def check_weights(content: bytes) -> dict[str, Tensor]:
    """The tensors; ValueError for what is no safetensors; nothing in it is ever unpickled."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except SafetensorError as error:
        raise ValueError(f"its weights are none: {error}") from error


def check_probe(name: str, files: Mapping[str, bytes]) -> None:
    record = checked_json(files[name])
    rows = record["rows"]
    if not set(record) <= {"rows", "sha256", UNITS} or not isinstance(rows, list):
        raise ValueError(f"{name} is no record of a probe")
    if sha256(dumps(rows).encode()) != record["sha256"]:
        raise ValueError(f"{name} is not what was written")
    for row in rows:
        Answer.model_validate(row)
    if UNITS in record:
        units = files[f"{name.removesuffix('.json')}.{UNITS}"]
        if sha256(units) != record[UNITS]:
            raise ValueError(f"{name} has other units than were written")
        unpacked(units, len(rows))


def take_in(store: Store, key: str, files: Files, done: Imported) -> None:
    """Put a cell that was checked into its place, or its probes beside one that is the same."""
    probes = {name: content for name, content in files.items() if name.startswith("probes/")}
    if store.has_here(key):
        done.there.append(key)
        if store.files_of(key).get(SUMS) != files[SUMS]:
            return  # another training of it: these are no answers of that network
    else:
        trained = [name for name in TRAINED if name in files]
        store.put_cell(key, {name: files[name] for name in trained})
        done.new.append(key)
    there = store.files_of(key)
    for name in probes:
        if name.endswith(".json") and name not in there:
            store.put_probe(key, record_of(name, probes))
            done.probes += key in done.there


def record_of(name: str, probes: Files) -> Files:
    """The files of a probe's record, by their names in its folder: the .json last."""
    units = f"{name.removesuffix('.json')}.{UNITS}"
    names = [units, name] if units in probes else [name]
    return {each.removeprefix("probes/"): probes[each] for each in names}


def checked_json(content: bytes) -> Any:
    """JSON from elsewhere; ValueError where it is none, or has what a terminal would obey."""
    try:
        found = json.loads(content.decode("utf-8"), parse_constant=no_number)
        check_plain(found)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return found


def no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def check_plain(value: object) -> None:
    """ValueError for a text with control characters."""
    if isinstance(value, str) and not value.isprintable():
        raise ValueError(f"{value!r} has characters that are not printed")
    if isinstance(value, dict):
        for name, each in value.items():
            check_plain(name)
            check_plain(each)
    if isinstance(value, list):
        for each in value:
            check_plain(each)
