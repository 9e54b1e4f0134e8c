"""What trained networks of one experiment make of the same held-out scenes, to compare them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from suppression.data.base import Factors, Scenes
from suppression.evaluation.neighbours import held_out, vectors_of
from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.execution.trained import trained
from suppression.experiment.run import Run


@dataclass(frozen=True)
class Compared:
    """The same scenes as several networks see them.

    Args:
        scenes: Their generator.
        x: The pictures (n, c, s, s).
        drawn: What was drawn for them, (n, ...) each.
        vectors: The features h, (n, d), by the networks' names.
    """

    scenes: Scenes
    x: Tensor
    drawn: Factors
    vectors: dict[str, Tensor]


def compared(runs: Mapping[str, Run], n: int, context: Context) -> Compared:
    """Show held-out scenes to stored networks, on the CPU.

    Args:
        runs: The networks' cells, by what they are called; the first one's scenes are shown.
        n: How many scenes.
        context: Where the networks and the sources are.
    """
    first, store = next(iter(runs.values())), Store(context.store)
    pool = load_pool(first, False, context)
    x, drawn = held_out(first.dataset, pool, n)
    vectors = {}
    for name, run in runs.items():
        method = trained(store, run.key, context.root)
        vectors[name] = vectors_of(method.encoder.eval(), x)
    return Compared(first.dataset, x, drawn, vectors)
