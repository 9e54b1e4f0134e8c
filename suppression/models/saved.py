"""An encoder as one file that holds all that is needed to build it again: safetensors, no store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suppression import expect
from suppression.errors import UserError, unknown
from suppression.models.convnet import ConvNet
from suppression.models.resnet import BLOCKS, ResNet, channels_last
from suppression.writing import replace

KINDS: dict[str, type[nn.Module]] = {"ConvNet": ConvNet, "ResNet": ResNet}
FORMAT = "suppression-encoder-1"
MOST_BYTES = 2_000_000_000
MOST = {"width": 4096, "channels": 4096, "canvas": 4096}  # of a file's settings


@expect.typed
def save_encoder(encoder: nn.Module, path: str | Path) -> Path:
    """Write an encoder of this package to one safetensors file, with all that builds it again.

    Its metadata hold the class, its settings, what is known of its training (`encoder.made`) and a
    checksum. Nothing in it is code.

    Args:
        encoder: What `fit` or `encoder` hands out, or a method, whose encoder is taken.
        path: The file, which ends in .safetensors; one that is there is replaced.

    Returns:
        The file.

    Raises:
        UserError: The encoder is none of this package, or the file cannot be written.

    Example:
        >>> import tempfile
        >>> from suppression.models import ResNet
        >>> file = Path(tempfile.mkdtemp()) / "mine.safetensors"
        >>> load_encoder(save_encoder(ResNet(width=4, stem=1, channels=1), file)).h_dim
        32
    """
    from safetensors.torch import save

    place = file_of("save_encoder", path, ".safetensors")
    own = own_encoder("save_encoder", encoder)
    tensors = {}
    for name, value in own.state_dict().items():
        tensors[name] = value.detach().cpu().contiguous()
    about = {
        "format": FORMAT,
        "kind": type(own).__name__,
        "settings": json.dumps(settings_of(own)),
        "made": json.dumps(getattr(own, "made", {})),
    }
    about["sha256"] = digest_of(tensors, about)
    written(place, save(tensors, metadata=about))
    return place


@expect.typed
def load_encoder(path: str | Path) -> nn.Module:
    """An encoder from a file that `save_encoder` wrote; no store is needed, nothing is unpickled.

    Args:
        path: The file.

    Returns:
        The encoder, in evaluation mode: pictures (n, c, s, s) in [0, 1] -> features (n, d). Its
        `made` says how it was trained, as far as the file does.

    Raises:
        UserError: The file is not there, is damaged, or is none of `save_encoder`.

    Example:
        >>> load_encoder("nowhere.safetensors")
        Traceback (most recent call last):
        suppression.errors.UserError: load_encoder: there is no file nowhere.safetensors
    """
    place = Path(path).expanduser()
    about, tensors = read(place)
    kind, settings = about["kind"], settings_in(place, about)
    try:
        with torch.device("meta"):  # takes no memory, whatever the settings say
            encoder = KINDS[kind](**settings)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{place} has settings that no {kind} has: {error}") from error
    check_shapes(place, encoder.state_dict(), tensors)
    encoder.load_state_dict(tensors, assign=True)
    encoder.made = json.loads(about["made"])
    return channels_last(encoder.eval())


# --- what is in a file -----------------------------------------------------------------------


def settings_of(encoder: nn.Module) -> dict[str, int]:
    """The arguments that make an encoder of this one's architecture, read off its layers."""
    if isinstance(encoder, ConvNet):
        first = encoder.conv1
        settings = {"width": first.out_channels, "channels": first.in_channels}
        return {**settings, "canvas": encoder.canvas}
    assert isinstance(encoder, ResNet)
    first = encoder.conv1
    stem = 4 if isinstance(encoder.maxpool, nn.MaxPool2d) else first.stride[0]
    blocks = tuple(len(getattr(encoder, f"layer{i}")) for i in range(1, 5))
    (depth,) = [depth for depth, each in BLOCKS.items() if each == blocks]
    settings = {"width": first.out_channels, "channels": first.in_channels}
    return {**settings, "stem": stem, "depth": depth}


