"""Clusters of local features: k-means on the vectors of a feature map, and how well it finds what is known to lie there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize, pad, unfold

from suppression.data import DATASETS, Pool, Scenes
from suppression.data.base import Factors
from suppression.errors import UserError
from suppression.evaluation import clustering
from suppression.evaluation.features import AT_ONCE, Row, in_parts, maps
from suppression.evaluation.spec import Probe
from suppression.methods import Method
from suppression.metrics.intervals import mean_interval
from suppression.seeding import torch_rng

INK = 0.25  # a cell is a digit's where at least so much of its window is ink: the strokes of a digit fill about so much of a cell that lies within it


def check_faiss() -> None:
    """UserError where faiss is not installed."""
    try:
        import faiss  # noqa: F401
    except ImportError as error:
        raise UserError("k-means needs faiss, which is not installed: pip install faiss-cpu") from error


def check_fits(k: int, vectors: int, where: str = "that are there") -> None:
    """UserError unless k is in 1..vectors."""
    if k < 1:
        raise UserError(f"k = {k}: one cluster is the least")
    if k > vectors:
        raise UserError(f"k = {k} is more than the {vectors} vectors {where}")


def kmeans(vectors: Tensor, k: int, *, seed: int = 0, niter: int = 25, nredo: int = 3) -> np.ndarray:
    """The cluster of each of the vectors (m, d), int64 (m,) in 0..k-1: the best of `nredo` runs of k-means, from `nredo` draws of k vectors as first centres.

    Plain k-means: vectors are on the sphere, centres are their means and need not be. The same seed gives the same clusters. UserError if k > m.
    """
    check_faiss()
    import faiss

    m, d = vectors.shape
    check_fits(k, m)
    x = np.ascontiguousarray(vectors.float().cpu().numpy())
    # Unless told, faiss looks at 256 vectors a centre only, and writes to stderr where there are fewer than 39.
    model = faiss.Kmeans(d, k, niter=niter, nredo=nredo, seed=seed, min_points_per_centroid=1, max_points_per_centroid=m)
    model.train(x)
    return model.assign(x)[1]


# --- the vectors, and what is known of them --------------------------------------------------------------------


def local(tap: Tensor) -> Tensor:
    """A feature map (n, c, s, s) as the l2-normalised vectors of its cells, (n, s * s, c); a vector of zeros stays one."""
    return normalize(tap.float().flatten(2).mT, dim=2)


def reach(picture: int, side: int) -> int:
    """How far a cell's window reaches from its centre, px: half the stride of a map of `side` cells on a picture of so many px.

    A padded convolution of odd kernel and stride s centres its output i on its input s * i, and so does a whole net of them: cell i stands for the pixels
    around stride * i, not for the i-th tile of the picture.
    """
    stride = 1
    while -(-picture // stride) > side:
        stride *= 2
    if -(-picture // stride) != side:
        raise ValueError(f"a map of {side} cells on {picture} px is none of padded convolutions of stride 2")
    return stride // 2


def pooled(x: Tensor, side: int) -> Tensor:
    """The mean over each cell's window, (n, c, r, r) -> (n, c, side, side); there are zeros around the picture."""
    half = reach(x.shape[-1], side)
    return avg_pool2d(x, 2 * half + 1, max(2 * half, 1), half)


def patches(x: Tensor, side: int) -> Tensor:
    """The raw pixels of each cell's window as a map, (n, c, r, r) -> (n, c * w * w, side, side): what a net is compared with that has learned nothing.

    Beyond the edge the picture's last pixels are repeated: zeros would make clusters of the edge itself.
    """
    half = reach(x.shape[-1], side)
    return unfold(pad(x, (half,) * 4, mode="replicate"), 2 * half + 1, stride=max(2 * half, 1)).unflatten(2, (side, side))


def truth(masks: Tensor, names: Tensor, side: int) -> Tensor:
    """What lies at each cell, int64 (n, side * side): 0 for the background, else 1 + the name of the digit.

    `masks` (n, digits, r, r) are how much ink each digit puts on a pixel, `names` (n, digits) what each is called. A cell is that of the digit with the
    most ink in its window, if that is at least INK of what the window would hold, and background if not: the score counts cells without ink, too.
    """
    ink, digit = pooled(masks, side).flatten(2).max(1)
    return torch.where(ink >= INK, 1 + names.gather(1, digit), 0)


# --- the score -------------------------------------------------------------------------------------------------


def purity(known: np.ndarray, found: np.ndarray) -> float:
    """The share of cells that would be named rightly if each cluster were named after what it holds most of."""
    table = np.zeros((known.max() + 1, found.max() + 1), dtype=int)
    np.add.at(table, (known, found), 1)
    return float(table.max(0).sum() / len(known))


