"""Numbers in prose that come from a record: marked, recomputed from its csv, and filled in.

A number is marked by a comment right behind it, which no reader of the page sees:

    <!-- numbers: digit_size.laptop feature=first scenes=together probe=named -->
    Beside 36 px it is 20.8<!--= simclr size2=36 redraw=0 --> %, and 29.1<!--= simclr size2=36
    redraw=1 - redraw=0 --> points more with the large digit redrawn.

The words of a mark choose rows of the csv, one a seed, and say what is told of them:

- `NAME.SCALE`: the record.
- `column=value`, or `column=value,value`: rows whose column has it; `column=`, rows that have
  nothing there; a space in it is written `_`. A method's name by itself is `method=NAME`.
- a column of scores, like `nmi`, is read in place of `accuracy`.
- `mean` (if nothing is said), `low` and `high` (of the 95 % t-interval over seeds, or of the one
  seed's own), `least`, `most`, and `seeds`, how many there are.
- `-`: less the rows that the words behind it choose, paired by seed; what they do not say is as
  before it.

`<!-- numbers: ... -->` gives words to all marks behind it, up to the next one. Shares are told in
percent. A number keeps its decimals, its `+` and its comma for thousands.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from suppression.errors import UserError, unknown
from suppression.evaluation.probes import COLUMNS, MEASURES
from suppression.methods import METHODS
from suppression.metrics.intervals import mean_interval

Row = Mapping[str, str]

MARK = re.compile(
    r"(?P<number>(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?)?<!--=\s+(?P<words>[^>]*?)\s*-->"
    r"|<!-- numbers:\s*(?P<common>[^>]*?)\s*-->"
)
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "low": lambda values: mean_interval(values)[1],
    "high": lambda values: mean_interval(values)[2],
    "least": min,
    "most": max,
    "seeds": len,
}


@dataclass(frozen=True)
class Selection:
    """What the words of a mark choose.

    Args:
        record: NAME.SCALE.
        where: Values by column; an empty one is that nothing stands there.
        column: What is read.
        statistic: What is told of the values of seeds.
        less: What is taken off, if anything.
    """

    record: str = ""
    where: Mapping[str, str] = field(default_factory=dict)
    column: str = "accuracy"
    statistic: str = "mean"
    less: Selection | None = None


def filled(text: str, folder: Path) -> str:
    """The text with every marked number as its record has it.

    Args:
        text: A page.
        folder: Where the records are.

    Raises:
        UserError: with the line, for a mark that chooses nothing, or more than one row a seed.
    """
    parts, behind = [], 0
    for match, words in marks(text):
        line = text.count("\n", 0, match.start()) + 1
        number = match["number"]
        where = f"line {line}, <!--= {match['words']} -->"
        if number is None:
            raise UserError(f"{where}: no number stands right before it")
        try:
            value = value_of(words, folder)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        parts += [text[behind : match.start()], written_like(number, value)]
        behind = match.start() + len(number)
    return "".join([*parts, text[behind:]])


def marks(text: str) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Every mark, with its words and those that are common to the marks around it."""
    common: list[str] = []
    for match in MARK.finditer(text):
        if match["common"] is not None:
            common = match["common"].split()
        else:
            yield match, [*common, *match["words"].split()]


def written_like(number: str, value: float) -> str:
    """The value with a number's decimals, its plus sign, and its commas.

    Example:
        >>> written_like("+1,234.5", 7654.321), written_like("3", -0.2)
        ('+7,654.3', '0')
    """
    decimals = len(number.partition(".")[2])
    rounded = round(value, decimals) + 0.0  # no -0
    sign = "+" if number.startswith("+") else ""
    return f"{rounded:{sign}{',' if ',' in number else ''}.{decimals}f}"


# --- what is meant ---------------------------------------------------------------------------


def value_of(words: Sequence[str], folder: Path) -> float:
    """The number that words mean, as it is told.

    Args:
        words: Those of a mark, behind those that are common.
        folder: Where the records are.

    Raises:
        UserError: for a word that is none, and for rows that there are not, or too many of.
    """
    chosen = read(words)
    scale = 100 if MEASURES[chosen.column].percent else 1
    rows = rows_by_seed(chosen, folder)
    values = {seed: scale * score(row, chosen.column) for seed, row in rows.items()}
    if chosen.less is not None:
        off = rows_by_seed(chosen.less, folder)
        values = {}
        for seed in rows:
            if seed in off:
                apart = score(rows[seed], chosen.column) - score(off[seed], chosen.column)
                values[seed] = scale * apart
        if not values:
            raise UserError("the two have no seed in common")
    if chosen.statistic in ("low", "high") and len(values) == 1:
        return scale * bound_of_one(chosen, next(iter(rows.values())))
    return STATISTICS[chosen.statistic](list(values.values()))


def read(words: Sequence[str]) -> Selection:
    """The selection that words make; behind a `-`, what is taken off."""
    if "-" in words:
        cut = words.index("-")
        first = read(words[:cut])
        both = read([*words[:cut], *words[cut + 1 :]])
        return Selection(first.record, first.where, first.column, both.statistic, both)
    record, column, statistic = "", "accuracy", "mean"
    where: dict[str, str] = {}
    for word in words:
        name, is_filter, value = word.partition("=")
        if is_filter:
            where[name] = value
        elif word in METHODS:
            where["method"] = word
        elif word in STATISTICS:
            statistic = word
        elif word in MEASURES:
            column = word
        elif "." in word:
            record = word
        else:
            raise unknown("there is no word", word, [*METHODS, *STATISTICS, *MEASURES])
    if not record:
        raise UserError("it names no record: NAME.SCALE")
    return Selection(record, where, column, statistic)


def rows_by_seed(chosen: Selection, folder: Path) -> dict[str, Row]:
    """The row of each seed; UserError unless there is one."""
    table = table_of(folder / f"{chosen.record}.csv")
    for name in chosen.where:
        if name not in table[0]:
            raise unknown(f"{chosen.record} has no column", name, table[0])
    found = [row for row in table if agrees(row, chosen.where)]
    if not found:
        raise UserError(f"{chosen.record} has no such row")
    by_seed: dict[str, Row] = {}
    for row in found:
        other = by_seed.setdefault(row["seed"], row)
        if other is not row:
            apart = [name for name in row if row[name] != other[name] and name not in COLUMNS]
            raise UserError(
                f"{chosen.record} has several such rows of seed {row['seed']}; they differ in "
                f"{', '.join(apart)}"
            )
    return by_seed


def agrees(row: Row, where: Mapping[str, str]) -> bool:
    for name, wanted in where.items():
        if not any(is_same(row[name], each) for each in wanted.split(",")):
            return False
    return True


def is_same(value: str, wanted: str) -> bool:
    """Whether two texts are the same, or the same number."""
    try:
        return float(value) == float(wanted)
    except ValueError:
        return wanted in (value, value.replace(" ", "_"))


def score(row: Row, column: str) -> float:
    value = row.get(column)
    if not value:
        raise UserError(f"the row of seed {row['seed']} has no {column}")
    return float(value)


def bound_of_one(chosen: Selection, row: Row) -> float:
    """A bound of the one seed's own interval."""
    measure = MEASURES[chosen.column]
    column = measure.low if chosen.statistic == "low" else measure.high
    if chosen.less is not None or column is None:
        raise UserError("one seed has no interval of this")
    return score(row, column)


@lru_cache(maxsize=64)
def read_table(path: Path, changed: int) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table_of(path: Path) -> list[Row]:
    try:
        return read_table(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
