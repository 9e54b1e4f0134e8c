"""Cells over a real Slurm, with kills, held against the same cells one after the other, here.

The Slurm is one of one node that the tests unpack from Debian's packages; only root can start it.
`nice python benchmarks/slurm.py` prints what was done to the cells, and 1 if any digit differs.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from suppression.execution import slurm
from suppression.execution.context import Context
from suppression.execution.queue import Queue
from suppression.execution.runner import run_cell
from suppression.execution.store import FILES, Store
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run

TOP = Path(__file__).parent.parent
RECIPE = """
title = "Two small digits"
claim = "none"
data = "two_digits"
axis = "size2"
arms = [{ method = "simclr", tau = 0.2 }]
probe = { train = 60, test = 30 }

[scale.smoke]
canvas = 12
size1 = 5
size2 = [5, 6]
width = 4
samples = 1600
batch = 16
precision = "fp32"
"""
STRIKES = ("KILL", "TERM", None)  # of each three cells, when they have begun to train


def beside_the_tests(name: str) -> ModuleType:
    spec = spec_from_file_location(name, TOP / "tests" / "execution" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Striker:
    """Hears of the cells of the first job, and strikes them once."""

    def __init__(self) -> None:
        self.struck: dict[int, str] = {}

    def __call__(self, i: int, event: tuple[Any, ...]) -> None:
        signal = STRIKES[i % len(STRIKES)]
        if event == ("start",) and signal and i not in self.struck:
            self.struck[i] = signal
            with suppress(slurm.Silent):  # it has ended meanwhile, or Slurm only says so
                slurm.ask("scancel", "--batch", f"--signal={signal}", f"1_{i}")
        if event[0] in ("note", "failed"):
            print(f"cell {i}: {event[1]}", file=sys.stderr, flush=True)


def differences(cells: list[Run], there: Store, here: Store) -> list[str]:
    """The files of cells that differ, but for what tells seconds and machines."""
    found = []
    for cell in cells:
        for name in FILES:
            content = [
                (each.root / "cells" / cell.key / name).read_bytes() for each in (there, here)
            ]
            if name != "about.json" and content[0] != content[1]:
                found.append(f"{cell.key}/{name}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=24, help="an even number (default: 24)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    slurm.POLL = 1.0
    environ: dict[str, str] = {}
    real = beside_the_tests("real_slurm")
    with tempfile.TemporaryDirectory() as room:
        recipe = Path(room) / "mine.toml"
        recipe.write_text(RECIPE)
        plan = make_plan(str(recipe), scale="smoke", seeds=given.cells // 2)
        context = Context(store=Path(room) / "store", threads=1)
        began = time.monotonic()
        with real.one_node(Path(room) / "node", environ):
            os.environ.update(environ)
            striker = Striker()
            options = {"array": "3", "time": "20"}
            rows = slurm.run(plan.cells, plan.probe, context, striker, options=options)
        seconds = time.monotonic() - began
        alone = replace(context, store=Path(room) / "alone")
        own = [run_cell(cell, plan.probe, alone) for cell in plan.cells]
        others = [i for i in range(len(own)) if rows.get(i) != own[i]]
        files = differences(plan.cells, Store(context.store), Store(alone.store))
        again = {i for i in striker.struck if starts(Store(context.store), plan.cells[i]) > 1}
    done = Counter(striker.struck[i] for i in again)
    print(
        f"{len(plan.cells)} cells over Slurm in {seconds:.0f} s; begun again after "
        f"{done['KILL']} SIGKILLs and {done['TERM']} SIGTERMs; rows that differ from the local "
        f"run: {len(others)}; files of cells that differ: {len(files)} {files[:3]}"
    )
    return int(bool(others or files))


def starts(store: Store, cell: Run) -> int:
    """How often a cell has begun."""
    count = 0
    for queue in Queue.all(store):
        for number, task in enumerate(queue.contents()["tasks"]):
            if task["key"] == cell.key:
                count += [event[0] for event in queue.events(number)].count("start")
    return count


if __name__ == "__main__":
    sys.exit(main())
