"""Pictures that fill the canvas, and sprites that lie on it: each drawn through a view straight at the size at which it is seen."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from suppression.scenes.resample import axis_weights, resample


def filling(pictures: Tensor, canvas: int, view: Tensor | None, out: int | None) -> Tensor:
    """Pictures (n, c, s, s) in 0..255, each stretched over the canvas, seen through views `top, left, height, width` (n, 4) in px of the canvas:
    (n, c, out, out) in [0, 1].
    """
    side, out = pictures.shape[-1], out or canvas
    view = (whole(canvas, pictures) if view is None else view) * (side / canvas)  # in px of the picture
    weights = (axis_weights(view[:, i], view[:, i + 2] / out, side, out) for i in (0, 1))
    return resample(pictures / 255, *weights).clamp_(max=1)  # weights add up to 1 but for rounding


def placed(sprites: Tensor, top: Tensor, left: Tensor, size: float, canvas: int, view: Tensor | None, out: int | None) -> Tensor:
    """Sprites (n, c, s, s) in 0..255, of `size` px of the canvas, with zeros around, seen through views as in `filling`: (n, c, out, out) in [0, 1].

    `top` and `left` are (n, k) in px of the canvas: a sprite lies at each of the k * k places, which must not overlap.
    """
    side, out = sprites.shape[-1], out or canvas
    view = whole(canvas, sprites) if view is None else view
    scale = side / size  # px of the sprite in one of the canvas
    pad = math.ceil(2 * canvas * scale / out) + 1  # no view is wider than the canvas, so no step is longer
    weights = []
    for i, corner in enumerate((top, left)):
        each = [axis_weights((view[:, i] - place) * scale, view[:, i + 2] / out * scale, side, out, pad=pad) for place in corner.unbind(1)]
        weights.append(torch.stack(each).sum(0) if len(each) > 1 else each[0])
    return resample(sprites / 255, *weights).clamp_(max=1)


def whole(canvas: int, like: Tensor) -> Tensor:
    """The view that shows the whole canvas, (n, 4)."""
    side = torch.full((len(like),), float(canvas), device=like.device)
    return torch.stack([torch.zeros_like(side), torch.zeros_like(side), side, side], 1)
