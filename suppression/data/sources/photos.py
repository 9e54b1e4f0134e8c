"""Sources of photographs: those inside scikit-learn's and scikit-image's wheels, torchvision's data sets, and any tree of class folders."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.decoding import MOST_ENLARGED, as_rgb, cut
from suppression.data.sources.digits import DATA_VARIABLE, SOURCES, data_root
from suppression.data.sources.image_folder import FOLDER, Note, folder
from suppression.errors import UserError, unknown


def photographs(
    name: str, train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = lambda text: None
) -> Pool:
    """The source `name`, for training or held out; its pictures are cut to their central square and held as uint8 (m, 3, s, s), s no more than `side` px.

    Files that are no pictures are an error, unless `skip_bad`: then `note` is told of them. MissingSource tells what to place where.
    """
    check_photographs(name)
    if name.startswith(FOLDER):
        return folder(name.removeprefix(FOLDER), train, root, side=side, skip_bad=skip_bad, note=note)
    return PHOTOGRAPHS[name](train, root, download, side=side, skip_bad=skip_bad, note=note)


def is_photographs(name: str) -> bool:
    return name in PHOTOGRAPHS or name.startswith(FOLDER)


def check_photographs(name: str, *, or_digits: bool = False) -> None:
    """UserError with the nearest right name if there is no such source of photographs (or, if they will do, of digits)."""
    if not is_photographs(name) and not (or_digits and name in SOURCES):
        raise unknown(
            "there is no source" if or_digits else "there is no source of photographs", name, [*(SOURCES if or_digits else ()), *PHOTOGRAPHS, f"{FOLDER}PATH"]
        )


# --- the embedded photographs ----------------------------------------------------------------------------------

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
IN_COLOUR = ("astronaut", "cat", "china", "coffee", "flower", "motorcycle", "retina", "rocket", "tissue")
PART = 0.45  # of a photograph's width, on the left for training and on the right for testing: a tenth between them is in neither
WINDOWS = {0.5: 5, 0.7: 4, 1.0: 4}  # side of a square window as a share of its part's shorter side -> how many along each axis


def embedded(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """One class a photograph, its instances square windows of the left (training) or right (testing) part. Nothing is read but files of installed wheels."""
    return embedded_at(train, side, tuple(EMBEDDED))


def in_colour(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """Those of the embedded photographs of which no window is gray: for what is done to colours."""
    return embedded_at(train, side, IN_COLOUR)


@lru_cache(maxsize=8)
def embedded_at(train: bool, side: int, names: tuple[str, ...]) -> Pool:
    pictures, labels = [], []
    for label, file in enumerate(EMBEDDED[name] for name in names):
        package, _, rest = file.partition("/")
        found = find_spec(package)
        if found is None or not found.submodule_search_locations:
            raise MissingSource(f"source 'photos' takes {file} from {package}'s wheel, which is not installed")
        with Image.open(Path(found.submodule_search_locations[0]) / rest) as file_image:
            image = as_rgb(file_image)
        for top, left, length in windows(image.width, image.height, train):
            if length * MOST_ENLARGED < side:
                raise UserError(
                    f"source 'photos' has windows of {length} px, too small for {side} px (at most {MOST_ENLARGED} times as large); take a smaller canvas"
                )
            pictures.append(np.asarray(cut(image, left, top, length, side)))
            labels.append(label)
    shuffled = np.random.default_rng(0).permutation(len(labels))  # so that the first few are of all classes
    return Pool(torch.from_numpy(np.stack(pictures)[shuffled]).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)[shuffled], names)


def windows(width: int, height: int, train: bool) -> list[tuple[int, int, int]]:
    """`top, left, side` of the square windows of a photograph's training or test part."""
    part = int(PART * width)
    start = 0 if train else width - part
    found = []
    for share, places in WINDOWS.items():
        side = int(share * min(part, height))
        tops, lefts = (np.linspace(0, room - side, places).round().astype(int).tolist() for room in (height, part))
        found += [(top, start + left, side) for top in dict.fromkeys(tops) for left in dict.fromkeys(lefts)]
    return found


# --- torchvision's data sets -----------------------------------------------------------------------------------


def cifar10(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """CIFAR-10 in torchvision's layout (`ROOT/cifar-10-batches-py`): 50,000 pictures of 32 px for training, 10,000 for testing."""
    from torchvision.datasets import CIFAR10

    data = read("cifar10", "cifar-10-batches-py", root, lambda: CIFAR10(data_root(root), train=train, download=download))
    return Pool(shrunk(torch.from_numpy(data.data).permute(0, 3, 1, 2), side), torch.tensor(data.targets), tuple(data.classes))


def stl10(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """STL-10 in torchvision's layout (`ROOT/stl10_binary`): 5,000 labelled pictures of 96 px for training, 8,000 for testing."""
    from torchvision.datasets import STL10

    data = read("stl10", "stl10_binary", root, lambda: STL10(str(data_root(root)), split="train" if train else "test", download=download))
    return Pool(shrunk(torch.from_numpy(data.data), side), torch.from_numpy(data.labels).long(), tuple(data.classes))


IMAGENETTE = ("tench", "English springer", "cassette player", "chain saw", "church", "French horn", "garbage truck", "gas pump", "golf ball", "parachute")


def imagenette(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """Imagenette in torchvision's layout (`ROOT/imagenette2-160`, `-320` or `imagenette2`), the smallest there that need not be enlarged."""
    sizes = {160: "imagenette2-160", 320: "imagenette2-320", 10**9: "imagenette2"}
    there = [place for least, place in sizes.items() if least >= side and (data_root(root) / place).is_dir()]
    if not there and download:
        from torchvision.datasets import Imagenette

        size = "160px" if side <= 160 else "320px"
        read("imagenette", sizes[int(size[:3])], root, lambda: Imagenette(data_root(root), split="train", size=size, download=True))
        there = [sizes[int(size[:3])]]
    if not there:
        raise missing("imagenette", " or ".join(place for least, place in sizes.items() if least >= side), root)
    pool = folder(str((data_root(root) / there[0]).resolve()), train, root, side=side, skip_bad=skip_bad, note=note)
    return Pool(pool.images, pool.labels, IMAGENETTE)


PHOTOGRAPHS: dict[str, Callable[..., Pool]] = {"photos": embedded, "colour_photos": in_colour, "cifar10": cifar10, "stl10": stl10, "imagenette": imagenette}


def read(name: str, place: str, root: Path | None, how: Callable):  # type: ignore[no-untyped-def]
    """What torchvision reads; what it cannot find or fetch is told with the place where it belongs."""
    try:
        return how()
    except (RuntimeError, OSError) as error:
        raise missing(name, place, root) from error


def missing(name: str, place: str, root: Path | None) -> MissingSource:
    return MissingSource(
        f"source '{name}' is not in {data_root(root)}, which has no whole {place}: place it there as torchvision lays it out, name another folder with --root "
        f"or {DATA_VARIABLE}, or add --download to fetch it"
    )


def shrunk(pictures: Tensor, side: int) -> Tensor:
    """uint8 (m, 3, s, s), at most `side` px; antialiased."""
    if pictures.shape[-1] <= side:
        return pictures.contiguous()
    parts = [interpolate(part.float(), size=(side, side), mode="bilinear", antialias=True).round().to(torch.uint8) for part in pictures.split(1000)]
    return torch.cat(parts)
