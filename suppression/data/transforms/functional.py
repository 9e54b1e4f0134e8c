"""What is done to the pixels of a batch, each picture with parameters of its own; draws nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

from suppression.data.transforms.resample import resample

BLUR_SIGMA = (0.1, 2.0)  # SimCLR, appendix A
GRAY = (0.2989, 0.587, 0.114)  # ITU-R 601, as torchvision


def on(mask: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    """Choose by sample: mask (n,), finite pictures (n, c, h, w)."""
    # Exact, and a third of the time that `torch.where` takes with a mask that is broadcast.
    share = mask[:, None, None, None].to(otherwise.dtype)
    return (otherwise * (1 - share)).add_(then * share)


def adjust_brightness(x: Tensor, factor: Tensor) -> Tensor:
    return (x * factor[:, None, None, None]).clamp_(0, 1)


def adjust_contrast(x: Tensor, factor: Tensor) -> Tensor:
    return blend(grayscale(x).mean((1, 2, 3), keepdim=True), x, factor)


def adjust_saturation(x: Tensor, factor: Tensor) -> Tensor:
    return blend(grayscale(x), x, factor)


def blend(pale: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    """From a paler picture (factor 0) over x (1) and beyond, kept in [0, 1]."""
    factor = factor[:, None, None, None]
    return (x * factor).add_(pale * (1 - factor)).clamp_(0, 1)


def grayscale(x: Tensor) -> Tensor:
    """Luma, (n, 1, h, w); a picture of one channel is its own."""
    if x.shape[1] == 1:
        return x
    red, green, blue = (x[:, k : k + 1] for k in range(3))
    return (red * GRAY[0]).add_(green, alpha=GRAY[1]).add_(blue, alpha=GRAY[2])


def adjust_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Shift the hue by a share of the colour circle, as through HSV.

    On a circle of six a colour lies 1 + (g + b - r - least) / chroma from red, on the side of the
    larger of g and b: HSV's six cases in one. From a hue back, each channel rises from least to
    least + chroma within two of its own place (red 0, green 2, blue 4).
    """
    if x.shape[1] == 1:
        return x
    red, green, blue = x.unbind(1)
    least = x.amin(1)
    chroma = x.amax(1).sub_(least)
    far = (green + blue).sub_(red).sub_(least).div_(chroma.clamp(min=1e-8)).add_(1)
    hue = far.copysign_(green - blue).add_(6 * turn[:, None, None])
    hue.sub_((hue / 6).floor_(), alpha=6)  # 0..6; `%` takes ten times as long on a CPU
    shares = (
        (hue - 3).abs_().sub_(1),
        (hue - 2).abs_().neg_().add_(2),
        (hue - 4).abs_().neg_().add_(2),
    )
    return torch.stack([share.clamp_(0, 1).mul_(chroma).add_(least) for share in shares], 1)


def gaussian_blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur each picture with its own sigma (px; 0 leaves it as it is), edge reflected.

    The kernel is cut at 3 of the largest sigma.
    """
    reach = min(math.ceil(3 * BLUR_SIGMA[1]), min(x.shape[2:]) - 1)
    apart = torch.arange(-reach, reach + 1, device=x.device)
    # Below a sigma of 0.07 a float32 is 0 next to the kernel's centre.
    kernel = torch.exp(-0.5 * (apart / sigma.clamp(min=0.01)[:, None]) ** 2)  # (n, 2 reach + 1)
    kernel = kernel / kernel.sum(1, keepdim=True)
    weights = []
    for side in x.shape[2:]:
        edged = pad(torch.eye(side, device=x.device)[None], (reach, reach), mode="reflect")[0]
        # Whether output u has input i at each place of its kernel, (side, side, 2 reach + 1).
        taps = edged.unfold(1, len(apart), 1).transpose(0, 1)
        weights.append((kernel @ taps.reshape(-1, len(apart)).T).view(-1, side, side))
    return resample(x, *weights)


def rotate(x: Tensor, degrees: Tensor) -> Tensor:
    """Rotate counter-clockwise about the centre, bilinear, zeros from outside."""
    angle = torch.deg2rad(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    upper, lower = torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)
    matrix = torch.stack([upper, lower], 1)  # (n, 2, 3)
    grid = affine_grid(matrix, list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


def cutout(x: Tensor, drawn: Tensor, side: float) -> Tensor:
    """Zero a square; pixels count by their centres.

    `drawn` (n, 3) are top and left as shares of the picture, and whether the square is cut out.
    """
    top, left, switched = drawn.unbind(1)
    v = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
    h = (torch.arange(x.shape[3], device=x.device) + 0.5) / x.shape[3]
    rows = (v >= top[:, None]) & (v < top[:, None] + side)
    cols = (h >= left[:, None]) & (h < left[:, None] + side)
    hole = rows[:, :, None] & cols[:, None, :] & (switched > 0)[:, None, None]
    return x.masked_fill(hole[:, None], 0.0)


def strewn(chance: Tensor, share: float) -> Tensor:
    """The least `share` of each sample's (n, g, g) random numbers, rounded, (n, g, g) bool."""
    flat = chance.flatten(1)
    rank = flat.argsort(1).argsort(1)
    return (rank < round(share * flat.shape[1])).view_as(chance)


def block(chance: Tensor, share: float, cells: int) -> Tensor:
    """One rectangle of about `share` of cells x cells patches, (n, cells, cells) bool.

    Aspect, top and left come from three random numbers a sample, (n, 3). The ratio of height to
    width is uniform in its logarithm, from BEiT's 0.3 to 1 / 0.3 or as far as a rectangle of that
    area fits.
    """
    area, far = share * cells**2, math.log(1 / max(0.3, share))
    height = (area * (far * (2 * chance[:, 0] - 1)).exp()).sqrt().round().clamp(1, cells)
    width = (area / height).round().clamp(1, cells)
    place = torch.arange(cells, device=chance.device)
    bounds = []
    for size, at in ((height, chance[:, 1]), (width, chance[:, 2])):
        start = (at * (cells - size + 1)).floor()[:, None]
        bounds.append((place >= start) & (place < start + size[:, None]))
    return bounds[0][:, :, None] & bounds[1][:, None, :]


def hide(x: Tensor, mask: Tensor, patch: int) -> Tensor:
    """Zero the patches of `patch` px where `mask` (n, g, g) is true; g patches cover a side."""
    rows, cols = (torch.arange(side, device=x.device) // patch for side in x.shape[2:])
    return x.masked_fill(mask[:, rows][:, :, cols][:, None], 0.0)


def sobel(x: Tensor) -> Tensor:
    """Magnitude of the Sobel gradient of each channel (kernel over 8, edge repeated)."""
    flat = pad(x, (1, 1, 1, 1), mode="replicate")
    along, down = flat[..., 2:] - flat[..., :-2], flat[..., 2:, :] - flat[..., :-2, :]
    along = along[..., :-2, :] + 2 * along[..., 1:-1, :] + along[..., 2:, :]
    down = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    return ((along / 8).square() + (down / 8).square() + 1e-6).sqrt()
