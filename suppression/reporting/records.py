"""What a run leaves behind: its figure and csv in the store, and, on request, a record of them with how they were made, which may grow seed by seed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from suppression.errors import UserError
from suppression.execution.context import Context
from suppression.execution.provenance import Facts, as_json, how_made
from suppression.execution.store import Store
from suppression.experiment.plan import Cell, Plan, named, unique
from suppression.experiment.rows import from_csv, to_csv

Row = dict[str, Any]


def leave(plan: Plan, rows: list[Row], shown: list[Row], store: Store, context: Context) -> Path:
    """NAME.SCALE.png, .svg (of all rows shown) and .csv (of the rows asked for) in the store's results, and .pictures.png where local features were clustered;
    drawn only if the rows are not those drawn last."""
    name = f"{plan.name}.{plan.scale}"
    digest = hashlib.sha256(json.dumps([shown, plan.axis, plan.arms], sort_keys=True).encode()).hexdigest()
    if store.result_digest(name) != digest:
        from suppression.reporting.figures import figure, saved

        drawn = figure(plan, shown)
        for kind in ("svg", "png"):  # this first, as its bytes know what was drawn before it
            store.put_result(f"{name}.{kind}", saved(drawn, kind))
        if plan.probe.clusters:
            from suppression.reporting.cluster_figure import cluster_sheet, lighter

            if (sheet := cluster_sheet(plan, store, context)) is not None:
                store.put_result(f"{name}.pictures.png", lighter(saved(sheet, "png")))
        store.put_result(f"{name}.csv", to_csv(rows).encode())
        store.put_result(f"{name}.sha256", digest.encode())
    return store.root / "results" / f"{name}.png"


def read_record(folder: Path, plan: Plan) -> tuple[list[Row], list[Facts]]:
    """The rows of a record, and how they were made: a dict a run, of which a record that has grown has several."""
    from suppression.experiment.schema import schema

    name = f"{plan.name}.{plan.scale}"
    made = json.loads((folder / f"{name}.json").read_text())
    return from_csv((folder / f"{name}.csv").read_text(), schema(plan.card.kind)), made if isinstance(made, list) else [made]


def alike(plan: Plan, pins: Facts) -> Facts:
    """The pins that all cells of a record have in common: those that choose seeds, places of the axis, or some of the recipe's methods, choose a part of it."""
    methods = {arm["method"] for arm in plan.recipe.arms}
    parts = {"seed", plan.recipe.axis} | ({"method"} if methods.issuperset(pins.get("method", ())) else set())
    return {parameter: pin for parameter, pin in pins.items() if parameter not in parts}


def to_grow(plan: Plan, whole: Plan, out: Path, pins: Facts) -> tuple[list[Row], list[Facts]]:
    """The record in `out` that this run is to be added to. UserError where there is none, where it was made with other `pins`, or has cells that `whole` (the recipe with these
    pins, and all places of its axis) would not make."""
    name = f"{plan.name}.{plan.scale}"
    try:
        rows, made = read_record(out, plan)
    except OSError as error:
        raise UserError(f"--grow: there is no record of {name} in {out} to add to; without --grow one is begun") from error
    theirs = made[0].get("pins", pins)  # records of before --grow do not tell; their cells do
    if (of := {row["layer"] for row in rows} - {"output"}) != set(plan.probe.layers) and not plan.probe.online:
        raise UserError(
            f"--grow: the record of {name} in {out} is of the layers {', '.join(sorted(of))}, this run of {', '.join(plan.probe.layers)}; give --layers"
        )
    for parameter in [*pins, *theirs]:
        if pins.get(parameter) != theirs.get(parameter):
            mine = f"{parameter} = {', '.join(map(str, pins[parameter]))}" if parameter in pins else f"no {parameter} of its own"
            raise UserError(
                f"--grow: the record of {name} in {out} has {parameter} = {', '.join(map(str, theirs.get(parameter, ['as in the recipe'])))}, this run {mine}"
            )
    if beyond := [x for x in plan.axis if x not in whole.axis]:
        raise UserError(
            f"--grow: {plan.recipe.axis} {beyond[0]} is not on the recipe's axis ({', '.join(map(str, whole.axis))}), along which the record is drawn"
        )
    cells = [named(whole, cell) for cell in whole.cells]
    for row in rows:
        like = [cell | {"seed": row["seed"]} for cell in cells if cell["method"] == row["method"]]
        differ = min(
            ([parameter for parameter in cell if parameter in row and row[parameter] != cell[parameter]] for cell in like), key=len, default=["method"]
        )
        if differ:
            parameter = differ[0]
            mine = f"; the recipe has {', '.join(sorted({str(cell[parameter]) for cell in like}))} now" if like else ""
            raise UserError(f"--grow: the record of {name} in {out} has {parameter} = {row[parameter]} ({row['method']}){mine}; it grows by equal cells only")
    return rows, made


def record(plan: Plan, store: Store, out: Path, argv: list[str], *, failed: int, pins: Facts) -> list[str]:
    """Copy the csv, the svg and the pictures to `out`, with a .json that tells the command, the machine, the versions and the seconds they took; returns what
    kinds were written."""
    name = f"{plan.name}.{plan.scale}"
    kinds = ["csv", "svg", *(["pictures.png"] if plan.probe.clusters else [])]
    files = {kind: (store.root / "results" / f"{name}.{kind}").read_bytes() for kind in kinds}
    return write(out, name, files | {"json": as_json(how_made(plan, store, argv, failed=failed, pins=pins))})


def grow(plan: Plan, whole: Plan, rows: list[Row], store: Store, out: Path, argv: list[str], *, failed: int, pins: Facts) -> list[str]:
    """Write the record in `out` anew with this run's rows added, in place of any that it has of the same cells: the csv and the figure of all, and a .json with a dict a run."""
    from suppression.reporting.figures import figure, saved

    parameters = set().union(*whole.cells)

    def cell_of(row: Row) -> Cell:
        return {parameter: row.get(parameter) for parameter in parameters}

    known, made = to_grow(plan, whole, out, pins)  # as it is now: this run may have taken hours
    new = unique(map(cell_of, rows))
    rows = sorted([*(row for row in known if cell_of(row) not in new), *rows], key=lambda row: row["seed"])
    made = [*made, how_made(plan, store, argv, failed=failed, pins=pins)]
    files = {"csv": to_csv(rows).encode(), "svg": saved(figure(whole, rows), "svg"), "json": as_json(made)}
    return write(out, f"{plan.name}.{plan.scale}", files)


def write(out: Path, name: str, files: dict[str, bytes]) -> list[str]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind, content in files.items():
            (out / f"{name}.{kind}").write_bytes(content)
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    return list(files)
