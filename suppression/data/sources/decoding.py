"""Files of pictures of any kind -> squares of uint8 RGB, and what is wrong with those that are none."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from suppression.errors import UserError

MOST_ENLARGED = 4  # times: CIFAR's 32 px on the published canvas of 112 px are 3.5; a picture enlarged further shows nothing but its pixels
ORIENTATION = 0x0112  # of Exif


@lru_cache(maxsize=8)
def decoded(files: tuple[tuple[str, int], ...], side: int) -> tuple[Tensor, dict[str, str]]:
    """The pictures of files (path and time of change), uint8 (m, 3, s, s), s the largest of them if that is less than `side`; and why others are none."""
    bad: dict[str, str] = {}
    shorter: dict[str, int] = {}
    for file, _ in files:
        attempt(file, bad, lambda image, file=file: shorter.update({file: min(image.size)}))  # type: ignore[misc]
    for file, length in shorter.items():
        if length * MOST_ENLARGED < side:
            bad[file] = f"its shorter side is {length} px, too small for {side} px; the least is {-(-side // MOST_ENLARGED)}"
    held = min(side, max((length for file, length in shorter.items() if file not in bad), default=side))
    if (need := 3 * held**2 * len(shorter)) > (have := memory()):
        raise UserError(
            f"{len(shorter)} pictures of {held} px need {need / 1e9:.1f} GB of memory and this machine has {have / 1e9:.1f}; take a smaller canvas, or a tree of fewer"
        )
    pictures = torch.empty(len(files) - len(bad), 3, held, held, dtype=torch.uint8)
    row = 0
    for file, _ in files:
        if file not in bad:
            attempt(file, bad, lambda image: pictures[row].copy_(torch.from_numpy(np.array(squared(image, held))).permute(2, 0, 1)))  # noqa: B023 (used at once)
            row += file not in bad
    return pictures[:row], bad


def memory() -> float:
    """Of the machine, in bytes; endless where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def attempt(file: str, bad: dict[str, str], use: Callable[[Image.Image], object]) -> None:
    """Open a file and use its picture; what is wrong with it goes into `bad`."""
    try:
        with Image.open(file) as image:
            use(image)
    except Image.UnidentifiedImageError:
        bad[file] = "no picture"
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # what PIL's decoders raise at files that are not whole
        bad[file] = str(error).removeprefix("cannot identify image file") or type(error).__name__


def squared(image: Image.Image, side: int) -> Image.Image:
    """The central square at `side` px, RGB."""
    image.draft(None, (2 * side, 2 * side))  # type: ignore[arg-type]  # a JPEG is decoded at a half, a quarter or an eighth where that is still twice as large
    image = as_rgb(image)
    length = min(image.size)
    return cut(image, (image.width - length) // 2, (image.height - length) // 2, length, side)


def cut(image: Image.Image, left: int, top: int, length: int, side: int) -> Image.Image:
    """A square of `length` px at `side` px. It is cut out first: `resize(box=...)` would look at what is around it."""
    return image.crop((left, top, left + length, top + length)).resize((side, side), Image.Resampling.BILINEAR)


def as_rgb(image: Image.Image) -> Image.Image:
    """Any picture of 8 or 16 bits as RGB: turned as its camera was held, grey repeated, a palette looked up, what is transparent laid on black."""
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, which have no known white")
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        image = Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")
