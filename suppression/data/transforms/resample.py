"""Separable, antialiased resampling: crops and sprites are a scale and a shift along each axis."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def axis_weights(
    start: Tensor, step: Tensor, n_in: int, n_out: int, *, zeros_around: bool = False
) -> Tensor:
    """Interpolation matrices along one axis; row u holds the weights of output pixel u.

    Output pixel u looks at the input coordinate `start + (u + 1/2) * step`, in input pixels, where
    pixel i covers [i, i + 1]. The kernel is the triangle of PIL and of torchvision's
    `antialias=True`: half-width one pixel, or one step where that is larger.

    Args:
        start: Input coordinate at which the output begins, (...) px of the input.
        step: Input pixels in one of the output, (...).
        n_in: Pixels of the input.
        n_out: Pixels of the output.
        zeros_around: The input goes on with zeros on both sides, as a sprite on an empty canvas
            does. Otherwise its edge is repeated, as when an image is resized: weights are
            normalised inside the input.

    Returns:
        Weights (..., n_out, n_in).
    """
    u = torch.arange(n_out, device=start.device) + 0.5
    i = torch.arange(n_in, device=start.device)[:, None] + 0.5
    centre = start[..., None] + u * step[..., None]  # (..., n_out)
    reach = step.abs().clamp(min=1.0)[..., None]
    # A triangle of height `reach`, (..., n_in, n_out): in this layout, because its rows are the
    # longer ones where a picture grows.
    weights = (i - centre[..., None, :]).abs_().neg_().add_(reach[..., None]).clamp_(min=0)
    total = triangle_sum(centre, reach) if zeros_around else weights.sum(-2).clamp_(min=1e-6)
    return weights.div_(total[..., None, :]).mT


def triangle_sum(centre: Tensor, reach: Tensor) -> Tensor:
    """The sum of max(0, reach - |i + 1/2 - centre|) over all integers i; reach is 1 or more."""
    away = centre - 0.5
    away = away - away.floor()  # of the centre, from that of the last pixel before it
    # Down from the two pixels beside the centre.
    return stairs(reach - away) + stairs(reach - 1 + away)


def stairs(top: Tensor) -> Tensor:
    """top + (top - 1) + (top - 2) + ..., as long as the terms are positive."""
    steps = top.floor()
    return (steps + 1) * (top - steps / 2)


def resample(images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Images through weights along each axis.

    Args:
        images: (n, c, h, w) or (n, h, w).
        rows: (n, h_out, h).
        cols: (n, w_out, w).

    Returns:
        (n, c, h_out, w_out) or (n, h_out, w_out).
    """
    if images.ndim == 3:
        return rows @ (images @ cols.mT)
    n, c, h, w = images.shape
    narrow = (images.reshape(n, c * h, w) @ cols.mT).view(n, c, h, -1)
    # One channel after another, so that the weights are not copied for each.
    return torch.stack([rows @ channel for channel in narrow.unbind(1)], 1)


def crop(x: Tensor, boxes: Tensor, out: int) -> Tensor:
    """Resized crops of pictures.

    Antialiased bilinear as PIL's `resize(box=...)`: at its rim a crop also looks at the neighbours
    outside its box, as a crop of a scene that is drawn straight from sprites does. torchvision
    cuts first and resizes then, and differs there.

    Args:
        x: Pictures (n, c, h, w).
        boxes: `top, left, height, width`, (n, 4) px of the pictures.
        out: Side of the result, px.

    Returns:
        (n, c, out, out).
    """
    h, w = x.shape[2:]
    top, left, height, width = boxes.unbind(1)
    if out < max(h, w):
        rows = axis_weights(top, height / out, h, out)
        cols = axis_weights(left, width / out, w, out)
        return resample(x, rows, cols)
    # No crop is made smaller, so there is nothing to antialias, and two taps an axis do what the
    # matrices would, in half the time from 96 px on.
    u = (torch.arange(out, device=x.device) + 0.5) / out
    across = 2 * (left[:, None] + u * width[:, None]) / w - 1  # (n, out)
    down = 2 * (top[:, None] + u * height[:, None]) / h - 1
    columns, rows = across[:, None].expand(-1, out, -1), down[:, :, None].expand(-1, -1, out)
    grid = torch.stack([columns, rows], 3)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)
