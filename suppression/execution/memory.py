"""Whether a cell can fit in the memory there is: told before work starts, not after an hour."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from suppression.errors import UserError
from suppression.evaluation.spec import ProbeSettings
from suppression.experiment.run import Run
from suppression.models.resnet import BLOCKS, stem_for

FLOAT = 4  # bytes
KEPT = 4  # maps that a block keeps for its gradient: two convolutions' and two batch norms' outputs
WEIGHTS = 1000  # of a ResNet of width 1, at least; each has a gradient and a momentum
CGROUP = Path("/sys/fs/cgroup")


def check_memory(cells: Iterable[Run], probe: ProbeSettings) -> None:
    """Refuse cells that cannot fit; those that may do are tried.

    Raises:
        UserError: naming what needs the memory, how much, and how much there is.
    """
    free = free_bytes()
    for cell in cells:
        for what, needed in (
            (f"batch = {cell.get('batch')}: a step", bytes_of_a_step(cell)),
            (f"train = {probe.train}, test = {probe.test}: a probe", bytes_of_a_probe(cell, probe)),
        ):
            if needed > free:
                raise UserError(
                    f"{what} of {cell.method} on {cell.kind} needs {gigabytes(needed)} of memory "
                    f"at least, and {gigabytes(free)} are free; fewer, or smaller pictures, or a "
                    "narrower network fit"
                )


def bytes_of_a_step(cell: Run) -> float:
    """What a training step holds at least: its views, the maps that gradients are taken of.

    Maps may be in bf16, 2 bytes a number.
    """
    if cell.training is None or cell.augmentation is None:
        return 0
    numbers = 2 * numbers_of_a_view(cell, cell.view_side)
    if cell.augmentation.local:
        small = cell.augmentation.small(cell.view_side).view or cell.view_side
        numbers += cell.augmentation.local * numbers_of_a_view(cell, small)
    weights = WEIGHTS * cell.encoder.width**2 if cell.encoder.net is None else 0
    return cell.training.batch * numbers * FLOAT / 2 + 3 * weights * FLOAT


def numbers_of_a_view(cell: Run, side: int) -> float:
    """Pixels, and what a ResNet's blocks keep of them."""
    numbers: float = side**2 * cell.dataset.channels
    if cell.encoder.net is None:
        first = side / (cell.encoder.stem or stem_for(cell.dataset.canvas))
        for i, blocks in enumerate(BLOCKS[cell.encoder.depth or 18]):
            channels = cell.encoder.width * 2**i
            numbers += blocks * KEPT * channels * max(1, first / 2**i) ** 2
    return numbers


def bytes_of_a_probe(cell: Run, probe: ProbeSettings) -> float:
    """What a readout holds at least: the features, as they are and standardised."""
    picture = cell.dataset.canvas**2 * cell.dataset.channels
    features = picture if cell.method == "pixels" else 8 * cell.encoder.width
    return (picture + 2 * (probe.train + probe.test) * features) * FLOAT


def free_bytes() -> float:
    """What this process may still take: of the machine, of its container, of its own limit."""
    return min([math.inf, *free_of_the_machine(), *free_of_the_container(), *own_limit()])


def free_of_the_machine() -> Iterator[float]:
    """Memory and swap; where the system does not tell what is free, all that is built in."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", ()):
            yield float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
        return
    kilobytes = {line.split(":")[0]: float(line.split()[1]) for line in lines}
    if "MemAvailable" in kilobytes:
        yield 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0.0))


def free_of_the_container() -> Iterator[float]:
    try:
        most = float((CGROUP / "memory.max").read_text(encoding="ascii"))
        yield most - float((CGROUP / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):  # none, or "max"
        return


def own_limit() -> Iterator[float]:
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield float(soft)


def gigabytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB"
