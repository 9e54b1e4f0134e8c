"""A record: the csv of a run, its figure, and how it was made; it may grow seed by seed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suppression.errors import UserError
from suppression.evaluation.probes import switched_on
from suppression.experiment.plan import Plan
from suppression.experiment.rows import Row, from_csv, with_arms
from suppression.experiment.schema import cell_parameters, options, schema
from suppression.methods import METHODS

Facts = dict[str, Any]


def read_record(folder: Path, plan: Plan) -> tuple[list[Row], list[Facts]]:
    """A record's rows, each with its arm, and how they were made.

    A record that has grown was made in several runs: a dict each. Parameters that came after a row
    was recorded are at their defaults.
    """
    name = f"{plan.name}.{plan.scale}"
    made = json.loads((folder / f"{name}.json").read_text())
    kind = plan.card.kind
    rows = []
    for row in from_csv((folder / f"{name}.csv").read_text(), schema(kind)):
        rows.append({**row, **later_parameters(kind, row)})
    return with_arms(plan, rows), made if isinstance(made, list) else [made]


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


def pins_in_common(plan: Plan, pins: Mapping[str, Any]) -> Facts:
    """The pins that all cells of a record share.

    Those that choose seeds, places of the axis, or some of the recipe's methods choose a part
    of a record.
    """
    parts = {"seed", plan.recipe.axis}
    methods = {arm["method"] for arm in plan.recipe.every_arm}
    if methods.issuperset(pins.get("method", ())):
        parts.add("method")
    return {name: pin for name, pin in pins.items() if name not in parts}


def record_to_grow(
    plan: Plan, whole: Plan, out: Path, pins: Facts
) -> tuple[list[Row], list[Facts]]:
    """The record in `out` that a run is to be added to, and how it was made.

    Args:
        plan: The run.
        whole: The recipe with the same pins and all places of its axis.
        out: The record's folder.
        pins: The pins of all cells.

    Raises:
        UserError: if there is none, if it was made with other pins, or if it has cells that
            `whole` would not make.
    """
    name = f"{plan.name}.{plan.scale}"
    where = f"--grow: the record of {name} in {out}"
    try:
        rows, made = read_record(out, plan)
    except OSError as error:
        raise UserError(
            f"--grow: there is no record of {name} in {out} to add to; without --grow one is begun"
        ) from error
    layers = {row["layer"] for row in rows} - {"output"}
    own_layer = any(probe.instead_of for probe in switched_on(plan.probe))
    if layers != set(plan.probe.layers) and not own_layer:
        raise UserError(
            f"{where} is of the layers {', '.join(sorted(layers))}, this run of "
            f"{', '.join(plan.probe.layers)}; give --layers"
        )
    check_pins(where, pins, made[0].get("pins", pins))  # old records do not say; their cells do
    for x in plan.axis:
        if x not in whole.axis:
            raise UserError(
                f"--grow: {plan.recipe.axis} {x} is not on the recipe's axis "
                f"({', '.join(map(str, whole.axis))}), along which the record is drawn"
            )
    cells = [cell.named_parameters for cell in whole.cells]
    for row in rows:
        check_row(where, row, cells)
    return rows, made


def check_pins(where: str, mine: Facts, theirs: Facts) -> None:
    for name in [*mine, *theirs]:
        if mine.get(name) == theirs.get(name):
            continue
        ours = f"no {name} of its own"
        if name in mine:
            ours = f"{name} = {', '.join(map(str, mine[name]))}"
        other = ", ".join(map(str, theirs.get(name, ["as in the recipe"])))
        raise UserError(f"{where} has {name} = {other}, this run {ours}")


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
    return [
        name
        for name, value in cell.items()
        if name != "seed" and name in row and row[name] != value
    ]


def grown(known: list[Row], new: list[Row], parameters: set[str]) -> list[Row]:
    """A record's rows with new ones, which replace those of the same cells; seed by seed."""

    def cell_of(row: Row) -> str:
        return json.dumps({name: row.get(name) for name in parameters}, sort_keys=True)

    replaced = {cell_of(row) for row in new}
    kept = [row for row in known if cell_of(row) not in replaced]
    return sorted([*kept, *new], key=lambda row: row["seed"])


def as_json(made: Facts | list[Facts]) -> bytes:
    return (json.dumps(made, indent=1) + "\n").encode()


def write(out: Path, name: str, files: Mapping[str, bytes]) -> list[str]:
    """Write the files of a record, by their endings; the endings."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for ending, content in files.items():
            (out / f"{name}.{ending}").write_bytes(content)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    return list(files)
