"""The sections `doors`, `scaling` and `memory`: the program as it is used, timed and weighed from outside."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import torch
from paired import CPU, Found, Row, Seconds, Variants, one_thread, over, paired, timed
from step import TAU, largest_cell
from torch.autograd.graph import saved_tensors_hooks

from suppression.evaluation.spec import Probe
from suppression.execution.batches import batches, load_pools
from suppression.execution.context import Context
from suppression.execution.executor import cores, run
from suppression.execution.runner import run_cell
from suppression.experiment.builders import build_method
from suppression.experiment.plan import Cell
from suppression.losses.contrastive import nt_xent
from suppression.methods import Method

SAMPLES = (1280, 2560, 5120, 10_240)
QUICK_PROBE = Probe(train=200, test=100)  # a fixed cost, which a line takes as its height at zero
EVERY = 0.05  # seconds between two looks at a process
OKABE_ITO = ("#0072B2", "#D55E00")
CARD = 16.0  # GB


def command(*argv: str, store: Path) -> list[str]:
    return [sys.executable, "-m", "suppression.exp", *argv, "--store", str(store)]


def call(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr}")


def doors(repetitions: int) -> Found:
    """Wall time of whole commands, as ratios to `python -c "import torch"` in the same repetition. The full store holds the smoke scale, trained beforehand;
    the store of 1,000 cells is that one with a trained cell's folder copied under other names.
    """
    with tempfile.TemporaryDirectory() as room:
        empty, full, crowded = (Path(room) / name for name in ("empty", "full", "crowded"))
        call(command("digit_size", "--scale", "smoke", store=full))
        shutil.copytree(full, crowded)
        cell = next((full / "cells").iterdir())
        for i in range(1000 - len(list((full / "cells").iterdir()))):
            shutil.copytree(cell, crowded / "cells" / f"{i:024x}")
        doors = {
            "the list": (command(store=empty), 0.5),
            "--help": (command("--help", store=empty), 0.5),
            "digit_size --help": (command("digit_size", "--help", store=empty), 1.5),
            "digit_size --dry, nothing stored": (command("digit_size", "--dry", store=empty), 1.5),
            "digit_size --scale smoke --dry, all stored": (command("digit_size", "--scale", "smoke", "--dry", store=full), 1.5),
            "digit_size --scale smoke, all stored": (command("digit_size", "--scale", "smoke", store=full), 1.5),
            "the list, 1,000 cells stored": (command(store=crowded), 1.5),
        }
        variants: Variants = {name: timed(partial(call, argv)) for name, (argv, _) in doors.items()}
        seconds = paired(variants | {"torch": timed(partial(call, [sys.executable, "-c", "import torch"]))}, repetitions)
    rows = [Row("import torch, s", seconds["torch"], "{:.2f}")]
    return Found(rows + [Row(name, over(seconds, name, "torch"), goal=("≤", goal)) for name, (_, goal) in doors.items()])


def scaling(repetitions: int) -> Found:
    """Cost against samples: one cell of the laptop scale (SimCLR, second digit 32 px) on one thread, drawn, trained, probed (a short probe) and stored. Cost
    against cells: such cells of 1,280 samples on the crew with its default workers, one a core, which start anew each time; w workers take the cells in
    rounds of w. A line is fitted in each repetition: its slope, how the slope of the last doubling stands to the slope before it, and the largest
    distance of a point from the line, as a share of the point.
    """
    workers, seeds = cores(), count()
    cells = (1, *(n * max(workers, 2) for n in (1, 2, 4)))
    rounds = [-(-n // workers) for n in cells]
    with tempfile.TemporaryDirectory() as room:
        context = Context(store=Path(room))

        def alone(samples: int) -> None:
            run_cell(largest_cell("laptop", samples=samples, seed=next(seeds)), QUICK_PROBE, context)

        def together(n: int) -> None:
            asked = [largest_cell("laptop", samples=SAMPLES[0], seed=next(seeds)) for _ in range(n)]
            if len(run(asked, QUICK_PROBE, context, lambda index, event: None)) < n:
                raise RuntimeError("a cell failed")

        with one_thread():
            alone(SAMPLES[0])  # measures which precision is faster, once for all
            by_samples = paired({str(n): timed(partial(alone, n)) for n in SAMPLES}, repetitions, warm=False)
        by_cells = paired({str(n): timed(partial(together, n)) for n in cells}, repetitions, warm=False)
    rows = line_rows("samples", list(SAMPLES), by_samples, "slope, ms a sample", 1000)
    rows += line_rows("cells", rounds, by_cells, f"slope, s a round of {workers} cells", 1)
    return Found(rows, figures={"scaling.svg": drawing(list(SAMPLES), by_samples, cells, rounds, by_cells)})


def line_rows(name: str, x: list[int], seconds: Seconds, slope: str, unit: float) -> list[Row]:
    runs = list(zip(*seconds.values(), strict=True))
    lines = [np.polyfit(x, t, 1) for t in runs]
    bends = [(t[3] - t[2]) / (x[3] - x[2]) / ((t[2] - t[0]) / (x[2] - x[0])) for t in runs]
    apart = [100 * float(np.max(np.abs(np.polyval(line, x) - t) / t)) for line, t in zip(lines, runs, strict=True)]
    return [
        Row(f"{name}: {slope}", [unit * line[0] for line in lines], "{:.2f}"),
        Row(f"{name}: fixed cost, s", [line[1] for line in lines], "{:.2f}"),
        Row(f"{name}: slope of the last doubling over the slope before it", bends),
        Row(f"{name}: largest distance from the line", apart, "{:.1f} %"),
    ]


def drawing(samples: list[int], by_samples: Seconds, cells: tuple[int, ...], rounds: list[int], by_cells: Seconds) -> bytes:
    """Two panels: seconds of a cell against its samples, and of a run against its cells; every repetition a mark, lines through the medians."""
    import matplotlib
    from matplotlib.figure import Figure

    made = Figure(figsize=(11, 4.4), layout="constrained")
    panels = [
        (samples, samples, by_samples, "samples a cell", "one cell, one thread"),
        (list(cells), rounds, by_cells, "cells", f"{-(-cells[-1] // rounds[-1])} workers"),
    ]
    for ax, colour, (shown, x, seconds, label, title) in zip(made.subplots(1, 2), OKABE_ITO, panels, strict=True):
        middle = np.median(list(seconds.values()), 1)
        line = np.polyfit(x, middle, 1)
        ax.plot(
            shown,
            np.polyval(line, x),
            color=colour,
            linewidth=2,
            label=f"line fitted: {line[1]:.1f} s + {line[0]:.3g} s a {'sample' if x is shown else 'round'}",
        )
        for n, each in zip(shown, seconds.values(), strict=True):
            ax.plot([n] * len(each), each, "o", color="black", markersize=5, fillstyle="none", label="measured" if n == shown[0] else None)
        ax.set_xlabel(label, fontsize=13)
        ax.set_ylabel("wall time, s", fontsize=13)
        ax.set_title(title, fontsize=14)
        ax.set_xticks(shown)
        ax.set_ylim(bottom=0)
        ax.tick_params(labelsize=12)
        ax.grid(alpha=0.25)
        ax.legend(fontsize=12)
    content = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "scaling"}):
        made.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


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
    """Bytes of a process: `Rss`, and `Pss`, in which a page that several processes share is counted in shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {name: 1024 * int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}


