"""What a Dask worker does with a cell: it starts a process for it and hands on what that tells.

The worker itself stays small and imports no torch: a cell that dies takes no worker with it, and
a worker that dies ends its cell, which leaves a checkpoint.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Worker

TOPIC = "suppression"  # under which events are told: [key of the task, event]
LOOK = 1.0  # seconds between looks whether a cell is still wanted
PATIENCE = 10.0  # seconds that a cell has to leave a checkpoint
LAST_LINES = 5  # of what a process printed before it died

COMMAND = (sys.executable, "-m", "suppression.execution.task", "-")
ENDS = ("done", "failed", "stopped")

Event = list[Any]


def run_cell(work: str) -> Event:
    """Run a cell in a process of its own; its last event, or ["lost", how it died].

    Args:
        work: The cell, its probe and where it is kept, as `queue.work_of` writes them.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    end: Event | None = None
    with TemporaryFile() as printed:
        process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            encoding="utf-8",
            start_new_session=True,  # the terminal's Ctrl-C is for who watches
        )
        ended = threading.Event()
        watched = (worker, key, process, ended)
        threading.Thread(target=end_if_unwanted, args=watched, daemon=True).start()
        worker.log_event(TOPIC, [key, ["start"]])
        # It may die while it is spoken to, or in the middle of a line.
        with suppress(BrokenPipeError, ValueError), process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(work + "\n")
            process.stdin.flush()  # and stays open: its end is the end of this worker
            for line in process.stdout:
                event = json.loads(line)
                if event[0] in ENDS:
                    end = event
                else:
                    worker.log_event(TOPIC, [key, event])
        ended.set()
        return end or ["lost", how_it_died(process.returncode, printed)]


def end_if_unwanted(
    worker: Worker, key: str, process: subprocess.Popen[str], ended: threading.Event
) -> None:
    """End the process of a cell that was cancelled, which Dask cannot do to a running task."""
    while not ended.wait(LOOK):
        task = worker.state.tasks.get(key)
        if task is None or task.state != "executing":
            process.terminate()
            if not ended.wait(PATIENCE):
                process.kill()
            return


def how_it_died(code: int, printed: IO[bytes]) -> str:
    """How a process ended, on which machine, and the last lines that it printed."""
    how = f"exit {code}"
    if code < 0:
        how = signal.Signals(-code).name
    printed.seek(0)
    lines = printed.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:]
    return "\n".join([f"its process ended with {how} on {socket.gethostname()}", *lines])
