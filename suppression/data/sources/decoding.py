"""Files of pictures of any kind as squares of uint8 RGB, and why some files are no pictures."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from suppression.errors import UserError

MOST_ENLARGED = 4
"""Times. CIFAR's 32 px on the published canvas of 112 px are 3.5; a picture enlarged further shows
nothing but its pixels."""

ORIENTATION = 0x0112  # of Exif

T = TypeVar("T")

WHITES = (255, 4095, 65535)  # what is white in files of 16 bits that use 8, 12 or all of them


@lru_cache(maxsize=8)
def decoded(files: tuple[tuple[str, int], ...], side: int) -> tuple[Tensor, dict[str, str]]:
    """The pictures of files.

    Args:
        files: Path and time of change of each.
        side: Side at which pictures are held, px; less where the largest picture is smaller.

    Returns:
        The pictures, uint8 (m, 3, s, s), and, by path, why the other files are none.

    Raises:
        UserError: They do not fit into the memory of this machine.
    """
    bad: dict[str, str] = {}
    shorter = shorter_sides([file for file, _ in files], bad)
    for file, length in shorter.items():
        if length * MOST_ENLARGED < side:
            least = -(-side // MOST_ENLARGED)
            bad[file] = (
                f"its shorter side is {length} px, too small for {side} px; the least is {least}"
            )
    usable = [file for file, _ in files if file not in bad]
    held = side
    if usable:
        held = min(side, max(shorter[file] for file in usable))
    need, have = 3 * held**2 * len(shorter), memory()
    if need > have:
        raise UserError(
            f"{len(shorter)} pictures of {held} px need {need / 1e9:.1f} GB of memory and this "
            f"machine has {have / 1e9:.1f}; take a smaller canvas, or a tree of fewer"
        )
    pictures = torch.empty(len(usable), 3, held, held, dtype=torch.uint8)
    row = 0
    for file in usable:
        pixels = attempt(file, bad, lambda image: np.array(squared(image, held)))
        if pixels is not None:
            pictures[row] = torch.from_numpy(pixels).permute(2, 0, 1)
            row += 1
    return pictures[:row], bad


def shorter_sides(files: list[str], bad: dict[str, str]) -> dict[str, int]:
    """The shorter side of each picture, px; what is wrong with a file goes into `bad`."""
    shorter = {}
    for file in files:
        length = attempt(file, bad, lambda image: min(image.size))
        if length is not None:
            shorter[file] = length
    return shorter


def memory() -> float:
    """Of the machine, in bytes; endless where it does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def attempt(file: str, bad: dict[str, str], use: Callable[[Image.Image], T]) -> T | None:
    """What `use` makes of a file's picture; None, and the reason in `bad`, where it cannot."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures; one too large is an error
            with Image.open(file) as image:
                return use(image)
    except Image.UnidentifiedImageError:
        bad[file] = "no picture"
    except Exception as error:  # decoders of other libraries raise what they like
        bad[file] = str(error).removeprefix("cannot identify image file") or type(error).__name__
    return None


def squared(image: Image.Image, side: int) -> Image.Image:
    """The central square at `side` px, RGB."""
    # A JPEG is decoded at a half, a quarter or an eighth where that is still twice as large.
    image.draft(None, (2 * side, 2 * side))  # type: ignore[arg-type]
    image = as_rgb(image)
    length = min(image.size)
    left, top = (image.width - length) // 2, (image.height - length) // 2
    return cut(image, left, top, length, side)


def cut(image: Image.Image, left: int, top: int, length: int, side: int) -> Image.Image:
    """A square of `length` px, at `side` px."""
    # Cut out first: `resize(box=...)` would look at what is around it.
    square = image.crop((left, top, left + length, top + length))
    return square.resize((side, side), Image.Resampling.BILINEAR)


def as_rgb(image: Image.Image) -> Image.Image:
    """Any picture of 8 or 16 bits as RGB; of an animation its first frame.

    It is turned as its camera was held; grey is repeated and a palette looked up. White in a
    file of 16 bits is the largest number of 8, 12 or 16 bits, whichever its numbers fit in. What is
    transparent is laid on black, or on white where what is visible is dark.
    """
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, which have no known white")
    if image.mode.startswith("I"):
        grey = np.asarray(image).astype(np.int64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        white = next(white for white in WHITES if grey.max() <= white)
        image = Image.fromarray(((grey * 255 + white // 2) // white).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        opaque = Image.new("RGBA", image.size, background(np.asarray(image)))
        image = Image.alpha_composite(opaque, image)
    return image.convert("RGB")


def background(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Black, or white where the visible pixels of (h, w, 4) are darker than half."""
    share = pixels[..., 3].astype(float)
    visible = share.sum()
    if visible and (pixels[..., :3].mean(2) * share).sum() / visible < 127.5:
        return (255, 255, 255, 255)
    return (0, 0, 0, 255)
