"""Encoders by name: `timm:resnet18.a1_in1k` -> the network, and what it wants done to pictures."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from suppression import places
from suppression.errors import UserError, unknown
from suppression.evaluation.adapters import called
from suppression.evaluation.foreign import INTERPOLATIONS, Preprocessing
from suppression.execution.store import Store
from suppression.execution.trained import key_of, trained
from suppression.experiment.run import Run
from suppression.methods import Method
from suppression.models import load_encoder

RANDOM = "random"  # NAME@random: its architecture, with random weights
EXTRA = 'pip install "suppression[audit-test]"'
PILLOW = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # what transformers calls them


@dataclass(frozen=True)
class Network:
    """An encoder that is asked.

    Args:
        model: A module, or any callable.
        preprocessing: What is done to pictures first; None where nothing says so.
        title: What tables call it.
        code: Digest of the file that made it, which is part of the name of what is stored.
        layers: Submodules that are read in any case.
    """

    model: Any
    preprocessing: Preprocessing | None
    title: str
    code: str = ""
    layers: tuple[str, ...] = ()


def load(named: str, store: Path | str | None = None) -> Network:
    """The encoder of a name, in evaluation mode.

    Args:
        named: PREFIX:NAME, of the prefixes in `PREFIXES`. NAME@WEIGHTS names one of several
            weights of torchvision, a checkpoint of lightly, or, as NAME@random, none.
        store: Where trained cells are kept, for store:KEY.

    Raises:
        UserError: For a prefix, a name or weights that are not there, with the nearest ones, for a
            library that is not installed, and for weights that cannot be had here.

    Example:
        >>> network = load("torchvision:resnet18@random")
        >>> network.title, network.preprocessing.size
        ('resnet18@random', 224)
    """
    prefix, colon, name = named.partition(":")
    if not colon or not name:
        kinds = ", ".join(f"{each}:" for each in PREFIXES)
        raise UserError(f"'{named}' names no encoder; it begins with one of {kinds}")
    if prefix not in PREFIXES:
        raise unknown("there is no kind of encoder", prefix, PREFIXES)
    if prefix == "store":
        return of_store(name, store)
    found = PREFIXES[prefix](name)
    if isinstance(found.model, nn.Module):
        found.model.eval()
    return found


def of_object(model: Any) -> Network:
    """A network that is handed over; one of this package or of timm says how it sees pictures."""
    if isinstance(model, Method):
        model = model.encoder
    preprocessing = None
    if type(model).__module__.startswith("suppression.models"):
        preprocessing = Preprocessing(source="as it was trained here")
    elif hasattr(model, "pretrained_cfg"):
        preprocessing = preprocessing_of_timm(model)
    return Network(model, preprocessing, called(model))


def with_preprocessing(
    network: Network,
    *,
    size: int | None,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    raw: bool,
    title: str | None = None,
) -> Network:
    """The network with what is given in place of what its library says.

    Raises:
        UserError: where neither says how pictures are normalised, and at what size.
    """
    if raw and (mean or std):
        raise UserError("raw says that pictures are not normalised: give it, or mean and std")
    known = network.preprocessing
    if raw:
        known = Preprocessing(source="as given (raw)")
    elif mean or std:
        if size is None and known is None:
            raise UserError(
                f"{network.title}: mean and std are given, and no size: size=224 (--size 224), the "
                "side in px of the pictures that it was trained on"
            )
        known = Preprocessing(known.size if known else None, mean, std)
    if known is None:
        raise UserError(
            f"nothing says how {network.title} wants its pictures: give mean, std and size "
            "(--mean 0.485 0.456 0.406 --std 0.229 0.224 0.225 --size 224), or raw=True (--raw) if "
            "it takes them in [0, 1] as they are drawn"
        )
    if size is not None:
        source = known.source if known.size in (None, size) else f"{known.source}, size as given"
        known = replace(known, size=size, source=source)
    return replace(network, preprocessing=known, title=title or network.title)


# --- by library ------------------------------------------------------------------------------


def of_timm(name: str) -> Network:
    """timm's, before its last linear layer; tokens are not pooled."""
    timm = library("timm")
    plain, _, weights = name.partition("@")
    check_weights(name, weights)
    architecture = plain.partition(".")[0]
    if not plain.startswith("hf-hub:") and architecture not in timm.list_models():
        raise unknown("timm has no model", architecture, timm.list_models())
    with weights_of(f"timm:{name}", f"timm:{plain}@{RANDOM}"):
        model = timm.create_model(plain, pretrained=weights != RANDOM, num_classes=0)
    if getattr(model, "num_prefix_tokens", 0):
        model.reset_classifier(0, "")
    return Network(model, preprocessing_of_timm(model), name)


