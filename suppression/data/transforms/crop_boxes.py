"""The boxes of random resized crops: drawn by torchvision's law, and by TensorFlow's."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

TRIES = 10  # as torchvision's RandomResizedCrop

Uniform = Callable[..., Tensor]  # (low, high, *shape) -> (n, *shape)


def torchvision(side: int, uniform: Uniform, *, area: tuple[float, float], aspect: float) -> Tensor:
    """Boxes by the law of torchvision's RandomResizedCrop.

    The area is uniform, the ratio uniform in its logarithm. The first of ten tries that fits is
    taken, and the whole picture where none does.

    Args:
        side: Of a square picture, px.
        uniform: Draws uniform numbers.
        area: Least and largest area of a box as a share of the picture's.
        aspect: Largest ratio of width to height; the least is 1 / aspect.

    Returns:
        `top, left, height, width`, (n, 4) px.
    """
    shares = uniform(*area, TRIES)
    ratio = uniform(-math.log(aspect), math.log(aspect), TRIES).exp()
    sides = torch.stack([shares / ratio, shares * ratio]).sqrt_()  # (2, n, tries): heights, widths
    fits = (sides <= 1).all(0)
    sides = first(sides, fits, 1.0)
    corner = torch.stack([uniform(0, 1), uniform(0, 1)]) * (1 - sides)
    return torch.stack([*corner, *sides], 1) * side


def tensorflow(side: int, uniform: Uniform, *, area: tuple[float, float], aspect: float) -> Tensor:
    """Boxes by the law of `tf.image.sample_distorted_bounding_box`; parameters as above.

    As its kernel's GenerateRandomCrop: whole pixels; the ratio of width to height uniform; the
    height uniform between the least and the largest that the area and the picture allow. Corners
    never reach the last place, as there. TensorFlow has a hundred tries (by default); of ten, none
    fails where the picture is no smaller than a digit.
    """
    least, most = area[0] * side**2, area[1] * side**2
    ratio = uniform(1 / aspect, aspect, TRIES)
    low, high = (least / ratio).sqrt_().round_(), (most / ratio).sqrt_().round_()
    widest = ((side + 0.5 - 1e-7) / ratio).floor_()
    widest = widest - ((widest * ratio).round_() > side).float()
    high = torch.where((high * ratio).round_() > side, widest, high).clamp_(max=side)
    low = low.minimum(high)
    height = (low + (uniform(0, 1, TRIES) * (high - low + 1)).floor_()).minimum(high)
    height = height + (height * (height * ratio).round_() < least).float()
    height = height - (height * (height * ratio).round_() > most).float()
    width = (height * ratio).round_()
    size = height * width
    inside = (torch.maximum(height, width) <= side) & (torch.minimum(height, width) > 0)
    fits = (size >= least) & (size <= most) & inside
    sides = first(torch.stack([height, width]), fits, float(side))
    corner = (torch.stack([uniform(0, 1), uniform(0, 1)]) * (side - sides)).floor_()
    return torch.stack([*corner, *sides], 1)


def first(sides: Tensor, fits: Tensor, otherwise: float) -> Tensor:
    """The first of (2, n, tries) sides that fits (n, tries), (2, n)."""
    chosen = fits.int().argmax(1, keepdim=True)
    return torch.where(fits, sides, otherwise).gather(2, chosen.expand(2, -1, 1))[:, :, 0]
