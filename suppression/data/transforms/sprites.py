"""Pictures that fill the canvas, and sprites that lie on it: each drawn through a view straight at the size at which it is seen."""

from __future__ import annotations

import torch
from torch import Tensor

from suppression.data.transforms.resample import axis_weights, resample


def filling(pictures: Tensor, canvas: int, view: Tensor | None, out: int | None) -> Tensor:
    """Pictures (n, c, s, s) in 0..255, each stretched over the canvas, seen through views `top, left, height, width` (n, 4) in px of the canvas:
    (n, c, out, out) in [0, 1].
    """
    from suppression.data.transforms.resample import crop

    view = whole(canvas, pictures) if view is None else view
    return crop(pictures / 255, view * (pictures.shape[-1] / canvas), out or canvas).clamp_(max=1)  # weights add up to 1 but for rounding


def placed(sprites: Tensor, top: Tensor, left: Tensor, size: float, canvas: int, view: Tensor | None, out: int | None) -> Tensor:
    """Sprites (n, c, s, s) in 0..255, of `size` px of the canvas, with zeros around, seen through views as in `filling`: (n, c, out, out) in [0, 1].

    `top` and `left` are (n, k) in px of the canvas: a sprite lies at each of the k * k places, which must not overlap.
    """
    side, out = sprites.shape[-1], out or canvas
    start, length = (whole(canvas, sprites) if view is None else view).T.split(2)  # (2, n) each: top and left, height and width
    scale = side / size  # px of the sprite in one of the canvas
    step = length * (scale / out)
    weights: Tensor | None = None
    for corner in zip(top.unbind(1), left.unbind(1), strict=True):
        each = axis_weights((start - torch.stack(corner)) * scale, step, side, out, zeros_around=True)  # (2, n, out, side)
        weights = each if weights is None else weights.add_(each)
    assert weights is not None
    return resample(sprites / 255, *weights).clamp_(max=1)


def whole(canvas: int, like: Tensor) -> Tensor:
    """The view that shows the whole canvas, (n, 4)."""
    side = torch.full((len(like),), float(canvas), device=like.device)
    return torch.stack([torch.zeros_like(side), torch.zeros_like(side), side, side], 1)
