"""What this machine is, which devices it has, and what it is fastest with."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from suppression.errors import UserError


def pick_device(name: str = "auto") -> str:
    """`auto` takes cuda, then mps, then the CPU; a device that is not there is the user's error."""
    there = ["cpu"]
    if torch.cuda.is_available():
        there.append("cuda")
    if torch.backends.mps.is_available():
        there.append("mps")
    if name == "auto":
        return there[1] if len(there) > 1 else "cpu"
    if not is_device(name, there):
        raise UserError(f"there is no device '{name}' here; there are: {', '.join(there)}, or auto")
    return name


def is_device(name: str, kinds: list[str]) -> bool:
    """Whether this machine, which has these kinds of devices, has the one of this name."""
    try:
        device = torch.device(name)
    except RuntimeError:
        return False
    if device.type == "cuda" and device.type in kinds:
        return (device.index or 0) < torch.cuda.device_count()
    return device.type in kinds


def facts(device: torch.device) -> dict[str, Any]:
    """What a figure needs beside it to be believed: commit, versions, device, threads, date."""
    libraries = ("torch", "numpy", "scikit-learn")
    return {
        "commit": commit(),
        "suppression": metadata.version("suppression"),
        "libraries": {library: metadata.version(library) for library in libraries},
        "python": platform.python_version(),
        "device": device.type,
        "machine": machine_name(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def machine_name(device: torch.device) -> str:
    """What computes there: the card, or the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor()


def peak_mb(device: torch.device) -> int | None:
    """The most memory that this process has held so far, 10^6 bytes.

    On the card, or resident on the CPU; None where the system does not tell.
    """
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e6)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


@cache
def processor() -> str:
    """The processor's name, as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """The checkout's commit, marked dirty where files differ from it.

    None where this is no checkout, but an installed wheel.
    """
    import subprocess

    here = Path(__file__).parent.parent.parent
    if not (here / ".git").exists():
        return None
    describe = ["git", "-C", str(here), "describe", "--always", "--dirty"]
    done = subprocess.run(describe, capture_output=True, text=True)
    return done.stdout.strip() or None
