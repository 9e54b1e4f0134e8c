"""Where downloaded sources lie, and what is said of one that is not there."""

from __future__ import annotations

from pathlib import Path

from suppression import places
from suppression.data.pool import MissingSource

DATA_VARIABLE = "SUPPRESSION_DATA"


def data_root(root: Path | str | None) -> Path:
    """The folder of the sources: `root`, else `SUPPRESSION_DATA`, else the user's data folder."""
    if root is not None:
        return places.named(root)
    return places.own(DATA_VARIABLE, "data")


def missing(name: str, place: str, root: Path | str | None) -> MissingSource:
    """The error for a data set of torchvision's that is not under the data root."""
    return MissingSource(
        f"source '{name}' is not in {data_root(root)}, which has no whole {place}: place it there "
        f"as torchvision lays it out, name another folder with --root or {DATA_VARIABLE}, or add "
        "--download to fetch it"
    )
