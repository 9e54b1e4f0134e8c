"""One trained network, frozen and asked everything that its probe names; answers are long-form rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from suppression.errors import UserError, unknown
from suppression.forms import Probe
from suppression.methods import Method
from suppression.multiview import two_views
from suppression.probes import READOUTS
from suppression.probes import clusters as local
from suppression.probes.frozen import features, fingerprint, maps
from suppression.probes.pairs import pairs
from suppression.scenes import SCENES, Pool, Scenes
from suppression.scenes.base import Factors, Visible
from suppression.seeds import torch_rng
from suppression.stats import wilson
from suppression.views import Views

VERSION = 2  # part of a record's name: 2 tells the majority's guess, and the mean over all bits

IMAGES = 64  # clustered
AT_ONCE = 250  # pictures through the network at a time
DECODABLE = 0.75  # a bit counts as held where its accuracy's lower bound is nearer to certain than to the guess

# What is done to which share of the pictures, so that guessing is right on 80, 25, 50, 50 % (SimCLR, Table 4).
TRANSFORMATIONS: dict[str, dict[str, float]] = {"gray": {"gray": 0.2}, "rotation": {"quarter": 1.0}, "noise": {"noise": 0.5}, "sobel": {"sobel": 0.5}}

Row = dict[str, Any]
Pools = dict[bool, Pool]  # for fitting (True), and held out


def record_name(probe: Probe) -> str:
    """The name of the probe's record in the store: changed knobs or a changed version ask again, and retrain nothing."""
    told = f"{VERSION} {sorted(probe.model_dump(exclude_none=True).items())}"
    return f"probe-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def check(kind: str, scenes: Scenes, probe: Probe, encoder: nn.Module) -> None:
    """UserError for a feature, a transformation or a layer that is not there, and for clusters that cannot be, before the first second of work. `encoder`
    may be narrow and of any weights."""
    for name in probe.features or []:
        if name not in scenes.features:
            raise unknown(f"{kind} has no feature", name, scenes.features)
    there = [*encoder.layers, "z"]  # type: ignore[misc]
    for layer in probe.layers:
        if layer not in there:
            raise unknown(f"{type(encoder).__name__} has no layer", layer, there)
    for name in probe.transformations or []:
        if name not in TRANSFORMATIONS:
            raise unknown("there is no transformation", name, TRANSFORMATIONS)
    if probe.clusters:
        check_clusters(kind, scenes, probe, encoder)


def check_clusters(kind: str, scenes: Scenes, probe: Probe, encoder: nn.Module) -> None:
    local.check_faiss()
    if type(scenes).masks is Scenes.masks:
        told = [name for name, some in SCENES.items() if some.masks is not Scenes.masks]
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
            local.check_fits(k, number, f"of {layer} on a {side}-px picture; show it larger with resolution, or take an earlier block group")


def ask(scenes: Scenes, probe: Probe, method: Method, pools: Pools, device: torch.device, *, views: Views | None = None) -> list[Row]:
    """All rows of the probe, on held-out instances, float32 throughout; `views` are those of its training. RuntimeError if the encoder moved meanwhile."""
    whole, scenes = scenes, scenes.probed()
    method.eval()  # a method loaded from the store is in training mode, where its batch norms would move
    before = fingerprint(method)
    layers = [layer for layer in probe.layers if layer != "z" or method.has_z]
    if probe.online and method.has_classifier:
        rows = list(from_the_method_itself(scenes, probe, method, pools[False]))
    else:
        rows = list(about_features(scenes, probe, method, layers, pools, device))
    rows += about_transformations(scenes, probe, method, layers, pools, device)
    rows += about_clusters(whole, probe, method, layers, pools[False], device)
    rows += about_pairs(whole, probe, method, views, pools[False], device)
    after = fingerprint(method)
    if before != after:
        raise RuntimeError("the encoder changed while it was probed")
    return [row | {"encoder": before[:16], "frozen": before == after} for row in rows]


