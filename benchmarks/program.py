"""The sections `doors`, `scaling` and `memory`: the program, measured from outside."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import recorded
import torch
from paired import CPU, Found, Goal, Row, Seconds, Variants, one_thread, over, paired, timed
from step import TAU, largest_cell
from torch.autograd.graph import saved_tensors_hooks

from suppression.evaluation.spec import ProbeSettings
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.execution.executor import cores, run
from suppression.execution.runner import run_cell
from suppression.experiment.builders import build_method
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run
from suppression.losses.contrastive import nt_xent
from suppression.methods import Method

SAMPLES = (1280, 2560, 5120, 10_240)
QUICK_PROBE = ProbeSettings(train=200, test=100)  # a fixed cost, a line's height at zero
EVERY = 0.05  # seconds between two looks at a process
OKABE_ITO = ("#0072B2", "#D55E00")
CARD = 16.0  # GB
HUNDREDTHS = "{:.3f}×"


def python(*argv: str) -> list[str]:
    return [sys.executable, *argv]


def command(*argv: str, store: Path) -> list[str]:
    return python("-m", "suppression.exp", *argv, "--store", str(store))


def call(argv: list[str]) -> str:
    """Run a command; what it prints."""
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def cpu_seconds(argv: list[str]) -> float:
    """Run a command; the CPU seconds that it and its own processes took."""
    before = os.times()
    call(argv)
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


# --- doors -----------------------------------------------------------------------------------

WHO = "who_suppresses"


def doors(repetitions: int) -> Found:
    """CPU seconds of fresh processes, as ratios to `python -c "import torch"` in the same round.

    who_suppresses is planned and its tables (for a page, its caption, for a terminal) are made
    from its recorded rows in a process of their own, and what is imported first is not counted;
    everything else is a whole command. The full store holds the smoke scale of digit_size, trained
    beforehand; the store of 1,000 cells is that one with the folder of a trained cell copied under
    other names.
    """
    with tempfile.TemporaryDirectory() as room:
        commands = door_commands(Path(room))
        variants: Variants = {"torch": partial(cpu_seconds, python("-c", "import torch"))}
        variants["who"] = recorded_seconds
        for name, (argv, _) in commands.items():
            variants[name] = partial(cpu_seconds, argv)
        seconds = paired(variants, repetitions)
    plan = make_plan(WHO, scale="laptop")
    number = f"{len(recorded.rows_of(plan)):,} rows"
    rows = [
        Row("import torch, CPU s", seconds["torch"], "{:.2f}"),
        in_process(f"{WHO}: planned", seconds, "plan", ("≤", 0.05)),
        in_process(f"{WHO}: {number} read", seconds, "read"),
        in_process(f"{WHO}: its tables from {number}", seconds, "tables", ("≤", 0.3)),
    ]
    for name, (_, goal) in commands.items():
        rows.append(Row(name, over(seconds, name, "torch"), goal=goal))
    return Found(rows)


def in_process(what: str, seconds: Seconds, part: str, goal: Goal | None = None) -> Row:
    return Row(what, over(seconds, f"who {part}", "torch"), HUNDREDTHS, goal)


def recorded_seconds() -> dict[str, float]:
    """What a fresh process tells of its plan, its rows and its tables."""
    return json.loads(call(python(recorded.__file__, WHO)))


def door_commands(room: Path) -> dict[str, tuple[list[str], Goal | None]]:
    """The commands, and their goals; the stores that they need are made in `room`."""
    empty, full, crowded = room / "empty", room / "full", room / "crowded"
    call(command("digit_size", "--scale", "smoke", store=full))
    shutil.copytree(full, crowded)
    cells = sorted((full / "cells").iterdir())
    for i in range(1000 - len(cells)):
        shutil.copytree(cells[0], crowded / "cells" / f"{i:024x}")
    smoke = ("digit_size", "--scale", "smoke")
    return {
        "import suppression": (python("-c", "import suppression"), None),
        "the list": (command(store=empty), ("≤", 0.5)),
        "--help": (command("--help", store=empty), ("≤", 0.5)),
        "digit_size --help": (command("digit_size", "--help", store=empty), ("≤", 1.5)),
        "digit_size --dry, nothing stored": (
            command("digit_size", "--dry", store=empty),
            ("≤", 1.5),
        ),
        "digit_size --scale smoke --dry, all stored": (
            command(*smoke, "--dry", store=full),
            ("≤", 1.5),
        ),
        "digit_size --scale smoke, all stored": (command(*smoke, store=full), ("≤", 1.2)),
        "the list, 1,000 cells stored": (command(store=crowded), ("≤", 1.5)),
    }


# --- scaling ---------------------------------------------------------------------------------


def scaling(repetitions: int) -> Found:
    """Cost against samples, and against cells.

    Against samples: one cell of the laptop scale (SimCLR, second digit 32 px) on one thread, drawn,
    trained, probed (a short probe) and stored. Against cells: such cells of 1,280 samples on the
    crew with its default workers, one a core, which start anew each time; w workers take the cells
    in rounds of w. A line is fitted in each repetition: its slope, how the slope of the last
    doubling stands to the slope before it, and the largest distance of a point from the line, as a
    share of the point.
    """
    workers, seeds = cores(), count()
    cells = (1, *(n * max(workers, 2) for n in (1, 2, 4)))
    rounds = [-(-n // workers) for n in cells]
    with tempfile.TemporaryDirectory() as room:
        context = Context(store=Path(room))

        def alone(samples: int) -> None:
            cell = largest_cell("laptop", samples=samples, seed=next(seeds))
            run_cell(cell, QUICK_PROBE, context)

        def together(n: int) -> None:
            asked = []
            for _ in range(n):
                asked.append(largest_cell("laptop", samples=SAMPLES[0], seed=next(seeds)))
            if len(run(asked, QUICK_PROBE, context, lambda index, event: None)) < n:
                raise RuntimeError("a cell failed")

        with one_thread():
            alone(SAMPLES[0])  # measures which precision is faster, once for all
            by_samples = paired(each_timed(alone, SAMPLES), repetitions, warm=False)
        by_cells = paired(each_timed(together, cells), repetitions, warm=False)
    rows = line_rows("samples", list(SAMPLES), by_samples, "slope, ms a sample", 1000)
    rows += line_rows("cells", rounds, by_cells, f"slope, s a round of {workers} cells", 1)
    picture = drawing(list(SAMPLES), by_samples, cells, rounds, by_cells)
    return Found(rows, figures={"scaling.svg": picture})


def each_timed(work: Callable[[int], None], numbers: tuple[int, ...]) -> Variants:
    variants: Variants = {}
    for n in numbers:
        variants[str(n)] = timed(partial(work, n))
    return variants


def line_rows(name: str, x: list[int], seconds: Seconds, slope: str, unit: float) -> list[Row]:
    slopes, fixed, bends, apart = [], [], [], []
    for t in zip(*seconds.values(), strict=True):
        line = np.polyfit(x, t, 1)
        slopes.append(unit * line[0])
        fixed.append(line[1])
        last, before = (t[3] - t[2]) / (x[3] - x[2]), (t[2] - t[0]) / (x[2] - x[0])
        bends.append(last / before)
        distance = np.abs(np.polyval(line, x) - t) / t
        apart.append(100 * float(distance.max()))
    return [
        Row(f"{name}: {slope}", slopes, "{:.2f}"),
        Row(f"{name}: fixed cost, s", fixed, "{:.2f}"),
        Row(f"{name}: slope of the last doubling over the slope before it", bends),
        Row(f"{name}: largest distance from the line", apart, "{:.1f} %"),
    ]


def drawing(
    samples: list[int],
    by_samples: Seconds,
    cells: tuple[int, ...],
    rounds: list[int],
    by_cells: Seconds,
) -> bytes:
    """Two panels: seconds of a cell against its samples, and of a run against its cells.

    Every repetition is a mark; the lines go through the medians.
    """
    import matplotlib
    from matplotlib.figure import Figure

    made = Figure(figsize=(11, 4.4), layout="constrained")
    left, right = made.subplots(1, 2)
    workers = -(-cells[-1] // rounds[-1])
    panel(left, samples, samples, by_samples, "sample", OKABE_ITO[0])
    left.set_xlabel("samples a cell", fontsize=13)
    left.set_title("one cell, one thread", fontsize=14)
    panel(right, list(cells), rounds, by_cells, "round", OKABE_ITO[1])
    right.set_xlabel("cells", fontsize=13)
    right.set_title(f"{workers} workers", fontsize=14)
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "scaling"}):
        made.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


def panel(
    ax: Any, shown: list[int], x: list[int], seconds: Seconds, unit: str, colour: str
) -> None:
    """Every repetition at the places `shown`, and the line over x."""
    line = np.polyfit(x, np.median(list(seconds.values()), 1), 1)
    label = f"line fitted: {line[1]:.1f} s + {line[0]:.3g} s a {unit}"
    ax.plot(shown, np.polyval(line, x), color=colour, linewidth=2, label=label)
    marks = {"color": "black", "markersize": 5, "fillstyle": "none", "label": "measured"}
    for n, each in zip(shown, seconds.values(), strict=True):
        ax.plot([n] * len(each), each, "o", **marks)
        marks["label"] = "_"  # once in the legend
    ax.set_ylabel("wall time, s", fontsize=13)
    ax.set_xticks(shown)
    ax.set_ylim(bottom=0)
    ax.tick_params(labelsize=12)
    ax.grid(alpha=0.25)
    ax.legend(fontsize=12)


# --- memory ----------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:  # it has ended
                continue
    return found


def rollup(pid: int) -> dict[str, int]:
    """Bytes of a process: `Rss`, and `Pss`, which counts a shared page in shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    found = {}
    for line in lines:
        name, _, value = line.partition(":")
        found[name] = 1024 * int(value.split()[0])
    return found


