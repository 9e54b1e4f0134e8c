"""What stands beside an encoder that is audited: random weights, and scenes that are easier."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from suppression.data import MultiDigits, Pool, Scenes, TwoDigits
from suppression.data.base import Factors
from suppression.evaluation.foreign import Foreign
from suppression.seeding import torch_rng

SMALL = 0.02  # the spread of a parameter that has none to take over, as those of class tokens


def with_random_weights(encoder: Foreign, *, seed: int = 0) -> Foreign:
    """A copy of an encoder that has learned nothing.

    Every submodule draws its weights as PyTorch does when it makes one; parameters that belong to
    none that can, such as class tokens, are drawn from a normal distribution of their own mean and
    spread. The statistics of batch norms are 0 and 1, as when a training starts; with those of the
    scenes a deep random network is chaotic, which would be another, and may be a lower, floor.

    Args:
        encoder: The encoder; it is left as it is.
        seed: Of the weights.

    Example:
        >>> from suppression.evaluation.foreign import Preprocessing
        >>> net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
        >>> twin = with_random_weights(Foreign(net, Preprocessing()))
        >>> twin.model[0].weight.equal(net[0].weight), twin.title
        (False, 'Sequential')
    """
    twin = copy.deepcopy(encoder)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(int(torch_rng("audit", seed).initial_seed()))
        for module in twin.modules():
            redraw(module)
    return twin


def redraw(module: nn.Module) -> None:
    """Random values for the parameters that a module has itself, not its submodules'."""
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    for weight in module.parameters(recurse=False):
        if weight.is_floating_point():
            spread = weight.float().std().item() if weight.numel() > 1 else 0.0
            weight.normal_(weight.float().mean().item(), spread or SMALL)


def at_a_fixed_place(scenes: Scenes) -> Scenes | None:
    """The same scenes with the first digit always at one place, so that a readout knows where.

    Where digits overlap freely, it is the place at which the others cover as much of it on average
    as they do at all places: what is read there in addition is not what is covered less. In a grid
    it is the first cell, and a digit that would lie there takes the first one's.

    Returns:
        The scenes; None where no digit is the first one, or where they are kept apart in another
        way, which a fixed place would change.

    Example:
        >>> fixed = at_a_fixed_place(TwoDigits(canvas=16, size1=4, size2=8))
        >>> fixed.sample(20).factors["top"][:, 0].unique()
        tensor([3])
    """
    if not isinstance(scenes, MultiDigits | TwoDigits):
        return None
    is_free = scenes.placement == "in_grid" or scenes.overlap == 1
    if len(scenes.digit_sizes) < 2 or not scenes.sizes_differ or not is_free:
        return None
    return fixed_class(type(scenes))(**vars(scenes))


@lru_cache
def fixed_class(kind: type) -> type:
    """The class of the scenes with their first digit at a fixed place; its name is its own."""

    @dataclass(frozen=True)
    class Fixed(kind):  # type: ignore[valid-type, misc]
        def factors(self, n: int, rng: torch.Generator, pool: Pool) -> Factors:
            drawn = super().factors(n, rng, pool)
            top, left = drawn["top"].clone(), drawn["left"].clone()
            if self.placement == "in_grid":
                there = (top == 0) & (left == 0)
                top = torch.where(there, top[:, :1], top)
                left = torch.where(there, left[:, :1], left)
                place = 0
            else:
                place = usual_place(self.canvas, self.digit_sizes)
            top[:, 0] = left[:, 0] = place
            return {**drawn, "top": top, "left": left}

    Fixed.__name__ = Fixed.__qualname__ = f"{kind.__name__}AtAFixedPlace"
    return Fixed


def usual_place(canvas: int, sizes: tuple[int, ...]) -> int:
    """Where along a side the others cover as much of the first digit as they do on average, px."""
    size, *others = sizes
    starts = np.arange(canvas - size + 1)[:, None]
    covered = np.zeros(len(starts))
    for other in others:
        places = np.arange(canvas - other + 1)
        ends = np.minimum(starts + size, places + other)
        covered += np.clip(ends - np.maximum(starts, places), 0, None).mean(1)
    return int(np.abs(covered - covered.mean()).argmin())
