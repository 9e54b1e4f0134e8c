"""All sources of photographs by name: embedded ones, torchvision's, and trees of class folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from suppression import expect
from suppression.data.pool import Pool
from suppression.data.sources.digits import SOURCES
from suppression.data.sources.embedded import embedded, in_colour
from suppression.data.sources.image_folder import FOLDER, folder
from suppression.data.sources.table import TABLE, load_table
from suppression.data.sources.torchvision_sets import cifar10, imagenette, stl10
from suppression.errors import unknown
from suppression.notes import Note, ignore

PHOTOGRAPHS: dict[str, Callable[..., Pool]] = {
    "photos": embedded,
    "colour_photos": in_colour,
    "cifar10": cifar10,
    "stl10": stl10,
    "imagenette": imagenette,
}


@expect.typed
def photographs(
    name: str,
    train: bool,
    root: Path | None = None,
    download: bool = False,
    *,
    side: int,
    skip_bad: bool = False,
    note: Note = ignore,
) -> Pool:
    """The pictures of a source, cut to their central square.

    Args:
        name: Of `PHOTOGRAPHS`, folder:PATH, or table:PATH, labelled by its first factor.
        train: For training, or held out.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        download: Fetch a source that is not there.
        side: Most at which pictures are held, px.
        skip_bad: Leave out files that are no pictures, and call `note`.
        note: Gets a line about what was left out.

    Returns:
        Pictures uint8 (m, 3, s, s) with their classes; s is no more than `side`.

    Raises:
        MissingSource: It is not there; the message says what to place where.
        UserError: There is no source of this name, or a file of it is no picture.

    >>> pool = photographs("photos", train=True, side=32)
    >>> pool.images.shape[1:], len(pool.names)
    (torch.Size([3, 32, 32]), 20)
    """
    check_photographs(name)
    if name.startswith(FOLDER):
        path = name.removeprefix(FOLDER)
        return folder(path, train, root, side=side, skip_bad=skip_bad, note=note)
    if name.startswith(TABLE):
        return load_table(name, root).pool(train, side)
    return PHOTOGRAPHS[name](train, root, download, side=side, skip_bad=skip_bad, note=note)


def is_photographs(name: str) -> bool:
    return name in PHOTOGRAPHS or name.startswith((FOLDER, TABLE))


def check_photographs(name: str, *, or_digits: bool = False) -> None:
    """UserError with the nearest right name if there is no such source of photographs.

    A source of digits will do as well with `or_digits`.
    """
    if is_photographs(name):
        return
    known = [*PHOTOGRAPHS, f"{FOLDER}PATH", f"{TABLE}PATH"]
    if not or_digits:
        raise unknown("there is no source of photographs", name, known)
    if name not in SOURCES:
        raise unknown("there is no source", name, [*SOURCES, *known])