def weighed(argv: list[str], *, every: float = EVERY) -> dict[str, float]:
    """Peaks while a command runs: `Pss` of all its processes together, `Rss` of the largest one; and how many `processes` there were at most. A look every
    so many seconds takes about 10 ms a process."""
    peaks = {"Pss": 0.0, "Rss": 0.0, "processes": 0.0}
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        now = [found for pid in family(process.pid) if (found := rollup(pid))]
        if now:
            peaks["Pss"] = max(peaks["Pss"], sum(each["Pss"] for each in now))
            peaks["Rss"] = max(peaks["Rss"], max(each["Rss"] for each in now))
            peaks["processes"] = max(peaks["processes"], len(now))
        time.sleep(every)
    if process.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with {process.returncode}")
    return peaks


def memory(repetitions: int) -> Found:
    """Peak memory of whole commands, into an empty store: the proportional set size (a page shared by several processes counts in shares) of the parent and
    its workers together, and the resident set of the largest process, looked up every 50 ms. `laptop pair`: SimCLR, second digit 9 and 32 px, 6,400 samples.
    The paper scale does not run here. Its training step is counted: the bytes that autograd keeps of encoder and head for a few pictures, scaled to the
    batch of 1,024 (2,048 views), those of the loss at its own size; weights, gradients and AdamW's two moments; 60,000 MNIST digits and the batch's views.
    What a convolution needs while it works, and gradients on their way back, come on top.
    """
    pair = ("digit_size", "--method", "simclr", "--tau", "0.2", "--size2", "9", "32", "--samples", "6400", "--seeds", "1")
    rows = []
    for name, argv in {"smoke": ("digit_size", "--scale", "smoke"), "laptop pair": pair}.items():
        found = []
        for _ in range(repetitions):
            with tempfile.TemporaryDirectory() as room:
                found.append(weighed(command(*argv, store=Path(room))))
        processes = f"{max(each['processes'] for each in found):.0f} processes"
        rows.append(Row(f"{name}: all of {processes}, PSS, MB", [each["Pss"] / 1e6 for each in found], "{:,.0f}"))
        rows.append(Row(f"{name}: the largest process, RSS, MB", [each["Rss"] / 1e6 for each in found], "{:,.0f}"))
    cell, notes = largest_cell("paper", source="digits"), []
    for p in ("bf16", "fp32"):
        parts = paper_step(cell, bf16=p == "bf16")
        rows.append(Row(f"paper, {p}: kept by autograd, GB", [parts["kept"] / 1e9], "{:.2f}"))
        rows.append(Row(f"paper, {p}: with weights, gradients, optimiser, source and views, GB", [sum(parts.values()) / 1e9], "{:.2f}", ("≤", CARD)))
        notes.append(f"paper, {p}: " + ", ".join(f"{name} {size / 1e9:.3f} GB" for name, size in parts.items()) + ".")
    return Found(rows, notes)


