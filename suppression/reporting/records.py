"""A record: the csv of a run, its figure, and how it was made; it may grow by cells.

Its files are NAME.SCALE.csv, .svg, .json, where correctness was kept .units.npz, and where local
features were clustered .pictures.png. They are replaced together, and only where that is asked for.
The csv is renamed first and the json last, which holds the checksums of csv, units and pictures: a
record whose writing was interrupted is not taken for a whole one. The svg is drawn from the csv and
the units, and drawn anew by every report.
"""

from __future__ import annotations

import csv
import dataclasses
import glob
import io
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from suppression.data.sources.fingerprint import agree
from suppression.errors import UserError, unknown
from suppression.evaluation.clustering import RAW
from suppression.evaluation.probes import (
    AXES,
    COLUMNS,
    MEASURES,
    PROBES,
    SCENES,
    subjects,
    switched_on,
)
from suppression.evaluation.readouts import Readout
from suppression.experiment import files
from suppression.experiment.keys import dumps
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.rows import LEADING, Row, from_csv, to_csv, with_arms
from suppression.experiment.run import Run
from suppression.experiment.schema import cell_parameters, options, schema
from suppression.experiment.settings import typed
from suppression.methods import METHODS
from suppression.metrics.units import UNITS, packed, with_units
from suppression.reporting.summary import Summary, summarise
from suppression.writing import finish, make_folders, replace_all, sha256

Facts = dict[str, Any]

# In the order in which they are renamed.
ENDINGS = ("csv", UNITS, "pictures.png", "svg", "json")
READOUTS = [name for name, probe in PROBES.items() if issubclass(probe, Readout)]
SUMMED = ("csv", UNITS, "pictures.png")


class Seconds(BaseModel):
    """How long cells were trained."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    sum: float
    longest: float


class HowMade(BaseModel):
    """What a record's json says of a run; `execution.provenance` writes it."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    command: str
    recorded: str
    cells: int
    failed: int
    seeds: list[Annotated[int, Field(ge=0)]]
    training_seconds: Seconds
    precision: list[str]
    commits: list[str]
    libraries: dict[str, str]
    python: str
    device: str
    machine: str
    cores: int | None
    threads: int
    peak_mb: int | None = None
    pins: dict[str, list[Any]] | None = None  # old records do not say; their cells do
    sources: dict[str, str] = {}  # fingerprints, by name; old records do not say
    flops: dict[str, int] = {}  # of a training, by the arm's label; of leaderboards
    sha256: dict[
        Literal["csv", "units.npz", "pictures.png"], str
    ] = {}  # of the files that the last run wrote, by their endings


# --- reading ---------------------------------------------------------------------------------


def read_record(folder: Path, plan: Plan) -> tuple[list[Row], list[Facts]]:
    """A record's rows, each with its arm, and how they were made.

    A record that has grown was made in several runs: a dict each. Parameters that came after a row
    was recorded are at their defaults. Rows bear their `units` where these were kept.

    Args:
        folder: Where it is.
        plan: The recipe, with the pins of the record and all places of its axis.

    Raises:
        UserError: naming the file, if the record is not there, not whole, or no record.
    """
    try:
        return read_whole(folder, plan)
    except UserError:
        name = f"{plan.name}.{plan.scale}"
        before = stamps(folder, name)
        files_of(folder, name)
        if stamps(folder, name) == before:  # no writing was cut off that could be finished
            raise
    return read_whole(folder, plan)


def stamps(folder: Path, name: str) -> list[tuple[str, int]]:
    """The files of a record, whole or being written, and which each of them is."""
    found = []
    for beginning in ("", "."):
        for path in folder.glob(f"{beginning}{glob.escape(name)}.*"):
            with suppress(FileNotFoundError):  # another process has just finished it
                found.append((path.name, path.stat().st_ino))
    return sorted(found)


def read_whole(folder: Path, plan: Plan) -> tuple[list[Row], list[Facts]]:
    """What `read_record` hands out, of files as they stand there."""
    name = f"{plan.name}.{plan.scale}"
    made = read_made(folder / f"{name}.json")
    path = folder / f"{name}.csv"
    summed = {"csv": read(path)}
    for ending, digest in made[-1].get("sha256", {}).items():
        if ending not in summed:
            summed[ending] = read(folder / f"{name}.{ending}")
        if sha256(summed[ending]) != digest:
            raise UserError(
                f"{folder / name}.{ending} is not what was written with {name}.json (its checksum "
                "differs)"
            )
    rows = read_rows(path, summed["csv"], plan)
    if UNITS in summed:
        try:
            rows = with_units(rows, summed[UNITS])
        except UserError as error:
            raise UserError(f"{folder / name}.{UNITS}: {error}") from error
    try:
        _ = summarise(plan, rows).points  # each has one row a seed
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return rows, made


