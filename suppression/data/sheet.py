"""The sheet of a sample: pictures in columns, what was done to them in rows."""

from __future__ import annotations

import io
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from suppression.data.plain import plain_words

DPI = 110
LARGEST = 15  # font size
WIDE = 8  # columns from which on a title has room at that size


@dataclass(frozen=True)
class Outline:
    """Boxes that are drawn on the pictures of a row."""

    row: str
    boxes: Tensor  # (n, 4) `top, left, height, width` in px of the pictures
    colour: str


class Sheet(Figure):
    """A figure that a notebook shows, whatever backend it uses."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        with plain_words():
            self.savefig(content, format="png", dpi=DPI)
        return content.getvalue()


@plain_words()
def draw_sheet(
    rows: dict[str, Tensor], captions: list[str], outlines: list[Outline], title: str
) -> Sheet:
    """Draw rows of pictures, one column for each sample.

    Args:
        rows: Pictures (n, 1 or 3, s, s) in [0, 1] by the name of their row.
        captions: What is written above each column.
        outlines: Boxes on pictures.
        title: What is written above all.
    """
    n = len(captions)
    sheet = Sheet(figsize=(1.7 * n, 2 * len(rows)), layout="constrained")
    axes = sheet.subplots(len(rows), n, squeeze=False)
    numbers = {name: row for row, name in enumerate(rows)}
    for name, pictures in rows.items():
        for ax, picture in zip(axes[numbers[name]], pictures.cpu(), strict=True):
            draw_picture(ax, picture)
        axes[numbers[name]][0].set_ylabel(name, fontsize=LARGEST)
    longest = max(map(line_length, captions))
    for ax, caption in zip(axes[0], captions, strict=True):
        ax.set_title(caption, fontsize=min(LARGEST, 200 // max(1, longest)))
    for outline in outlines:
        for ax, box in zip(axes[numbers[outline.row]], outline.boxes.tolist(), strict=True):
            draw_box(ax, box, outline.colour)
    if n < WIDE:
        sheet.suptitle(title, fontsize=max(6, LARGEST * n // WIDE), wrap=True)
    else:
        sheet.suptitle(title, fontsize=LARGEST)
    return sheet


def draw_picture(ax: Axes, picture: Tensor) -> None:
    pixels = picture.permute(1, 2, 0).squeeze(2)  # (s, s, 3) or (s, s)
    ax.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)
    ax.set_xticks([])
    ax.set_yticks([])


def draw_box(ax: Axes, box: list[float], colour: str) -> None:
    top, left, height, width = box
    corner = (left - 0.5, top - 0.5)  # a pixel's centre is a whole number
    patch = Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=2)
    ax.add_patch(patch)


def line_length(caption: str) -> int:
    """Of the longest line."""
    return max(map(len, caption.split("\n")))
