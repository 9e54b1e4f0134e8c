"""Two views of one picture: augmentations with their own random parameters for every sample, on any device, from a generator that is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample, pad

from suppression.scenes.resample import axis_weights, resample

CROP_TRIES = 10  # as torchvision's RandomResizedCrop
BLUR_SIGMA = (0.1, 2.0)  # SimCLR, appendix A
GRAY = (0.2989, 0.587, 0.114)  # ITU-R 601, as torchvision

Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class Views:
    """Which augmentations, how strong; each sample of a batch draws its own parameters.

    In this order: random resized crop to `view` px (the canvas's own size if None) of a share of the area in [area_min, area_max] and an aspect ratio in
    [1/aspect, aspect]; horizontal `flip`; colour jitter of strength `jitter` (SimCLR's s: brightness, contrast, saturation 0.8 s, hue 0.2 s, in this order)
    on a share `jitter_p`; grayscale on a share `gray`; Gaussian `blur`, sigma 0.1..2 px; a turn by 0, 90, 180 or 270 degrees on a share `quarter`; a
    rotation within +-`rotate` degrees; a `cutout` square of side `cutout_side` of the picture's; Gaussian `noise` of standard deviation `noise_std`;
    `sobel` gradient magnitude. Names without a unit are probabilities in [0, 1]. On pictures of one channel, saturation, hue and grayscale change nothing.
    """

    view: int | None = None
    area_min: float = 0.08
    area_max: float = 1.0
    aspect: float = 4 / 3
    flip: float = 0.0
    jitter: float = 0.0
    jitter_p: float = 0.8
    gray: float = 0.0
    blur: float = 0.0
    quarter: float = 0.0
    rotate: float = 0.0
    cutout: float = 0.0
    cutout_side: float = 0.5
    noise: float = 0.0
    noise_std: float = 0.1
    sobel: float = 0.0
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.view is not None and self.view < 4:
            raise ValueError(f"view = {self.view} px is too small for any network here; the least is 4")
        if not 0 < self.area_min <= self.area_max <= 1:
            raise ValueError(f"area_min = {self.area_min}, area_max = {self.area_max}: a crop's share of the area needs 0 < area_min <= area_max <= 1")
        if self.aspect < 1:
            raise ValueError(f"aspect = {self.aspect}: the largest aspect ratio is 1 or more (crops range from 1/aspect to aspect)")
        for name in ("flip", "jitter_p", "gray", "blur", "quarter", "cutout", "cutout_side", "noise", "sobel"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)} is not in [0, 1]")
        if min(self.jitter, self.rotate, self.noise_std) < 0 or self.jitter > 1.25:
            raise ValueError("jitter is in [0, 1.25], rotate and noise_std are 0 or more")

    def draw(self, n: int, canvas: int, rng: torch.Generator) -> Drawn:
        """The parameters of n views of canvas-px pictures: `crop` (n, 4) = top, left, height, width in px, and, for each augmentation that is switched on,
        what it did to each sample. They are labels for probes of what a view's transformation was.
        """

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return low + (high - low) * torch.rand(n, *shape, generator=rng, device=rng.device)

        def chance(p: float) -> Tensor:
            return uniform(0, 1) < p

        drawn = {"crop": self._crops(canvas, uniform)}
        if self.flip:
            drawn["flip"] = chance(self.flip)
        if self.jitter:
            strength = torch.tensor([0.8, 0.8, 0.8, 0.2], device=rng.device) * self.jitter
            shift = uniform(-1, 1, 4) * strength * chance(self.jitter_p)[:, None]
            drawn["jitter"] = shift + torch.tensor([1.0, 1.0, 1.0, 0.0], device=rng.device)  # factors of b, c, s; hue in turns
            drawn["jitter"][:, :3].clamp_(min=0)
        if self.gray:
            drawn["gray"] = chance(self.gray)
        if self.blur:
            drawn["blur"] = uniform(*BLUR_SIGMA) * chance(self.blur)  # sigma in px, 0 where it is off
        if self.quarter:
            drawn["quarter"] = (uniform(0, 4).long().clamp(max=3)) * chance(self.quarter)  # number of quarter turns
        if self.rotate:
            drawn["rotate"] = uniform(-self.rotate, self.rotate)  # degrees, counter-clockwise
        if self.cutout:
            drawn["cutout"] = torch.cat([uniform(0, 1 - self.cutout_side, 2), chance(self.cutout)[:, None]], 1)  # top, left as shares; on
        if self.noise:
            drawn["noise"] = chance(self.noise)
            drawn["noise_seed"] = torch.randint(2**31, (1,), generator=rng, device=rng.device)
        if self.sobel:
            drawn["sobel"] = chance(self.sobel)
        return drawn

    def _crops(self, canvas: int, uniform) -> Tensor:  # type: ignore[no-untyped-def]
        """Of ten tries a sample, the first that fits; the whole picture where none does (torchvision's rule, for a square)."""
        area = uniform(self.area_min, self.area_max, CROP_TRIES)
        ratio = uniform(-math.log(self.aspect), math.log(self.aspect), CROP_TRIES).exp()
        height, width = (area / ratio).sqrt(), (area * ratio).sqrt()
        fits = (height <= 1) & (width <= 1)
        first = fits.int().argmax(1, keepdim=True)
        found = fits.any(1)
        height, width = (torch.where(found, side.gather(1, first)[:, 0], 1.0) for side in (height, width))
        top, left = uniform(0, 1) * (1 - height), uniform(0, 1) * (1 - width)
        return torch.stack([top, left, height, width], 1) * canvas

    def __call__(self, x: Tensor, rng: torch.Generator, *, return_drawn: bool = False) -> Tensor | tuple[Tensor, Drawn]:
        """One view of each picture: (n, c, s, s) in [0, 1] -> (n, c, view, view) in [0, 1]; on request with the parameters drawn."""
        drawn = self.draw(len(x), x.shape[-1], rng)
        seen = self.apply(crop(x, drawn["crop"], self.view or x.shape[-1]), drawn)
        return (seen, drawn) if return_drawn else seen

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        """Everything after the crop, with parameters from `draw`; no random number beyond them is used."""
        if "flip" in drawn:
            x = on(drawn["flip"], x.flip(-1), x)
        if "jitter" in drawn:
            brightness, contrast, saturation, hue = drawn["jitter"].unbind(1)
            x = adjust_contrast(adjust_brightness(x, brightness), contrast)
            x = adjust_hue(adjust_saturation(x, saturation), hue)
        if "gray" in drawn:
            x = on(drawn["gray"], grayscale(x).expand_as(x), x)
        if "blur" in drawn:
            x = on(drawn["blur"] > 0, gaussian_blur(x, drawn["blur"].clamp(min=BLUR_SIGMA[0])), x)
        if "quarter" in drawn:
            turned = torch.stack([torch.rot90(x, k, (2, 3)) for k in range(4)])
            x = turned[drawn["quarter"], torch.arange(len(x), device=x.device)]
        if "rotate" in drawn:
            x = rotate(x, drawn["rotate"])
        if "cutout" in drawn:
            x = cutout(x, drawn["cutout"], self.cutout_side)
        if "noise" in drawn:
            rng = torch.Generator(x.device).manual_seed(int(drawn["noise_seed"]))
            noise = torch.randn(x.shape, generator=rng, device=x.device) * self.noise_std
            x = on(drawn["noise"], (x + noise).clamp(0, 1), x)
        if "sobel" in drawn:
            x = on(drawn["sobel"], sobel(x).clamp(0, 1), x)
        return x


def on(mask: Tensor, then: Tensor, otherwise: Tensor) -> Tensor:
    """Choose by sample: mask (n,), pictures (n, c, h, w)."""
    return torch.where(mask[:, None, None, None], then, otherwise)


def crop(x: Tensor, boxes: Tensor, out: int) -> Tensor:
    """Resized crops `top, left, height, width` (n, 4) in px of (n, c, h, w) pictures, -> (n, c, out, out).

    Antialiased bilinear as PIL's `resize(box=...)`: at its rim a crop also looks at the neighbours outside its box, as a crop of a scene that is drawn
    straight from sprites does. torchvision cuts first and resizes then, and differs there.
    """
    top, left, height, width = boxes.unbind(1)
    return resample(x, axis_weights(top, height / out, x.shape[2], out), axis_weights(left, width / out, x.shape[3], out))


def adjust_brightness(x: Tensor, factor: Tensor) -> Tensor:
    return (x * factor[:, None, None, None]).clamp(0, 1)


def adjust_contrast(x: Tensor, factor: Tensor) -> Tensor:
    mean = grayscale(x).mean((1, 2, 3), keepdim=True)
    return torch.lerp(mean.expand_as(x), x, factor[:, None, None, None]).clamp(0, 1)


def adjust_saturation(x: Tensor, factor: Tensor) -> Tensor:
    return torch.lerp(grayscale(x).expand_as(x), x, factor[:, None, None, None]).clamp(0, 1)


def grayscale(x: Tensor) -> Tensor:
    """Luma, (n, 1, h, w); a picture of one channel is its own."""
    return x if x.shape[1] == 1 else torch.einsum("nchw,c->nhw", x, x.new_tensor(GRAY))[:, None]


def adjust_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Shift the hue by a share of the colour circle, through HSV. The sextant formula below is HSV's own inverse."""
    if x.shape[1] == 1:
        return x
    value, brightest = x.max(1)
    chroma = value - x.min(1).values
    red, green, blue = x.unbind(1)
    safe = chroma.clamp(min=1e-8)
    sextant = torch.stack([(green - blue) / safe, (blue - red) / safe + 2, (red - green) / safe + 4]).gather(0, brightest[None])[0]
    hue = sextant + 6 * turn[:, None, None]
    channels = [value - chroma * (k := (n + hue) % 6).minimum(4 - k).clamp(0, 1) for n in (5, 3, 1)]
    return torch.stack(channels, 1)


def gaussian_blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Blur each picture with its own sigma (px), kernel cut at 3 of the largest sigma, edge reflected."""
    reach = min(math.ceil(3 * BLUR_SIGMA[1]), min(x.shape[2:]) - 1)
    weights = []
    for side in x.shape[2:]:
        i, u = torch.arange(-reach, side + reach, device=x.device), torch.arange(side, device=x.device)
        apart = i - u[:, None]  # (side, side + 2 reach)
        w = torch.exp(-0.5 * (apart / sigma[:, None, None]) ** 2) * (apart.abs() <= reach)
        weights.append(w / w.sum(2, keepdim=True))
    return resample(pad(x, (reach,) * 4, mode="reflect"), *weights)


def rotate(x: Tensor, degrees: Tensor) -> Tensor:
    """Rotate counter-clockwise about the centre, bilinear, zeros from outside."""
    angle = torch.deg2rad(degrees)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    matrix = torch.stack([torch.stack([cos, -sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)  # (n, 2, 3)
    return grid_sample(x, affine_grid(matrix, list(x.shape), align_corners=False), align_corners=False)


def cutout(x: Tensor, drawn: Tensor, side: float) -> Tensor:
    """Zero a square whose `top, left` are shares of the picture, (n, 3) with `on` last; pixels count by their centres."""
    top, left, switched = drawn.unbind(1)
    v = (torch.arange(x.shape[2], device=x.device) + 0.5) / x.shape[2]
    h = (torch.arange(x.shape[3], device=x.device) + 0.5) / x.shape[3]
    rows = (v >= top[:, None]) & (v < top[:, None] + side)
    cols = (h >= left[:, None]) & (h < left[:, None] + side)
    hole = rows[:, :, None] & cols[:, None, :] & (switched > 0)[:, None, None]
    return x.masked_fill(hole[:, None], 0.0)


def sobel(x: Tensor) -> Tensor:
    """Magnitude of the Sobel gradient of each channel (kernel over 8, edge repeated)."""
    kernel = x.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    flat = pad(x.flatten(0, 1)[:, None], (1, 1, 1, 1), mode="replicate")
    gradient = conv2d(flat, torch.stack([kernel, kernel.T])[:, None])
    return (gradient.square().sum(1) + 1e-6).sqrt().view_as(x)