def recorded_summary(plan: Plan) -> Summary | None:
    """What is recorded beside the recipe of a plan, at its scale; None where nothing is."""
    path = files.find("experiments", plan.name_or_path)
    if not path.with_suffix(f".{plan.scale}.json").is_file():
        return None
    whole = make_plan(plan.name_or_path, scale=plan.scale)
    rows, made = read_record(path.parent, whole)
    return summarise(plan_of(whole, rows), rows, flops=flops_of(made))


def plan_of(plan: Plan, rows: list[Row]) -> Plan:
    """The plan with the arms that a record has; others of the recipe were not asked for."""
    there = {row["arm"] for row in rows}
    arms = [arm for arm in plan.every_arm if arm.label in there]
    others = [arm for arm in plan.every_arm if arm.label not in there]
    return dataclasses.replace(plan, arms=arms, unasked=others)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def flops_of(made: Sequence[Facts]) -> dict[str, int]:
    """What trainings of a record cost, by the labels of arms; none where it was not counted."""
    found: dict[str, int] = {}
    for run in made:
        found |= run.get("flops", {})
    return found


def read_made(path: Path) -> list[Facts]:
    """How a record was made, a dict a run."""
    content = read(path)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not JSON: {error}") from error
    runs = found if isinstance(found, list) else [found]
    if not runs:
        raise UserError(f"{path} does not say how the record was made: its list is empty")
    for run in runs:
        if not isinstance(run, dict):
            raise UserError(f"{path} holds {run!r:.40} where a table is wanted: how it was made")
        try:
            HowMade.model_validate(run)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise UserError(f"{path}: {where + ': ' if where else ''}{fault['msg']}") from error
    return runs


def read_rows(path: Path, content: bytes, plan: Plan) -> list[Row]:
    """The rows of a record's csv, each checked and with its arm."""
    kind = plan.card.kind
    try:
        text = content.decode("utf-8")
        check_table(text, plan)
        read_from = from_csv(text, schema(kind))
    except (ValueError, TypeError, csv.Error) as error:  # a UserError is a ValueError
        raise UserError(f"{path}: {error}") from error
    rows = []
    for i, row in enumerate(read_from):
        try:
            check_names(row, plan)
            check_values(row)
        except UserError as error:
            raise UserError(f"{path}, row {i + 1}: {error}") from error
        rows.append({**row, **later_parameters(kind, row)})
    rows = with_arms(plan, rows)
    for i, row in enumerate(rows):
        if row["arm"] is None:
            raise UserError(
                f"{path}, row {i + 1} is of no arm of {plan.name} ({row['method']}); there are: "
                f"{'; '.join(arm.label for arm in plan.every_arm)}"
            )
    return rows


def check_table(text: str, plan: Plan) -> None:
    """UserError unless there are rows, all as long as the header, which has every column needed."""
    lines = csv.reader(io.StringIO(text), strict=True)
    header = next(lines, [])
    needed = [*LEADING]
    if plan.recipe.axis not in AXES:
        needed.append(plan.recipe.axis)
    for name in needed:
        if header.count(name) != 1:
            raise UserError(f"it has {header.count(name)} columns '{name}'; a record's csv has one")
    rows = 0
    for line in lines:
        if line and len(line) != len(header):
            raise UserError(
                f"line {lines.line_num} has {len(line)} values, the header {len(header)}"
            )
        rows += bool(line)
    if not rows:
        raise UserError("it has no rows")


def check_names(row: Row, plan: Plan) -> None:
    """UserError for a row of another experiment, and for what its card and probes do not know."""
    if row["experiment"] != plan.name:
        raise UserError(f"it is of the experiment {row['experiment']!r}")
    known = {
        "feature": [*plan.card.features, *subjects(plan.probe, plan.card.features)],
        "probe": list(PROBES),
    }
    if row["probe"] in READOUTS:  # others may name what they ask of scenes
        known["scenes"] = [*plan.card.scenes, *SCENES, "alone", "together"]
    for name, words in known.items():
        word = str(row[name])
        if word and word not in words and not re.fullmatch("bit[0-9]+", word):
            raise unknown(f"there is no {name}", word, words)


def check_values(row: Row) -> None:
    """UserError for a row that does not say of what it is, and for numbers that are none."""
    for name in ("method", "seed", "feature", "probe", "layer", "scenes"):
        if row[name] in (None, ""):
            raise UserError(f"it has no {name}")
    for name in COLUMNS:
        value = row.get(name)
        if value is not None and not math.isfinite(value):
            raise UserError(f"{name} = {value} is not finite")
    for name, measure in MEASURES.items():
        for column in (name, measure.low, measure.high):
            value = row.get(column) if column else None
            if measure.percent and value is not None and not 0 <= value <= 1:
                raise UserError(f"{column} = {value} is not in [0, 1]")