def weighed(argv: list[str], *, every: float = EVERY) -> dict[str, float]:
    """Peaks while a command runs.

    `Pss` is that of all its processes together, `Rss` that of the largest one, and `processes` how
    many there were at most. A look every so many seconds takes about 10 ms a process.
    """
    peaks = {"Pss": 0.0, "Rss": 0.0, "processes": 0.0}
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        together, number = 0, 0
        for pid in family(process.pid):
            found = rollup(pid)
            if found:
                together += found["Pss"]
                number += 1
                peaks["Rss"] = max(peaks["Rss"], found["Rss"])
        peaks["Pss"] = max(peaks["Pss"], together)
        peaks["processes"] = max(peaks["processes"], number)
        time.sleep(every)
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {process.returncode}")
    return peaks


PAIR = ("--method", "simclr", "--tau", "0.2", "--size2", "9", "32", "--samples", "6400")


def memory(repetitions: int) -> Found:
    """Peak memory of whole commands, into an empty store.

    It is the proportional set size (a page shared by several processes counts in shares) of the
    parent and its workers together, and the resident set of the largest process, looked up every
    50 ms. `laptop pair`: SimCLR, second digit 9 and 32 px, 6,400 samples. The paper scale does not
    run here. Its training step is counted: the bytes that autograd keeps of encoder and head for a
    few pictures, scaled to the batch of 1,024 (2,048 views), those of the loss at its own size;
    weights, gradients and AdamW's two moments; 60,000 MNIST digits and the batch's views. What a
    convolution needs while it works, and gradients on their way back, come on top.
    """
    rows = memory_rows("smoke", ("digit_size", "--scale", "smoke"), repetitions)
    rows += memory_rows("laptop pair", ("digit_size", *PAIR, "--seeds", "1"), repetitions)
    cell, notes = largest_cell("paper", source="digits"), []
    for p in ("bf16", "fp32"):
        parts = paper_step(cell, bf16=p == "bf16")
        whole = sum(parts.values()) / 1e9
        what = f"paper, {p}: with weights, gradients, optimiser, source and views, GB"
        rows.append(Row(f"paper, {p}: kept by autograd, GB", [parts["kept"] / 1e9], "{:.2f}"))
        rows.append(Row(what, [whole], "{:.2f}", ("≤", CARD)))
        sizes = ", ".join(f"{name} {size / 1e9:.3f} GB" for name, size in parts.items())
        notes.append(f"paper, {p}: {sizes}.")
    return Found(rows, notes)


