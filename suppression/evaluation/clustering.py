"""Clusters of local features: k-means on the vectors of a feature map.

Scored by how well they find what is known to lie there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize, pad, unfold

from suppression.data import DATASETS, Pool, Scenes
from suppression.data.base import Factors
from suppression.errors import UserError
from suppression.evaluation.base import Asked, Measure, Probe, Shown
from suppression.evaluation.features import AT_ONCE, Row, in_parts, maps, scene_rng
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method
from suppression.metrics.intervals import mean_interval

# A cell is a digit's where at least so much of its window is ink: the strokes of a digit fill about
# so much of a cell that lies within it.
INK = 0.25
IMAGES = 64  # clustered
RAW = "rgb"  # the layer of raw pixels


def check_faiss() -> None:
    """UserError where faiss is not installed."""
    try:
        import faiss  # noqa: F401
    except ImportError as error:
        raise UserError(
            "k-means needs faiss, which is not installed: pip install faiss-cpu"
        ) from error


def check_fits(k: int, vectors: int, where: str = "that are there") -> None:
    """UserError unless k is in 1..vectors."""
    if k < 1:
        raise UserError(f"k = {k}: one cluster is the least")
    if k > vectors:
        raise UserError(f"k = {k} is more than the {vectors} vectors {where}")


def kmeans(
    vectors: Tensor, k: int, *, seed: int = 0, niter: int = 25, nredo: int = 3
) -> np.ndarray:
    """The cluster of each vector, by plain k-means.

    Vectors are on the sphere; centres are their means and need not be. The same seed gives the same
    clusters.

    Args:
        vectors: Vectors (m, d).
        k: Clusters; 1 to m.
        seed: Draw of the first centres, which are k of the vectors.
        niter: Iterations of a run.
        nredo: Runs, of which the best one counts.

    Returns:
        int64 (m,) in 0..k-1.

    Raises:
        UserError: If k is not in 1..m, or faiss is not installed.

    Example:
        >>> a, b = kmeans(torch.eye(2), 2)
        >>> bool(a != b)
        True
    """
    check_faiss()
    import faiss

    m, d = vectors.shape
    check_fits(k, m)
    x = np.ascontiguousarray(vectors.float().cpu().numpy())
    # Unless told, faiss looks at 256 vectors a centre only, and writes to stderr where there are
    # fewer than 39.
    bounds = {"min_points_per_centroid": 1, "max_points_per_centroid": m}
    model = faiss.Kmeans(d, k, niter=niter, nredo=nredo, seed=seed, **bounds)
    model.train(x)
    return model.assign(x)[1]


# --- the vectors, and what is known of them ------------------------------------------------------


def local(tap: Tensor) -> Tensor:
    """A feature map (n, c, s, s) as the l2-normalised vectors of its cells, (n, s * s, c).

    A vector of zeros stays one.
    """
    return normalize(tap.float().flatten(2).mT, dim=2)


def reach(picture: int, side: int) -> int:
    """How far a cell's window reaches from its centre, px.

    Half the stride of a map of `side` cells on a picture of so many px. A padded convolution of odd
    kernel and stride s centres its output i on its input s * i, and so does a whole net of them:
    cell i stands for the pixels around stride * i, not for the i-th tile of the picture.
    """
    stride = 1
    while -(-picture // stride) > side:
        stride *= 2
    if -(-picture // stride) != side:
        raise ValueError(
            f"a map of {side} cells on {picture} px is none of padded convolutions of stride 2"
        )
    return stride // 2


def pooled(x: Tensor, side: int) -> Tensor:
    """The mean over each cell's window, (n, c, r, r) -> (n, c, side, side).

    There are zeros around the picture.
    """
    half = reach(x.shape[-1], side)
    return avg_pool2d(x, 2 * half + 1, max(2 * half, 1), half)


def patches(x: Tensor, side: int) -> Tensor:
    """The raw pixels of each cell's window as a map, (n, c, r, r) -> (n, c * w * w, side, side).

    What a net is compared with that has learned nothing. Beyond the edge the picture's last pixels
    are repeated: zeros would make clusters of the edge itself.
    """
    half = reach(x.shape[-1], side)
    padded = pad(x, (half,) * 4, mode="replicate")
    windows = unfold(padded, 2 * half + 1, stride=max(2 * half, 1))
    return windows.unflatten(2, (side, side))


def truth(masks: Tensor, names: Tensor, side: int) -> Tensor:
    """What lies at each cell, int64 (n, side * side): 0 for the background, else 1 + the name.

    `masks` (n, digits, r, r) are how much ink each digit puts on a pixel, `names` (n, digits) what
    each is called. A cell is that of the digit with the most ink in its window, if that is at least
    INK of what the window would hold, and background if not: the score counts cells without ink,
    too.
    """
    ink, digit = pooled(masks, side).flatten(2).max(1)
    return torch.where(ink >= INK, 1 + names.gather(1, digit), 0)


# --- the score -----------------------------------------------------------------------------------


def purity(known: np.ndarray, found: np.ndarray) -> float:
    """Share of cells named rightly if each cluster were named after what it holds most of."""
    table = np.zeros((known.max() + 1, found.max() + 1), dtype=int)
    np.add.at(table, (known, found), 1)
    return float(table.max(0).sum() / len(known))


def scores(known: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """How well clusters `found` (m,) tell the names `known` (m,).

    `nmi` is mutual information over the mean of both entropies (Strehl and Ghosh 2002), `guess` the
    purity of one single cluster.
    """
    from sklearn.metrics import normalized_mutual_info_score

    nmi = float(normalized_mutual_info_score(known, found))
    guess = purity(known, np.zeros_like(known))
    return {"nmi": nmi, "purity": purity(known, found), "guess": guess}


Scores = dict[str, float | int | None]


def within_images(vectors: Tensor, known: Tensor, k: int) -> Scores:
    """Every image clustered by itself, (n, m, d) with (n, m): mean scores.

    The interval is the t-interval of the NMI over images (None for one image). An image whose cells
    are all of one kind has nothing to find and is left out: `cases` is how many there are without
    it. UserError if there are none.
    """
    each = []
    for some, names in zip(vectors, known, strict=True):
        if len(names.unique()) > 1:
            each.append(scores(names.cpu().numpy(), kmeans(some, k)))
    if not each:
        raise UserError(
            f"no picture has both a cell that is a digit's ({INK:.0%} of ink or more) and one that "
            "is not; show them larger with resolution"
        )
    nmi, low, high = mean_interval([one["nmi"] for one in each])
    bounds: tuple[float | None, float | None] = (None, None)
    if len(each) > 1:
        bounds = max(low, 0.0), min(high, 1.0)
    row: Scores = {"nmi": nmi, "nmi_low": bounds[0], "nmi_high": bounds[1]}
    for name in ("purity", "guess"):
        row[name] = sum(one[name] for one in each) / len(each)
    return {**row, "cases": len(each)}


def over_set(vectors: Tensor, known: Tensor, k: int) -> Scores:
    """All images clustered together; one clustering has no interval."""
    found = scores(known.flatten().cpu().numpy(), kmeans(vectors.flatten(0, 1), k))
    bounds = {"nmi_low": None, "nmi_high": None}
    shares = {"purity": found["purity"], "guess": found["guess"]}
    return {"nmi": found["nmi"], **bounds, **shares, "cases": len(known)}


# --- the probe -----------------------------------------------------------------------------------


class Sheet(Protocol):
    """The settings that say which scenes are clustered."""

    @property
    def cluster_images(self) -> int | None: ...

    @property
    def resolution(self) -> int | None: ...


def local_maps(
    scenes: Scenes,
    settings: Sheet | ProbeSettings,
    method: Method,
    layers: list[str],
    pool: Pool,
    device: torch.device,
    *,
    seed: int = 0,
) -> tuple[Tensor, Factors, dict[str, Tensor]]:
    """Whole scenes at the probe's resolution, (n, c, r, r), their factors, and their maps.

    Maps are (n, c, s, s), of those layers that are maps; `rgb`, the raw patches at the cells of the
    finest, comes last. A net of convolutions takes pictures of any side; a digit is then as much
    larger as in a crop.
    """
    rng = scene_rng("clusters", seed=seed, device=device)
    drawn = scenes.factors(settings.cluster_images or IMAGES, rng, pool)
    x = scenes.render(drawn, pool, out=settings.resolution or scenes.canvas)
    parts: dict[str, list[Tensor]] = {}
    for picture, some in zip(x.split(AT_ONCE), in_parts(drawn), strict=True):
        seen = scenes.append(picture, some).contiguous(memory_format=torch.channels_last)
        for layer, tap in maps(method.encoder, seen).items():
            if layer in layers and tap.ndim == 4:
                parts.setdefault(layer, []).append(tap.float())
    found = {layer: torch.cat(parts[layer]) for layer in layers if layer in parts}
    finest = max(tap.shape[2] for tap in found.values())
    found[RAW] = patches(x, finest)
    return x, drawn, found


@dataclass(frozen=True)
class Clustering(Probe):
    """Whether k-means on local features finds the digits.

    Within each scene, which digit a cell belongs to, if any, and over all of them, which class of
    digit. The comparison is that of the project site of "Intriguing Properties of Contrastive
    Losses", which has pictures; the score is ours. Of the `layers` those are clustered that are
    maps.

    Args:
        clusters: The k of k-means, 1 or more each; None asks nothing.
        cluster_images: Whole scenes that are clustered; 1 or more, 64 if None.
        resolution: Side at which each is drawn, px; that of the canvas if None.
    """

    name: ClassVar[str] = "k-means"
    switch: ClassVar[str] = "clusters"
    measures: ClassVar[dict[str, Measure]] = {
        "nmi": Measure(
            "normalised mutual information, %", percent=True, low="nmi_low", high="nmi_high"
        )
    }
    columns: ClassVar[dict[str, type]] = {
        "nmi": float,
        "nmi_low": float,
        "nmi_high": float,
        "purity": float,
        "guess": float,
        "cases": int,
        "k": int,
    }
    axes: ClassVar[dict[str, str]] = {"k": "clusters"}
    shown: ClassVar[Shown] = Shown(layers=(RAW,))

    clusters: list[int] | None = None
    cluster_images: int | None = None
    resolution: int | None = None

    def subjects(self, features: Sequence[str]) -> list[str]:
        return ["mask"]

    def check(self, kind: str, scenes: Scenes, settings: ProbeSettings, encoder: nn.Module) -> None:
        check_faiss()
        if type(scenes).masks is Scenes.masks:
            able = [name for name, some in DATASETS.items() if some.masks is not Scenes.masks]
            raise UserError(
                f"{kind} does not tell where its features lie, so clusters cannot be scored; "
                f"those that do: {', '.join(able)}"
            )
        if min(self.resolution or 1, self.cluster_images or 1) < 1:
            raise UserError(
                f"resolution = {self.resolution}, cluster_images = {self.cluster_images}: "
                "one pixel and one picture are the least"
            )
        side = self.resolution or scenes.canvas
        for layer, cells in self.cells(scenes, settings.layers, encoder, side).items():
            for k in self.clusters or []:
                check_fits(
                    k,
                    cells,
                    f"of {layer} on a {side}-px picture; show it larger with resolution, or take "
                    "an earlier block group",
                )

    def cells(
        self, scenes: Scenes, layers: list[str], encoder: nn.Module, side: int
    ) -> dict[str, int]:
        """How many cells the map of each layer has; UserError where none of them is a map."""
        taps = maps(encoder, torch.zeros(1, scenes.channels, side, side))
        found = {layer: tap.shape[2] ** 2 for layer, tap in taps.items() if tap.ndim == 4}
        asked = {layer: found[layer] for layer in layers if layer in found}
        if not asked:
            raise UserError(
                f"clusters are of local features, of which {', '.join(layers)} has one a picture; "
                f"layers that have maps: {', '.join(found)}"
            )
        return asked

    def ask(self, asked: Asked) -> Iterator[Row]:
        scenes, pool, device = asked.whole, asked.pools[False], asked.device
        x, drawn, found = local_maps(
            scenes, self, asked.method, asked.layers, pool, device, seed=asked.seed
        )
        masks = scenes.masks(drawn, pool, out=x.shape[-1])
        classes = drawn["digit"].view(len(x), -1)  # (n, digits)
        digits = torch.arange(classes.shape[1], device=device).expand_as(classes)
        for layer, tap in found.items():
            vectors, side = local(tap), tap.shape[2]
            which, what = truth(masks, digits, side), truth(masks, classes, side)
            for k in self.clusters or []:
                row = {"feature": "mask", "probe": self.name, "layer": layer, "k": k}
                yield {**row, "scenes": "within image", **within_images(vectors, which, k)}
                yield {**row, "scenes": "over the set", **over_set(vectors, what, k)}