def later_parameters(kind: str, row: Row) -> Facts:
    """The defaults of the parameters that a row has no value of, and that always have one."""
    if row["method"] not in METHODS:  # a plug-in's, which is not loaded
        return {}
    found = {}
    for name, each in cell_parameters(kind, row["method"], row.get("remedy")).items():
        always = each.default is not None and type(None) not in options(each.type)
        if always and row.get(name) is None:
            found[name] = each.default
    return found


# --- growing ---------------------------------------------------------------------------------


def whole_record(plan: Plan, pins: Mapping[str, Any]) -> tuple[Plan, Facts]:
    """The plan of the record that a run is all or a part of, and the pins that its cells share.

    A pin that only chooses among the cells that the recipe has without it chooses a part of the
    record: seeds, places of the axis, some of the methods, some of the values that arms set.

    Args:
        plan: The run.
        pins: What is pinned in it.
    """
    apart = ("seed", plan.recipe.axis)
    common = {name: pin for name, pin in pins.items() if name not in apart}
    whole = plan_with(plan, common)
    for name in list(common):
        fewer = {other: pin for other, pin in common.items() if other != name}
        try:
            wider = plan_with(plan, fewer)
        except UserError:  # what is pinned beside needs it
            continue
        if kinds_of_cells(plan, apart) <= kinds_of_cells(wider, apart):
            whole, common = wider, fewer
    return whole, common


def plan_with(plan: Plan, pins: Facts) -> Plan:
    """The plan's recipe at its scale, with its layers and other pins."""
    return make_plan(plan.name_or_path, scale=plan.scale, layers=plan.probe.layers, pins=pins)


def kinds_of_cells(plan: Plan, apart: tuple[str, ...]) -> set[str]:
    """What sets its cells apart, but for these parameters."""
    return {kind_of_cell(cell, apart) for cell in plan.cells}


def kind_of_cell(cell: Run, apart: tuple[str, ...]) -> str:
    values = cell.named_parameters
    return dumps({name: values[name] for name in values if name not in apart})


def record_to_grow(
    plan: Plan, whole: Plan, out: Path, pins: Facts, sources: Mapping[str, str] | None = None
) -> tuple[list[Row], list[Facts]]:
    """The record in `out` that a run is to be added to, and how it was made.

    Args:
        plan: The run.
        whole: The plan of the record that it is to be a part of (`whole_record`).
        out: The record's folder.
        pins: The pins of all cells.
        sources: The fingerprints of the run's sources, by their names.

    Raises:
        UserError: if there is none, if it is not whole, if it was made with other pins or on other
            pictures, or if it has cells that `whole` would not make.
    """
    name = f"{plan.name}.{plan.scale}"
    where = f"--grow: the record of {name} in {out}"
    if not files_of(out, name):
        raise UserError(
            f"--grow: there is no record of {name} in {out} to add to; without --grow one is begun"
        )
    rows, made = read_record(out, whole)
    layers = {row["layer"] for row in rows} - {"output", RAW}
    own_layer = any(probe.instead_of for probe in switched_on(plan.probe))
    if layers != set(plan.probe.layers) and not own_layer:
        raise UserError(
            f"{where} is of the layers {', '.join(sorted(layers))}, this run of "
            f"{', '.join(plan.probe.layers)}; give --layers"
        )
    theirs = made[0].get("pins")
    if theirs is not None:
        try:
            _, theirs = whole_record(plan_with(plan, theirs), theirs)
        except UserError as error:
            raise UserError(f"{out / name}.json: pins: {error}") from error
        check_pins(where, plan, pins, theirs)
    check_pictures(where, sources or {}, made)
    for x in plan.axis:
        if x not in whole.axis:
            raise UserError(
                f"--grow: {plan.recipe.axis} {x} is not on the recipe's axis "
                f"({', '.join(map(str, whole.axis))}), along which the record is drawn"
            )
    cells = [cell.named_parameters for cell in whole.cells]
    for row in rows:
        check_row(where, row, cells)
    there = kinds_of_cells(whole, apart=("seed",))
    for cell in plan.cells:
        if kind_of_cell(cell, apart=("seed",)) not in there:
            raise UserError(
                f"--grow: the record of {name} has no place for {plan.cell_name(cell)}: controls "
                f"stand at {plan.recipe.axis} {whole.axis[0]} and {whole.axis[-1]}; give both"
            )
    return rows, made


def check_pins(where: str, plan: Plan, mine: Facts, theirs: Facts) -> None:
    """UserError unless both pin the same parameters to the same values, however they are spelt."""
    kind = plan.card.kind
    own, other = typed(mine, "command line", kind), typed(theirs, where, kind)
    for name in [*own, *other]:
        if own.get(name) == other.get(name):
            continue
        ours = f"no {name} of its own"
        if name in own:
            ours = f"{name} = {', '.join(map(str, own[name]))}"
        their = ", ".join(map(str, other.get(name, ["as in the recipe"])))
        raise UserError(f"{where} has {name} = {their}, this run {ours}")


