"""How long cells will take: their work in one unit, and what that unit costs here and now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from suppression.data.pool import UNSEEN
from suppression.data.transforms.augmentation import Augmentation
from suppression.evaluation.spec import Probe
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.execution.timing import timed, timed_pass
from suppression.experiment.builders import build_encoder, part, scenes_of
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Cell
from suppression.experiment.validation import unfed
from suppression.methods import METHODS, Method
from suppression.models.resnet import channels_last, stem_for
from suppression.training.loop import Batch, Training
from suppression.training.optimizers import orthogonalise

FEW = 16  # scenes of a step that is timed


def cost(cell: Cell, probe: Probe | None, *, trained: bool = False) -> float:
    """The work of a cell in units of one pixel of one trained view; a probe's pictures only go forward, a third of that. One that is `trained` is only probed."""
    training = 2 * cell["samples"] * (cell["view"] or cell["canvas"]) ** 2 if METHODS[cell["method"]].trains and not trained else 0
    return training if probe is None else training + 4 / 3 * (probe.train + probe.test) * cell["canvas"] ** 2


def expected_seconds(cells: list[Cell], probe: Probe | None, context: Context, before: Mapping[str, Cell] | None = None) -> list[float]:
    """What each cell would take, from a few passes timed here and now (one thread on a CPU, as in a worker): of its method on a batch for what it is trained on,
    of its encoder for what a probe looks at, and Muon's orthogonalisations; about, not exactly. `before` are the cells that it builds on (`recipe.Plan`)."""
    device = torch.device(context.device)
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    nets: dict[tuple, tuple[Any, bool, float]] = {}  # with whether bf16 is faster, and the seconds of a pixel of a probe's pictures
    steps: dict[tuple, float] = {}  # the seconds of a scene
    updates: dict[tuple, float] = {}
    found = []
    store = Store(context.store)
    for cell in cells:
        view, channels = cell.get("view") or cell["canvas"], scenes_of(cell).channels
        shape = (cell.get("net"), cell.get("depth"), cell["width"], cell["stem"] or stem_for(cell["canvas"]), channels, view)
        if shape not in nets:
            net: Any = channels_last(build_encoder(cell)).to(device)
            x = (pictures(2 * FEW, channels, view, device),)
            fp32 = repeated(net, x, device, False)
            bf16 = timed_pass(net, x, device, True) < 3 * fp32 and repeated(net, x, device, True) < fp32  # far behind when cold: not worth two more
            nets[shape] = net, bf16, fp32 / (2 * FEW * view**2)
        net, bf16, pace = nets[shape]
        found.append(pace * cost(cell, probe, trained=True))
        if not METHODS[cell["method"]].trains or store.has(full_key(cell)):
            continue
        alike = (cell["method"], cell.get("local"), cell.get("local_view"), cell["batch"], *shape)
        if alike not in steps:
            method = unfed(cell, before or {}).to(device)
            batch = blank_batch(cell, method, device)
            steps[alike] = repeated(method, batch, device, bf16) / len(batch[0])
        found[-1] += steps[alike] * cell["samples"]
        if cell["optimiser"] == "muon":  # other optimisers take next to nothing; to make one takes torch 2 s of imports
            if shape not in updates:
                updates[shape] = timed(partial(orthogonalise, net), device)
            found[-1] += part(Training, cell).steps * updates[shape]
    torch.set_num_threads(threads)
    return found


def repeated(net: Any, shown: Batch, device: torch.device, bf16: bool) -> float:
    """Seconds of the faster of two passes: the first one also warms up."""
    return min(timed_pass(net, shown, device, bf16) for _ in range(2))


def blank_batch(cell: Cell, method: Method, device: torch.device) -> Batch:
    """Noise in the shapes of the cell's batches, of as many scenes, but no more than `FEW` where a smaller batch that the method takes divides it."""
    n = next((n for n in range(FEW, 1, -1) if cell["batch"] % n == 0 and takes(method, n)), cell["batch"])
    views, channels, side = part(Augmentation, cell), scenes_of(cell).channels, cell["view"] or cell["canvas"]
    sides = [side, side, *[views.small(side).view or side] * (views.local or 0)]
    x1, x2, *local = (pictures(n, channels, each, device) for each in sides)
    classes = torch.cat([one_hot(torch.zeros(n, dtype=torch.int64), each) for each in scenes_of(cell).spaces(UNSEEN)], 1).float()
    return x1, x2, (torch.arange(n) if method.instanced else classes).to(device), *local


def takes(method: Method, batch: int) -> bool:
    try:
        method.check_batch(batch)
    except ValueError:
        return False
    return True


def pictures(n: int, channels: int, side: int, device: torch.device) -> Tensor:
    return torch.rand(n, channels, side, side, device=device).contiguous(memory_format=torch.channels_last)
