"""Two views of one picture: augmentations with random parameters of their own for every sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from suppression import expect
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
from suppression.errors import UserError

LOCAL_AREA = (0.05, 0.14)  # SwAV, appendix A.2

# One augmentation at a time, on every picture (SimCLR, Fig. 5). "Color" is jitter with gray there,
# "Rotate" a number of quarter turns; one that turns nothing is among the four here, not there.
OPS: dict[str, dict[str, float]] = {
    "cutout": {"cutout": 1.0},
    "jitter": {"jitter": 1.0, "jitter_p": 1.0, "gray": 0.2},
    "sobel": {"sobel": 1.0},
    "noise": {"noise": 1.0},
    "blur": {"blur": 1.0},
    "rotate": {"quarter": 1.0},
}

PROBABILITIES = (
    "flip",
    "jitter_p",
    "gray",
    "blur",
    "quarter",
    "cutout",
    "cutout_side",
    "noise",
    "sobel",
)

Op = Literal["cutout", "jitter", "sobel", "noise", "blur", "rotate"]
Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class Augmentation:
    """Which augmentations, how strong; each sample of a batch draws its own parameters.

    They come in the order of the parameters below, from the crop to the mask. A probability is
    the share of the pictures that an augmentation is done to. On pictures of one channel,
    saturation, hue and grayscale change nothing.

    Args:
        view: Side of a view, px, 4 to canvas; the canvas's if none.
        area_min: Least area of a crop as a share of the picture's, above 0, at most area_max.
        area_max: Largest area of a crop as a share of the picture's, at most 1.
        aspect: Largest aspect ratio of a crop, 1 or more; they range from 1/aspect to aspect.
        flip: Probability of a horizontal flip, in [0, 1].
        jitter: Strength s of colour jitter (SimCLR, appendix A), in [0, 1.25]: brightness,
            contrast and saturation by 0.8 s, hue by 0.2 s, in this order.
        jitter_p: Probability of colour jitter, in [0, 1].
        gray: Probability of grayscale, in [0, 1].
        blur: Probability of a Gaussian blur, in [0, 1]; its sigma is 0.1 to 2 px of the view,
            whatever its side: at most 0.9 % of the 224 px that SimCLR has, and 6 % of 32 px.
        quarter: Probability of a turn by 0, 90, 180 or 270 degrees, in [0, 1].
        rotate: Largest rotation either way, degrees, 0 or more.
        cutout: Probability of a square cut out, in [0, 1].
        cutout_side: Side of that square as a share of the picture's, in [0, 1].
        noise: Probability of Gaussian noise, in [0, 1].
        noise_std: Standard deviation of the noise (white is 1), 0 or more.
        sobel: Probability of the magnitude of Sobel gradients, in [0, 1].
        boxes: Law by which crops are drawn: `tensorflow`'s, or torchvision's if none.
        op1: One augmentation at full strength on every picture (SimCLR, Fig. 5), in place of
            its own parameters: cutout, jitter, sobel, noise, blur or rotate (quarter turns).
        op2: A second one, done as well.
        one_branch: Only crop the second view (SimCLR, Fig. 5).
        local: Number of local crops besides the two views (multi-crop, SwAV, appendix A.2), 1 or
            more; no multi-crop if none.
        local_view: Side of a local crop, px, 4 to view; half of the view, rounded up, if none.
        local_min: Least area of a local crop as a share of the picture's, above 0; 0.05 if none.
        local_max: Largest area of a local crop as a share of the picture's, at most 1; 0.14 if
            none.
        mask: Share of a view's patches that are set to 0, in [0, 1); rounded to whole patches.
        mask_patch: Side of a patch, px, 1 or more; an eighth of the view's, rounded up, if none.
        mask_kind: Where masked patches lie: `block`, one rectangle of about that area (BEiT,
            section 2.3), or strewn (He et al. 2022, section 3) if none.

    >>> import torch
    >>> augmentation = Augmentation(view=16, flip=0.5, jitter=0.5)
    >>> augmentation(torch.rand(4, 3, 32, 32), torch.Generator().manual_seed(0)).shape
    torch.Size([4, 3, 16, 16])
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
    op1: Op | None = None
    op2: Op | None = None
    one_branch: bool | None = None
    local: int | None = None
    local_view: int | None = None
    local_min: float | None = None
    local_max: float | None = None
    mask: float | None = None
    mask_patch: int | None = None
    mask_kind: Literal["block"] | None = None  # None strews the patches
    idle: ClassVar[dict[str, tuple[str, ...]]] = {"mask": ("mask_kind", "mask_patch")}
    """Parameters without effect where another one is off."""
    version: ClassVar[int] = 2  # 2: `draw` draws the noise itself, where version 1 drew a seed

    def __post_init__(self) -> None:
        expect.fields(self)
        self._check_crop()
        self._check_strengths()
        self._check_local()
        self._check_mask()

    def _check_crop(self) -> None:
        if self.view is not None and self.view < 4:
            raise ValueError(
                f"view = {self.view} px is too small for any network here; the least is 4"
            )
        if not 0 < self.area_min <= self.area_max <= 1:
            raise ValueError(
                f"area_min = {self.area_min}, area_max = {self.area_max}: "
                "a crop's share of the area needs 0 < area_min <= area_max <= 1"
            )
        if self.aspect < 1:
            raise ValueError(
                f"aspect = {self.aspect}: the largest aspect ratio is 1 or more "
                "(crops range from 1/aspect to aspect)"
            )

    def _check_strengths(self) -> None:
        for name in PROBABILITIES:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} = {value} is not in [0, 1]")
        if min(self.jitter, self.rotate, self.noise_std) < 0 or self.jitter > 1.25:
            raise ValueError("jitter is in [0, 1.25], rotate and noise_std are 0 or more")

    def _check_local(self) -> None:
        if self.local is not None:
            if self.local < 1:
                raise ValueError(
                    f"local = {self.local}: one local crop is the least; none leaves multi-crop out"
                )
            self.small(self.view or 8)  # checks what the local crops are
            return
        names = ("local_view", "local_min", "local_max")
        given = [name for name in names if getattr(self, name) is not None]
        if given:
            raise ValueError(
                f"{', '.join(given)} says how local crops are made, and there are none: "
                "give local, how many a picture has"
            )

    def _check_mask(self) -> None:
        if self.mask is not None and not 0 <= self.mask < 1:
            raise ValueError(
                f"mask = {self.mask}: the share of patches that are hidden is in [0, 1)"
            )
        if self.mask_patch is not None and self.mask_patch < 1:
            raise ValueError(f"mask_patch = {self.mask_patch} px: a patch has one pixel at least")
        has_kind = self.mask_patch is not None or self.mask_kind is not None
        if has_kind and self.mask is None:
            raise ValueError(
                "mask_patch and mask_kind say how patches are hidden, and none are: "
                "give mask, the share of them"
            )

    @property
    def crop_only(self) -> Augmentation:
        """The views of a branch that only crops."""
        return Augmentation(
            view=self.view,
            area_min=self.area_min,
            area_max=self.area_max,
            aspect=self.aspect,
            boxes=self.boxes,
        )

    @property
    def global_only(self) -> Augmentation:
        """These views without local crops."""
        return replace(self, local=None, local_view=None, local_min=None, local_max=None)

    def small(self, canvas: int) -> Augmentation:
        """The augmentation of the local crops of canvas-px pictures."""
        low = LOCAL_AREA[0] if self.local_min is None else self.local_min
        high = LOCAL_AREA[1] if self.local_max is None else self.local_max
        half = -(-(self.view or canvas) // 2)
        side = self.local_view or half
        return replace(self.global_only, view=side, area_min=low, area_max=high)

    def draw(self, n: int, canvas: int, rng: torch.Generator, *, channels: int = 1) -> Drawn:
        """Draw the parameters of n views: what their transformations were, as labels for probes.

        Args:
            n: Number of views.
            canvas: Side of the pictures, px.
            rng: The only source of random numbers.
            channels: Of the pictures, 1 or more; each gets noise of its own.

        Returns:
            `crop` (n, 4) = top, left, height, width in px, and, for each augmentation that is
            switched on, what it does to each sample, (n, ...). `noise_field` (n, channels, view,
            view) has a standard deviation of 1.

        Raises:
            UserError: A number is not whole, or below 1, or `rng` is no generator.
        """
        expect.whole("Augmentation", least=1, n=n, canvas=canvas, channels=channels)
        example = "torch.Generator().manual_seed(0)"
        expect.instance("Augmentation", "rng", rng, torch.Generator, example)
        if self.op1 or self.op2:
            both: dict[str, Any] = OPS.get(self.op1 or "", {}) | OPS.get(self.op2 or "", {})
            alone = replace(self, op1=None, op2=None, **both)
            return alone.draw(n, canvas, rng, channels=channels)

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            shares = torch.rand(n, *shape, generator=rng, device=rng.device)
            return shares.mul_(high - low).add_(low)

        def chance(p: float) -> Tensor:
            return uniform(0, 1) < p

        side = self.view or canvas
        law = torchvision if self.boxes is None else tensorflow
        area = (self.area_min, self.area_max)
        drawn = {"crop": law(canvas, uniform, area=area, aspect=self.aspect)}
        if self.flip:
            drawn["flip"] = chance(self.flip)
        if self.jitter:
            jitter = uniform(-1, 1, 4).mul_(self.jitter) * chance(self.jitter_p)[:, None]
            jitter[:, :3].mul_(0.8).add_(1).clamp_(min=0)  # brightness, contrast, saturation
            jitter[:, 3].mul_(0.2)  # hue in turns
            drawn["jitter"] = jitter
        if self.gray:
            drawn["gray"] = chance(self.gray)
        if self.blur:
            drawn["blur"] = uniform(*BLUR_SIGMA) * chance(self.blur)  # sigma in px, 0 where off
        if self.quarter:
            turns = uniform(0, 4).long().clamp(max=3)
            drawn["quarter"] = turns * chance(self.quarter)  # number of quarter turns
        if self.rotate:
            drawn["rotate"] = uniform(-self.rotate, self.rotate)  # degrees, counter-clockwise
        if self.cutout:
            corner = uniform(0, 1 - self.cutout_side, 2)  # top, left as shares
            drawn["cutout"] = torch.cat([corner, chance(self.cutout)[:, None]], 1)
        if self.noise:
            drawn["noise"] = chance(self.noise)
            shape = (n, channels, side, side)
            drawn["noise_field"] = torch.randn(shape, generator=rng, device=rng.device)
        if self.sobel:
            drawn["sobel"] = chance(self.sobel)
        if self.mask:
            cells = -(-side // self.patch(side))
            if self.mask_kind is None:
                drawn["mask"] = strewn(uniform(0, 1, cells, cells), self.mask)
            else:
                drawn["mask"] = block(uniform(0, 1, 3), self.mask, cells)
        return drawn

    def patch(self, side: int) -> int:
        """The side of a masking patch on pictures of `side` px, px.

        Where patches do not fill a picture, those at its right and lower rim are cut.
        """
        eighth = -(-side // 8)
        return min(self.mask_patch or eighth, side)

    def __call__(
        self, x: Tensor, rng: torch.Generator, *, return_drawn: bool = False
    ) -> Tensor | tuple[Tensor, Drawn]:
        """One view of each picture.

        Args:
            x: Pictures (n, c, s, s) float32 in [0, 1], n >= 1; colour jitter and grayscale take
                those of 1 or 3 channels.
            rng: The only source of random numbers, on the device of the pictures.
            return_drawn: Give the parameters that were drawn, too.

        Returns:
            Views (n, c, view, view) in [0, 1]; on request with what `draw` drew.

        Raises:
            UserError: The pictures are of another shape or type, or `rng` is no generator.
        """
        self._check_pictures(x)
        drawn = self.draw(len(x), x.shape[-1], rng, channels=x.shape[1])
        seen = self.apply(crop(x, drawn["crop"], self.view or x.shape[-1]), drawn)
        return (seen, drawn) if return_drawn else seen

    def _check_pictures(self, x: Tensor) -> None:
        expect.pictures("Augmentation", x=x)
        if x.dtype != torch.float32:
            raise UserError(
                f"Augmentation: x is {expect.dtype_of(x)}; views are made in float32: x.float()"
            )
        has_colour = self.jitter or self.gray or "jitter" in (self.op1, self.op2)
        if has_colour and x.shape[1] not in (1, 3):
            raise UserError(
                f"Augmentation: x is {tuple(x.shape)}, pictures of {x.shape[1]} channels; colour "
                "jitter and grayscale are of gray pictures (1) or red, green and blue (3): x[:, :3]"
            )

    def apply(self, x: Tensor, drawn: Drawn) -> Tensor:
        """Everything after the crop, with parameters from `draw`; draws no random number.

        UserError for pictures that `draw` drew nothing for.
        """
        self._check_pictures(x)
        for name, value in drawn.items():
            if len(value) != len(x):
                raise UserError(
                    f"Augmentation: {len(x)} pictures, and {name} was drawn for {len(value)}"
                )
        noise = drawn.get("noise_field", x)
        if noise.shape[2:] != x.shape[2:]:
            raise UserError(
                f"Augmentation: views of {x.shape[-1]} px, and noise was drawn for "
                f"{noise.shape[-1]} px"
            )
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
            noisy = (x + drawn["noise_field"] * self.noise_std).clamp_(0, 1)
            x = on(drawn["noise"], noisy, x)
        if "sobel" in drawn:
            x = on(drawn["sobel"], sobel(x).clamp_(0, 1), x)
        if "mask" in drawn:
            x = hide(x, drawn["mask"], self.patch(x.shape[-1]))
        return x
