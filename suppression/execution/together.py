"""One cell trained by all processes of `torchrun`: the first one leads, the others train along.

The leader alone reads the plan, probes, writes the store and talks to the user. Before each
training it tells the others what is trained.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.experiment.run import Run
from suppression.training.loop import TrainingInterrupted, TrainingStopped
from suppression.training.parallel import Ranks, check_parallel

PATIENCE = timedelta(days=1)  # the others wait as long as the leader probes

TrainAlong = Callable[[Run, Context, bool], None]


def is_launched() -> bool:
    """Whether torchrun started this process and others beside it."""
    launched = distributed.is_available() and distributed.is_torchelastic_launched()
    return launched and int(os.environ.get("WORLD_SIZE", "1")) > 1


def lead_or_follow(lead: Callable[[], int], train_along: TrainAlong) -> int:
    """Run a command in the first process, and train along in the others; its exit code.

    Args:
        lead: The command.
        train_along: Trains a cell, of which nothing is kept: `(cell, context, bf16)`.
    """
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("cpu:gloo,cuda:nccl", timeout=PATIENCE)
    else:
        distributed.init_process_group("gloo", timeout=PATIENCE)
    ranks = Ranks()
    try:
        if ranks.rank:
            follow(ranks, train_along)
            return 0
        # A mistake of the user's, too, ends the others; what ends a training in the middle does
        # not come here: torchrun ends them.
        try:
            code = lead()
        except Exception:
            ranks.told_by_the_first(None)
            raise
        ranks.told_by_the_first(None)
        return code
    finally:
        distributed.destroy_process_group()


def follow(ranks: Ranks, train_along: TrainAlong) -> None:
    """Train along, one cell after the other, until the leader has no more."""
    while True:
        work: tuple[Run, Context, bool] | None = ranks.told_by_the_first(None)
        if work is None:
            return
        try:
            train_along(*work)
        except TrainingStopped:
            continue  # the leader stops at the same step and tells why


@contextmanager
def leading(run: Run, context: Context, bf16: bool) -> Iterator[None]:
    """While it lasts the other processes train this cell, too; alone it does nothing.

    Args:
        run: The cell.
        context: Where its sources are.
        bf16: Whether it is trained under bf16 autocast.

    Raises:
        SystemExit: In place of an error that the other processes do not have: they would wait.
    """
    ranks = Ranks()
    if ranks.world == 1:
        yield
        return
    ranks.told_by_the_first((run, context, bf16))
    try:
        yield
    except (TrainingStopped, TrainingInterrupted):
        raise
    except Exception as error:
        raise SystemExit(f"error: {error}") from error


def check_cells(cells: list[Run], context: Context) -> None:
    """Whether all cells that are not trained yet can be by this many processes.

    Raises:
        UserError: naming the method that cannot.
    """
    store, world = Store(context.store), Ranks().world
    for cell in cells:
        if cell.training is not None and not store.has(cell.key):
            remedies, batch = bool(cell.remedies), cell.training.batch
            check_parallel(cell.trainer, batch=batch, world=world, remedies=remedies)


def facts() -> dict[str, Any]:
    """What a cell's provenance says of it: nothing where one process trained."""
    world = Ranks().world
    return {"processes": world} if world > 1 else {}
