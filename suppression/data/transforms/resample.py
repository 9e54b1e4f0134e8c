"""Separable, antialiased resampling: a crop and a placed sprite are both a scale and a shift along each axis."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import grid_sample


def axis_weights(start: Tensor, step: Tensor, n_in: int, n_out: int, *, zeros_around: bool = False) -> Tensor:
    """Interpolation matrices along one axis, (..., n_out, n_in) for `start` and `step` (...); row u holds the weights of output pixel u.

    Output pixel u looks at the input coordinate `start + (u + 1/2) * step`, in input pixels, where pixel i covers [i, i + 1].
    The kernel is the triangle of PIL and of torchvision's `antialias=True`: half-width one pixel, or one step where that is larger.
    The weights are normalised inside the input (its edge is repeated, as when an image is resized), unless `zeros_around`: then the input is taken to
    go on with zeros on both sides (as when a sprite lies on an empty canvas).
    """
    u = torch.arange(n_out, device=start.device) + 0.5
    i = torch.arange(n_in, device=start.device)[:, None] + 0.5
    centre = start[..., None] + u * step[..., None]  # (..., n_out)
    reach = step.abs().clamp(min=1.0)[..., None]
    weights = (i - centre[..., None, :]).abs_().neg_().add_(reach[..., None]).clamp_(min=0)  # (..., n_in, n_out), a triangle of height `reach`
    total = triangle_sum(centre, reach) if zeros_around else weights.sum(-2).clamp_(min=1e-6)
    return weights.div_(total[..., None, :]).mT  # computed in this layout because its rows are the longer ones where a picture grows


def triangle_sum(centre: Tensor, reach: Tensor) -> Tensor:
    """The sum of max(0, reach - |i + 1/2 - centre|) over all integers i, for a reach of at least 1."""
    away = centre - 0.5
    away = away - away.floor()  # of the centre, from that of the last pixel before it
    return stairs(reach - away) + stairs(reach - 1 + away)  # down from the two pixels beside the centre


def stairs(top: Tensor) -> Tensor:
    """top + (top - 1) + (top - 2) + ..., as long as the terms are positive."""
    steps = top.floor()
    return (steps + 1) * (top - steps / 2)


def resample(images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """(n, c, h, w) or (n, h, w) images through row weights (n, h_out, h) and column weights (n, w_out, w)."""
    if images.ndim == 3:
        return rows @ (images @ cols.mT)
    n, c, h, w = images.shape
    narrow = (images.reshape(n, c * h, w) @ cols.mT).view(n, c, h, -1)
    return torch.stack([rows @ channel for channel in narrow.unbind(1)], 1)  # so that the weights are not copied for each channel


def crop(x: Tensor, boxes: Tensor, out: int) -> Tensor:
    """Resized crops `top, left, height, width` (n, 4) in px of (n, c, h, w) pictures, -> (n, c, out, out).

    Antialiased bilinear as PIL's `resize(box=...)`: at its rim a crop also looks at the neighbours outside its box, as a crop of a scene that is drawn
    straight from sprites does. torchvision cuts first and resizes then, and differs there.
    """
    h, w = x.shape[2:]
    top, left, height, width = boxes.unbind(1)
    if out < max(h, w):
        return resample(x, axis_weights(top, height / out, h, out), axis_weights(left, width / out, w, out))
    # No crop is made smaller, so there is nothing to antialias, and two taps an axis do what the matrices would, in half the time from 96 px on.
    u = (torch.arange(out, device=x.device) + 0.5) / out
    across, down = (2 * (start[:, None] + u * side[:, None]) / size - 1 for start, side, size in ((left, width, w), (top, height, h)))  # (n, out)
    grid = torch.stack([across[:, None].expand(-1, out, -1), down[:, :, None].expand(-1, -1, out)], 3)
    return grid_sample(x, grid, padding_mode="border", align_corners=False)
