"""A frozen encoder: its features, and the proof that it did not move."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from suppression.data import Pool, Scenes
from suppression.data.base import Factors, Visible
from suppression.methods import Method


def fingerprint(module: nn.Module) -> str:
    """sha256 of every weight and buffer, batch-norm statistics included: equal before and after a probe, or the encoder was not frozen."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


@torch.no_grad()
def maps(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Every tap as it is, (n, c, s, s) of block groups and (n, d) of h, in evaluation mode; `module` is left as it was."""
    was_training = module.training
    module.eval()
    try:
        return module.taps(x)  # type: ignore[operator]
    finally:
        module.train(was_training)


def features(module: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Features of pictures at `h` and at each block group (its maps averaged over places), float32 (n, d)."""
    return {layer: (tap.mean((2, 3)) if tap.ndim == 4 else tap).float() for layer, tap in maps(module, x).items()}


AT_ONCE = 250  # pictures through the network at a time


Row = dict[str, Any]


Pools = dict[bool, Pool]  # for fitting (True), and held out


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
