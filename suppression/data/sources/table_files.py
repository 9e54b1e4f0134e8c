"""The pictures and the columns of an npz, of a folder and of a Hugging Face data set."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from suppression.data.pool import MissingSource
from suppression.data.sources.image_folder import HELD_OUT, TRAINING
from suppression.errors import UserError, unknown

METADATA = "metadata.csv"  # of Hugging Face's ImageFolder
FILE_NAME = "file_name"
CROISSANT = "croissant.json"  # of MLCommons
LABELS = ("cr:Label", "http://mlcommons.org/croissant/Label")
MOST_BYTES = 10_000_000
SPLIT = "split"  # a column that is no factor
Columns = dict[str, Any]


def of_npz(path: Path) -> tuple[Any, Columns]:
    """The two arrays of dSprites, by name: its third entry is a pickle, which is never opened."""
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in ("imgs", "latents_classes"):
                if name not in file.files:
                    raise unknown(f"{path} is no npz as dSprites has it: no array", name, file)
            images, classes = file["imgs"], file["latents_classes"]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    usual = ("color", "shape", "scale", "orientation", "x", "y")
    columns = {}
    for number in range(classes.shape[1]):
        if len(np.unique(classes[:, number])) > 1:  # dSprites' colour is always white
            name = usual[number] if classes.shape[1] == len(usual) else f"factor{number + 1}"
            columns[name] = classes[:, number]
    return images, columns


def metadata_files(folder: Path) -> list[tuple[Path, str | None]]:
    """The metadata of a folder, or of its parts, with the part's name."""
    if (folder / METADATA).is_file():
        return [(folder / METADATA, None)]
    found: list[tuple[Path, str | None]] = []
    for part in (*TRAINING, *HELD_OUT):
        if (folder / part / METADATA).is_file():
            found.append((folder / part / METADATA, part))
    if not found:
        raise MissingSource(
            f"{folder} has no {METADATA}, and neither has train/ or test/ in it: a line of it "
            f"has a picture's {FILE_NAME} and a column for each factor"
        )
    return found


def of_folder(folder: Path) -> tuple[list[Path], Columns]:
    """The files and the columns of a folder in the convention of Hugging Face's ImageFolder.

    Which of the columns are factors is asked of `labels_of`.
    """
    paths: list[Path] = []
    columns: dict[str, list[str]] = {}
    files = metadata_files(folder)
    for file, part in files:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = list(csv.DictReader(lines))
        if not rows or FILE_NAME not in rows[0]:
            raise UserError(f"{file} has no column '{FILE_NAME}', or no line below its head")
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise UserError(f"{file}, line {number}: its columns are not those of the head")
            if part is not None:
                row = {**row, SPLIT: part}
            paths.append(file.parent / within(row.pop(FILE_NAME), file, number))
            for name, value in row.items():
                columns.setdefault(name, []).append(value)
    return paths, columns


def within(name: str, file: Path, number: int) -> str:
    """A picture's name; UserError for one outside of the folder, which may be a stranger's."""
    if PurePosixPath(name).is_absolute() or Path(name).is_absolute() or ".." in Path(name).parts:
        raise UserError(
            f"{file}, line {number}: '{name}' leads out of its folder; pictures from anywhere are "
            "a list of paths, from_table([...], factors)"
        )
    return name


def labels_of(folder: Path) -> list[str]:
    """The columns that the folder's Croissant metadata mark as labels; none where nothing is said.

    Raises:
        UserError: The metadata cannot be read.
    """
    path = folder / CROISSANT
    if not path.is_file():
        return []
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
        records = json.loads(path.read_text("utf-8")).get("recordSet", [])
        fields = [field for record in records for field in record.get("field", [])]
        found = [field["source"]["extract"]["column"] for field in fields if is_label(field)]
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise UserError(
            f"{path} is no Croissant metadata: {error!r}; mend it, or take it away"
        ) from error
    return list(dict.fromkeys(found))


def is_label(field: dict[str, Any]) -> bool:
    kinds = field.get("dataType")
    return any(str(kind) in LABELS for kind in (kinds if isinstance(kinds, list) else [kinds]))


def is_hugging_face(images: Any) -> bool:
    return hasattr(images, "column_names") and hasattr(images, "features")


class PictureColumn:
    """The pictures of a Hugging Face data set, each decoded when it is asked for."""

    def __init__(self, dataset: Any, name: str) -> None:
        self.dataset, self.name = dataset, name

    def __str__(self) -> str:
        return f"{self.name} {self.dataset._fingerprint}"

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, row: int) -> Image.Image:
        return self.dataset[row][self.name]


def of_hugging_face(dataset: Any) -> tuple[PictureColumn, Columns]:
    """The column of pictures of a `datasets.Dataset`, and the others with their classes' names."""
    if not hasattr(dataset, "__getitem__") or isinstance(dataset, dict):
        raise UserError("from_table: give one split of the data set, such as data['train']")
    picture = None
    columns: dict[str, Any] = {}
    for name, feature in dataset.features.items():
        kind = type(feature).__name__
        if kind == "Image":
            picture = picture or name
        elif kind == "ClassLabel":
            columns[name] = feature.int2str(list(dataset[name]))
        elif kind == "Value":
            columns[name] = list(dataset[name])
    if picture is None:
        raise UserError(f"from_table: no column of pictures among {', '.join(dataset.features)}")
    return PictureColumn(dataset, picture), columns