def about_features(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pools: Pools, device: torch.device) -> Iterator[Row]:
    """Each feature's class as the scenes' `questions` say: with it alone visible, with all together."""
    if probe.features == []:
        return
    drawn = {train: scenes.factors(n, torch_rng("probe", train, device=device), pools[train]) for train, n in ((True, probe.train), (False, probe.test))}
    labels = {train: scenes.labels(some) for train, some in drawn.items()}
    cases = {name: len(carrier.unique()) for name, carrier in scenes.carriers(drawn[False]).items()}
    for shown, visible, features_shown in scenes.questions():
        asked = [name for name in features_shown if probe.features is None or name in probe.features]
        held = {train: encode_scenes(method, layers, scenes, drawn[train], pools[train], visible) for train in (True, False)} if asked else {}
        rows = [
            {"feature": name, "scenes": shown} | row
            for name in asked
            for row in answers(held, {train: labels[train][name] for train in labels}, probe, layers, cases[name])
        ]
        yield from rows
        yield from over_bits(rows)


def answers(held: dict[bool, dict[str, Tensor]], labels: dict[bool, Tensor], probe: Probe, layers: list[str], cases: int) -> Iterator[Row]:
    """Every readout that the probe names, at every layer."""
    for readout in ("linear", "mlp") if probe.mlp else ("linear",):
        knobs = {"C": probe.C, "max_iter": probe.max_iter} if readout == "linear" else {"hidden": probe.mlp}
        for layer in layers:
            train, test = ((held[train][layer], labels[train]) for train in (True, False))
            yield {"probe": readout, "layer": layer} | READOUTS[readout](train, test, cases=cases, **knobs)


def over_bits(rows: list[Row]) -> Iterator[Row]:
    """`bit`, the mean over bit1, bit2, ..., and how many of them are `decodable`; its interval is that of one bit on as many cases."""
    bits = [row for row in rows if row["feature"].startswith("bit")]
    for readout, layer in dict.fromkeys((row["probe"], row["layer"]) for row in bits):
        these = [row for row in bits if (row["probe"], row["layer"]) == (readout, layer)]
        mean = {name: sum(row[name] for row in these) / len(these) for name in ("accuracy", "low", "high", "guess")}
        held = sum(row["low"] > DECODABLE for row in these)
        yield these[0] | mean | {"feature": "bit", "decodable": held, "converged": all(row["converged"] for row in these)}


def from_the_method_itself(scenes: Scenes, probe: Probe, method: Method, pool: Pool) -> Iterator[Row]:
    """What the layer that was trained along with the encoder says of scenes as they are (no view, batch norms frozen): of every held-out instance once each,
    or, where there is more to a scene than an instance, of as many as the probe is tested with. Where one label tells of several digits, of each by itself."""
    device, whole = pool.labels.device, type(scenes).of_instances is not Scenes.of_instances
    drawn = (
        scenes.of_instances(torch.arange(len(pool), device=device), pool)
        if whole
        else scenes.factors(probe.test, torch_rng("probe", False, device=device), pool)
    )
    cases = {name: len(carrier.unique()) for name, carrier in scenes.carriers(drawn).items()}
    together, layer = len(scenes.spaces(pool)) == len(scenes.told), method.classifier_on
    for shown, visible, features_shown in scenes.questions():
        asked = [name for name in features_shown if name in scenes.told and (probe.features is None or name in probe.features)]
        if not asked or (visible is None) is not together:
            continue
        with torch.no_grad():
            logits = method.classify(encode_scenes(method, [layer], scenes, drawn, pool, visible)[layer]).split(scenes.spaces(pool), 1)
        for name in asked:
            truth = scenes.labels(drawn)[name]
            accuracy = (logits[scenes.told.index(name) if together else 0].argmax(1) == truth).double().mean().item()
            low, high = wilson(accuracy, cases[name])
            row = {"feature": name, "probe": "online", "layer": layer, "scenes": shown, "accuracy": accuracy, "low": low, "high": high, "cases": cases[name]}
            yield row | {"guess": truth.bincount().max().item() / len(truth)}


