"""Sources of photographs: those inside scikit-learn's and scikit-image's wheels, torchvision's data sets, and any tree of class folders."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

from suppression.errors import UserError, unknown
from suppression.scenes.sources import DATA_VARIABLE, SOURCES, MissingSource, Pool, data_root

FOLDER = "folder:"
MOST_ENLARGED = 4  # times: CIFAR's 32 px on the published canvas of 112 px are 3.5; a picture enlarged further shows nothing but its pixels
ORIENTATION = 0x0112  # of Exif
TEST_SHARE = 0.2  # of a folder that has no parts of its own
NAMED = 5  # bad files that a message names

Note = Callable[[str], None]


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
PART = 0.45  # of a photograph's width, on the left for training and on the right for testing: a tenth between them is in neither
WINDOWS = {0.5: 5, 0.7: 4, 1.0: 4}  # side of a square window as a share of its part's shorter side -> how many along each axis


def embedded(train: bool, root: Path | None = None, download: bool = False, *, side: int, skip_bad: bool = False, note: Note = print) -> Pool:
    """One class a photograph, its instances square windows of the left (training) or right (testing) part. Nothing is read but files of installed wheels."""
    return embedded_at(train, side)


@lru_cache(maxsize=8)
def embedded_at(train: bool, side: int) -> Pool:
    pictures, labels = [], []
    for label, file in enumerate(EMBEDDED.values()):
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
    return Pool(torch.from_numpy(np.stack(pictures)[shuffled]).permute(0, 3, 1, 2).contiguous(), torch.tensor(labels)[shuffled], tuple(EMBEDDED))


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


PHOTOGRAPHS: dict[str, Callable[..., Pool]] = {"photos": embedded, "cifar10": cifar10, "stl10": stl10, "imagenette": imagenette}


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


# --- a tree of class folders -----------------------------------------------------------------------------------


def folder(path: str, train: bool, root: Path | None, *, side: int, skip_bad: bool, note: Note) -> Pool:
    """`PATH/train/CLASS/*` and `PATH/test/CLASS/*` (or `val`), or `PATH/CLASS/*`, of which a fifth of each class, chosen by its files' names, is held out.

    A relative path is looked for under the data root, then in the current folder. Hidden files are passed over.
    """
    top = tree(path, root)
    parts = {name: top / name for name in ("train", "test", "val") if (top / name).is_dir()}
    held_out = parts.get("test", parts.get("val"))
    if "train" in parts and held_out is not None:
        classes = class_folders(parts["train"])
        files = files_of(parts["train"] if train else held_out, classes)
        if strange := sorted(set(class_folders(held_out)) - set(classes)):
            raise UserError(f"{held_out} has the class folder '{strange[0]}', which {parts['train']} has not")
    else:
        classes = class_folders(top)
        files = {label: split(some, train, top) for label, some in files_of(top, classes).items()}
    named = sorted(((path, label) for label, some in files.items() for path in some), key=lambda item: digest(item[0], top))
    images, bad = decoded(tuple((str(path), path.stat().st_mtime_ns) for path, _ in named), side)
    if bad:
        told = ", ".join(f"{Path(file).relative_to(top)} ({why})" for file, why in list(bad.items())[:NAMED])
        told = f"{len(bad)} of {len(named)} files in {top} ({'training' if train else 'test'} part) cannot be used: {told}" + (
            ", ..." if len(bad) > NAMED else ""
        )
        if not skip_bad:
            raise UserError(f"{told}; mend or remove them, or add --skip-bad to use the rest")
        note(told)
    labels = [label for path, label in named if str(path) not in bad]
    if empty := sorted({label for _, label in named} - set(labels)):
        raise UserError(f"{top}: no file of class '{classes[empty[0]]}' can be used")
    return Pool(images, torch.tensor(labels), tuple(classes))


def tree(path: str, root: Path | None) -> Path:
    given = Path(path).expanduser()
    places = [given] if given.is_absolute() else [data_root(root) / given, given.absolute()]
    for place in places:
        if place.is_dir():
            return place
    raise MissingSource(
        f"source '{FOLDER}{path}' is not there: {' and '.join(map(str, places))} {'are' if len(places) > 1 else 'is'} no folder; name one that holds a folder "
        "a class, or train/ and test/ (or val/) with a folder a class"
    )


def class_folders(top: Path) -> list[str]:
    """The names of the classes, sorted."""
    entries = [entry for entry in top.iterdir() if not entry.name.startswith(".")]
    classes = sorted(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise UserError(f"{top} has no class folders (it holds {len(entries)} files): a source of photographs has a folder a class, each with its pictures")
    if len(classes) == 1:
        raise UserError(f"{top} has one class folder only, '{classes[0]}'; a probe needs two classes at least")
    return classes


def files_of(top: Path, classes: list[str]) -> dict[int, list[Path]]:
    """Each class's files, wherever below its folder they lie."""
    files = {}
    for label, name in enumerate(classes):
        below = [path for path in (top / name).rglob("*") if path.is_file() and not path.name.startswith(".")] if (top / name).is_dir() else []
        if not below:
            raise UserError(f"{top} has no file of class '{name}'")
        files[label] = below
    return files


def digest(path: Path, top: Path) -> bytes:
    """An order that depends on names alone, and mixes the classes."""
    return hashlib.sha256(path.relative_to(top).as_posix().encode()).digest()


def split(files: list[Path], train: bool, top: Path) -> list[Path]:
    """The training or the held-out part of one class's files."""
    if len(files) < 2:
        raise UserError(f"{files[0].parent} has one file; a class needs two at least, one to train on and one to test with")
    ordered = sorted(files, key=lambda path: digest(path, top))
    held_out = max(1, round(TEST_SHARE * len(files)))
    return ordered[held_out:] if train else ordered[:held_out]


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
