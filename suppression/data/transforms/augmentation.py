"""Two views of one picture: augmentations with their own random parameters for every sample, on any device, from a generator that is handed in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from suppression.data.transforms.crop_boxes import tensorflow, torchvision
from suppression.data.transforms.functional import (
    BLUR_SIGMA,
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    block,
    cutout,
    gaussian_blur,
    grayscale,
    hide,
    on,
    rotate,
    sobel,
    strewn,
)
from suppression.data.transforms.resample import crop

LOCAL_AREA = (0.05, 0.14)  # SwAV, appendix A.2

# One augmentation at a time, on every picture (SimCLR, Fig. 5: "Color" is jitter with gray, "Rotate" a number of quarter turns,
# of which none is one of four here, where it leaves a picture as it is, and not one in the paper).
OPS: dict[str, dict[str, float]] = {
    "cutout": {"cutout": 1.0},
    "jitter": {"jitter": 1.0, "jitter_p": 1.0, "gray": 0.2},
    "sobel": {"sobel": 1.0},
    "noise": {"noise": 1.0},
    "blur": {"blur": 1.0},
    "rotate": {"quarter": 1.0},
}

Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class Augmentation:
    """Which augmentations, how strong; each sample of a batch draws its own parameters.

    In this order: random resized crop to `view` px (the canvas's own size if None) of a share of the area in [area_min, area_max] and an aspect ratio in
    [1/aspect, aspect], drawn by torchvision's law or, with `boxes`, by TensorFlow's; horizontal `flip`; colour jitter of strength `jitter` (SimCLR's s: brightness, contrast, saturation 0.8 s, hue 0.2 s, in this order)
    on a share `jitter_p`; grayscale on a share `gray`; Gaussian `blur`, sigma 0.1..2 px; a turn by 0, 90, 180 or 270 degrees on a share `quarter`; a
    rotation within +-`rotate` degrees; a `cutout` square of side `cutout_side` of the picture's; Gaussian `noise` of standard deviation `noise_std`;
    `sobel` gradient magnitude; a share `mask`, rounded, of the patches of `mask_patch` px (an eighth of the picture's side, rounded up, if None) set to 0,
    strewn (He et al. 2022, section 3) or, with `mask_kind` block, as one rectangle of about that area (BEiT, section 2.3, of a single block). Names without
    a unit are probabilities in [0, 1]. On pictures of one channel, saturation, hue and grayscale change nothing.

    `op1` and `op2` put one augmentation each at full strength on every picture (`OPS`). With `one_branch` the second view is cropped only (SimCLR, Fig. 5). Multi-crop (Caron et al. 2020, appendix A.2) adds `local` more views: crops of a
    share of the area in [local_min, local_max] (0.05..0.14 if None), shown at `local_view` px (half of the view, rounded up, if None).
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
    boxes: Literal["tensorflow"] | None = None  # None is torchvision's law
    op1: Literal["cutout", "jitter", "sobel", "noise", "blur", "rotate"] | None = None
    op2: Literal["cutout", "jitter", "sobel", "noise", "blur", "rotate"] | None = None
    one_branch: bool | None = None
    local: int | None = None
    local_view: int | None = None
    local_min: float | None = None
    local_max: float | None = None
    mask: float | None = None
    mask_patch: int | None = None
    mask_kind: Literal["block"] | None = None  # None strews the patches
    idle: ClassVar[dict[str, tuple[str, ...]]] = {"mask": ("mask_kind", "mask_patch")}  # parameters without effect where another is off
    version: ClassVar[int] = 2  # 2: `draw` draws the noise itself, where version 1 drew a seed for it

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
        if self.local is not None and self.local < 1:
            raise ValueError(f"local = {self.local}: one local crop is the least; none leaves multi-crop out")
        if self.local is not None:
            self.small(self.view or 8)  # with errors of its own
        alone = [name for name in ("local_view", "local_min", "local_max") if getattr(self, name) is not None]
        if alone and self.local is None:
            raise ValueError(f"{', '.join(alone)} says how local crops are made, and there are none: give local, how many a picture has")

        if self.mask is not None and not 0 <= self.mask < 1:
            raise ValueError(f"mask = {self.mask}: the share of patches that are hidden is in [0, 1)")
        if self.mask_patch is not None and self.mask_patch < 1:
            raise ValueError(f"mask_patch = {self.mask_patch} px: a patch has one pixel at least")
        if (self.mask_patch is not None or self.mask_kind is not None) and self.mask is None:
            raise ValueError("mask_patch and mask_kind say how patches are hidden, and none are: give mask, the share of them")

    @property
    def crop_only(self) -> Augmentation:
        """The views of a branch that only crops."""
        return Augmentation(view=self.view, area_min=self.area_min, area_max=self.area_max, aspect=self.aspect, boxes=self.boxes)

    @property
    def global_only(self) -> Augmentation:
        """These views without local crops."""
        return replace(self, local=None, local_view=None, local_min=None, local_max=None)

    def small(self, canvas: int) -> Augmentation:
        """The local crops of canvas-px pictures."""
        low, high = (given if given is not None else usual for given, usual in zip((self.local_min, self.local_max), LOCAL_AREA, strict=True))
        side = self.local_view or -(-(self.view or canvas) // 2)
        return replace(self.global_only, view=side, area_min=low, area_max=high)

    def draw(self, n: int, canvas: int, rng: torch.Generator, *, channels: int = 1) -> Drawn:
        """The parameters of n views of canvas-px pictures: `crop` (n, 4) = top, left, height, width in px, and, for each augmentation that is switched on,
        what it did to each sample. They are labels for probes of what a view's transformation was. `channels` is that of the pictures, of which each channel
        gets noise of its own: `noise_field` (n, channels, view, view), of standard deviation 1.
        """
        if self.op1 or self.op2:
            both: dict[str, Any] = OPS.get(self.op1 or "", {}) | OPS.get(self.op2 or "", {})
            return replace(self, op1=None, op2=None, **both).draw(n, canvas, rng, channels=channels)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return torch.rand(n, *shape, generator=rng, device=rng.device).mul_(high - low).add_(low)

        def chance(p: float) -> Tensor:
            return uniform(0, 1) < p

        law = torchvision if self.boxes is None else tensorflow
        drawn = {"crop": law(canvas, uniform, area=(self.area_min, self.area_max), aspect=self.aspect)}
        if self.flip:
            drawn["flip"] = chance(self.flip)
        if self.jitter:
            jitter = uniform(-1, 1, 4).mul_(self.jitter) * chance(self.jitter_p)[:, None]
            jitter[:, :3].mul_(0.8).add_(1).clamp_(min=0)  # factors of brightness, contrast, saturation
            jitter[:, 3].mul_(0.2)  # hue in turns
            drawn["jitter"] = jitter
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
            drawn["noise_field"] = torch.randn(n, channels, *[self.view or canvas] * 2, generator=rng, device=rng.device)
        if self.sobel:
            drawn["sobel"] = chance(self.sobel)
        if self.mask:
            side = self.view or canvas
            cells = -(-side // self.patch(side))
            drawn["mask"] = strewn(uniform(0, 1, cells, cells), self.mask) if self.mask_kind is None else block(uniform(0, 1, 3), self.mask, cells)
        return drawn

    def patch(self, side: int) -> int:
        """The side of a masking patch in px, on pictures of side px; where patches do not fill a picture, those at its right and lower rim are cut."""
        return min(self.mask_patch or -(-side // 8), side)

    def __call__(self, x: Tensor, rng: torch.Generator, *, return_drawn: bool = False) -> Tensor | tuple[Tensor, Drawn]:
        """One view of each picture: (n, c, s, s) in [0, 1] -> (n, c, view, view) in [0, 1]; on request with the parameters drawn."""
        drawn = self.draw(len(x), x.shape[-1], rng, channels=x.shape[1])
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
            x = on(drawn["gray"], grayscale(x), x)
        if "blur" in drawn:
            x = gaussian_blur(x, drawn["blur"])
        if "quarter" in drawn:
            x = on(drawn["quarter"] >= 2, x.flip(2, 3), x)
            x = on(drawn["quarter"] % 2 == 1, x.rot90(1, (2, 3)), x)
        if "rotate" in drawn:
            x = rotate(x, drawn["rotate"])
        if "cutout" in drawn:
            x = cutout(x, drawn["cutout"], self.cutout_side)
        if "noise" in drawn:
            x = on(drawn["noise"], (x + drawn["noise_field"] * self.noise_std).clamp_(0, 1), x)
        if "sobel" in drawn:
            x = on(drawn["sobel"], sobel(x).clamp_(0, 1), x)
        if "mask" in drawn:
            x = hide(x, drawn["mask"], self.patch(x.shape[-1]))
        return x
