"""Pictures of one's own with a table of their factors, as a source: indexed, not loaded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from suppression.data.pool import MissingSource, Pool
from suppression.data.sources.contents import sha256, stamp
from suppression.data.sources.decoding import attempt, squared
from suppression.data.sources.digits import digits
from suppression.data.sources.image_folder import HELD_OUT, TRAINING
from suppression.data.sources.root import data_root
from suppression.data.sources.table_files import (
    CROISSANT,
    METADATA,
    SPLIT,
    labels_of,
    metadata_files,
    of_folder,
    of_npz,
)
from suppression.errors import UserError, unknown
from suppression.notes import Note, ignore, warn
from suppression.places import named

TABLE = "table:"
UNIT = "unit"  # a column that is no factor, as SPLIT is
ROLES = (SPLIT, UNIT)
TEST_SHARE = 0.2  # of the units, where nothing says which are held out
HELD = 1e9  # bytes; larger tables are read picture by picture as they are drawn
NAMED = 5  # bad files that a message names


@dataclass(frozen=True, eq=False)
class Table:
    """Pictures and their factors; no picture is read before it is drawn.

    Args:
        read: A picture by its row, (h, w[, c]) uint8 or a picture of PIL's.
        side: The shorter side of the first picture, px.
        names: The classes of each factor, by its name.
        codes: The class of each row in each factor, (n, factors) int64.
        identifiers: The classes of each column that is nearly another one a row, (n,) int64:
            no feature, as no class of it has cases to learn from.
        training: Which rows are for training, (n,) bool.
        unit: The number of the unit of each row, (n,) int64.
        digest: 16 hexadecimal digits that differ for other contents.
    """

    read: Callable[[int], Any]
    side: int
    names: dict[str, tuple[str, ...]]
    codes: Tensor
    identifiers: dict[str, Tensor]
    training: Tensor
    unit: Tensor
    digest: str

    def pool(self, train: bool, side: int) -> Pool:
        """The rows of one part as instances, labelled by the first factor; `side` px at most."""
        rows = torch.where(self.training == train)[0]
        names = next(iter(self.names.values()))
        held = min(side, self.side)
        images: Any = Indexed(self.read, rows, held)
        if 3 * held**2 * len(rows) <= HELD:
            images = images.index_select(0, torch.arange(len(rows)))
        codes = self.codes[rows]
        return Pool(images, codes[:, 0], names, originals=self.unit[rows], factors=codes)


class Indexed:
    """Pictures that are read when they are drawn; stands for a tensor (m, 3, side, side) uint8.

    Args:
        read: A picture by its row.
        rows: The rows of these pictures, (m,) int64.
        side: Side at which they are drawn, px.
        device: Where they are wanted.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(
        self, read: Callable[[int], Any], rows: Tensor, side: int, device: Any = "cpu"
    ) -> None:
        self.read, self.rows, self.side = read, rows.cpu(), side
        self.device = torch.device(device)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (len(self), 3, self.side, self.side)

    def __getitem__(self, which: Any) -> Indexed:
        which = which.cpu() if isinstance(which, Tensor) else which
        return Indexed(self.read, self.rows[which], self.side, self.device)

    def to(self, device: Any) -> Indexed:
        return Indexed(self.read, self.rows, self.side, device)

    def index_select(self, dim: int, index: Tensor) -> Tensor:
        """These pictures, (n, 3, side, side) uint8."""
        assert dim == 0
        pictures = torch.empty(len(index), 3, self.side, self.side, dtype=torch.uint8)
        for place, row in enumerate(self.rows[index.cpu()].tolist()):
            image = self.read(row)
            if not isinstance(image, Image.Image):
                image = Image.fromarray(np.asarray(image))
            square = np.array(squared(image, self.side))
            pictures[place] = torch.from_numpy(square).permute(2, 0, 1)
        return pictures.to(self.device)


IN_MEMORY: dict[str, Table] = {}
"""Tables that were handed over in this process, by the name after `table:`."""


def load_table(name: str, root: Path | None = None) -> Table:
    """The table of a source's name, table:PATH or one that was handed over.

    Raises:
        MissingSource: It is not there.
        UserError: It cannot be used; the message says what is wrong with it.
    """
    given = name.removeprefix(TABLE)
    if given == "digits":
        return of_digits()
    if given in IN_MEMORY:
        return IN_MEMORY[given]
    if given.startswith("memory-"):
        raise MissingSource(
            f"source '{name}' was handed over in another process: call from_table there again, "
            f"or write the pictures to a folder with {METADATA} and name {TABLE}PATH"
        )
    return stored(path_of(given, root))


def path_of(given: str, root: Path | None = None) -> Path:
    """The npz or the folder; MissingSource if it is not there."""
    if not given.strip():
        raise MissingSource(f"source '{TABLE}' names no folder and no .npz")
    place = named(given)
    places = [place] if place.is_absolute() else [data_root(root) / place, place.absolute()]
    for place in places:
        if place.exists():
            return place
    raise MissingSource(
        f"source '{TABLE}{given}' is not there: name a folder with {METADATA}, or an .npz as "
        "dSprites has it"
    )


