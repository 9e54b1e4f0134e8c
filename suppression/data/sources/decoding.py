"""Files of pictures of any kind as squares of uint8 RGB, and why some files are no pictures."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from suppression.data.sources.contents import Stamp
from suppression.errors import UserError

MOST_ENLARGED = 4
"""Times. CIFAR's 32 px on the published canvas of 112 px are 3.5; a picture enlarged further shows
nothing but its pixels."""

ORIENTATION = 0x0112  # of Exif

T = TypeVar("T")

WHITES = (255, 4095, 65535)  # what is white in files of 16 bits that use 8, 12 or all of them

MOST_PIXELS = 178_956_970  # of a picture; opened, it takes 0.5 GB

GREY_AND_ALPHA = "LA;16B"
OTHER = "B" if sys.byteorder == "little" else "L"  # than this machine's order of bytes
LOWER_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": f"RGB;16{OTHER}",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": f"RGBA;16{OTHER}",
    GREY_AND_ALPHA: "RGBA",  # that is, its four bytes as they lie
}
"""PIL's names for layouts of 16 bits a channel, of which it reads the upper bytes; and, by them,
for those by which it would read the lower bytes of the same numbers."""


@lru_cache(maxsize=8)
def decoded(
    files: tuple[tuple[str, Stamp], ...], side: int
) -> tuple[Tensor, dict[str, str], dict[str, str]]:
    """The pictures of files.

    Args:
        files: Path and stamp of each.
        side: Side at which pictures are held, px; less where the largest picture is smaller.

    Returns:
        The pictures, uint8 (m, 3, s, s); by path, why the other files are none; and what is odd
        about files whose picture is taken.

    Raises:
        UserError: They do not fit into the memory of this machine.
    """
    bad: dict[str, str] = {}
    odd: dict[str, str] = {}
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
        taken = attempt(file, bad, lambda image: (has_frames(image), squared(image, held)))
        if taken is not None:
            is_odd, picture = taken
            if is_odd:
                odd[file] = "of its frames the first one is taken"
            pictures[row] = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
            row += 1
    return pictures[:row], bad, odd


def has_frames(image: Image.Image) -> bool:
    """Whether it is an animation, or several pages."""
    return getattr(image, "is_animated", False)


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
            warnings.simplefilter("ignore")  # what is wrong with a picture is told here
            with Image.open(file) as image:
                if math.prod(image.size) > MOST_PIXELS:
                    raise Image.DecompressionBombError
                return use(image)
    except Image.DecompressionBombError:
        bad[file] = f"it has more than {MOST_PIXELS / 1e6:.0f} million pixels"
    except Image.UnidentifiedImageError:
        bad[file] = "no picture"
    except Exception as error:  # decoders of other libraries raise what they like
        bad[file] = str(error).removeprefix("cannot identify image file") or type(error).__name__
    return None


def squared(image: Image.Image, side: int) -> Image.Image:
    """The central square at `side` px, RGB."""
    # A JPEG is decoded at a half, a quarter or an eighth where that is still twice as large.
    image.draft(None, (2 * side, 2 * side))  # type: ignore[arg-type]
    image = as_rgb(with_lower_bytes(image))
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
        grey = np.asarray(image)
        if grey.min() < 0 or grey.max() > 65535:
            raise ValueError("its pixels have more than 16 bits")
        image = Image.fromarray(in_8_bits(grey.astype(np.int32)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() == (0, 0):
            raise ValueError("nothing of it is visible: it is transparent everywhere")
        small = image.resize((64, 64), Image.Resampling.BOX)
        opaque = Image.new("RGBA", image.size, background(np.asarray(small)))
        image = Image.alpha_composite(opaque, image)
    return image.convert("RGB")


def in_8_bits(numbers: np.ndarray) -> np.ndarray:
    """Numbers of 8, 12 or 16 bits, whichever they fit in, as uint8."""
    white = next(white for white in WHITES if numbers.max() <= white)
    return ((numbers * 255 + white // 2) // white).astype(np.uint8)


def with_lower_bytes(image: Image.Image) -> Image.Image:
    """A coloured picture of 16 bits a channel that uses 8 or 12 of them, at its own brightness.

    Others are returned as they are: PIL reads the upper byte of each number, which is enough.
    """
    layouts = {layout_of(tile) for tile in getattr(image, "tile", [])}
    if image.mode not in ("RGB", "RGBA") or not layouts or not layouts <= set(LOWER_BYTES):
        return image
    upper = np.asarray(image).astype(np.int32)
    if upper[..., :3].max() > 15:
        return image
    with Image.open(image.filename) as again:  # type: ignore[attr-defined]
        again.tile = [reading_lower_bytes(tile) for tile in again.tile]  # type: ignore[attr-defined]
        lower = np.asarray(again)
    if layouts == {GREY_AND_ALPHA}:
        lower = lower[..., [1, 1, 1, 3]]
    numbers = upper * 256 + lower
    colour, alpha = numbers[..., :3], numbers[..., 3:]
    parts = [in_8_bits(part) for part in (colour, alpha) if part.size]
    lighter = Image.fromarray(np.concatenate(parts, 2))
    lighter.getexif()[ORIENTATION] = image.getexif().get(ORIENTATION, 1)
    return lighter


def layout_of(tile: Any) -> str:
    """PIL's name for how the bytes of a part of a picture lie."""
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def reading_lower_bytes(tile: Any) -> Any:
    """What PIL is told to decode, with the layout of the lower bytes."""
    codec, extents, offset, arguments = tile
    layout = LOWER_BYTES[layout_of(tile)]
    if isinstance(arguments, tuple):
        return type(tile)(codec, extents, offset, (layout, *arguments[1:]))
    return type(tile)(codec, extents, offset, layout)


def background(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Black, or white where the visible pixels of (h, w, 4) are darker than half."""
    share = pixels[..., 3].astype(float)
    visible = share.sum()
    if visible and (pixels[..., :3].mean(2) * share).sum() / visible < 127.5:
        return (255, 255, 255, 255)
    return (0, 0, 0, 255)