def scores(known: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """`nmi`, mutual information over the mean of both entropies (Strehl and Ghosh 2002), `purity`, and `guess`, the purity of one single cluster."""
    from sklearn.metrics import normalized_mutual_info_score

    nmi = float(normalized_mutual_info_score(known, found))
    return {"nmi": nmi, "purity": purity(known, found), "guess": purity(known, np.zeros_like(known))}


def within_images(vectors: Tensor, known: Tensor, k: int) -> dict[str, float | int | None]:
    """Every image clustered by itself, (n, m, d) with (n, m): mean scores, and the t-interval of the NMI over images (None for one image).

    An image whose cells are all of one kind has nothing to find and is left out: `cases` is how many there are without it. UserError if there are none.
    """
    told = [i for i in range(len(known)) if len(known[i].unique()) > 1]
    if not told:
        raise UserError(f"no picture has both a cell that is a digit's ({INK:.0%} of ink or more) and one that is not; show them larger with resolution")
    each = [scores(known[i].cpu().numpy(), kmeans(vectors[i], k)) for i in told]
    mean, low, high = mean_interval([one["nmi"] for one in each])
    bounds = (max(low, 0.0), min(high, 1.0)) if len(each) > 1 else (None, None)
    means = {name: sum(one[name] for one in each) / len(each) for name in ("purity", "guess")}
    return {"nmi": mean, "nmi_low": bounds[0], "nmi_high": bounds[1], **means, "cases": len(told)}


def over_set(vectors: Tensor, known: Tensor, k: int) -> dict[str, float | int | None]:
    """All images clustered together; one clustering has no interval."""
    found = scores(known.flatten().cpu().numpy(), kmeans(vectors.flatten(0, 1), k))
    return {"nmi": found["nmi"], "nmi_low": None, "nmi_high": None, "purity": found["purity"], "guess": found["guess"], "cases": len(known)}


IMAGES = 64  # clustered


def check_clusters(kind: str, scenes: Scenes, probe: Probe, encoder: nn.Module) -> None:
    clustering.check_faiss()
    if type(scenes).masks is Scenes.masks:
        told = [name for name, some in DATASETS.items() if some.masks is not Scenes.masks]
        raise UserError(f"{kind} does not tell where its features lie, so clusters cannot be scored; those that do: {', '.join(told)}")
    if min(probe.resolution or 1, probe.cluster_images or 1) < 1:
        raise UserError(f"resolution = {probe.resolution}, cluster_images = {probe.cluster_images}: one pixel and one picture are the least")
    side = probe.resolution or scenes.canvas
    taps = maps(encoder, torch.zeros(1, scenes.channels, side, side))
    cells = {layer: taps[layer].shape[2] ** 2 for layer in probe.layers if layer in taps and taps[layer].ndim == 4}
    if not cells:
        there = ", ".join(layer for layer, tap in taps.items() if tap.ndim == 4)
        raise UserError(f"clusters are of local features, of which {', '.join(probe.layers)} has one a picture; layers that have maps: {there}")
    for layer, number in cells.items():
        for k in probe.clusters or []:
            clustering.check_fits(k, number, f"of {layer} on a {side}-px picture; show it larger with resolution, or take an earlier block group")


def about_clusters(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pool: Pool, device: torch.device) -> Iterator[Row]:
    """Whether k-means on local features finds the digits: within each scene (which digit a cell belongs to, if any) and over all of them (which class of
    digit). The comparison is that of the project site of "Intriguing Properties of Contrastive Losses", which has pictures; the score is ours."""
    if not probe.clusters:
        return
    x, drawn, found = local_maps(scenes, probe, method, layers, pool, device)
    masks = scenes.masks(drawn, pool, out=x.shape[-1])
    classes = drawn["digit"].view(len(x), -1)  # (n, digits)
    digits = torch.arange(classes.shape[1], device=device).expand_as(classes)
    for layer, tap in found.items():
        vectors = clustering.local(tap)
        for k in probe.clusters:
            row = {"feature": "mask", "probe": "k-means", "layer": layer, "k": k}
            yield row | {"scenes": "within image"} | clustering.within_images(vectors, clustering.truth(masks, digits, tap.shape[2]), k)
            yield row | {"scenes": "over the set"} | clustering.over_set(vectors, clustering.truth(masks, classes, tap.shape[2]), k)


def local_maps(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pool: Pool, device: torch.device) -> tuple[Tensor, Factors, dict[str, Tensor]]:
    """Whole scenes at the probe's resolution, (n, c, r, r), their factors, and their maps (n, c, s, s) at those layers that are maps; `rgb`, the raw patches
    at the cells of the finest, comes last. A net of convolutions takes pictures of any side; a digit is then as much larger as in a crop."""
    drawn = scenes.factors(probe.cluster_images or IMAGES, torch_rng("clusters", device=device), pool)
    x = scenes.render(drawn, pool, out=probe.resolution or scenes.canvas)
    parts: dict[str, list[Tensor]] = {}
    for seen, some in zip(x.split(AT_ONCE), in_parts(drawn), strict=True):
        for layer, tap in maps(method.encoder, scenes.append(seen, some).contiguous(memory_format=torch.channels_last)).items():
            if layer in layers and tap.ndim == 4:
                parts.setdefault(layer, []).append(tap.float())
    found = {layer: torch.cat(parts[layer]) for layer in layers if layer in parts}
    return x, drawn, found | {"rgb": clustering.patches(x, max(tap.shape[2] for tap in found.values()))}
