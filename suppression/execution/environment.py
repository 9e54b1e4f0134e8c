"""What this machine is, which devices it has, and what it is fastest with."""

from __future__ import annotations

import os
import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from suppression.errors import UserError


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

    here = Path(__file__).parent.parent.parent
    if not (here / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", str(here), "describe", "--always", "--dirty"], capture_output=True, text=True)
    return done.stdout.strip() or None
