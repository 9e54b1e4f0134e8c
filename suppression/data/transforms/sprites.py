"""Pictures that fill the canvas, and sprites that lie on it, drawn at the size of the view."""

from __future__ import annotations

import torch
from torch import Tensor

from suppression.data.pool import SIDE
from suppression.data.transforms.resample import axis_weights, crop, resample


def filling(pictures: Tensor, canvas: int, view: Tensor | None, out: int | None) -> Tensor:
    """Pictures stretched over the canvas and seen through views.

    Args:
        pictures: (n, c, s, s), 0 to 255.
        canvas: Side of the canvas, px.
        view: Crops `top, left, height, width`, (n, 4) px of the canvas; all of it if None.
        out: Side of the result, px; the canvas's if None.

    Returns:
        (n, c, out, out) in [0, 1].
    """
    view = whole(canvas, pictures) if view is None else view
    boxes = view * (pictures.shape[-1] / canvas)
    seen = crop(pictures / 255, boxes, out or canvas)
    return seen.clamp_(max=1)  # weights add up to 1 but for rounding


def placed(
    sprites: Tensor,
    top: Tensor,
    left: Tensor,
    size: float,
    canvas: int,
    view: Tensor | None,
    out: int | None,
) -> Tensor:
    """Sprites on an empty canvas, seen through views.

    Args:
        sprites: (n, c, s, s), 0 to 255.
        top: (n, k) px of the canvas. A sprite lies at each of the k * k places, which must not
            overlap.
        left: (n, k) px of the canvas.
        size: Side at which a sprite is drawn, px of the canvas.
        canvas: As in `filling`.
        view: As in `filling`.
        out: As in `filling`.

    Returns:
        (n, c, out, out) in [0, 1].
    """
    side, out = sprites.shape[-1], out or canvas
    view = whole(canvas, sprites) if view is None else view
    start, length = view.T.split(2)  # (2, n) each: top and left, height and width
    scale = side / size  # px of the sprite in one of the canvas
    step = length * (scale / out)
    weights: Tensor | None = None
    for corner in zip(top.unbind(1), left.unbind(1), strict=True):
        first = (start - torch.stack(corner)) * scale
        each = axis_weights(first, step, side, out, zeros_around=True)  # (2, n, out, side)
        weights = each if weights is None else weights.add_(each)
    assert weights is not None
    return resample(sprites / 255, *weights).clamp_(max=1)


def whole(canvas: int, like: Tensor) -> Tensor:
    """The view that shows the whole canvas, (n, 4)."""
    side = torch.full((len(like),), float(canvas), device=like.device)
    zero = torch.zeros_like(side)
    return torch.stack([zero, zero, side, side], 1)


def central(box: int) -> slice:
    """The rows, and the columns, of the central square of `box` px of a 28-px digit."""
    edge = (SIDE - box) // 2
    return slice(edge, edge + box)


def check_box(box: int) -> None:
    """ValueError where no such square can be cut out of a digit."""
    if not 1 <= box <= SIDE:
        raise ValueError(
            f"box = {box} is not in 1..{SIDE} "
            f"(the side of the square kept from the {SIDE}-px picture)"
        )
