"""The result of an audit: its rows, what is left of a feature beside its competitor, its words."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

from suppression.auditing.asking import BLANK, ENCODER, FIXED, LABELS, PIXELS, RANDOM
from suppression.metrics.crossed import Crossed
from suppression.metrics.retention import retained
from suppression.metrics.units import Row, without_units
from suppression.reporting.numbers import plus_minus

if TYPE_CHECKING:
    from suppression.data.sheet import Sheet

ROLES = (ENCODER, RANDOM, PIXELS)
LEFT = "left"  # the column of what is left
NOTHING = "-"  # what was not asked, or cannot be
CLAIM = (
    "This is what can be read under competition, together against alone. It does not say that "
    "training suppressed anything: no network was trained here with the competitor and without it."
)

WHOLE = (
    "All is visible in every picture that was asked about, so that it cannot be said what one "
    "feature costs another; and nothing was trained here."
)


class Column(NamedTuple):
    """A column of the table: which rows stand in it, and what it is."""

    name: str
    scenes: str
    probe: str
    control: str
    text: str


COLUMNS = (
    Column("alone", "alone", "linear", "", "linear readout, nothing else visible"),
    Column("together", "together", "linear", "", "linear readout, all visible"),
    Column(
        "blank",
        "together",
        "linear",
        BLANK,
        "together, the competitor being always the same, so that it carries nothing",
    ),
    Column(
        "fixed",
        "together",
        "linear",
        FIXED,
        "together, the first digit always at one place, as far covered as elsewhere on average",
    ),
    Column(
        "named",
        "together",
        "named",
        "",
        "together, as many classes named as there are objects, whichever is whose",
    ),
    Column("mlp", "together", "mlp", "", "together, a readout with one hidden layer"),
    Column("labels", "together", "linear", LABELS, "together, {more} labels"),
)
BY_NAME = {column.name: column for column in COLUMNS}


class Left(NamedTuple):
    """What is left of a feature, R = (together - chance) / (alone - chance), with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Audit:
    """What an encoder reads, alone and together, beside what has learned nothing.

    It prints as its table and what can be said of it; in a notebook it shows the figure, too.

    Args:
        title: What the encoder is called.
        data: What it was asked about.
        preprocessing: What was done to pictures first, in words.
        all_rows: The rows, with the correctness that intervals are made of (`units`).
        made: How it was made: command, date, machine, versions.

    Example:
        >>> import suppression as sup
        >>> scenes = sup.datasets.TwoDigits(canvas=16, size1=5, size2=11)
        >>> asked = {"train": 60, "test": 30, "mlp": None}
        >>> result = sup.audit(lambda x: x.flatten(1), scenes, raw=True, **asked)
        >>> [row["accuracy"] for row in result.select("encoder", "first")] > []
        True
    """

    title: str
    data: str
    preprocessing: str
    all_rows: list[Row] = field(repr=False)
    made: dict[str, Any] = field(default_factory=dict, repr=False)

    # --- rows ------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> list[Row]:
        """One row a network, place, control, feature, kind of scenes, probe and layer."""
        return [without_units(row) for row in self.all_rows]

    def select(self, network: str, feature: str) -> list[Row]:
        """The rows of a network (encoder, random weights, raw pixels) about a feature."""
        found = []
        for row in self.rows:
            if row["network"] == network and row["feature"] == feature:
                found.append(row)
        return found

    @cached_property
    def places(self) -> list[str]:
        return list(dict.fromkeys(row["at"] for row in self.all_rows))

    @cached_property
    def features(self) -> list[str]:
        """Those of the table: of several bits their mean alone."""
        names = dict.fromkeys(row["feature"] for row in self.all_rows)
        return [name for name in names if not (name.startswith("bit") and name[3:].isdigit())]

    @cached_property
    def networks(self) -> list[tuple[str, str]]:
        """Each network by its role and layer, in the order of the table."""
        found = {(row["network"], row["layer"]): True for row in self.all_rows}
        return [pair for role in ROLES for pair in found if pair[0] == role]

    @cached_property
    def columns(self) -> list[Column]:
        """Those in which anything stands."""
        there = {(row["scenes"], row["probe"], row["control"]) for row in self.all_rows}
        return [column for column in COLUMNS if column[1:4] in there]

    @cached_property
    def _index(self) -> dict[tuple[str, ...], Row]:
        index: dict[tuple[str, ...], Row] = {}
        for row in self.all_rows:
            where = (row["scenes"], row["probe"], row["control"])
            index[row["at"], row["feature"], row["network"], row["layer"], *where] = row
        return index

    def row(self, at: str, feature: str, network: tuple[str, str], column: str) -> Row | None:
        """The row in a column of the table; None where that was not asked."""
        return self._index.get((at, feature, *network, *BY_NAME[column][1:4]))

    def left(self, at: str, feature: str, network: tuple[str, str]) -> Left | None:
        """What is left of a feature; None where it is not asked both alone and together.

        Its interval is over held-out instances, which both readings share; NaN where the feature is
        not read even alone.
        """
        together = self.row(at, feature, network, "together")
        alone = self.row(at, feature, network, "alone")
        if together is None or alone is None or "units" not in together or "units" not in alone:
            return None
        beside, by_itself = (Crossed.accuracy([row["units"]]) for row in (together, alone))
        found = retained(beside, by_itself, together["guess"])
        value, half = float(found.values[0]), found.half_width()
        if not alone["low"] > alone["guess"]:
            return Left(math.nan, math.nan, math.nan)
        return Left(value, value - half, value + half)

    # --- words -----------------------------------------------------------------------------

    def table(self, *, width: int = 80) -> str:
        """The table as text.

        Args:
            width: Columns that it may take.
        """
        from suppression.auditing.words import terminal_table

        return terminal_table(self, width)

    def verdict(self) -> str:
        """What was found, made by fixed rules."""
        from suppression.auditing.words import verdict

        return verdict(self)

    def caption(self) -> str:
        """What a reader of the table must know: preprocessing, readouts, intervals."""
        from suppression.auditing.words import caption

        return caption(self)

    def plot(self) -> Sheet:
        """The figure: alone and together, each network a row."""
        from suppression.auditing.drawing import figure

        return figure(self)

    def report(self, path: Path | str = "audit.html") -> Path:
        """Write one page to hand on; its path.

        Raises:
            UserError: if it cannot be written.
        """
        from suppression import places
        from suppression.auditing.page import audit_page
        from suppression.reporting.page import write_page

        out = places.named(path)
        write_page("report", out, audit_page(self))
        return out

    def __str__(self) -> str:
        return self.text()

    def text(self, *, width: int = 80) -> str:
        """Table, verdict and caption, in lines of at most so many columns."""
        return f"{self.table(width=width)}\n\n{fill(self.verdict(), 80)}\n\n{self.caption()}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from suppression.reporting.figures import saved

        drawn = saved(self.plot(), "svg").decode()
        return f"<pre>{html.escape(str(self))}</pre>{drawn}"


def accuracy_text(row: Row | None) -> str:
    """A cell of the table: an accuracy in percent and half of its interval."""
    if row is None:
        return NOTHING
    return plus_minus(row["accuracy"], row["low"], row["high"])


def left_text(left: Left | None) -> str:
    """A cell of the table: what is left."""
    if left is None:
        return NOTHING
    if math.isnan(left.value):
        return "unread"
    return f"{left.value:.2f}±{(left.high - left.low) / 2:.2f}".replace("0.", ".")


def mean_guess(rows: Iterable[Row | None]) -> str:
    """What guessing scores, in percent."""
    values = [row["guess"] for row in rows if row is not None]
    return f"{100 * sum(values) / len(values):.0f}" if values else NOTHING
