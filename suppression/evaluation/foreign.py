"""Networks that others trained, shown pictures as they were trained on: an encoder with layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from suppression import expect
from suppression.errors import UserError, unknown
from suppression.evaluation.adapters import OUTPUTS, called, hooked, input_channels, the_output

# Tokens in front of those of patches, as the libraries name the parameters that they start from.
CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
OTHER_TOKENS = ("dist_token", "distillation_token", "reg_token", "register_tokens")

INTERPOLATIONS = ("bilinear", "bicubic", "nearest")
USUAL_SIZES = (
    224,
    256,
    384,
    299,
    128,
    96,
    64,
    32,
    28,
    16,
)  # px, tried where a network wants another one
GIVEN = "as given"


@dataclass(frozen=True)
class Preprocessing:
    """What is done to pictures in [0, 1] before a network sees them: resized, then normalised.

    Nothing is cropped: a crop would cut off what a probe asks for.

    Args:
        size: Side in px that pictures are resized to; None leaves them as they are drawn.
        mean: Subtracted, a number a channel; none subtracts nothing.
        std: Divided by, a number a channel, above 0.
        interpolation: bilinear, bicubic (both antialiased) or nearest.
        source: Who says so, for captions.

    Raises:
        UserError: A value is out of range, or there are not as many means as deviations.

    Example:
        >>> half = Preprocessing(size=8, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> half(torch.ones(2, 3, 16, 16)).shape, half(torch.ones(1, 3, 8, 8)).max().item()
        (torch.Size([2, 3, 8, 8]), 1.0)
    """

    size: int | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: str = "bilinear"
    source: str = GIVEN

    def __post_init__(self) -> None:
        who = "preprocessing"
        if self.size is not None:
            expect.whole(who, least=1, size=self.size)
        expect.numbers(who, mean=self.mean, std=self.std)
        expect.one_of(who, "interpolation", self.interpolation, INTERPOLATIONS)
        if len(self.mean) != len(self.std) or len(self.mean) not in (0, 1, 3):
            raise UserError(
                f"{who}: {len(self.mean)} means and {len(self.std)} deviations; one of each a "
                "channel is wanted, such as --mean 0.485 0.456 0.406 --std 0.229 0.224 0.225"
            )
        if any(deviation <= 0 for deviation in self.std):
            raise UserError(f"{who}: std {self.std} has numbers that are not above 0")

    def __call__(self, x: Tensor) -> Tensor:
        """Pictures (n, c, s, s) in [0, 1] -> (n, c, size, size)."""
        if self.size not in (None, x.shape[2]):
            smooth = self.interpolation != "nearest"
            how: dict[str, Any] = {"align_corners": False, "antialias": True} if smooth else {}
            x = interpolate(x, size=(self.size, self.size), mode=self.interpolation, **how)
        if self.mean:
            x = (x - channels_of(self.mean, x)) / channels_of(self.std, x)
        return x

    def __str__(self) -> str:
        side = "pictures as drawn"
        if self.size is not None:
            side = f"resized to {self.size} px ({self.interpolation}, nothing cropped)"
        norm = "not normalised"
        if self.mean:
            norm = f"mean {numbers_text(self.mean)}, std {numbers_text(self.std)}"
        return f"{side}, {norm}, {self.source}"


def channels_of(values: Sequence[float], x: Tensor) -> Tensor:
    return torch.tensor(values, dtype=x.dtype, device=x.device).view(-1, 1, 1)


def numbers_text(values: Sequence[float]) -> str:
    """Numbers as text; one that all channels share stands once."""
    return " ".join(f"{value:g}" for value in dict.fromkeys(values))


class Foreign(nn.Module):
    """Any network or callable as an encoder of pictures in [0, 1], with its preprocessing.

    Its output is one layer, `h`; tokens give two, the class token `cls` and the mean over patches
    `patches`; a mapping or list without one output gives one each. Submodules are further layers
    by their names, NAME.cls and NAME.patches where they give tokens. Maps are averaged over
    places. All are float32, whatever the weights are.

    Args:
        model: The network, or any callable: pictures (n, 3, s, s) -> (n, d), a map (n, c, s, s) or
            (n, s, s, c), tokens (n, t, d), a mapping, or an output of transformers.
        preprocessing: What is done to pictures first.
        named: Submodules to tap.
        title: What messages and tables call it.
        tokens: How many tokens stand in front of those of patches, the class token first; read off
            the names of the parameters if None.
        batch: Pictures through the network at a time.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        preprocessing: Preprocessing,
        *,
        named: Sequence[str] = (),
        title: str | None = None,
        tokens: int | None = None,
        batch: int = 50,
    ) -> None:
        super().__init__()
        self.model = model
        self.preprocessing = preprocessing
        self.named = {name: name for name in named}
        self.title = title or called(model)
        self.tokens = leading_tokens(model) if tokens is None else tokens
        self.batch = batch
        self.channels = input_channels(model)
        self.layers: tuple[str, ...] = ()  # until it has seen pictures
        self.h_dim = 0
        self.training = isinstance(model, nn.Module) and model.training
        self.dtype = torch.float32
        for weight in self.parameters():
            self.dtype = weight.dtype
            break

    def forward(self, x: Tensor) -> Tensor:
        """The last layer, (n, d)."""
        return list(self.taps(x).values())[-1]

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Vectors (n, d) float32 by layer, submodules first, then the output."""
        parts: dict[str, list[Tensor]] = {}
        for some in x.split(self.batch):
            for layer, vectors in self.vectors(some).items():
                parts.setdefault(layer, []).append(vectors)
        return {layer: torch.cat(batches) for layer, batches in parts.items()}

    def vectors(self, x: Tensor) -> dict[str, Tensor]:
        """Those of one batch."""
        shown = self.preprocessing(self.in_channels(x)).to(self.dtype)
        with hooked(self.model, self.named) as seen:
            output = self.model(shown)
        found: dict[str, Tensor] = {}
        for layer, module in self.named.items():
            if layer not in seen:
                raise UserError(f"{self.title} did not use its layer '{module}' for these pictures")
            for part, vectors in self.parts_of(seen[layer], f"{self.title} at '{layer}'"):
                found[f"{layer}.{part}" if part else layer] = vectors
        for name, value in outputs(output, self.title).items():
            for part, vectors in self.parts_of(value, self.title):
                found[f"{name}.{part}" if part and name != "h" else part or name] = vectors
        for layer, vectors in found.items():
            if len(vectors) != len(x):
                raise UserError(
                    f"{self.title} gives {len(vectors)} rows at {layer} for {len(x)} pictures; "
                    "one a picture is wanted"
                )
        return found

    def in_channels(self, x: Tensor) -> Tensor:
        """Gray pictures as three equal channels, but to a network of one channel."""
        if self.channels == 1:
            if x.shape[1] != 1:
                raise UserError(
                    f"{self.title} takes pictures of 1 channel, and these scenes have "
                    f"{x.shape[1]}: ask it about gray ones, such as two_digits"
                )
            return x
        return x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x

    def parts_of(self, output: Any, who: str) -> Iterator[tuple[str, Tensor]]:
        """Vectors (n, d) of an output; "" names what is the only part."""
        if not isinstance(output, Tensor):
            raise UserError(f"{who} gives {type(output).__name__}, and no tensor")
        values = output.float()
        if values.ndim == 2:
            yield "", values
        elif values.ndim == 4:
            yield "", values.mean((1, 2) if is_channels_last(values) else (2, 3))
        elif values.ndim == 3:
            front = self.tokens if has_front(values.shape[1], self.tokens) else 0
            if front:
                yield "cls", values[:, 0]
            yield "patches", values[:, front:].mean(1)
        else:
            shape = tuple(values.shape)
            raise UserError(
                f"{who} gives {shape}; (n, d), (n, t, d), (n, c, s, s) or (n, s, s, c) is wanted"
            )


def outputs(output: Any, who: str) -> dict[str, Any]:
    """What a network gives, by name: one output is h; several without one that is, are each."""
    if isinstance(output, Mapping):
        tokens = output.get("last_hidden_state")
        if isinstance(tokens, Tensor) and tokens.ndim == 3:
            return {"h": tokens}  # not pooler_output, which a checkpoint may leave at random
        if len(output) > 1 and all(output.get(name) is None for name in OUTPUTS):
            return {str(name): value for name, value in output.items()}
    if isinstance(output, list) and len(output) > 1:
        return {f"output{i}": value for i, value in enumerate(output)}
    return {"h": the_output(output, who)}


def is_channels_last(values: Tensor) -> bool:
    """Whether a map is (n, s, s, c), as that of Swin in timm."""
    _, first, second, third = values.shape
    return first == second and second != third


def leading_tokens(model: Any) -> int:
    """How many tokens stand in front of those of patches, by the names of parameters."""
    if not isinstance(model, nn.Module):
        return 0
    count, has_class = 0, False
    for name, weight in model.named_parameters():
        last = name.rpartition(".")[2]
        has_class = has_class or last in CLASS_TOKENS
        if last in CLASS_TOKENS:
            count += 1
        elif last in OTHER_TOKENS:
            count += weight.shape[-2] if weight.ndim > 1 else 1
    return count if has_class else 0


def has_front(length: int, front: int) -> bool:
    """Whether so many tokens have others in front: those of patches are a square by themselves."""
    if not 0 < front < length:
        return False
    return math.isqrt(length - front) ** 2 == length - front or math.isqrt(length) ** 2 != length


# --- making one ------------------------------------------------------------------------------


@torch.no_grad()
def foreign(
    model: Any,
    preprocessing: Preprocessing,
    pictures: Tensor,
    *,
    layers: Sequence[str] = (),
    title: str | None = None,
    tokens: int | None = None,
    batch: int = 50,
) -> Foreign:
    """A network as an encoder whose layers are known, as it was shown a few pictures.

    Args:
        model: The network, or any callable, in evaluation mode.
        preprocessing: What is done to pictures first.
        pictures: A few scenes, (n, c, s, s) in [0, 1].
        layers: Submodules by name, beside the output; of the output `cls`, `patches`, `h`.
        title: What messages and tables call it.
        tokens: How many tokens stand in front of those of patches.
        batch: Pictures through the network at a time.

    Raises:
        UserError: For what cannot be called, a layer that is not there (with the nearest one), a
            token that is not there, pictures of a size that it does not take (with one that it
            takes), and an output of a wrong shape.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
        >>> encoder = foreign(net, Preprocessing(), torch.rand(2, 1, 8, 8), layers=["1"])
        >>> {layer: tuple(tap.shape) for layer, tap in encoder.taps(torch.rand(2, 1, 8, 8)).items()}
        {'1': (2, 8), 'h': (2, 5)}
    """
    if isinstance(model, type):
        raise UserError(
            f"{model.__name__} is a class: make an encoder of it, {model.__name__}(...)"
        )
    if not callable(model):
        raise UserError(f"{expect.kind(model)} is no encoder: it cannot be called with pictures")
    expect.names("audit", layers=layers)
    expect.whole("audit", least=1, batch=batch)
    of_output = [name for name in layers if name in ("h", "cls", "patches")]
    named = [name for name in layers if name not in of_output]
    made = Foreign(model, preprocessing, named=named, title=title, tokens=tokens, batch=batch)
    check_named(model, named, made.title)
    found = looked_at(made, pictures)
    made.layers, made.h_dim = tuple(found), list(found.values())[-1].shape[1]
    check_output(made, of_output)
    return made


def check_named(model: Any, named: Sequence[str], who: str) -> None:
    """UserError for a submodule that is not there, with the nearest one."""
    inside = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    for name in named:
        if not inside:
            raise UserError(f"{who} is no module, so it has no layer '{name}'")
        if name not in inside or not name:
            raise unknown(f"{who} has no layer", name, [*filter(None, inside)])


def check_output(made: Foreign, wanted: Sequence[str]) -> None:
    """UserError for a part of the output that is not there."""
    for name in wanted:
        if name in made.layers:
            continue
        there = ", ".join(made.layers)
        if name == "cls":
            raise UserError(
                f"{made.title} has no class token: none of its parameters is called "
                f"{', '.join(CLASS_TOKENS)}, or its output has no tokens; it has: {there}"
            )
        raise unknown(f"the output of {made.title} has no part", name, made.layers)


def looked_at(made: Foreign, pictures: Tensor) -> dict[str, Tensor]:
    """Its layers' vectors of a few pictures; UserError where it does not take them."""
    try:
        return made.taps(pictures)
    except UserError:
        raise
    except Exception as error:  # whatever a stranger's network says of pictures it does not take
        side = made.preprocessing.size or pictures.shape[2]
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        channels = made.channels if made.channels == 1 else 3
        takes = [size for size in USUAL_SIZES if size != side and is_taken(made, channels, size)]
        hint = f"; it takes {takes[0]} px: size={takes[0]} (--size {takes[0]})" if takes else ""
        raise UserError(
            f"{made.title} does not take pictures of ({len(pictures)}, {channels}, {side}, {side}):"
            f" {reason}{hint}"
        ) from error


def is_taken(made: Foreign, channels: int, side: int) -> bool:
    """Whether the network takes pictures of this side."""
    try:
        made.model(torch.zeros(2, channels, side, side, dtype=made.dtype))
    except Exception:  # as above: of whichever kind, it does not take them
        return False
    return True
