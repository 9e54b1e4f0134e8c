"""The section `challenges`: what the experiments of the talk's open challenges cost on a laptop."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from paired import Found, Row, paired, scaled, timed
from program import command, weighed
from recorded import facts_of

from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.execution.feature_maps import feature_maps
from suppression.execution.store import Store
from suppression.experiment.builders import build_method
from suppression.experiment.files import names
from suppression.experiment.plan import Plan, make_plan
from suppression.reporting.cluster_figure import IMAGES, cluster_figure, lighter, shown_cells
from suppression.reporting.figures import saved

RANDOM_BITS = ("random_bits", "--tau", "0.2", "--seeds", "1")  # of the laptop scale
MOST = ("≤", 3000.0)  # MB


def challenges(repetitions: int) -> Found:
    """What the experiments of the talk's open challenges may cost, against the goals set for them.

    `random_bits --tau 0.2 --seeds 1`: the whole command at its laptop scale (five bit counts;
    untrained, SimCLR and supervised), into an empty store: wall time, and the largest proportional
    set size of the parent and its workers together, looked up every second, as more often would
    slow the run. Pictures: k-means of the scenes that are shown, drawn, clustered at each k, laid
    out and saved as PNG, as at the end of a run of local_features at its laptop scale, without the
    start of a process. The nets have their initial weights, on which the time does not depend:
    k-means runs all of its iterations. Recorded laptop runs: the largest resident set of a worker,
    read from the records in experiments/; a run has a worker a core, and a parent.
    """
    seconds, together, processes = [], [], 0.0
    for _ in range(repetitions):
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as room:
            peaks = weighed(command(*RANDOM_BITS, store=Path(room)), every=1.0)
        seconds.append(time.perf_counter() - began)
        together.append(peaks["Pss"])
        processes = max(processes, peaks["processes"])
    what = f"random_bits: all of {processes:.0f} processes, PSS, MB"
    rows = [
        Row("random_bits: wall time, s", seconds, "{:,.0f}", ("≤", 600.0)),
        Row(what, scaled(together, 1e-6), "{:,.0f}", MOST),
        Row(f"pictures of {IMAGES} scenes, s", pictures(repetitions), "{:.1f}", ("≤", 10.0)),
    ]
    return Found(rows + recorded())


def pictures(repetitions: int) -> list[float]:
    """Seconds of local_features' figure; without a warm round, as a run draws it once."""
    plan = make_plan("local_features", scale="laptop")
    with tempfile.TemporaryDirectory() as room:
        store, context = Store(room), Context(store=Path(room))
        for cell in plan.cells:
            state = build_method(cell, load_pool(cell, True, context)).state_dict()
            weights = {name: value.contiguous() for name, value in state.items()}
            store.publish(cell.key, cell=cell.parameters, weights=weights, trace=[], about={})
        draw = timed(lambda: png(plan, store, context))
        return paired({"png": draw}, repetitions, warm=False)["png"]


def png(plan: Plan, store: Store, context: Context) -> bytes:
    x, masks, maps = feature_maps(plan, shown_cells(plan, plan.cells), store, context)
    return lighter(saved(cluster_figure(plan, x, masks, maps), "png"))


def recorded() -> list[Row]:
    """A row a recipe: its largest worker; of a record that has grown, that of any run."""
    rows = []
    for name in names("experiments"):
        peaks = [made["peak_mb"] for made in facts_of(name) if made["peak_mb"]]
        largest = sorted(peaks)[-1:]
        what = f"recorded: a worker of {name}, RSS, MB"
        rows.append(Row(what, largest, "{:,.0f}", MOST, why="not recorded"))
    return rows