def paper_step(cell: Cell, *, bf16: bool) -> dict[str, float]:
    """Bytes that a training step of `cell` holds at the end of its forward pass, by part, without running it at its batch."""
    method, n, few = build_method(cell).train(), cell["batch"], (4, 8)
    pool = load_pools(cell, Context(Path()), CPU)[True]

    def net(batch: int) -> int:
        x = torch.cat(batches(cell | {"batch": batch}, pool, CPU)(0)[:2])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            return kept(lambda: method.project(method.encoder(x)), method)

    each = (net(few[1]) - net(few[0])) / (few[1] - few[0])  # of one picture in two views; what does not grow with the batch falls out
    z1, z2 = torch.randn(2, n, cell["z_dim"], generator=torch.Generator().manual_seed(0)).requires_grad_().unbind(0)
    parameters = 4 * sum(p.numel() for p in method.parameters())
    return {
        "kept": n * each + kept(lambda: nt_xent(z1, z2, tau=TAU), method),
        "weights": parameters,
        "gradients": parameters,
        "optimiser": 2 * parameters,
        "source": 60_000 * 28**2,
        "views": 4 * 2 * n * (cell["view"] or cell["canvas"]) ** 2,
    }


def kept(forward: Callable[[], object], method: Method) -> int:
    """Bytes that autograd keeps for the backward pass, each storage once, without the method's own parameters."""
    storages = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        storages[x.untyped_storage().data_ptr()] = x.untyped_storage()  # held, so that no other takes its address
        return x

    with saved_tensors_hooks(pack, lambda x: x):
        result = forward()
    own = {p.untyped_storage().data_ptr() for p in [*method.parameters(), *method.buffers()]}
    del result
    return sum(storage.nbytes() for address, storage in storages.items() if address not in own)
