"""What a training costs in arithmetic: counted, so that it is the same on every machine."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch.utils.flop_counter import FlopCounterMode

from suppression.execution.batches import chooser_of, load_pool, training_batches
from suppression.execution.context import Context
from suppression.experiment.builders import build_method
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run
from suppression.methods import Method


def training_flops(run: Run, before: Mapping[str, Run], context: Context) -> int:
    """The floating-point operations of a cell's training, of what it builds on, too.

    Convolutions and products of matrices of one step, forward and backward, times the number of
    steps: nearly all that is computed. What a remedy computes to choose scenes is counted over all
    steps; what the optimiser computes, and drawing, is not.

    Args:
        run: The cell.
        before: The cells that it builds on, by key (`Plan.before`).
        context: Where sources lie.

    Returns:
        0 for a cell that is not trained.

    Example:
        >>> from pathlib import Path
        >>> from suppression.experiment.plan import make_plan
        >>> cell = make_plan("random_bits", scale="smoke").cells[-1]
        >>> context = Context(store=Path("."), device="cpu")
        >>> training_flops(cell, {}, context) > 0
        True
    """
    total = 0
    for prerequisite in run.prerequisites.values():
        total += training_flops(before[prerequisite.key], before, context)
    if run.training is None:
        return total
    pool = load_pool(run, True, context)
    method = untrained_of(run, before, context).train()
    draw = training_batches(run, pool, torch.device("cpu"), method)
    batch = draw(0)
    with FlopCounterMode(display=False) as counter:
        method(*batch).backward()
    total += counter.get_total_flops() * run.training.steps
    if chooser_of(method) is None:
        return total
    with FlopCounterMode(display=False) as counter:  # it may look at many scenes at once, then rest
        for step in range(run.training.steps):
            draw(step)
    return total + counter.get_total_flops()


def flops_of_arms(plan: Plan, context: Context) -> dict[str, int]:
    """The operations of each arm's training, by its label: of its first cell."""
    found: dict[str, int] = {}
    for run in plan.cells:
        if run.arm is not None and run.arm.label not in found:
            found[run.arm.label] = training_flops(run, plan.before, context)
    return found


def untrained_of(run: Run, before: Mapping[str, Run], context: Context) -> Method:
    """The method before its first step; what it builds on is not trained either."""
    others = {}
    for name, prerequisite in run.prerequisites.items():
        others[name] = untrained_of(before[prerequisite.key], before, context)
    return build_method(run, load_pool(run, True, context), others)