def about_transformations(scenes: Scenes, probe: Probe, method: Method, layers: list[str], pools: Pools, device: torch.device) -> Iterator[Row]:
    """What was done to a whole scene: each transformation by itself on its share of the pictures (SimCLR, Table 4, and appendix B.7)."""
    for name in probe.transformations or []:
        views = Views(area_min=1.0, aspect=1.0, **TRANSFORMATIONS[name])  # type: ignore[arg-type]
        held, labels, cases = {}, {}, 0
        for train, n in ((True, probe.train), (False, probe.test)):
            rng = torch_rng("transformation", name, train, device=device)
            drawn = scenes.factors(n, rng, pools[train])
            how = views.draw(n, scenes.canvas, rng, channels=scenes.channels - scenes.planes)
            labels[train] = next(value for key, value in how.items() if key in TRANSFORMATIONS[name]).long()
            cases = min(len(carrier.unique()) for carrier in scenes.carriers(drawn).values())
            held[train] = encode(
                method,
                layers,
                (scenes.append(views.apply(scenes.render(some, pools[train]), seen), some) for some, seen in zip(in_parts(drawn), in_parts(how), strict=True)),
            )
        for row in answers(held, labels, probe, layers, cases):
            yield {"feature": name, "scenes": "transformed"} | row


def about_pairs(scenes: Scenes, probe: Probe, method: Method, views: Views | None, pool: Pool, device: torch.device) -> Iterator[Row]:
    """How the contrastive task stands on held-out scenes, and whether the network's outputs have collapsed; nothing of a network that was shown no views."""
    if not probe.contrast or views is None:
        return
    rng = torch_rng("pairs", device=device)
    if type(scenes).of_instances is Scenes.of_instances:
        drawn = scenes.factors(probe.contrast, rng, pool)
    else:  # each instance once: nothing can tell a picture's twin from its other view
        drawn = scenes.of_instances(torch.randperm(len(pool), generator=rng, device=device)[: probe.contrast], pool)
    output = "z" if method.has_z else "h"
    outputs = [encode(method, [output], x.split(AT_ONCE))[output] for x in two_views(scenes, views.global_only, drawn, pool, rng)]
    cases = min(len(carrier.unique()) for carrier in scenes.carriers(drawn).values())
    yield {"feature": "pairs", "scenes": "views", "probe": "contrast", "layer": "output"} | pairs(
        *outputs, cases=cases, contrast=getattr(method, "contrast", None)
    )


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
        vectors = local.local(tap)
        for k in probe.clusters:
            row = {"feature": "mask", "probe": "k-means", "layer": layer, "k": k}
            yield row | {"scenes": "within image"} | local.within_images(vectors, local.truth(masks, digits, tap.shape[2]), k)
            yield row | {"scenes": "over the set"} | local.over_set(vectors, local.truth(masks, classes, tap.shape[2]), k)


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
    return x, drawn, found | {"rgb": local.patches(x, max(tap.shape[2] for tap in found.values()))}


def in_parts(drawn: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(next(iter(drawn.values()))), AT_ONCE):
        yield {name: value[start : start + AT_ONCE] for name, value in drawn.items()}


def encode_scenes(method: Method, layers: list[str], scenes: Scenes, drawn: Factors, pool: Pool, visible: Visible) -> dict[str, Tensor]:
    """Features of the drawn scenes; pictures are drawn as they are needed and not kept."""
    return encode(method, layers, (scenes.append(scenes.render(some, pool, visible=visible), some, visible=visible) for some in in_parts(drawn)))


@torch.no_grad()
def encode(method: Method, layers: list[str], pictures: Iterator[Tensor]) -> dict[str, Tensor]:
    """Features of batches of pictures at h, block groups and z = g(h), (n, d) each."""
    parts = []
    for x in pictures:
        found = features(method.encoder, x.contiguous(memory_format=torch.channels_last))
        if "z" in layers:
            found["z"] = method.project(found["h"]).float()
        parts.append({layer: found[layer] for layer in layers})
    return {layer: torch.cat([part[layer] for part in parts]) for layer in layers}
