"""What was told rightly of each held-out instance, and how that is kept in a small file."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Row = dict[str, Any]
UNITS = "units.npz"  # how the name of such a file ends
NONE_KEPT = -1  # in a file: a row without units
MOST_BYTES = 500_000_000  # of a file when unpacked; the largest of ours has some millions
UNREADABLE = (  # what numpy raises at a file that is none
    OSError,
    ValueError,
    KeyError,
    EOFError,
    IndexError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False, repr=False)
class Units:
    """The correctness behind an accuracy, by the held-out instance that was asked about.

    Pictures of one instance are not independent of one another: instances are. `Units.of` counts
    them up.

    Args:
        instances: Numbers of the instances, ascending, (k,).
        counts: How many pictures of each were asked about, 1 or more, (k,).
        right: How many of these were told rightly, (k,).

    Example:
        >>> units = Units.of([7, 3, 7], [True, False, True])
        >>> units, units.right.tolist(), units == Units.of([3, 7, 7], [0, 1, 1])
        (Units(2 of 3 right, 2 instances), [0, 2], True)
    """

    instances: NDArray
    counts: NDArray
    right: NDArray

    @classmethod
    def of(cls, instance: ArrayLike, right: ArrayLike, count: ArrayLike = 1) -> Units:
        """The units of pictures of these instances.

        Args:
            instance: The instance that each picture shows, (n,).
            right: Whether it was told rightly, or how often, (n,).
            count: How often it was asked about, (n,) or one number for all.

        Raises:
            ValueError: If a picture was told rightly a share of a time, or more often than asked.
        """
        import numpy as np

        shown = np.asarray(instance)
        instances, at = np.unique(shown, return_inverse=True)
        times = np.broadcast_to(count, shown.shape)
        told = np.asarray(right, float)
        if (told % 1 != 0).any() or (told > times).any():
            raise ValueError("right is how often a picture was told rightly: a whole number")
        counts = np.bincount(at, times)
        hits = np.bincount(at, told)
        return cls(instances, smallest(counts), smallest(hits))

    def regrouped(self, instance: ArrayLike) -> Units:
        """The same, where what stood for instances is pictures of these, (k,)."""
        return Units.of(instance, self.right, self.counts)

    @cached_property
    def digest(self) -> bytes:
        """Equal for equal units."""
        found = hashlib.sha256()
        for part in (self.instances, self.counts, self.right):
            found.update(part.astype("int64").tobytes())
        return found.digest()

    def same_questions(self, other: Units) -> bool:
        """Whether both were asked about the same instances equally often."""
        import numpy as np

        if self.instances is other.instances and self.counts is other.counts:
            return True
        return np.array_equal(self.instances, other.instances) and np.array_equal(
            self.counts, other.counts
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Units) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        right, asked = int(self.right.sum()), int(self.counts.sum())
        return f"Units({right} of {asked} right, {len(self.instances)} instances)"


def smallest(values: NDArray) -> NDArray:
    """Whole numbers, 0 or more, in the smallest type that holds them."""
    import numpy as np

    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def summed(several: Sequence[Units]) -> Units:
    """Several questions about the same pictures as one: their mean is the accuracy.

    Args:
        several: Units of one question each, one or more.

    Example:
        >>> summed([Units.of([0, 1], [1, 0]), Units.of([0, 1], [1, 1])])
        Units(3 of 4 right, 2 instances)
    """
    import numpy as np

    instances = np.concatenate([units.instances for units in several])
    right = np.concatenate([units.right for units in several])
    return Units.of(instances, right, np.concatenate([units.counts for units in several]))


# --- a file of them --------------------------------------------------------------------------


def packed(rows: Sequence[Units | None]) -> bytes:
    """The units of rows as a compressed npz; equal ones give equal bytes.

    Rows that were asked about the same instances share their numbers.
    """
    import numpy as np

    sets: list[Units] = []
    which = np.full(len(rows), NONE_KEPT, np.int32)
    members: list[list[NDArray]] = []
    for i, units in enumerate(rows):
        if units is None:
            continue
        k = next((k for k, known in enumerate(sets) if units.same_questions(known)), len(sets))
        if k == len(sets):
            sets.append(units)
            members.append([])
        which[i] = k
        members[k].append(units.right)
    arrays: dict[str, Any] = {"set": which}
    for k, (units, right) in enumerate(zip(sets, members, strict=True)):
        arrays[f"instances{k}"] = units.instances
        arrays[f"counts{k}"] = units.counts
        arrays[f"right{k}"] = smallest(np.stack(right))
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def unpacked(content: bytes, rows: int) -> list[Units | None]:
    """The units of so many rows.

    Args:
        content: What `packed` made.
        rows: How many rows there are.

    Raises:
        UserError: If it is no such file, or of another number of rows.
    """
    import numpy as np

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed_file:
            size = sum(each.file_size for each in packed_file.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"unpacked it has {size:,} bytes, and {MOST_BYTES:,} are the most")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return taken_apart(arrays, rows)
    except UNREADABLE as error:
        raise UserError(f"it holds no correctness of {rows} rows ({error})") from error


def with_units(rows: Sequence[Row], content: bytes) -> list[Row]:
    """Rows that bear their units, where some were kept (`packed`).

    Raises:
        UserError: If the file is none, or of other rows.
    """
    made = []
    for row, units in zip(rows, unpacked(content, len(rows)), strict=True):
        made.append(row if units is None else {**row, "units": units})
    return made


def without_units(row: Row) -> Row:
    """The row as it is told, without the correctness behind its accuracy."""
    return {name: value for name, value in row.items() if name != "units"}


def taken_apart(arrays: dict[str, NDArray], rows: int) -> list[Units | None]:
    """The units in the arrays of a file; ValueError or KeyError where they do not fit."""
    import numpy as np

    which = arrays["set"]
    if which.shape != (rows,) or which.dtype.kind not in "iu":
        raise ValueError(f"it is of {which.shape} rows")
    found: list[Units | None] = [None] * rows
    for k in range(which.max(initial=NONE_KEPT) + 1):
        instances, counts, right = (
            arrays[f"{name}{k}"] for name in ("instances", "counts", "right")
        )
        at = np.flatnonzero(which == k)
        kinds = {array.dtype.kind for array in (instances, counts, right)}
        if not kinds <= {"i", "u"} or right.shape != (len(at), *instances.shape):
            raise ValueError(f"set {k} has {right.shape} answers")
        if counts.shape != instances.shape or instances.ndim != 1 or not len(instances):
            raise ValueError(f"set {k} has {counts.shape} counts")
        if (np.diff(instances.astype(np.int64)) <= 0).any() or (right > counts).any():
            raise ValueError(f"set {k} is not in order")
        if counts.min() < 1 or right.min(initial=0) < 0:
            raise ValueError(f"set {k} has counts below 1")
        for i, row in zip(at, right, strict=True):
            found[i] = Units(instances, counts, row)
    return found
