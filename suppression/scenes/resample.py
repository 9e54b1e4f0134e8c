"""Separable, antialiased resampling: a crop and a placed sprite are both a scale and a shift along each axis."""

from __future__ import annotations

import torch
from torch import Tensor


def axis_weights(start: Tensor, step: Tensor, n_in: int, n_out: int, *, pad: int = 0) -> Tensor:
    """Interpolation matrices along one axis, (n, n_out, n_in); row u holds the weights of output pixel u.

    Output pixel u looks at the input coordinate `start + (u + 1/2) * step`, in input pixels, where pixel i covers [i, i + 1].
    The kernel is the triangle of PIL and of torchvision's `antialias=True`: half-width one pixel, or one step where that is larger.
    With `pad=0` the weights are normalised inside the input (its edge is repeated, as when an image is resized). With `pad` at least the kernel's
    whole width, the input is taken to go on with zeros (as when a sprite lies on an empty canvas).
    """
    u = torch.arange(n_out, device=start.device) + 0.5
    i = torch.arange(-pad, n_in + pad, device=start.device) + 0.5
    centre = start[:, None] + u * step[:, None]  # (n, n_out)
    reach = step.abs().clamp(min=1.0)[:, None, None]
    weights = (1 - (i - centre[:, :, None]).abs() / reach).clamp(min=0)  # (n, n_out, n_in + 2 pad)
    weights = weights / weights.sum(2, keepdim=True).clamp(min=1e-6)
    return weights[:, :, pad : pad + n_in]


def resample(images: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """(n, c, h, w) or (n, h, w) images through row weights (n, h_out, h) and column weights (n, w_out, w)."""
    if images.ndim == 4:
        rows, cols = rows[:, None], cols[:, None]
    return rows @ images @ cols.mT
