"""The feature maps that trained networks of an experiment have of the same scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from suppression.evaluation.clustering import local_maps
from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.execution.runner import assemble
from suppression.execution.store import Store
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run


def feature_maps(
    plan: Plan, runs: Mapping[str, Run], store: Store, context: Context
) -> tuple[Tensor, Tensor, dict[str, dict[str, Tensor]]]:
    """What several stored cells make of the scenes that were scored, computed on the CPU.

    Args:
        plan: Whose probe says which scenes and layers.
        runs: The cells, under the names that the maps are wanted by.
        store: Where they are.
        context: Where sources lie.

    Returns:
        The scenes (n, c, s, s); the ink of their digits (n, digits, s, s); and by the cells'
        names their maps, by layer.
    """
    first, cpu = next(iter(runs.values())), torch.device("cpu")
    dataset, pool = first.dataset, load_pool(first, False, context)
    found: dict[str, dict[str, Tensor]] = {}
    for name, run in runs.items():
        method = assemble(run, pool, replace(context, device="cpu"))
        method.load_state_dict(store.weights(run.key))
        x, drawn, found[name] = local_maps(
            dataset, plan.probe, method, plan.probe.layers, pool, cpu
        )
    return x, dataset.masks(drawn, pool, out=x.shape[-1]), found
