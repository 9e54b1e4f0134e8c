"""Scenes as a folder of pictures with their factors, as `datasets` and `from_table` read it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from suppression import expect, writing
from suppression.data.base import Scenes
from suppression.data.dataset_card import (
    CARD,
    Described,
    card_text,
    croissant_text,
)
from suppression.data.fixed import FixedScenes
from suppression.data.loader import first_instances, load_pool, source_names
from suppression.data.sources.table import TEST_SHARE, UNIT
from suppression.data.sources.table_files import CROISSANT, FILE_NAME, METADATA, SPLIT
from suppression.errors import UserError
from suppression.notes import Note, warn

AT_ONCE = 250  # pictures that are drawn together
IN_A_FOLDER = 1000  # pictures: the Hugging Face hub takes 10,000 files a folder
LEAST, MOST = 10, 1_000_000  # pictures in all
PARTS = {"train": True, "test": False}
OTHERS = "image", FILE_NAME, SPLIT, UNIT  # names that no factor may have

Progress = Callable[[int, int], None]


def no_progress(done: int, n: int) -> None:
    """Nobody watches."""


@expect.typed
def export(
    scenes: Scenes,
    folder: str | Path,
    *,
    n: int = 10_000,
    seed: int = 0,
    source: str = "digits",
    instances: int | None = None,
    overwrite: bool = False,
    root: str | Path | None = None,
    download: bool = False,
    title: str | None = None,
    text: str = "",
    meanings: Mapping[str, str] | None = None,
    made: str | None = None,
    progress: Progress = no_progress,
    note: Note = warn,
) -> Path:
    """Write scenes as PNG pictures with a table of their factors: a data set to hand on.

    `datasets.load_dataset("imagefolder", data_dir=folder)` reads it, and `from_table(folder)`. A
    fifth of the pictures is the part `test`, drawn from instances that are held out. Beside them
    are a card (README.md), Croissant metadata and SHA256SUMS. What was interrupted leaves nothing.

    Args:
        scenes: The generator.
        folder: Where it goes; it is made if it is not there, and has to be empty.
        n: Pictures in all, 10 to 1,000,000.
        seed: Of all that is drawn; a smaller n is the beginning of both parts of a larger one.
        source: Where the instances come from (see `suppression.data.SOURCES`); without effect
            where the scenes name their source themselves or draw from none.
        instances: How many of the training instances there are; all if None.
        overwrite: Replace what an earlier export wrote there; files of others are never.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        download: Fetch a source that is not there.
        title: What the card calls it; the generator's name if None.
        text: What the card says of it.
        meanings: What the card says of each feature.
        made: The command that makes it, for the card; this call if None.
        progress: Gets how many pictures are written, and of how many.
        note: Gets a line about what a reader has to know.

    Returns:
        The folder.

    Raises:
        UserError: The folder holds something, cannot be written, or a parameter is out of range.
        MissingSource: The source is not there; the message says what to place where.

    Example:
        >>> import tempfile
        >>> from suppression.data import TwoDigits, from_table
        >>> folder = export(TwoDigits(canvas=24, size1=8, size2=12), tempfile.mkdtemp(), n=600)
        >>> sorted(path.name for path in folder.iterdir())
        ['README.md', 'SHA256SUMS', 'croissant.json', 'test', 'train']
        >>> from_table(folder).features
        ('first', 'second')
    """
    if not isinstance(scenes, Scenes):
        raise UserError(
            f"export draws from a generator, such as TwoDigits(canvas=64), and got {scenes!r}"
        )
    if not LEAST <= n <= MOST:
        raise UserError(f"n = {n}: {LEAST} to {MOST:,} pictures are written")
    if not str(folder).strip():
        raise UserError("an empty name is no folder; '.' is the current one")
    place = Path(folder).expanduser()
    if not place.parent.is_dir():
        raise UserError(f"{place} cannot be made: there is no folder {place.parent}")
    sets = sets_of(scenes, n, seed, source, instances, root, download)
    remarks = remarks_of(scenes, sets)
    for remark in remarks:
        note(remark)
    about = Described(
        name=f"{type(scenes).__name__}-{seed}",
        title=title or type(scenes).__name__,
        text=text or "Scenes whose features are known, drawn by suppression.",
        made=made or call_of(scenes, n, seed, source, instances),
        parts={part: len(drawn) for part, drawn in sets.items()},
        sizes={},
        classes=classes_of(scenes, sets),
        meanings=dict(meanings or {}),
        columns=kinds_of(columns_of(sets["train"])),
        sources=list(source_names(scenes, source).values()),
        side=scenes.canvas,
        remarks=remarks,
    )
    try:
        with writing.filling(place, (*PARTS, CARD, CROISSANT), overwrite=overwrite) as beside:
            write_parts(beside, sets, about, progress)
    except FileExistsError as error:
        more = "" if overwrite else ": name another one, or --overwrite what an export wrote there"
        raise UserError(f"{place} {error.strerror}{more}") from error
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror}") from error
    return place


def call_of(scenes: Scenes, n: int, seed: int, source: str, instances: int | None) -> str:
    given = f"n={n}, seed={seed}"
    if "source" in source_names(scenes, source) and not hasattr(scenes, "source"):
        given += f", source={source!r}"
    if instances is not None:
        given += f", instances={instances}"
    return f"suppression.datasets.export({scenes!r}, FOLDER, {given})"


def sets_of(
    scenes: Scenes,
    n: int,
    seed: int,
    source: str,
    instances: int | None,
    root: str | Path | None,
    download: bool,
) -> dict[str, FixedScenes]:
    """The scenes of both parts; no picture is drawn yet."""
    test = round(TEST_SHARE * n)
    sizes = {"train": n - test, "test": test}
    sets = {}
    for part, train in PARTS.items():
        pool = load_pool(scenes, source, train=train, root=root, download=download)
        if train:
            named = getattr(scenes, "source", source)
            pool = first_instances(pool, getattr(scenes, "instances", instances), named)
        sets[part] = FixedScenes(scenes, pool, n=sizes[part], seed=seed, train=train)
    return sets


def remarks_of(scenes: Scenes, sets: dict[str, FixedScenes]) -> list[str]:
    """What a reader has to know, who sees pictures and columns only."""
    found = []
    if scenes.planes:
        found.append(
            f"The {scenes.planes} planes that a network sees behind each picture are columns of "
            "the table and not in the pictures: where they shall compete, append them."
        )
    for name, classes in classes_of(scenes, sets).items():
        for part, drawn in sets.items():
            lacking = len(classes) - len(drawn.labels[name].unique())
            if lacking:
                found.append(
                    f"The part {part} has no picture of {lacking} of the {len(classes)} classes "
                    f"of '{name}': from_table refuses that; a larger n has them."
                )
    return found


def classes_of(scenes: Scenes, sets: dict[str, FixedScenes]) -> dict[str, tuple[str, ...]]:
    classes = scenes.classes(sets["train"].pool)
    return {name: classes[name] for name in scenes.features}


def kinds_of(columns: Mapping[str, list[Any]]) -> dict[str, type]:
    """What each column holds; that of units is text, as the parts number their own."""
    return {name: str if name == UNIT else type(values[0]) for name, values in columns.items()}


def columns_of(drawn: FixedScenes) -> dict[str, list[Any]]:
    """All that was drawn, beside the features, as columns of numbers; `unit` first."""
    found: dict[str, list[Any]] = {}
    if drawn.scenes.sources:
        units = drawn.scenes.units(drawn.drawn, drawn.pool)
        found[UNIT] = units[drawn.scenes.features[0]].tolist()
    for name, values in drawn.drawn.items():
        if name == "instance" and not drawn.scenes.sources:
            continue  # a number that no instance has
        name = f"{name}_" if name in OTHERS else name
        several = values.ndim > 1
        for place, column in enumerate(values.flatten(1).unbind(1) if several else [values], 1):
            if not any(torch.equal(column, label) for label in drawn.labels.values()):
                found[f"{name}{place}" if several else name] = column.tolist()
    return found


def write_parts(
    folder: Path, sets: dict[str, FixedScenes], about: Described, progress: Progress
) -> None:
    """Everything but the checksums."""
    done, total = 0, sum(about.parts.values())
    sums = {}
    for part, drawn in sets.items():
        for start in range(0, len(drawn), AT_ONCE):
            numbers = torch.arange(start, min(start + AT_ONCE, len(drawn)))
            for number, image in zip(numbers.tolist(), images_of(drawn, numbers), strict=True):
                path = folder / part / file_name(number)
                path.parent.mkdir(parents=True, exist_ok=True)
                image.save(path)
            done += len(numbers)
            progress(done, total)
        table = table_text(part, drawn, about).encode()
        (folder / part / METADATA).write_bytes(table)
        about.sizes[part] = sum(path.stat().st_size for path in (folder / part).rglob("*.*"))
        sums[part] = hashlib.sha256(table).hexdigest()
    (folder / CARD).write_text(card_text(about), "utf-8")
    (folder / CROISSANT).write_text(croissant_text(about, sums, METADATA), "utf-8")


def file_name(number: int) -> str:
    return f"{number // IN_A_FOLDER:03d}/{number:06d}.png"


def images_of(drawn: FixedScenes, numbers: Tensor) -> Iterator[Image.Image]:
    """The scenes of these numbers without what no augmentation reaches."""
    x = drawn.pictures(numbers)
    x = x[:, : x.shape[1] - drawn.scenes.planes]
    for pixels in (x.clamp(0, 1) * 255).round().byte():
        if len(pixels) == 1:
            yield Image.fromarray(pixels[0].numpy())
        else:
            yield Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())


def table_text(part: str, drawn: FixedScenes, about: Described) -> str:
    """metadata.csv: a line a picture, the features by the names of their classes."""
    columns: dict[str, list[Any]] = {}
    for name, classes in about.classes.items():
        columns[name] = [classes[label] for label in drawn.labels[name].tolist()]
    columns.update(columns_of(drawn))
    if UNIT in columns:  # numbers of either part's own
        columns[UNIT] = [f"{part}-{number}" for number in columns[UNIT]]
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow([FILE_NAME, *columns])
    names = [file_name(number) for number in range(len(drawn))]
    table.writerows(zip(names, *columns.values(), strict=True))
    return lines.getvalue()
