"""The feature maps that trained networks of an experiment have of the same scenes."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from suppression.evaluation.clustering import local_maps
from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.execution.runner import assemble
from suppression.execution.store import Store
from suppression.experiment.builders import scenes_of
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell, Plan


def looked_at(plan: Plan, cells: dict[str, Cell], store: Store, context: Context) -> tuple[Tensor, Tensor, dict[str, dict[str, Tensor]]]:
    """The scenes that were scored, the ink of their digits, and each cell's maps of them."""
    first, cpu = next(iter(cells.values())), torch.device("cpu")
    scenes, pool = scenes_of(first), load_pool(first, False, context)
    found: dict[str, dict[str, Tensor]] = {}
    for name, cell in cells.items():
        method = assemble(cell, pool, replace(context, device="cpu"))
        method.load_state_dict(store.weights(full_key(cell)))
        x, drawn, found[name] = local_maps(scenes, plan.probe, method, plan.probe.layers, pool, cpu)
    return x, scenes.masks(drawn, pool, out=x.shape[-1]), found
