"""The section `gpu`: how fast a graphics card trains the paper scale, and how far that is from what it could do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median

import torch
from paired import Found, Row, Variants, over, paired, rate, timed
from step import largest_cell, trained_steps
from torch.utils.flop_counter import FlopCounterMode

from suppression.execution.batches import batches, load_pools
from suppression.execution.context import Context
from suppression.experiment.builders import build_method, part
from suppression.experiment.plan import Cell
from suppression.training.loop import Training

STEPS = 20


def gpu(repetitions: int) -> Found:
    """Augmentation a second of digit_size's paper scale (112 px, width 64, batch 1024, drawing included; scikit-learn's digits stand in for MNIST, which changes no
    shape), inside `suppression.training.loop.train` between logged steps: as the product runs it in fp32 and in bf16, and in bf16 with the encoder under torch.compile.
    The roofline is the card's own best at a bf16 product of two 8,192 x 8,192 matrices, in floating-point operations a second.
    """
    if not torch.cuda.is_available():
        return Found([], ["**no GPU here**: nothing was measured."])
    return on(torch.device("cuda"), largest_cell("paper", source="digits"), repetitions)


def on(device: torch.device, cell: Cell, repetitions: int, side: int = 8192) -> Found:
    pool = load_pools(cell, Context(Path()), device)[True]
    draw, training = batches(cell, pool, device), part(Training, cell)
    modes = {"fp32": None, "bf16": None, "bf16, compiled": "default", "bf16, compiled, max-autotune": "max-autotune-no-cudagraphs"}
    variants: Variants = {}
    for name, mode in modes.items():
        method = build_method(cell).to(device)
        if mode:
            method.encoder.compile(mode=mode)
        variants[name] = partial(trained_steps, method, draw, training, bf16="bf16" in name, steps=STEPS, device=device)
    seconds = paired(variants, repetitions)
    each, peak = operations(device, cell), best_product(device, side)
    rows = []
    for name in modes:
        views = rate(seconds, name, 2 * cell["batch"])
        rows.append(Row(f"{name}: views a second", views, "{:,.0f}", ("≥", 25_000) if name != "fp32" else None))
        if "bf16" in name:
            rows.append(Row(f"{name}: share of the roofline", [100 * v * each / peak for v in views], "{:.0f} %"))
        rows.append(Row(f"{name}: share of the step that is data", [100 * r for r in over(seconds, f"{name} data", name)], "{:.1f} %"))
    card = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    kept = f", peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB" if device.type == "cuda" else ""
    told = f"{card}: {peak / 1e12:.1f} TFLOP a second at the product; a view takes {each / 1e9:.2f} GFLOP forward and backward{kept}."
    return Found(rows, [f"{told} Drawing is only launched where it is timed, so its share is what keeps the host busy."])


def operations(device: torch.device, cell: Cell) -> float:
    """Floating-point operations of one view, forward and backward (a multiplication and an addition count as two)."""
    small = cell | {"batch": 8}
    draw, method = batches(small, load_pools(cell, Context(Path()), device)[True], device), build_method(cell).to(device)
    with FlopCounterMode(display=False) as counter:
        method(*draw(0)).backward()
    return counter.get_total_flops() / (2 * small["batch"])


def best_product(device: torch.device, side: int) -> float:
    """Floating-point operations a second of a bf16 product of square matrices."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))

    def products() -> None:
        for _ in range(10):
            product = a @ b
        product[0, 0].item()  # waits for the device

    products()
    return 10 * 2 * side**3 / median(timed(products)() for _ in range(5))
