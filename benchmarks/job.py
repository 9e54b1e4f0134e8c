"""The section `job`: what the main job's trainings cost now, and before it was searched anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from paired import CPU, Found, Row, Seconds, one_thread, over, paired, scaled
from step import trained_steps

from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.experiment.builders import build_method
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.run import Run

STEPS = 8  # of each kind of training in one repetition


def job(repetitions: int) -> Found:
    """CPU seconds of all trainings of `python -m suppression.exp digit_size --tau 0.2`, one seed.

    Some steps of each kind of training are timed in turn, in CPU seconds of one thread, and taken
    times the steps of all cells of that kind; probing is not in it. `before`: the cells that were
    the main job until 2026-11-26, which digit_size_replace still has (five sizes, embedded digits
    of 40-px scenes, SimCLR and supervised, no control that is redrawn); both in fp32.
    """
    plans = {
        "before": make_plan(
            "digit_size_replace", pins={"replace": ["false"], "precision": ["fp32"]}
        ),
        "now": make_plan("digit_size", pins={"tau": [0.2]}, seeds=1),
    }
    with one_thread():
        totals: Seconds = {}
        for name, seconds in paired(variants_of(plans), repetitions).items():
            which, _, method = name.partition(" ")
            steps = steps_of(plans[which], method)
            times = totals.setdefault(which, [0.0] * repetitions)
            more = scaled(seconds, steps)
            totals[which] = [sum(pair) for pair in zip(times, more, strict=True)]
    rows = [Row(f"main job {name}: training, CPU s", totals[name], "{:,.0f}") for name in plans]
    rows.append(Row("main job: now over before", over(totals, "now", "before")))
    return Found(rows)


def trained_cells(plan: Plan) -> list[Run]:
    return [cell for cell in plan.cells if cell.training is not None and cell.seed == 0]


def steps_of(plan: Plan, method: str) -> int:
    """The steps of all cells of a method."""
    found = 0
    for cell in trained_cells(plan):
        if cell.method == method and cell.training is not None:
            found += cell.training.steps
    return found


def variants_of(plans: dict[str, Plan]) -> dict[str, Callable[[], float] | None]:
    """CPU seconds of a step, by plan and method; sizes make no difference to them."""
    found: dict[str, Callable[[], float] | None] = {}
    for name, plan in plans.items():
        for cell in trained_cells(plan):
            found.setdefault(f"{name} {cell.method}", partial(cpu_seconds, cell))
    return found


def cpu_seconds(cell: Run) -> float:
    """CPU seconds of a step of this cell's training."""
    pool = load_pools(cell, Context(Path()), CPU)[True]
    method, draw = build_method(cell, pool), training_batches(cell, pool, CPU)
    assert cell.training is not None
    bf16 = cell.training.precision == "bf16"
    trained_steps(method, draw, cell.training, bf16=bf16, steps=2)  # warm
    began = time.process_time()
    trained_steps(method, draw, cell.training, bf16=bf16, steps=STEPS)
    return (time.process_time() - began) / (STEPS + 1)
