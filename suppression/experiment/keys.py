"""The name under which a cell is stored: a hash of what it is made of."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

Record = dict[str, Any]

KEY = re.compile("[0-9a-f]{24}")

dumps = partial(json.dumps, sort_keys=True, separators=(",", ":"))

# The parameters of the first stored cells. They are part of a key whatever their value is. Any
# other one is left out where it has its default, so that cells from before it was added are
# still found; for the same reason an edited default needs a new `version` of its class.
FIRST = frozenset(
    [
        "ahead",
        "alignment",
        "alpha",
        "area_max",
        "area_min",
        "aspect",
        "bank",
        "batch",
        "bits",
        "blur",
        "bn_groups",
        "box",
        "canvas",
        "centre",
        "classes",
        "combine",
        "correlation",
        "count",
        "covariance",
        "cutout",
        "cutout_side",
        "data",
        "decoder_width",
        "distil_on",
        "ema",
        "epsilon",
        "flip",
        "from_layer",
        "gray",
        "head",
        "head_bn",
        "head_layers",
        "head_width",
        "invariance",
        "iterations",
        "jitter",
        "jitter_p",
        "l2",
        "label_weight",
        "lr",
        "method",
        "noise",
        "noise_std",
        "optimiser",
        "overlap",
        "photos",
        "placement",
        "precision",
        "predictor",
        "predictor_layers",
        "prior",
        "prototypes",
        "quarter",
        "queue",
        "redundancy",
        "rotate",
        "samples",
        "scaling",
        "seed",
        "share",
        "size1",
        "size2",
        "sizes",
        "sobel",
        "source",
        "tau",
        "tau_teacher",
        "tune",
        "variance",
        "warmup",
        "weight",
        "weight_decay",
        "width",
        "z_dim",
    ]
)


def cell_key(
    values: Record, *, defaults: Mapping[str, Any], versions: Mapping[str, int | None]
) -> str:
    """The key of a cell with these parameters.

    Args:
        values: The parameters by name.
        defaults: What each of them is where nobody says anything.
        versions: Of everything that makes the cell; None is as if it were not there.

    Returns:
        24 hexadecimal digits.
    """
    kept = {
        name: value
        for name, value in values.items()
        if name in FIRST or name not in defaults or value != defaults[name]
    }
    # Two operations are put on in one fixed order: both ways to name a pair are one training.
    pair = sorted({kept[name] for name in ("op1", "op2") if kept.get(name)})
    if pair:
        kept["op1"], kept["op2"] = pair[0], pair[-1]
    for name, version in versions.items():
        kept[f"version_{name}"] = version
    return key_of(kept)


def key_of(record: Record) -> str:
    """The first 24 digits of the sha256 of a record in canonical order, without what is None."""
    kept = {name: value for name, value in record.items() if value is not None}
    return hashlib.sha256(dumps(kept).encode()).hexdigest()[:24]


def is_key(word: str) -> bool:
    """Whether a word may be the key of a cell (`key_of`), and so the name of a folder."""
    return KEY.fullmatch(word) is not None
