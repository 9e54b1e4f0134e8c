"""The section `challenges`: what the experiments of the talk's open challenges may cost on a laptop, against the goals set for them."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from paired import Found, Row, paired, timed
from program import command, weighed

from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.experiment.builders import build_method
from suppression.experiment.files import find, names
from suppression.experiment.keys import full_key
from suppression.experiment.plan import make_plan
from suppression.reporting.cluster_figure import cluster_sheet, lighter
from suppression.reporting.figures import saved

RANDOM_BITS = ("random_bits", "--tau", "0.2", "--seeds", "1")  # of the laptop scale
IMAGES = 16
MOST = ("≤", 3000.0)  # MB


def challenges(repetitions: int) -> Found:
    """`random_bits --tau 0.2 --seeds 1`: the whole command at its laptop scale (five bit counts; untrained, SimCLR and supervised), into an empty store: wall
    time, and the largest proportional set size of the parent and its workers together, looked up every second, as more often would slow the run.
    Pictures: k-means of 16 scenes, drawn, clustered at each k, laid out and saved as PNG, as at the end of a run of local_features at its laptop scale, without
    the start of a process. The nets have their initial weights, on which the time does not depend: k-means runs all of its iterations.
    Recorded laptop runs: the largest resident set of a worker, read from the records in experiments/; a run has a worker a core, and a parent.
    """
    runs = [laptop_run() for _ in range(repetitions)]
    rows = [
        Row("random_bits: wall time, s", [run["seconds"] for run in runs], "{:,.0f}", ("≤", 600.0)),
        Row(f"random_bits: all of {max(run['processes'] for run in runs):.0f} processes, PSS, MB", [run["Pss"] / 1e6 for run in runs], "{:,.0f}", MOST),
        Row(f"pictures of {IMAGES} scenes, s", pictures(repetitions), "{:.1f}", ("≤", 10.0)),
    ]
    return Found(rows + recorded())


def laptop_run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as room:
        began = time.perf_counter()
        peaks = weighed(command(*RANDOM_BITS, store=Path(room)), every=1.0)
        return peaks | {"seconds": time.perf_counter() - began}


def pictures(repetitions: int) -> list[float]:
    """Seconds of the sheet of local_features; `paired` without a warm round, as a run draws it once."""
    plan = make_plan("local_features", scale="laptop")
    with tempfile.TemporaryDirectory() as room:
        store, context = Store(room), Context(store=Path(room))
        for cell in plan.cells:
            weights = build_method(cell, load_pool(cell, True, context)).state_dict()
            store.publish(full_key(cell), cell=cell, weights={name: value.contiguous() for name, value in weights.items()}, trace=[], about={})

        def sheet() -> None:
            made = cluster_sheet(plan, store, context, images=IMAGES)
            assert made is not None
            lighter(saved(made, "png"))

        return paired({"sheet": timed(sheet)}, repetitions, warm=False)["sheet"]


def recorded() -> list[Row]:
    """A row a recipe."""
    rows = []
    for name in names("experiments"):
        file = find("experiments", name).with_name(f"{name}.laptop.json")
        peak = json.loads(file.read_text())["peak_mb"] if file.exists() else None
        rows.append(Row(f"recorded: a worker of {name}, RSS, MB", [peak] if peak else [], "{:,.0f}", MOST, why="not recorded"))
    return rows