def memory_rows(name: str, argv: tuple[str, ...], repetitions: int) -> list[Row]:
    together, largest, processes = [], [], 0.0
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as room:
            peaks = weighed(command(*argv, store=Path(room)))
        together.append(peaks["Pss"] / 1e6)
        largest.append(peaks["Rss"] / 1e6)
        processes = max(processes, peaks["processes"])
    return [
        Row(f"{name}: all of {processes:.0f} processes, PSS, MB", together, "{:,.0f}"),
        Row(f"{name}: the largest process, RSS, MB", largest, "{:,.0f}"),
    ]


def paper_step(cell: Run, *, bf16: bool) -> dict[str, float]:
    """Bytes that a training step holds at the end of its forward pass, by part.

    The step is not run at its batch.
    """
    assert cell.training is not None
    method, n = build_method(cell).train(), cell.training.batch
    pool = load_pools(cell, Context(Path()), CPU)[True]

    def net(batch: int) -> int:
        x = torch.cat(training_batches(cell.replace(batch=batch), pool, CPU)(0)[:2])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return kept(lambda: method.project(method.encoder(x)), method)

    # Of one picture in two views: what does not grow with the batch falls out.
    few, more = 4, 8
    each = (net(more) - net(few)) / (more - few)
    z = torch.randn(2, n, cell.parameters["z_dim"], generator=torch.Generator().manual_seed(0))
    z1, z2 = z.requires_grad_().unbind(0)
    parameters = 4 * sum(p.numel() for p in method.parameters())
    return {
        "kept": n * each + kept(lambda: nt_xent(z1, z2, tau=TAU), method),
        "weights": parameters,
        "gradients": parameters,
        "optimiser": 2 * parameters,
        "source": 60_000 * 28**2,
        "views": 4 * 2 * n * cell.view_side**2,
    }


def kept(forward: Callable[[], object], method: Method) -> int:
    """Bytes that autograd keeps for the backward pass, without the method's own parameters."""
    storages = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        # The storage itself is held, so that no other takes its address.
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage()
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        result = forward()
    for p in [*method.parameters(), *method.buffers()]:
        storages.pop(p.untyped_storage().data_ptr(), None)
    del result
    return sum(storage.nbytes() for storage in storages.values())
