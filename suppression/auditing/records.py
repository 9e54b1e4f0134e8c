"""Records of audits: NAME.json with the rows, NAME.units.npz, NAME.svg."""

from __future__ import annotations

import json
import re
from pathlib import Path

from suppression.auditing.result import Audit
from suppression.errors import UserError, unknown
from suppression.experiment import files
from suppression.metrics.units import UNITS, packed, with_units
from suppression.reporting.records import check_free
from suppression.writing import one_at_a_time, replace, replace_all

SHELF = "audits"


def name_of(title: str, data: str) -> str:
    """What a record is called: the encoder, and what it was asked about."""
    plain = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return f"{plain}.{data.partition(',')[0]}"


def write(result: Audit, out: Path, *, overwrite: bool = False) -> Path:
    """Write a record; the path of its .json.

    Args:
        result: The audit.
        out: The folder.
        overwrite: Whether a record of this name that is there already is replaced.

    Raises:
        UserError: if it cannot be written, or one is there; then none of its files has changed.
    """
    from suppression.reporting.figures import saved

    told = {
        "title": result.title,
        "data": result.data,
        "preprocessing": result.preprocessing,
        "made": result.made,
    }
    lines = [json.dumps(row) for row in result.rows]
    text = json.dumps(told, indent=1)[:-2] + ',\n "rows": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    name = name_of(result.title, result.data)
    content = {
        f"{name}.json": text.encode(),
        f"{name}.{UNITS}": packed([row.get("units") for row in result.all_rows]),
        f"{name}.svg": saved(result.plot(), "svg"),
    }
    try:
        with one_at_a_time(out / name):
            if not overwrite:
                check_free(out, name, grows=False)
            replace_all(out, content)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    return out / f"{name}.json"


def read(path: Path) -> Audit:
    """The audit of a record; UserError if it is not whole."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        rows = told.pop("rows")
        units = path.with_name(f"{path.stem}.{UNITS}").read_bytes()
        return Audit(**told, all_rows=with_units(rows, units))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no record of an audit: {error}") from error


def redraw(folder: Path) -> list[Path]:
    """Draw the figures of a folder's records anew; their paths."""
    from suppression.reporting.figures import saved

    drawn = []
    for path in sorted(folder.glob("*.json")):
        replace(path.with_suffix(".svg"), saved(read(path).plot(), "svg"))
        drawn.append(path.with_suffix(".svg"))
    return drawn


def names() -> list[str]:
    """The records that come with the package."""
    found: set[str] = set()
    for folder in files.folders(SHELF):
        found.update(path.stem for path in folder.glob("*.json"))
    return sorted(found)


def record(name: str) -> Audit:
    """A recorded audit by its name, ENCODER.DATA; nothing is asked anew.

    Raises:
        UserError: if there is none, with the nearest one.
    """
    for folder in files.folders(SHELF):
        path = folder / f"{name}.json"
        if path.is_file():
            return read(path)
    raise unknown("there is no recorded audit", name, names())