def preprocessing_of_timm(model: Any) -> Preprocessing:
    config = library("timm").data.resolve_model_data_config(model)
    how, source = config["interpolation"], "as timm says"
    if how not in INTERPOLATIONS:
        how, source = "bicubic", f"as timm says, but for its interpolation, {how}"
    size = config["input_size"][-1]
    return Preprocessing(size, tuple(config["mean"]), tuple(config["std"]), how, source)


def of_torchvision(name: str) -> Network:
    """torchvision's, before its last linear layer."""
    models = library("torchvision").models
    plain, _, weights = name.partition("@")
    there = models.list_models(module=models)
    if plain not in there:
        raise unknown("torchvision has no model", plain, there)
    of_model = models.get_model_weights(plain)
    wanted = weights or "DEFAULT"
    members = of_model.__members__
    if wanted != RANDOM and wanted not in members:
        raise unknown(f"torchvision's {plain} has no weights", wanted, [*members, RANDOM])
    chosen = None if wanted == RANDOM else members[wanted]
    with weights_of(f"torchvision:{name}", f"torchvision:{plain}@{RANDOM}"):
        model = models.get_model(plain, weights=chosen)
    drop_last_linear(model)
    preset = (chosen or members["DEFAULT"]).transforms()
    how = preset.interpolation.value
    size = preset.crop_size[0]
    said = Preprocessing(size, tuple(preset.mean), tuple(preset.std), how, "as torchvision says")
    # Its vision transformers give the class token alone: their tokens are those of `encoder`.
    layers = ("encoder",) if isinstance(model, models.VisionTransformer) else ()
    return Network(model, said, name, layers=layers)


def drop_last_linear(model: nn.Module) -> None:
    """Its output is what its last linear layer was given."""
    last = ""
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            last = name
    if last:
        parent, _, child = last.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())


def of_transformers(name: str) -> Network:
    """A model of transformers by its name on the Hugging Face hub, or the folder that it is in."""
    transformers = library("transformers")
    plain, _, weights = name.partition("@")
    check_weights(name, weights)
    with weights_of(f"hf:{name}", "hf:FOLDER, a folder that save_pretrained wrote"):
        if weights == RANDOM:
            config = transformers.AutoConfig.from_pretrained(plain)
            model = transformers.AutoModel.from_config(config)
        else:
            model = transformers.AutoModel.from_pretrained(plain)
        processor = transformers.AutoImageProcessor.from_pretrained(plain)
    vision = getattr(model, "vision_model", model)  # of a model that reads text besides
    title = f"{Path(plain).name}@{RANDOM}" if weights else Path(plain).name
    return Network(vision, preprocessing_of_transformers(processor), title)


def preprocessing_of_transformers(processor: Any) -> Preprocessing:
    size = getattr(processor, "crop_size", None) or processor.size
    side = None
    if isinstance(size, int):
        side = size
    else:
        for key in ("height", "shortest_edge"):
            side = side or dict(size).get(key)
    mean, std = (), ()
    if processor.do_normalize:
        mean, std = tuple(processor.image_mean), tuple(processor.image_std)
    number, source = int(processor.resample), "as its image processor says"
    how = PILLOW.get(number)
    if how is None:
        how, source = "bicubic", f"{source}, but for its interpolation (number {number} of Pillow)"
    return Preprocessing(side, mean, std, how, source)


