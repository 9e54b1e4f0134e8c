"""Where cells are run and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Context:
    """Where cells are run and kept: nothing here changes what a cell is."""

    store: Path
    device: str = "cpu"
    root: Path | None = None
    download: bool = False
    skip_bad: bool = False  # leave out the files of a source that are no pictures
    threads: int | None = None
    check: bool = False  # read the contents of large trees of pictures, not only their times
