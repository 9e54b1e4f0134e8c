"""The name under which a cell is stored, made of its parameters."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from typing import Any

Record = dict[str, Any]


def key_of(cell: Record) -> str:
    """The name of a cell's folder: sha256 of its parameters in canonical order, without those that are None (so that a new parameter changes no old key)."""
    kept = {name: value for name, value in cell.items() if value is not None}
    return hashlib.sha256(dumps(kept).encode()).hexdigest()[:24]


dumps = partial(json.dumps, sort_keys=True, separators=(",", ":"))


def full_key(cell: Record) -> str:
    """The cell's key in the store: its parameters and the versions of everything that made it. `op1` and `op2` are put on in one fixed order (`Augmentation`), so that the two ways to
    name a pair of them are one training."""
    from suppression.data import DATASETS
    from suppression.data.transforms.augmentation import Augmentation
    from suppression.methods import METHODS
    from suppression.models.resnet import Shortcut
    from suppression.training.loop import Training

    if pair := sorted({op for op in (cell.get("op1"), cell.get("op2")) if op}):
        cell = cell | {"op1": pair[0], "op2": pair[-1]}
    trained = METHODS[cell["method"]].trains
    versions = {"scenes": DATASETS[cell["data"]].version, "method": METHODS[cell["method"]].version}
    versions |= {"views": Augmentation.version, "train": Training.version} if trained else {}
    versions |= {"shortcut": Shortcut.version} if trained and cell["net"] is None and cell["width"] < Shortcut.narrow else {}
    return key_of(cell | {f"version_{name}": version for name, version in versions.items()})
