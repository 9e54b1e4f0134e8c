"""A record of nearest neighbours: which scenes networks put next to one another, for the explorer.

It is NAME.SCALE.neighbours.json beside the record of the same experiment, and holds its pictures.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from suppression.evaluation.neighbours import grouping
from suppression.experiment import files
from suppression.reporting.page import data_uri

Facts = dict[str, Any]

NAME, SCALE = "coloured_digits", "demo"  # whose networks are compared
ENDING = "neighbours.json"
# What networks are called, and the parameters that tell them from one another.
NETWORKS: dict[str, dict[str, Any]] = {
    "SimCLR": {"method": "simclr", "jitter": 0.0},
    "SimCLR, second view in another colour": {"method": "simclr", "jitter": 0.0, "redraw": 1.0},
    "SimCLR, colours of views jittered": {"method": "simclr", "jitter": 1.0},
    "supervised, told the digit": {"method": "supervised"},
    "random features, never trained": {"method": "random_features"},
}
COMPARED = 400  # scenes among which neighbours are looked for
ASKED = 12  # of these, whose neighbours are shown
NEIGHBOURS = 5
SIDE = 20  # px of a picture
COLUMNS = 20  # of the sheet of pictures
SHADES = 64  # colours of the sheet


def neighbours_record(
    x: Tensor, labels: Mapping[str, Tensor], vectors: Mapping[str, Tensor], made: Facts
) -> Facts:
    """Who is next to whom, as JSON can hold it.

    Args:
        x: Pictures (n, 3, s, s) in [0, 1].
        labels: The class of each feature of each picture, (n,).
        vectors: Features (n, d), by the networks' names.
        made: How it was made.

    Returns:
        The record: `networks`, each with the neighbours of the first pictures and the share of all
        neighbours with the same class; pictures by their number in `sheet`, with their classes.
    """
    networks, shown = [], list(range(ASKED))
    chance: dict[str, float] = {}
    for name, each in vectors.items():
        found = grouping(each, labels, NEIGHBOURS)
        rows = found.nearest[:ASKED].tolist()
        shown += [number for row in rows for number in row]
        networks.append({"name": name, "nearest": rows, "shared": rounded(found.shared)})
        chance = rounded(found.chance)
    numbers = list(dict.fromkeys(shown))  # each once, those that are asked first
    at = {number: place for place, number in enumerate(numbers)}
    for network in networks:
        network["nearest"] = [[at[number] for number in row] for row in network["nearest"]]
    return {
        **made,
        "compared": len(x),
        "asked": ASKED,
        "networks": networks,
        "chance": chance,
        "classes": {name: each[numbers].tolist() for name, each in labels.items()},
        "side": SIDE,
        "columns": COLUMNS,
        "sheet": sheet(x[numbers]),
    }


def rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


def sheet(x: Tensor) -> str:
    """Pictures in rows, small and in few colours, as a png within a page."""
    from PIL import Image

    small = interpolate(x, size=(SIDE, SIDE), mode="area")  # (n, 3, SIDE, SIDE)
    missing = -len(small) % COLUMNS
    whole = torch.cat([small, small.new_zeros(missing, *small.shape[1:])])
    rows = [torch.cat(list(row), dim=2) for row in whole.split(COLUMNS)]
    pixels = (torch.cat(rows, dim=1).clamp(0, 1) * 255).round().byte()  # (3, h, w)
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    out = io.BytesIO()
    picture.quantize(SHADES, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return data_uri(out.getvalue(), "image/png")


def recorded_neighbours() -> Facts | None:
    """The record that comes with the package; None where it is not there."""
    path = files.find("experiments", NAME).with_suffix(f".{SCALE}.{ENDING}")
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
