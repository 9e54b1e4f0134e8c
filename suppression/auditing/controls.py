"""What stands beside an encoder that is audited: the same network with random weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

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