def stored(path: Path) -> Table:
    """The table of an npz or of a folder; what odd there is about it is a warning."""
    files = [path] if path.is_file() else [file for file, _ in metadata_files(path)]
    files += [file for file in [path / CROISSANT] if file.is_file()]
    stamps = tuple(stamp(file) for file in files)
    return _stored(path, stamps)


@lru_cache(maxsize=8)
def _stored(path: Path, stamps: Any) -> Table:
    if path.is_file():
        images, columns = of_npz(path)
        return make_table(images, columns, digest=sha256(path)[:16])
    images, columns = of_folder(path)
    labels = labels_of(path)
    if labels:
        columns = chosen_of(columns, [*labels, *[role for role in ROLES if role in columns]])
    return make_table(images, columns)


def chosen_of(columns: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The columns of these names; UserError, with the nearest name, for one that is not there."""
    found = {}
    for name in names:
        if name not in columns:
            raise unknown("from_table: there is no column", name, columns)
        found[name] = columns[name]
    return found


def make_table(
    images: Any,
    columns: Mapping[str, Any],
    *,
    split: Any = None,
    unit: Any = None,
    digest: str | None = None,
    note: Note = warn,
) -> Table:
    """A table of these pictures and columns; parameters as in `from_table`.

    Args:
        images: Arrays (n, h, w[, c]) uint8, or paths.
        columns: Values by the name of their column, n each.
        split: The name of a column, or n values; `split` if there is one.
        unit: The name of a column, or n values; `unit` if there is one.
        digest: Of the contents, where it is known.
        note: Gets a line about columns that are no factors.
    """
    read, side, n, contents = pictures(images)
    columns = dict(columns)
    split_values = role(SPLIT, split, columns, n)
    unit_values = role(UNIT, unit, columns, n)
    names: dict[str, tuple[str, ...]] = {}
    codes: list[Tensor] = []
    identifiers: dict[str, Tensor] = {}
    for name, values in columns.items():
        check_length(f"factor '{name}'", values, n)
        classes, code = coded(values)
        if len(classes) == 1:
            raise UserError(
                f"from_table: factor '{name}' has one value, {classes[0]}: nothing can be asked "
                "of it; leave it out"
            )
        if 2 * len(classes) > n:
            identifiers[name] = code
            note(
                f"from_table: '{name}' has {len(classes)} values in {n} rows: an identifier, which "
                "is no feature; if it is who or what the rows belong to, name it as unit"
            )
            continue
        names[name] = classes
        codes.append(code)
    if not names:
        raise UserError("from_table: there is no factor of which a value stands in two rows")
    unit_code = torch.arange(n)
    if unit_values is not None:
        check_length("unit", unit_values, n)
        unit_code = coded(unit_values)[1]
    training = parts(split_values, unit_code, n)
    check_parts(names, codes, training)
    if digest is None:
        digest = digest_of(contents, [*codes, *identifiers.values(), unit_code, training])
    matrix = torch.stack(codes, 1)
    return Table(read, side, names, matrix, identifiers, training, unit_code, digest)


def role(name: str, given: Any, columns: dict[str, Any], n: int) -> Any:
    """The values of the split or of the unit; its column is taken out, as it is no factor."""
    if given is None:
        return columns.pop(name, None)
    if isinstance(given, str):
        if given not in columns:
            raise unknown(f"from_table: {name} names no column:", given, columns)
        return columns.pop(given)  # no unit is in both parts, so none can be asked for
    check_length(name, given, n)
    return given


def check_length(what: str, values: Any, n: int) -> None:
    if len(values) != n:
        raise UserError(f"from_table: {what} has {len(values)} values for {n} pictures")


def coded(values: Any) -> tuple[tuple[str, ...], Tensor]:
    """The distinct values, sorted, as text; and of each row which one it has, (n,) int64."""
    array = values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "biufUS":
        array = np.array([str(value) for value in values])
    distinct, code = np.unique(array, return_inverse=True)
    return tuple(map(str, distinct.tolist())), torch.from_numpy(code.astype(np.int64))


def parts(split: Any, unit: Tensor, n: int) -> Tensor:
    """Which rows are for training, (n,) bool; no unit is in both parts."""
    if split is None:
        return ~held_out_units(unit)
    check_length("split", split, n)
    words = [str(value).lower() for value in split]
    known = {**dict.fromkeys((*TRAINING, "true"), True), **dict.fromkeys(HELD_OUT, False)}
    known["false"] = False
    for word in sorted(set(words)):
        if word not in known:
            raise unknown("from_table: split has the value", word, known)
    training = torch.tensor([known[word] for word in words])
    both = set(unit[training].tolist()) & set(unit[~training].tolist())
    if both:
        raise UserError(
            f"from_table: {len(both)} units are in both parts of the split, so that a probe may "
            "know by heart what it is asked; split by unit"
        )
    return training


def held_out_units(unit: Tensor) -> Tensor:
    """The rows of a fifth of the units, which the units' numbers choose, (n,) bool."""
    numbers = unit.unique()
    if len(numbers) < 2:
        raise UserError("from_table: there is one unit; none is left to test with")
    order = sorted(numbers.tolist(), key=lambda each: hashlib.sha256(b"%d" % each).digest())
    held_out = torch.tensor(order[: max(1, round(TEST_SHARE * len(order)))])
    return torch.isin(unit, held_out)


def check_parts(
    names: dict[str, tuple[str, ...]], codes: Sequence[Tensor], training: Tensor
) -> None:
    """UserError where a class is asked for that is never shown in training, or never asked."""
    for (name, classes), code in zip(names.items(), codes, strict=True):
        for part, rows in (("training", training), ("held-out", ~training)):
            there = set(code[rows].tolist())
            lacking = [classes[i] for i in range(len(classes)) if i not in there]
            if lacking:
                raise UserError(
                    f"from_table: the {part} part has no row where '{name}' is {lacking[0]}: "
                    "give a split that leaves no class out, or leave the factor out"
                )


def pictures(images: Any) -> tuple[Callable[[int], Any], int, int, Any]:
    """How a row is read, the side of the first one, the number of rows, and what to digest."""
    if isinstance(images, Tensor):
        images = images.cpu().numpy()
    if isinstance(images, np.ndarray) and images.dtype != object:
        if images.dtype != np.uint8 or images.ndim not in (3, 4):
            raise UserError(
                f"from_table: images is {images.dtype} of {images.shape}; (n, h, w) or "
                "(n, h, w, c) of uint8 is wanted"
            )
        if images.ndim == 4 and images.shape[-1] not in (1, 3):
            raise UserError(
                f"from_table: images is of {images.shape}; channels stand last, and there are 1 "
                "or 3"
            )
        # dSprites' pictures are of zeros and ones.
        factor = 255 if len(images) and images[:100].max() <= 1 else 1
        flat = images[..., 0] if images.shape[-1] == 1 and images.ndim == 4 else images
        return lambda row: flat[row] * np.uint8(factor), min(flat.shape[1:3]), len(flat), images
    if is_column(images):
        return (lambda row: images[row]), min(images[0].size), len(images), str(images)
    return of_paths([Path(path) for path in images])


def of_paths(paths: list[Path]) -> tuple[Callable[[int], Any], int, int, Any]:
    if not paths:
        raise UserError("from_table: there are no pictures")
    complain("are listed twice", repeated(paths))
    complain("are not there", [path for path in paths if not path.is_file()])
    bad: dict[str, str] = {}
    side = 0
    for path in paths:
        length = attempt(str(path), bad, lambda image: min(image.size))
        side = side or length or 0
    complain("are no pictures", [Path(path) for path in bad])

    def read(row: int) -> Image.Image:
        wrong: dict[str, str] = {}
        image = attempt(str(paths[row]), wrong, loaded)
        if image is None:
            raise UserError(f"from_table: {paths[row]} cannot be read: {wrong[str(paths[row])]}")
        return image

    return read, side, len(paths), [str(path) for path in paths]


def loaded(image: Image.Image) -> Image.Image:
    image.load()
    return image.copy()


def repeated(paths: Iterable[Path]) -> list[Path]:
    seen: set[Path] = set()
    twice = []
    for path in paths:
        if path in seen:
            twice.append(path)
        seen.add(path)
    return twice


def complain(why: str, paths: Sequence[Path]) -> None:
    """UserError that names the first few files, if there are any."""
    if paths:
        told = ", ".join(str(path) for path in paths[:NAMED])
        more = ", ..." if len(paths) > NAMED else ""
        raise UserError(f"from_table: {len(paths)} files {why}: {told}{more}")


def digest_of(contents: Any, columns: Sequence[Tensor]) -> str:
    """Of the table's columns and pictures: those of files by their contents."""
    total = hashlib.sha256()
    for column in columns:
        total.update(column.numpy().tobytes())
    if isinstance(contents, np.ndarray):
        total.update(str(contents.shape).encode())
        for row in contents:  # page by page, where the array is on disk
            total.update(row.tobytes())
    elif isinstance(contents, str):
        total.update(contents.encode())
    else:
        for path in contents:
            total.update(f"{Path(path).name} {sha256(Path(path))}\n".encode())
    return total.hexdigest()[:16]


def is_column(images: Any) -> bool:
    """Whether it is a column of pictures, such as Hugging Face's decode when they are asked for."""
    return len(images) > 0 and isinstance(images[0], Image.Image)


@lru_cache(maxsize=1)
def of_digits() -> Table:
    """scikit-learn's digits as a table of one factor: what the kind has without a path."""
    both = [digits(True), digits(False)]
    images = torch.cat([pool.images for pool in both]).numpy()
    labels = torch.cat([pool.labels for pool in both])
    split = ["train"] * len(both[0]) + ["test"] * len(both[1])
    return make_table(images, {"class": labels}, split=split, note=ignore)
