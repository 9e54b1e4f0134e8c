"""Pictures of what was found: the clusters of local features, over the scenes that they are of."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from suppression.evaluation.clustering import kmeans, local, reach, truth
from suppression.execution.context import Context
from suppression.execution.feature_maps import looked_at
from suppression.execution.store import Store
from suppression.experiment.builders import scenes_of
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Plan
from suppression.reporting.summary import label, of_arm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the common kinds of colour blindness keep apart, for clusters from the largest to the smallest.
COLOURS = ("#333333", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
ACROSS = 4  # scenes side by side
TILE, GAP, BETWEEN, LEFT, TOP = 100, 3, 26, 140, 74  # px of a picture (at least), between pictures, between scenes, for names, for titles
DPI = 110


def cluster_sheet(plan: Plan, store: Store, context: Context, *, layer: str | None = None, images: int = 8) -> Figure | None:
    """Scenes with their clusters in the talk's layout: a row an arm and one of raw RGB patches, a column a k, the scene and its digits' cells at the left.

    Each scene is clustered by itself, at `layer` (the middle one of the probe's if None), as it was for the score; of each arm the first seed that is stored
    is shown, if it was trained on the scenes of the first. None if the probe has no clusters or no arm is stored. A KeyError names a layer that the probe has
    not.
    """
    stored = [cell for cell in plan.cells if store.has(full_key(cell))]
    if not plan.probe.clusters or not stored:
        return None
    scenes = scenes_of(stored[0])
    alike = [cell for cell in stored if scenes_of(cell) == scenes]
    cells = {label(arm): cell for arm in plan.arms if (cell := next(iter(of_arm(plan, alike, arm)), None))}
    x, masks, found = looked_at(plan, cells, store, context)
    layers = [name for name in next(iter(found.values())) if name != "rgb"]
    layer = layer or layers[len(layers) // 2]
    rows = {"raw RGB": next(iter(found.values()))["rgb"]} | {name: taps[layer] for name, taps in found.items()}
    known = truth(masks, torch.zeros(masks.shape[:2], dtype=torch.int64), rows[next(iter(cells))].shape[2])
    blocks = [block(x[i], known[i].numpy(), {name: tap[i] for name, tap in rows.items()}, plan.probe.clusters) for i in range(min(images, len(x)))]
    title = f"{plan.recipe.title}: k-means within each scene at {layer} ({plan.scale} scale, scenes of {x.shape[-1]} px; a colour a cluster, dark the largest)"
    return laid_out(blocks, title, list(rows), ["scene", *(f"k = {k}" for k in plan.probe.clusters)])


def block(picture: Tensor, known: np.ndarray, rows: dict[str, Tensor], ks: list[int]) -> np.ndarray:
    """One scene's pictures, uint8 (height, width, 3): the scene with the cells of its digits under it, and a row of clusters a map (c, s, s)."""
    side = picture.shape[-1]
    scene = (picture.permute(1, 2, 0).expand(-1, -1, 3) * 255).round().byte().numpy()
    first = [scene, coloured(known, side), *[np.full_like(scene, 255)] * len(rows)]
    lines = []
    for name, at_left in zip(rows, first, strict=False):
        vectors = local(rows[name][None])[0]
        lines.append([at_left, *(coloured(kmeans(vectors, k), side) for k in ks)])
    return stacked([stacked([enlarged(tile) for tile in line], 1, GAP) for line in lines], 0, GAP)


def coloured(clusters: np.ndarray, picture: int) -> np.ndarray:
    """Clusters of the cells of a square map (s * s,) as a picture, uint8 (picture, picture, 3): every pixel in the colour of the cell in whose window it is."""
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    side = round(len(clusters) ** 0.5)
    half = reach(picture, side)
    cell = np.minimum((np.arange(picture) + half) // max(2 * half, 1), side - 1)
    size = np.bincount(clusters)
    rank = np.argsort(np.argsort(-size, kind="stable"))[clusters].reshape(side, side)
    many = len(size) > len(COLOURS)
    palette = colormaps["cividis"](np.linspace(0, 1, len(size)))[:, :3] if many else np.array([to_rgb(colour) for colour in COLOURS])
    return (palette[rank[cell][:, cell]] * 255).round().astype(np.uint8)


def enlarged(tile: np.ndarray) -> np.ndarray:
    """By the least whole number that makes it TILE px."""
    times = -(-TILE // len(tile)) if len(tile) < 0.9 * TILE else 1
    return tile.repeat(times, 0).repeat(times, 1)


def stacked(parts: list[np.ndarray], axis: int, gap: int) -> np.ndarray:
    """Pictures one after another along an axis, white between them."""
    shape = list(parts[0].shape)
    shape[axis] = gap
    between = np.full(shape, 255, np.uint8)
    return np.concatenate([piece for part in parts for piece in (part, between)][:-1], axis)


def laid_out(blocks: list[np.ndarray], title: str, rows: list[str], columns: list[str]) -> Figure:
    """Blocks of pictures, ACROSS side by side, one pixel of theirs a pixel of the figure at DPI; names beside the rows, and above the columns."""
    from matplotlib.figure import Figure

    across = min(ACROSS, len(blocks))
    blocks += [np.full_like(blocks[0], 255)] * (-len(blocks) % across)
    sheet = stacked([stacked(blocks[i : i + across], 1, BETWEEN) for i in range(0, len(blocks), across)], 0, BETWEEN)
    sheet = np.pad(sheet, ((TOP, GAP), (LEFT, GAP), (0, 0)), constant_values=255)
    height, width = sheet.shape[:2]
    made = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    ax = made.add_axes((0, 0, 1, 1))
    ax.imshow(sheet, interpolation="none")
    ax.axis("off")
    high, wide = blocks[0].shape[0], blocks[0].shape[1]
    ax.text(LEFT, TOP * 0.35, title, fontsize=14, va="center")
    for i in range(across):
        for j, name in enumerate(columns):
            ax.text(LEFT + i * (wide + BETWEEN) + wide * (j + 0.5) / len(columns), TOP - 6, name, fontsize=12, ha="center", va="bottom")
    for i in range(len(blocks) // across):
        for j, name in enumerate(rows):
            at = TOP + i * (high + BETWEEN) + high * (j + 0.5) / len(rows)
            ax.text(LEFT - 8, at, name.replace(", ", "\n"), fontsize=12, ha="right", va="center")
    return made


def lighter(png: bytes) -> bytes:
    """The same picture in 256 colours, which is all that a sheet of small photographs needs, at a third of the size."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(out, "png", optimize=True)
    return out.getvalue()
