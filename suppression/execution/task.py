"""What a scheduler starts on some machine: `python -m suppression.execution.task FOLDER`.

It runs one cell of a queue, the one that SLURM_ARRAY_TASK_ID says. Its events go to the queue, its
rows to the store. SIGTERM leaves a checkpoint, with which the next start goes on.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from suppression import plugins
from suppression.execution import interruption
from suppression.execution.environment import pick_device
from suppression.execution.executor import outcome, told_threads
from suppression.execution.queue import Queue
from suppression.execution.store import Store


def main(folder: Path, number: int) -> int:
    """Run cell `number` of the queue in `folder`; 1 if it failed."""
    interruption.note_sigterm()
    plugins.load()
    queue = Queue(Store(folder.parent.parent), folder.name)
    queue.tell(number, ("start",))
    cell, probe, context = queue.task(number)
    device = pick_device(context.device)
    if device == "cpu":
        threads = told_threads() or int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))
        context = replace(context, threads=threads)
    context = replace(context, device=device)
    event = outcome(cell, probe, context, lambda *event: queue.tell(number, event))
    if event[0] == "done":
        event = ("done",)  # the rows are in the store
    queue.tell(number, event)
    print(*event)
    return int(event[0] == "failed")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(os.environ["SLURM_ARRAY_TASK_ID"])))
