"""Which box of a picture a random resized crop takes: torchvision's law, and TensorFlow's."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

TRIES = 10  # as torchvision's RandomResizedCrop

Uniform = Callable[..., Tensor]  # (low, high, *shape) -> (n, *shape)


def torchvision(side: int, uniform: Uniform, *, area: tuple[float, float], aspect: float) -> Tensor:
    """Boxes `top, left, height, width` (n, 4), px of a square picture, of a share of its area in `area` and an aspect ratio in [1/aspect, aspect].

    Area uniform, ratio uniform in its logarithm; of ten tries a sample, the first that fits; the whole picture where none does.
    """
    shares = uniform(*area, TRIES)
    ratio = uniform(-math.log(aspect), math.log(aspect), TRIES).exp()
    sides = torch.stack([shares / ratio, shares * ratio]).sqrt_()  # (2, n, tries): heights, widths
    fits = (sides <= 1).all(0)
    sides = first(sides, fits, 1.0)
    corner = torch.stack([uniform(0, 1), uniform(0, 1)]) * (1 - sides)
    return torch.stack([*corner, *sides], 1) * side


def tensorflow(side: int, uniform: Uniform, *, area: tuple[float, float], aspect: float) -> Tensor:
    """The same by the rule of `tf.image.sample_distorted_bounding_box` (its kernel's GenerateRandomCrop): whole pixels; ratio of width to height uniform,
    height uniform between the least and the largest that the area and the picture allow. Corners never reach the last place, as there.

    TensorFlow has a hundred tries (by default); of ten, none fails where the picture is no smaller than a digit.
    """
    least, most = (share * side**2 for share in area)
    ratio = uniform(1 / aspect, aspect, TRIES)
    low, high = ((size / ratio).sqrt_().round_() for size in (least, most))
    widest = ((side + 0.5 - 1e-7) / ratio).floor_()
    widest = widest - ((widest * ratio).round_() > side).float()
    high = torch.where((high * ratio).round_() > side, widest, high).clamp_(max=side)
    low = low.minimum(high)
    height = (low + (uniform(0, 1, TRIES) * (high - low + 1)).floor_()).minimum(high)
    height = height + (height * (height * ratio).round_() < least).float()
    height = height - (height * (height * ratio).round_() > most).float()
    width = (height * ratio).round_()
    fits = (height * width >= least) & (height * width <= most) & (torch.maximum(height, width) <= side) & (torch.minimum(height, width) > 0)
    sides = first(torch.stack([height, width]), fits, float(side))
    corner = (torch.stack([uniform(0, 1), uniform(0, 1)]) * (side - sides)).floor_()
    return torch.stack([*corner, *sides], 1)


def first(sides: Tensor, fits: Tensor, otherwise: float) -> Tensor:
    """Of (2, n, tries) sides the first that fits (n, tries), (2, n)."""
    chosen = fits.int().argmax(1, keepdim=True)
    return torch.where(fits, sides, otherwise).gather(2, chosen.expand(2, -1, 1))[:, :, 0]
