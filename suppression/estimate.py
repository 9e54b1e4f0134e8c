"""How long cells will take: their work in one unit, and what that unit costs here and now."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from suppression import machine
from suppression.build import build_encoder, part, scenes_of
from suppression.forms import Probe
from suppression.knobs import full_key
from suppression.machine import Place
from suppression.methods import METHODS
from suppression.nets import channels_last, stem_for
from suppression.optimisers import orthogonalise
from suppression.recipe import Cell
from suppression.store import Store
from suppression.train import Training


def cost(cell: Cell, probe: Probe | None, *, trained: bool = False) -> float:
    """The work of a cell in units of one pixel of one trained view; a probe's pictures only go forward, a third of that. One that is `trained` is only probed."""
    training = 2 * cell["samples"] * (cell["view"] or cell["canvas"]) ** 2 if METHODS[cell["method"]].trains and not trained else 0
    return training if probe is None else training + 4 / 3 * (probe.train + probe.test) * cell["canvas"] ** 2


def expected_seconds(cells: list[Cell], probe: Probe | None, place: Place) -> list[float]:
    """What each cell would take, from a few passes timed here and now (one thread on a CPU, as in a worker), and Muon's orthogonalisations; about, not exactly."""
    device = torch.device(place.device)
    threads = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    nets: dict[tuple, tuple[Any, float]] = {}  # with the seconds of a pixel
    updates: dict[tuple, float] = {}
    found = []
    store = Store(place.store)
    for cell in cells:
        trained = store.has(full_key(cell))
        view = cell.get("view") or cell["canvas"]
        shape = (cell.get("net"), cell.get("depth"), cell["width"], cell["stem"] or stem_for(cell["canvas"]), scenes_of(cell).channels, view)
        if shape not in nets:
            x = torch.rand(64, scenes_of(cell).channels, view, view, device=device).contiguous(memory_format=torch.channels_last)
            net: Any = channels_last(build_encoder(cell)).to(device)
            passes = min(machine.timed_pass(net, x, device, bf16) for bf16 in (True, False, True, False))  # the first of each warms up
            nets[shape] = net, passes / (64 * view**2)
        net, pace = nets[shape]
        found.append(pace * cost(cell, probe, trained=trained))
        if (
            METHODS[cell["method"]].trains and not trained and cell["optimiser"] == "muon"
        ):  # other optimisers take next to nothing; to make one takes torch 2 s of imports
            if shape not in updates:
                updates[shape] = machine.timed(partial(orthogonalise, net), device)
            found[-1] += part(Training, cell).steps * updates[shape]
    torch.set_num_threads(threads)
    return found