def check_pictures(where: str, sources: Mapping[str, str], made: list[Facts]) -> None:
    """UserError if a source has other pictures than those that the record was made on."""
    for run in made:
        for name, told in run.get("sources", {}).items():
            if not agree(sources.get(name), told):
                raise UserError(
                    f"{where} was made on other pictures of {name} than those there now; a record "
                    "of these is begun in another folder"
                )


def check_row(where: str, row: Row, cells: list[Facts]) -> None:
    """UserError unless one of the cells is the row's, whatever its seed."""
    like = [cell for cell in cells if cell["method"] == row["method"]]
    fewest: list[str] = ["method"]
    for i, cell in enumerate(like):
        differ = differing(cell, row)
        if not differ:
            return
        if i == 0 or len(differ) < len(fewest):
            fewest = differ
    name = fewest[0]
    recipe = ""
    if like:
        values = sorted({str(cell[name]) for cell in like})
        recipe = f"; the recipe has {', '.join(values)} now"
    raise UserError(
        f"{where} has {name} = {row[name]} ({row['method']}){recipe}; it grows by equal cells only"
    )


def differing(cell: Facts, row: Row) -> list[str]:
    """The parameters, but for the seed, that a row has otherwise than a cell."""
    return [name for name, value in cell.items() if name != "seed" and row.get(name) != value]


def grown(known: list[Row], new: list[Row], parameters: set[str]) -> list[Row]:
    """A record's rows with new ones, which replace those of the same cells; seed by seed."""

    def cell_of(row: Row) -> str:
        return json.dumps({name: row.get(name) for name in parameters}, sort_keys=True)

    replaced = {cell_of(row) for row in new}
    kept = [row for row in known if cell_of(row) not in replaced]
    return sorted([*kept, *new], key=lambda row: row["seed"])


def files_of_rows(rows: list[Row]) -> dict[str, bytes]:
    """The csv of a record's rows and, where any bears units, the file of these, by endings."""
    files = {"csv": to_csv(rows).encode()}
    if any("units" in row for row in rows):
        files[UNITS] = packed([row.get("units") for row in rows])
    return files


# --- writing ---------------------------------------------------------------------------------


def files_of(out: Path, name: str) -> list[str]:
    """The files of a record that are there, whole or not; what a kill cut off is finished first."""
    names = [f"{name}.{ending}" for ending in ENDINGS]
    with suppress(OSError):  # a folder that cannot be written is told where it is written
        finish(out, names)
    return [each for each in names if os.path.lexists(out / each)]


def check_free(out: Path, name: str, *, grows: bool = True) -> None:
    """UserError if there is a record of this name: none is ever replaced unasked.

    Args:
        out: Its folder.
        name: NAME.SCALE, or what the record of an audit is called.
        grows: Whether a record of its kind can be added to.
    """
    there = files_of(out, name)
    if there:
        adds = "--grow adds this run to it, " if grows else ""
        raise UserError(
            f"--out {out} has a record of {name} already ({', '.join(there)}): {adds}"
            "--overwrite replaces it"
        )


def check_writable(out: Path) -> None:
    """UserError where no record could be written; the folder is made."""
    try:
        make_folders(out)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    if not os.access(out, os.W_OK):
        raise UserError(f"--out {out} cannot be written: it is read-only")


def write(out: Path, name: str, files: Mapping[str, bytes], made: list[Facts]) -> list[str]:
    """Replace a record whole, or, where one of its files cannot be written, not at all.

    Args:
        out: Its folder.
        name: NAME.SCALE.
        files: Its files but for the json, by their endings.
        made: How it was made, a dict a run; the last one takes the checksums.

    Returns:
        The endings of the files that were written.
    """
    *before, last = made
    sums = before[-1].get("sha256", {}) if before else {}
    for ending in SUMMED:
        if ending in files:
            sums = {**sums, ending: sha256(files[ending])}
    runs = [{key: each[key] for key in each if key != "sha256"} for each in before]
    runs.append({**last, "sha256": sums})
    as_json = json.dumps(runs if before else runs[0], indent=1) + "\n"
    everything = {**files, "json": as_json.encode()}
    content = {ending: everything[ending] for ending in ENDINGS if ending in everything}
    stale = [] if before else [ending for ending in ENDINGS if ending not in content]
    try:
        make_folders(out)
        named = {f"{name}.{ending}": each for ending, each in content.items()}
        replace_all(out, named)
        for ending in stale:  # of the record that was replaced
            (out / f"{name}.{ending}").unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"--out {out} cannot be written: {error.strerror}; what was there has not changed"
        ) from error
    return list(content)
