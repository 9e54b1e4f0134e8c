"""A frozen encoder: its features, and the proof that it did not move."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from suppression.data import Pool, Scenes
from suppression.data.base import Factors, Visible
from suppression.errors import UserError, unknown
from suppression.methods import Method
from suppression.seeding import torch_rng

Row = dict[str, Any]
Pools = dict[bool, Pool]  # for fitting (True), and held out
Held = dict[bool, dict[str, Tensor]]  # features by layer, of scenes for fitting, and held out

LARGEST = 1e15  # of a feature: sums of their squares are numbers, too
AT_ONCE = 250  # pictures through the network at a time


class Unusable(UserError):
    """Features of a layer on which no readout can be fitted."""

    def __init__(self, layer: str, text: str) -> None:
        super().__init__(text)
        self.layer = layer


def fingerprint(module: nn.Module) -> str:
    """sha256 of every weight and buffer, batch-norm statistics included.

    Equal before and after a probe, or the encoder was not frozen.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        # As bytes, since NumPy has no bfloat16.
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@torch.no_grad()
def maps(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every tap as it is, (n, c, s, s) of block groups and (n, d) of h, in evaluation mode.

    `module` is left as it was.
    """
    was_training = module.training
    module.eval()
    try:
        return module.taps(x)  # type: ignore[operator]
    finally:
        module.train(was_training)


def features(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Features of pictures at every layer (maps averaged over places), float32 (n, d)."""
    found = {}
    for layer, tap in maps(module, x).items():
        if tap.is_complex():
            raise UserError(f"{called(module)} gives complex numbers at {layer}; give real ones")
        vectors = tap.mean((2, 3)) if tap.ndim == 4 else tap
        found[layer] = vectors.float()
    return found


def scene_rng(*names: object, seed: int, device: torch.device | str) -> torch.Generator:
    """The generator that draws a probe's scenes; seed 0 draws those of every experiment."""
    if seed:
        names = (*names, seed)
    return torch_rng(*names, device=device)


def in_parts(drawn: dict[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The drawn scenes, AT_ONCE at a time."""
    for start in range(0, len(next(iter(drawn.values()))), AT_ONCE):
        yield {name: value[start : start + AT_ONCE] for name, value in drawn.items()}


def encode_scenes(
    method: Method, layers: list[str], scenes: Scenes, drawn: Factors, pool: Pool, visible: Visible
) -> dict[str, Tensor]:
    """Features of the drawn scenes; pictures are drawn as they are needed and not kept."""

    def pictures() -> Iterator[Tensor]:
        for some in in_parts(drawn):
            x = scenes.render(some, pool, visible=visible)
            yield scenes.append(x, some, visible=visible)

    return encode(method, layers, pictures())


@torch.no_grad()
def encode(method: Method, layers: list[str], pictures: Iterable[Tensor]) -> dict[str, Tensor]:
    """Features of batches of pictures at h, block groups and z = g(h), (n, d) each.

    UserError for a layer that is not there, that has not a row a picture, or whose features are
    not finite.
    """
    parts: dict[str, list[Tensor]] = {layer: [] for layer in layers}
    for x in pictures:
        found = features(method.encoder, x.contiguous(memory_format=torch.channels_last))
        if "z" in layers:
            found["z"] = method.project(found["h"]).float()
        for layer, batches in parts.items():
            if layer not in found:
                raise unknown(f"{called(method.encoder)} gives no layer", layer, found)
            check_features(method.encoder, layer, found[layer], len(x))
            batches.append(found[layer])
    return {layer: torch.cat(batches) for layer, batches in parts.items()}


def check_features(encoder: nn.Module, layer: str, vectors: Tensor, n: int) -> None:
    """UserError unless these are n vectors of numbers that a readout can be fitted on."""
    who = called(encoder)
    if vectors.ndim != 2 or len(vectors) != n:
        shape = tuple(vectors.shape)
        raise UserError(f"{who} gives {shape} at {layer} for {n} pictures; ({n}, d) is wanted")
    usable = vectors.abs() < LARGEST  # NaN is not
    if not usable.all():
        bad = int((~usable).any(1).sum())
        raise Unusable(
            layer,
            f"{who} gives NaN, infinity or numbers beyond {LARGEST:.0e} at {layer} for {bad} of "
            f"{n} pictures",
        )


def called(encoder: nn.Module) -> str:
    """The name of an encoder in messages: that of its class, or what it says itself."""
    return getattr(encoder, "title", type(encoder).__name__)