def of_lightly(name: str) -> Network:
    """A backbone of torchvision with the weights of a checkpoint: lightly:resnet18@FILE."""
    models = library("torchvision").models
    plain, _, file = name.partition("@")
    if not file:
        raise UserError(f"lightly:{name} names no checkpoint: lightly:resnet18@last.ckpt")
    there = models.list_models(module=models)
    if plain not in there:
        raise unknown("torchvision has no model", plain, there)
    weights = tensors_of(places.named(file))
    model: nn.Module = models.get_model(plain, weights=None)
    drop_last_linear(model)
    for candidate in (model, nn.Sequential(*list(model.children())[:-1])):
        fitting = without_wrapper(weights, candidate)
        if fitting is not None:
            candidate.load_state_dict(fitting)
            return Network(candidate, None, f"{plain}, {Path(file).name}")
    wanted = next(iter(model.state_dict()))
    raise UserError(
        f"{file} has no weights of {plain}: none of its {len(weights)} tensors ends in {wanted}, "
        "beside all others that it needs"
    )


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint, which may be nested; only tensors and plain values are read."""
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # of a file of whatever kind
        raise UserError(f"{path} is no checkpoint of tensors: {first_line(error)}") from error
    found: dict[str, torch.Tensor] = {}
    waiting = [("", held)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, torch.Tensor):
            found[name] = value
        elif isinstance(value, Mapping):
            waiting += [(f"{name}.{key}".removeprefix("."), each) for key, each in value.items()]
    return found


def without_wrapper(
    weights: Mapping[str, torch.Tensor], model: nn.Module
) -> dict[str, torch.Tensor] | None:
    """Those of a model, whatever stands in front of all their names; None if one is not there."""
    wanted = model.state_dict()
    first = next(iter(wanted))
    for name in weights:
        if name != first and not name.endswith(f".{first}"):
            continue
        front = name.removesuffix(first)
        found = {key: weights.get(front + key) for key in wanted}
        if all(fits(found[key], value) for key, value in wanted.items()):
            return found  # type: ignore[return-value]
    return None


def fits(found: torch.Tensor | None, wanted: torch.Tensor) -> bool:
    return found is not None and found.shape == wanted.shape


def of_file(name: str) -> Network:
    """What a function of a file makes: file:encoder.py:make."""
    file, colon, function = name.rpartition(":")
    if not colon or not file.endswith(".py"):
        raise UserError(f"file:{name} names no function of a file: file:encoder.py:make")
    path = places.named(file)
    if not path.is_file():
        raise UserError(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(f"suppression_audit_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's file does when it is imported
        raise UserError(f"{file} cannot be imported: {error!r}") from error
    make = getattr(module, function, None)
    if not callable(make):
        own = [each for each in vars(module) if not each.startswith("_")]
        raise unknown(f"{file} has no function", function, own)
    try:
        with redirect_stdout(sys.stderr):  # which libraries write to when they load weights
            model = make()
    except Exception as error:
        raise UserError(f"{function}() of {file} makes no encoder: {error!r}") from error
    if not callable(model):
        raise UserError(f"{function}() of {file} gives {type(model).__name__}, and no encoder")
    code = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Network(model, preprocessing_in(module, file), path.stem, code)


def preprocessing_in(module: ModuleType, file: str) -> Preprocessing | None:
    """What the file itself says: its PREPROCESSING, a dict with size, mean and std."""
    said = getattr(module, "PREPROCESSING", None)
    if said is None:
        return None
    try:
        return Preprocessing(**said, source="as its file says")
    except TypeError as error:
        raise UserError(f"{file}: PREPROCESSING: {error}") from error


def of_store(key: str, store: Path | str | None) -> Network:
    """The encoder of a cell that was trained here: store:KEY, or the beginning of its key."""
    kept = Store(store)
    whole = key_of(kept, key)
    method = trained(kept, whole)
    run = Run.of(kept.cell(whole))
    said = Preprocessing(source="as it was trained here")
    return Network(method.encoder.eval(), said, f"{run.method}, {whole[:8]}")


def of_saved(name: str) -> Network:
    """An encoder that `save_encoder` wrote: saved:FILE."""
    path = places.named(name)
    said = Preprocessing(source="as it was trained here")
    return Network(load_encoder(path), said, path.stem)


PREFIXES: dict[str, Callable[[str], Network]] = {
    "timm": of_timm,
    "torchvision": of_torchvision,
    "hf": of_transformers,
    "lightly": of_lightly,
    "file": of_file,
    "saved": of_saved,
    "store": lambda name: of_store(name, None),
}


# --- what is not there -----------------------------------------------------------------------


def library(name: str) -> Any:
    """A library that need not be installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(f"{name} is not installed: {EXTRA} brings it") from error


def check_weights(name: str, weights: str) -> None:
    if weights not in ("", RANDOM):
        raise UserError(f"{name}: behind @ stands {RANDOM}, for random weights, or nothing")


@contextmanager
def weights_of(named: str, instead: str) -> Iterator[None]:
    """Turns all that can go wrong while weights are fetched into the user's error.

    They may be gated, not there, or behind a network that is not there; each library has errors of
    its own for it.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{named} cannot be had here: {first_line(error)}\nWeights are fetched once, where "
            f"there is a network and, for gated ones, a login; without them there is {instead}"
        ) from error


def first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
