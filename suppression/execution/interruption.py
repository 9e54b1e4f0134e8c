"""Whether the system has asked this process to end; a training then leaves a checkpoint."""

from __future__ import annotations

import signal
import threading

asked = threading.Event()  # looked at after every step


def note_sigterm() -> None:
    """Take SIGTERM, which schedulers send before they kill, as a wish that is granted soon."""
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
