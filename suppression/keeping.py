"""What is kept of a result: its figures in the store, and its record on a shelf."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from suppression.evaluation.neighbours import classes_of
from suppression.execution.context import Context
from suppression.execution.environment import facts
from suppression.execution.feature_maps import feature_maps
from suppression.execution.neighbours import compared
from suppression.execution.store import Store
from suppression.experiment.plan import Plan
from suppression.experiment.rows import to_csv
from suppression.experiment.run import Run
from suppression.metrics.units import without_units
from suppression.reporting import records
from suppression.reporting.result import Result
from suppression.writing import one_at_a_time, replace


def keep_figure(result: Result, store: Store, context: Context) -> Path:
    """NAME.SCALE.png and .svg of all that is shown, and .csv of the rows that were asked for.

    They are kept in the store's results, with .pictures.png where local features were
    clustered.

    Returns:
        The path of the .png.

    Raises:
        Unwritable: if the store cannot be written, and does not have them.
    """
    name = result.plan.result_name
    path = store.root / "results" / f"{name}.png"
    digest = digest_of(result)
    if store.results.drawn_from(name, digest, ["csv", *result_endings(result.plan)]) is None:
        table = {"csv": to_csv(result.rows).encode()}
        store.results.put_drawn(name, digest, {**table, **drawn(result, store, context)})
    return path


def result_endings(planned: Plan) -> list[str]:
    """The endings of the pictures that there are of a result."""
    return ["svg", "png", "pictures.png"] if planned.probe.clusters else ["svg", "png"]


def digest_of(result: Result) -> str:
    """Equal for results that are drawn alike."""
    labels = [arm.label for arm in result.plan.arms]
    rows, units = [], hashlib.sha256()
    for row in result.shown_rows:
        rows.append(without_units(row))
        if "units" in row:
            units.update(row["units"].digest)
    drawn_from = [rows, units.hexdigest(), result.plan.axis, labels]
    return hashlib.sha256(json.dumps(drawn_from, sort_keys=True).encode()).hexdigest()


def drawn(result: Result, store: Store, context: Context) -> dict[str, bytes]:
    """The pictures of a result, by their endings."""
    from suppression.reporting.figures import saved

    made, found = result.plot(), {}
    for kind in ("svg", "png"):  # this first, as its bytes know what was drawn before it
        found[kind] = saved(made, kind)
    if result.plan.probe.clusters:
        sheet = cluster_sheet(result.plan, store, context)
        if sheet is not None:
            found["pictures.png"] = sheet
    return found


def cluster_sheet(planned: Plan, store: Store, context: Context) -> bytes | None:
    """How local features were clustered, as a png; None where no cell is stored."""
    from suppression.reporting.cluster_figure import cluster_figure, lighter, shown_cells
    from suppression.reporting.figures import saved

    stored = [cell for cell in planned.cells if store.has(cell.key)]
    cells = shown_cells(planned, stored)
    if not cells:
        return None
    x, masks, maps = feature_maps(planned, cells, store, context)
    return lighter(saved(cluster_figure(planned, x, masks, maps), "png"))


def write_record(
    result: Result,
    out: Path,
    context: Context,
    pins: Mapping[str, Any],
    *,
    whole: Plan | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a record to `out`: csv, units, svg, pictures, and a .json of how it was made.

    Args:
        result: What `running.carry_out` found.
        out: The folder.
        context: Where cells and figures are.
        pins: The pins that all cells share.
        whole: The plan of the record that is in `out`, to which the run is added; none begins
            one.
        overwrite: Whether a record that is there already is replaced.

    Returns:
        The endings of the files that were written.

    Raises:
        UserError: if it cannot be written, or a record is there, or is none that can grow; then
            nothing in `out` has changed.
    """
    planned = result.plan
    made = {**result.made[0], "pins": dict(pins)}
    if planned.baselines:
        from suppression.execution.flops import flops_of_arms

        made["flops"] = flops_of_arms(planned, context)
    with one_at_a_time(out / f"{planned.name}.{planned.scale}"):
        return record_made(result, out, context, made, pins, whole=whole, overwrite=overwrite)


def record_made(
    result: Result,
    out: Path,
    context: Context,
    made: dict[str, Any],
    pins: Mapping[str, Any],
    *,
    whole: Plan | None,
    overwrite: bool,
) -> list[str]:
    """What `write_record` does while no other process of this machine writes the same record."""
    from suppression.reporting.figures import figure, saved
    from suppression.reporting.summary import summarise

    planned, store = result.plan, Store(context.store)
    name = f"{planned.name}.{planned.scale}"
    if whole is not None:
        # The record as it is now: this run may have taken hours.
        known, before = records.record_to_grow(planned, whole, out, dict(pins), made["sources"])
        parameters: set[str] = set()
        for cell in whole.cells:
            parameters.update(cell.parameters)
        rows = records.grown(known, result.own_rows, parameters)
        shown = summarise(whole, rows, flops=records.flops_of([*before, made]))
        pictures = {"svg": saved(figure(shown), "svg")}
        files = {**records.files_of_rows(rows), **pictures}
        return records.write(out, name, files, [*before, made])
    if not overwrite:
        records.check_free(out, name)
    kept = store.results.drawn_from(name, digest_of(result), result_endings(planned))
    pictures = kept or drawn(result, store, context)
    pictures.pop("png")
    if planned.baselines:  # what was counted for the record is in the figure, too
        shown = summarise(planned, result.own_rows, flops=made["flops"])
        pictures["svg"] = saved(figure(shown), "svg")
    files = {**records.files_of_rows(result.own_rows), **pictures}
    return records.write(out, name, files, [made])


def write_neighbours(runs: Mapping[str, Run], out: Path, context: Context, command: str) -> Path:
    """Write which held-out scenes stored networks put next to one another; the file's path.

    Args:
        runs: The networks' cells, by what they are called.
        out: The folder.
        context: Where the networks are.
        command: What writes it.
    """
    from suppression.reporting import neighbours

    seen = compared(runs, neighbours.COMPARED, context)
    labels = classes_of(seen.scenes, seen.drawn)
    labels["colour"] = labels.pop("bits")
    made = {"command": command, "cells": {name: run.key for name, run in runs.items()}}
    made |= facts(torch.device("cpu"))
    told = neighbours.neighbours_record(seen.x, labels, seen.vectors, made)
    path = out / f"{neighbours.NAME}.{neighbours.SCALE}.{neighbours.ENDING}"
    replace(path, (json.dumps(told, separators=(",", ":")) + "\n").encode())
    return path
