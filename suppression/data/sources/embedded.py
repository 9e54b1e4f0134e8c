"""The photographs inside scikit-learn's and scikit-image's wheels: no download."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.decoding import MOST_ENLARGED, as_rgb, cut
from suppression.errors import UserError
from suppression.notes import Note

EMBEDDED = {
    "astronaut": "skimage/data/astronaut.png",
    "brick": "skimage/data/brick.png",
    "camera": "skimage/data/camera.png",
    "cat": "skimage/data/chelsea.png",
    "cell": "skimage/data/cell.png",
    "china": "sklearn/datasets/images/china.jpg",
    "clock": "skimage/data/clock_motion.png",
    "coffee": "skimage/data/coffee.png",
    "coins": "skimage/data/coins.png",
    "flower": "sklearn/datasets/images/flower.jpg",
    "galaxies": "skimage/data/hubble_deep_field.jpg",
    "grass": "skimage/data/grass.png",
    "gravel": "skimage/data/gravel.png",
    "moon": "skimage/data/moon.png",
    "motorcycle": "skimage/data/motorcycle_left.png",
    "page": "skimage/data/page.png",
    "retina": "skimage/data/retina.jpg",
    "rocket": "skimage/data/rocket.jpg",
    "text": "skimage/data/text.png",
    "tissue": "skimage/data/ihc.png",
}
IN_COLOUR = (
    "astronaut",
    "cat",
    "china",
    "coffee",
    "flower",
    "motorcycle",
    "retina",
    "rocket",
    "tissue",
)

PART = 0.45
"""Of a photograph's width: on the left for training, on the right held out; between, neither."""

WINDOWS = {0.5: 5, 0.7: 4, 1.0: 4}
"""Side of a square window as a share of its part's shorter side, and how many along each axis."""


def embedded(
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = print,
) -> Pool:
    """Each photograph is a class; its instances are square windows of one part of it."""
    return embedded_at(train, side, tuple(EMBEDDED))


def in_colour(
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = print,
) -> Pool:
    """The embedded photographs of which no window is gray, for what is done to colours."""
    return embedded_at(train, side, IN_COLOUR)


@lru_cache(maxsize=8)
def embedded_at(train: bool, side: int, names: tuple[str, ...]) -> Pool:
    """The windows of these photographs at `side` px."""
    pictures = []
    labels = []
    for label, name in enumerate(names):
        image = photograph(EMBEDDED[name])
        for top, left, length in windows(image.width, image.height, train):
            if length * MOST_ENLARGED < side:
                raise UserError(
                    f"source 'photos' has windows of {length} px, too small for {side} px "
                    f"(at most {MOST_ENLARGED} times as large); take a smaller canvas"
                )
            pictures.append(np.asarray(cut(image, left, top, length, side)))
            labels.append(label)
    order = np.random.default_rng(0).permutation(len(labels))  # the first few are of all classes
    images = torch.from_numpy(np.stack(pictures)[order]).permute(0, 3, 1, 2).contiguous()
    photographs = torch.tensor(labels)[order]
    return Pool(images, photographs, names, originals=photographs)


def photograph(file: str) -> Image.Image:
    """A photograph of an installed wheel, RGB."""
    package, _, rest = file.partition("/")
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise MissingSource(
            f"source 'photos' takes {file} from {package}'s wheel, which is not installed"
        )
    with Image.open(Path(found.submodule_search_locations[0]) / rest) as image:
        return as_rgb(image)


def windows(width: int, height: int, train: bool) -> list[tuple[int, int, int]]:
    """`top, left, side` of the square windows of a photograph's training or test part."""
    part = int(PART * width)
    start = 0 if train else width - part
    found = []
    for share, places in WINDOWS.items():
        side = int(share * min(part, height))
        lefts = spread(part - side, places)
        for top in spread(height - side, places):
            found += [(top, start + left, side) for left in lefts]
    return found


def spread(room: int, places: int) -> list[int]:
    """So many places evenly from 0 to `room`, px; fewer where they fall together."""
    return list(dict.fromkeys(np.linspace(0, room, places).round().astype(int).tolist()))