def own_encoder(who: str, encoder: Any) -> Any:
    """The encoder, or that of a method; UserError for one of others."""
    found = encoder
    if type(found).__name__ not in KINDS and isinstance(encoder, nn.Module):
        found = getattr(encoder, "encoder", encoder)
    if type(found) not in KINDS.values():
        raise UserError(
            f"{who} takes an encoder of this package ({', '.join(KINDS)}), such as sup.fit returns,"
            f" and got {expect.kind(found)}; of others safetensors.torch.save_file keeps the "
            "state_dict"
        )
    return found


def digest_of(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> str:
    """Of all that a file holds: other settings, names, types, shapes or numbers have another."""
    total = hashlib.sha256()
    for name in ("format", "kind", "settings", "made"):
        total.update(f"{name} {len(about[name])} {about[name]}\n".encode())
    for name, value in sorted(tensors.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def read(place: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the tensors of a file whose checksum is right."""
    from safetensors import SafetensorError, safe_open

    if not place.is_file():
        raise UserError(f"load_encoder: there is no file {place}")
    if place.stat().st_size > MOST_BYTES:
        raise UserError(f"load_encoder: {place} is larger than {MOST_BYTES:,} bytes")
    try:
        with safe_open(place, framework="pt") as file:
            about = file.metadata() or {}
            # Copies: the tensors themselves lie in the file, which may change under them.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{place} is no safetensors file, or is damaged: {error}; save_encoder writes one"
        ) from error
    if about.get("format") != FORMAT or not {"kind", "settings", "made", "sha256"} <= set(about):
        raise UserError(
            f"{place} holds tensors, but not what builds an encoder (format {FORMAT}): "
            "save_encoder writes that; sup.audit takes the checkpoints of other libraries"
        )
    if digest_of(tensors, about) != about["sha256"]:
        raise UserError(f"{place} is damaged: its checksum is not that of what it holds")
    return about, tensors


def settings_in(place: Path, about: Mapping[str, str]) -> dict[str, int]:
    """The settings of a file, which may be a stranger's."""
    if about["kind"] not in KINDS:
        raise unknown(f"{place}: there is no encoder", about["kind"], KINDS)
    try:
        settings = json.loads(about["settings"])
        json.loads(about["made"])
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place} has metadata that are no JSON: {error}") from error
    if not isinstance(settings, dict):
        raise UserError(f"{place}: settings is {expect.kind(settings)}; a table is wanted")
    for name, most in MOST.items():
        expect.whole(str(place), least=1, **{name: settings.get(name, 1)})
        if settings.get(name, 1) > most:
            raise UserError(f"{place}: {name} = {settings[name]}; {most} at most is built")
    return settings


def check_shapes(place: Path, wanted: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> None:
    """UserError unless a file has all tensors of an encoder, of their shapes, and no others."""
    for name in wanted:
        if name not in there or there[name].shape != wanted[name].shape:
            raise UserError(f"{place} is of another encoder than it says: {name} is not as it is")
    if len(there) != len(wanted):
        raise UserError(f"{place} is of another encoder than it says: it holds more tensors")


def file_of(who: str, path: str | Path, ending: str) -> Path:
    """The file of this name; UserError for another ending, or a folder that is not there."""
    place = Path(path).expanduser()
    if place.suffix != ending:
        raise UserError(f"{who}: {place} has to end in {ending}")
    if place.is_dir() or not place.parent.is_dir():
        raise UserError(f"{who}: {place} cannot be written: there is no folder {place.parent}")
    return place


def written(place: Path, content: bytes) -> None:
    try:
        replace(place, content)
    except OSError as error:
        raise UserError(f"{place} cannot be written: {error.strerror}") from error
