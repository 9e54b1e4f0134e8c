"""What a cluster starts on some machine to run one cell: `python -m suppression.execution.task`.

Slurm gives the folder of a queue, in which SLURM_ARRAY_TASK_ID is the cell's number and to which
its events go. A Dask worker gives `-`: the cell comes over stdin and its events go to stdout.
Rows go to the store. SIGTERM leaves a checkpoint, with which the next start goes on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from suppression import plugins
from suppression.errors import UserError
from suppression.execution import interruption
from suppression.execution.dask_worker import PATIENCE
from suppression.execution.environment import pick_device
from suppression.execution.executor import outcome, told_threads
from suppression.execution.queue import Queue, Task, received
from suppression.execution.runner import Tell
from suppression.execution.store import Store


def main(folder: Path, number: int) -> int:
    """Run cell `number` of the queue in `folder`; 1 if it failed."""
    interruption.note_sigterm()
    plugins.load()
    queue = Queue(Store(folder.parent.parent), folder.name)
    queue.tell(number, ("start",))
    event = run(queue.task(number), lambda *event: queue.tell(number, event))
    queue.tell(number, event)
    print(*event)
    return int(event[0] == "failed")


def main_of_worker() -> int:
    """Run the cell that a worker writes to stdin; 1 if it failed."""
    interruption.note_sigterm()
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a plug-in prints is no event

    def tell(*event: Any) -> None:
        try:
            print(json.dumps(event), file=events, flush=True)
        except BrokenPipeError:  # the worker died
            interruption.asked.set()

    work = sys.stdin.readline()
    threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        plugins.load()
        event = run(received(work), tell)
    except UserError as error:
        event = "failed", str(error)
    tell(*event)
    return int(event[0] == "failed")


def end_with_stdin() -> None:
    """Leave a checkpoint when the worker dies: its end of the pipe is then closed."""
    while os.read(0, 1):
        pass
    interruption.asked.set()
    time.sleep(PATIENCE)
    os._exit(1)


def run(task: Task, tell: Tell) -> tuple[Any, ...]:
    """Run a cell with what this machine has; its last event, without the rows: the store has them.

    Args:
        task: The cell, its probe, and where it is kept.
        tell: Hears its events.
    """
    cell, probe, context = task
    device = pick_device(context.device)
    if device == "cpu":
        threads = context.threads or told_threads()
        threads = threads or int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))
        context = replace(context, threads=threads)
    event = outcome(cell, probe, replace(context, device=device), tell)
    return ("done",) if event[0] == "done" else event


if __name__ == "__main__":
    if sys.argv[1] == "-":
        sys.exit(main_of_worker())
    sys.exit(main(Path(sys.argv[1]), int(os.environ["SLURM_ARRAY_TASK_ID"])))
