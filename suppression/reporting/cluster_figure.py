"""The figure of local features: their clusters, over the scenes that they are of."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suppression.data.plain import plain_words
from suppression.evaluation.clustering import kmeans, local, reach, truth
from suppression.experiment.plan import Plan
from suppression.experiment.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the common kinds of colour blindness keep apart, for clusters
# from the largest to the smallest.
COLOURS = ("#333333", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
ACROSS = 4  # scenes side by side
IMAGES = 8  # scenes in all
TILE = 100  # px of a picture, at least
GAP, BETWEEN = 3, 26  # px between pictures, and between scenes
TOP = 96  # px for titles
LETTER = 19  # px that a letter of a name is wide, at most
DPI = 110
LEGIBLE = 0.0075  # points of text a px of width: 9 px and more where the sheet is 830 px wide

Maps = Mapping[str, Mapping[str, Tensor]]  # of each arm, by layer


def shown_cells(plan: Plan, stored: list[Run]) -> dict[str, Run]:
    """Of each arm the first cell that is stored, by the arm's label.

    Only cells on the scenes of the first one are shown.
    """
    found: dict[str, Run] = {}
    for arm in plan.arms:
        for cell in stored:
            if cell.arm == arm and cell.dataset == stored[0].dataset:
                found.setdefault(arm.label, cell)
    return found


def cluster_figure(
    plan: Plan, x: Tensor, masks: Tensor, maps: Maps, *, layer: str | None = None
) -> Figure:
    """Scenes with their clusters in the talk's layout.

    A row is an arm, or raw RGB patches; a column is a k; the scene and its digits' cells stand
    at the left. Each scene is clustered by itself, as it was for the score.

    Args:
        plan: Tells the numbers of clusters.
        x: The scenes, (n, c, s, s).
        masks: The ink of their digits, (n, digits, s, s).
        maps: The arms' feature maps of them, (n, c, s', s') by layer; `rgb` are raw patches.
        layer: Which layer; the middle one if None.

    Raises:
        KeyError: for a layer that the probe has not.
    """
    first = next(iter(maps.values()))
    layers = [name for name in first if name != "rgb"]
    layer = layer or layers[len(layers) // 2]
    rows = {"raw RGB": first["rgb"]}
    for name, by_layer in maps.items():
        rows[name] = by_layer[layer]
    ks = plan.probe.clusters or []
    digits = torch.zeros(masks.shape[:2], dtype=torch.int64)
    known = truth(masks, digits, first[layer].shape[2])
    blocks = []
    for i in range(min(IMAGES, len(x))):
        tapped = {name: each[i] for name, each in rows.items()}
        blocks.append(block(x[i], known[i].numpy(), tapped, ks))
    title = (
        f"{plan.recipe.title}: k-means within each scene at {layer} ({plan.scale} scale, scenes of "
        f"{x.shape[-1]} px; a colour a cluster, dark the largest)"
    )
    return laid_out(blocks, title, list(rows), ["scene", *(f"k = {k}" for k in ks)])


def block(
    picture: Tensor, known: np.ndarray, rows: Mapping[str, Tensor], ks: list[int]
) -> np.ndarray:
    """One scene's pictures, uint8 (height, width, 3).

    At the left are the scene and under it the cells of its digits; beside them is a row of
    clusters for each map (c, s, s).
    """
    side = picture.shape[-1]
    scene = (picture.permute(1, 2, 0).expand(-1, -1, 3) * 255).round().byte().numpy()
    first = [scene, coloured(known, side), *[np.full_like(scene, 255)] * len(rows)]
    lines = []
    for tap, at_left in zip(rows.values(), first, strict=False):
        vectors = local(tap[None])[0]
        tiles = [enlarged(at_left)]
        for k in ks:
            tiles.append(enlarged(coloured(kmeans(vectors, k), side)))
        lines.append(stacked(tiles, 1, GAP))
    return stacked(lines, 0, GAP)


def coloured(clusters: np.ndarray, picture: int) -> np.ndarray:
    """Clusters of the cells of a square map (s * s,) as a picture, uint8 (picture, picture, 3).

    Every pixel has the colour of the cell in whose window it is.
    """
    side = round(len(clusters) ** 0.5)
    half = reach(picture, side)
    cell = np.minimum((np.arange(picture) + half) // max(2 * half, 1), side - 1)
    size = np.bincount(clusters)
    rank = np.argsort(np.argsort(-size, kind="stable"))[clusters].reshape(side, side)
    colours = palette(len(size))
    return (colours[rank[cell][:, cell]] * 255).round().astype(np.uint8)


def palette(clusters: int) -> np.ndarray:
    """A colour for each cluster, (clusters or more, 3) in [0, 1]."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if clusters > len(COLOURS):
        return colormaps["cividis"](np.linspace(0, 1, clusters))[:, :3]
    return np.array([to_rgb(colour) for colour in COLOURS])


def enlarged(tile: np.ndarray) -> np.ndarray:
    """By the least whole number that makes it TILE px."""
    times = -(-TILE // len(tile)) if len(tile) < 0.9 * TILE else 1
    return tile.repeat(times, 0).repeat(times, 1)


def stacked(parts: list[np.ndarray], axis: int, gap: int) -> np.ndarray:
    """Pictures one after another along an axis, white between them."""
    shape = list(parts[0].shape)
    shape[axis] = gap
    between = np.full(shape, 255, np.uint8)
    pieces = [parts[0]]
    for part in parts[1:]:
        pieces += [between, part]
    return np.concatenate(pieces, axis)


@plain_words()
def laid_out(blocks: list[np.ndarray], title: str, rows: list[str], columns: list[str]) -> Figure:
    """Blocks of pictures, ACROSS side by side, names beside the rows and above the columns.

    One pixel of theirs is a pixel of the figure at DPI.
    """
    from matplotlib.figure import Figure

    across = min(ACROSS, len(blocks))
    blocks += [np.full_like(blocks[0], 255)] * (-len(blocks) % across)
    bands = []
    for i in range(0, len(blocks), across):
        bands.append(stacked(blocks[i : i + across], 1, BETWEEN))
    sheet = stacked(bands, 0, BETWEEN)
    names = [name.replace(", ", "\n") for name in rows]
    left = LETTER * (1 + max(map(len, "\n".join(names).split("\n"))))
    sheet = np.pad(sheet, ((TOP, GAP), (left, GAP), (0, 0)), constant_values=255)
    height, width = sheet.shape[:2]
    made = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    ax = made.add_axes((0, 0, 1, 1))
    ax.imshow(sheet, interpolation="none")
    ax.axis("off")
    high, wide = blocks[0].shape[0], blocks[0].shape[1]
    points = max(12.0, LEGIBLE * width)
    ax.text(left, TOP * 0.3, title, fontsize=points, va="center")
    for i in range(across):
        for j, name in enumerate(columns):
            x = left + i * (wide + BETWEEN) + wide * (j + 0.5) / len(columns)
            ax.text(x, TOP - 6, name, fontsize=points, ha="center", va="bottom")
    for i in range(len(blocks) // across):
        for j, name in enumerate(names):
            y = TOP + i * (high + BETWEEN) + high * (j + 0.5) / len(rows)
            ax.text(left - 8, y, name, fontsize=points, ha="right", va="center")
    return made


def lighter(png: bytes) -> bytes:
    """The same picture in 256 colours, at a third of the size.

    That is all that a sheet of small photographs needs.
    """
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    out = io.BytesIO()
    picture.quantize(256, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()
