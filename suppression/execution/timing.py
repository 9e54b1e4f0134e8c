"""What a pass of a network costs here and now."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor, nn

from suppression.execution.environment import processor
from suppression.execution.store import Store


def bf16_is_faster(net: nn.Module, x: Tensor, device: torch.device, store: Store) -> bool:
    """Whether bf16 autocast speeds up this net on pictures of this shape here; measured once, kept in the store."""
    threads, width = torch.get_num_threads(), next(net.parameters()).shape[0]
    name = f"bf16 {device.type} {processor()} {type(net).__name__} threads={threads} width={width} {tuple(x.shape)}"
    measured = store.machine().get(name)
    if measured is None:
        trial = copy.deepcopy(net).requires_grad_(True)  # batch-norm statistics move in a forward pass; and a frozen net has no backward pass to time
        seconds = {bf16: median(timed_pass(trial, (x,), device, bf16) for _ in range(4)) for bf16 in (True, False)}
        measured = {"bf16": seconds[True], "fp32": seconds[False]}
        store.put_machine(name, measured)
    return measured["bf16"] < measured["fp32"]


def timed_pass(net: nn.Module, shown: tuple[Tensor, ...], device: torch.device, bf16: bool) -> float:
    """Seconds of a forward and backward pass of an encoder on pictures, or of a method on a batch, which is nearly all of a training step."""
    began = time.perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        loss = net(*shown).float().square().mean()
    loss.backward()
    loss.item()
    return time.perf_counter() - began


def timed(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of the faster of two calls: the first one also warms up."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
