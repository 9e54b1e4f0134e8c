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
    """Whether bf16 autocast speeds up this net on pictures of this shape here.

    It is measured once and kept in the store.
    """
    threads, width = torch.get_num_threads(), next(net.parameters()).shape[0]
    machine = f"{device.type} {processor()}"
    name = f"bf16 {machine} {type(net).__name__} threads={threads} width={width} {tuple(x.shape)}"
    measured = store.machine().get(name)
    if measured is None:
        # On a copy: a forward pass moves batch-norm statistics, and a frozen net has no backward
        # pass to time.
        trial = copy.deepcopy(net).requires_grad_(True)
        measured = {}
        for precision in ("bf16", "fp32"):
            passes = [timed_pass(trial, (x,), device, precision == "bf16") for _ in range(4)]
            measured[precision] = median(passes)
        store.put_machine(name, measured)
    return measured["bf16"] < measured["fp32"]


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bf16 itself; elsewhere it takes several times as long."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


def timed_pass(
    net: nn.Module, batch: tuple[Tensor, ...], device: torch.device, bf16: bool
) -> float:
    """Seconds of a forward and backward pass, which is nearly all of a training step.

    Args:
        net: An encoder, or a method.
        batch: What it takes: pictures, or a method's batch.
        device: Where both are.
        bf16: Whether under bf16 autocast.
    """
    began = time.perf_counter()
    with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        loss = net(*batch).float().square().mean()
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
