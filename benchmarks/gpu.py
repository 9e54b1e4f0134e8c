"""The section `gpu`: how fast a graphics card trains the paper scale, and what it could do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import median

import torch
from paired import Found, Row, Variants, over, paired, rate, scaled, timed
from step import largest_cell, trained_steps
from torch.utils.flop_counter import FlopCounterMode

from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.experiment.builders import build_method
from suppression.experiment.run import Run

STEPS = 20
MODES = {
    "fp32": None,
    "bf16": None,
    "bf16, compiled": "default",
    "bf16, compiled, max-autotune": "max-autotune-no-cudagraphs",
}
GOAL = ("≥", 25_000)  # views a second


def gpu(repetitions: int) -> Found:
    """Views a second of digit_size's paper scale.

    112 px, width 64, batch 1024, drawing included; scikit-learn's digits stand in for MNIST, which
    changes no shape. Timed inside `suppression.training.loop.train` between logged steps: as the
    product runs it in fp32 and in bf16, and in bf16 with the encoder under torch.compile. The
    roofline is the card's own best at a bf16 product of two 8,192 x 8,192 matrices, in
    floating-point operations a second.
    """
    if not torch.cuda.is_available():
        return Found([], ["**no GPU here**: nothing was measured."])
    return on(torch.device("cuda"), largest_cell("paper", source="digits"), repetitions)


def on(device: torch.device, cell: Run, repetitions: int, side: int = 8192) -> Found:
    training = cell.training
    assert training is not None
    pool = load_pools(cell, Context(Path()), device)[True]
    draw = training_batches(cell, pool, device)
    variants: Variants = {}
    for name, mode in MODES.items():
        method = build_method(cell).to(device)
        if mode:
            method.encoder.compile(mode=mode)
        steps = partial(trained_steps, method, draw, training, steps=STEPS, device=device)
        variants[name] = partial(steps, bf16="bf16" in name)
    seconds = paired(variants, repetitions)
    each, peak = operations(device, cell), best_product(device, side)
    rows = []
    for name in MODES:
        views, goal = rate(seconds, name, 2 * training.batch), None
        if "bf16" in name:
            goal = GOAL
        rows.append(Row(f"{name}: views a second", views, "{:,.0f}", goal))
        if "bf16" in name:
            share = scaled(views, 100 * each / peak)
            rows.append(Row(f"{name}: share of the roofline", share, "{:.0f} %"))
        data = scaled(over(seconds, f"{name} data", name), 100)
        rows.append(Row(f"{name}: share of the step that is data", data, "{:.1f} %"))
    card, kept = device.type, ""
    if device.type == "cuda":
        card = torch.cuda.get_device_name(device)
        kept = f", peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB"
    note = (
        f"{card}: {peak / 1e12:.1f} TFLOP a second at the product; a view takes "
        f"{each / 1e9:.2f} GFLOP forward and backward{kept}. Drawing is only launched where it is "
        "timed, so its share is what keeps the host busy."
    )
    return Found(rows, [note])


def operations(device: torch.device, cell: Run) -> float:
    """Floating-point operations of one view, forward and backward.

    A multiplication and an addition count as two.
    """
    batch = 8
    small = cell.replace(batch=batch)
    draw = training_batches(small, load_pools(cell, Context(Path()), device)[True], device)
    method = build_method(cell).to(device)
    with FlopCounterMode(display=False) as counter:
        method(*draw(0)).backward()
    return counter.get_total_flops() / (2 * batch)


def best_product(device: torch.device, side: int) -> float:
    """Floating-point operations a second of a bf16 product of square matrices."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    b = torch.randn(side, side, device=device, dtype=torch.bfloat16)

    def products() -> None:
        for _ in range(10):
            product = a @ b
        product[0, 0].item()  # waits for the device

    products()
    return 10 * 2 * side**3 / median(timed(products)() for _ in range(5))
