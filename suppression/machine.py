"""What this machine is, which devices it has, and what it is fastest with."""

from __future__ import annotations

import copy
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from suppression.errors import UserError
from suppression.store import Store

Note = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where cells are run and kept: nothing here changes what a cell is."""

    store: Path
    device: str = "cpu"
    root: Path | None = None
    download: bool = False
    skip_bad: bool = False  # leave out the files of a source that are no pictures
    threads: int | None = None


def ignore(text: str) -> None:
    """A note that nobody wants to hear."""


def pick_device(name: str = "auto") -> str:
    """`auto` takes cuda, then mps, then the CPU; a device that is not there is the user's error."""
    there = ["cpu"] + ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available()
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if device in there)
    try:
        kind = torch.device(name)
    except RuntimeError:
        kind = None
    if kind is None or kind.type not in there or (kind.type == "cuda" and (kind.index or 0) >= torch.cuda.device_count()):
        raise UserError(f"there is no device '{name}' here; there are: {', '.join(there)}, or auto")
    return name


def bf16_is_faster(net: nn.Module, x: Tensor, device: torch.device, store: Store) -> bool:
    """Whether bf16 autocast speeds up this net on pictures of this shape here; measured once, kept in the store."""
    threads, width = torch.get_num_threads(), next(net.parameters()).shape[0]
    name = f"bf16 {device.type} {processor()} {type(net).__name__} threads={threads} width={width} {tuple(x.shape)}"
    measured = store.machine().get(name)
    if measured is None:
        trial = copy.deepcopy(net).requires_grad_(True)  # batch-norm statistics move in a forward pass; and a frozen net has no backward pass to time
        seconds = {bf16: median(timed_pass(trial, (x,), device, bf16) for _ in range(4)) for bf16 in (True, False)}
        measured = {"bf16": seconds[True], "fp32": seconds[False]}
        store.put_machine(name, measured)
    return measured["bf16"] < measured["fp32"]


def timed_pass(net: nn.Module, shown: tuple[Tensor, ...], device: torch.device, bf16: bool) -> float:
    """Seconds of a forward and backward pass of an encoder on pictures, or of a method on a batch, which is nearly all of a training step."""
    began = time.perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        loss = net(*shown).float().square().mean()
    loss.backward()
    loss.item()
    return time.perf_counter() - began


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of the faster of two calls: the first one also warms up."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def facts(device: torch.device) -> dict[str, Any]:
    """What a figure needs beside it to be believed: commit, versions, device, threads, date."""
    libraries = ("torch", "numpy", "scikit-learn")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "commit": commit(),
        "suppression": metadata.version("suppression"),
        "libraries": {library: metadata.version(library) for library in libraries},
        "python": platform.python_version(),
        "device": device.type,
        "machine": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def peak_mb(device: torch.device) -> int | None:
    """The most memory that this process has held so far, 10^6 bytes: on the card, or resident on the CPU; None where the system does not tell."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str | None:
    """The checkout's commit, marked dirty where files differ from it, if this is a checkout; an installed wheel has none."""
    import subprocess

    here = Path(__file__).parent.parent
    if not (here / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or None
