"""Adapters: any network or callable as an encoder with named layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from suppression import expect
from suppression.errors import UserError, unknown

Layers = Sequence[str] | Mapping[str, str]
OUTPUTS = ("h", "pooler_output", "last_hidden_state")  # of a mapping, which of them is h


class Adapted(nn.Module):
    """A network with the taps of an encoder; made by `as_encoder`."""

    def __init__(
        self, model: Callable[..., Any], named: dict[str, str], h_dim: int | None = None
    ) -> None:
        super().__init__()
        self.model = model  # a part of this module, where it is one itself
        self.named = named  # layer -> module within the model
        self.layers = (*named, "h")
        self.h_dim = h_dim or 0  # how many numbers h has; 0 until the first pictures show it
        self.title = type(model).__name__ if isinstance(model, nn.Module) else called(model)
        self.channels = input_channels(model)

    def taps(self, x: Tensor) -> dict[str, Tensor]:
        """Every layer's output by name, (n, c, s, s) maps or (n, d) vectors; h is (n, h_dim).

        Gray pictures are shown to a network whose first convolution takes three channels as three
        equal ones. Vectors of tokens, (n, t, d), are averaged.
        """
        if self.channels == 3 and x.shape[1] == 1:
            x = x.expand(-1, 3, -1, -1)
        with hooked(self.model, self.named) as seen:
            output = self.model(x)
        found = {}
        for layer, module in self.named.items():
            if layer not in seen:
                raise UserError(f"{self.title} did not use its layer '{module}' for these pictures")
            found[layer] = vectors(seen[layer], f"{self.title} at '{module}'")
        h = vectors(the_output(output, self.title), self.title)
        found["h"] = h.mean((2, 3)) if h.ndim == 4 else h
        self.note_h_dim(found["h"].shape[1])
        return found

    def note_h_dim(self, found: int) -> None:
        if self.h_dim not in (0, found):
            raise UserError(f"{self.title} gives {found} numbers at h; h_dim = {self.h_dim}")
        self.h_dim = found

    def forward(self, x: Tensor) -> Tensor:
        return self.taps(x)["h"]


def as_encoder(model: Any, *, layers: Layers | None = None, h_dim: int | None = None) -> Any:
    """Any network or callable as an encoder: `layers`, `taps(x)`, `h_dim` and `forward`.

    Args:
        model: A module of torchvision, timm, transformers or one's own, or any callable that takes
            pictures (n, c, s, s) in [0, 1] to vectors (n, d), a map (n, c, s, s), tokens (n, t, d),
            or a mapping that has one of these as `h`, `pooler_output` or `last_hidden_state`. Maps
            and tokens are averaged. What is an encoder already is returned as it is.
        layers: Submodules to tap by their names in `named_modules()`, as a list, or as a mapping
            from the names that rows shall have; none but h, the output, if None.
        h_dim: Numbers of h; 1 or more. Read off the first pictures if None.

    Returns:
        A module whose only part is `model`, so that it has its weights and its mode.

    Raises:
        UserError: For something that cannot be called, a layer that the model does not have (with
            the nearest one), and a layer of a callable, which has none.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
        >>> encoder = as_encoder(net, layers={"early": "1"})
        >>> {layer: tuple(tap.shape) for layer, tap in encoder.taps(torch.rand(2, 3, 8, 8)).items()}
        {'early': (2, 8, 6, 6), 'h': (2, 5)}
        >>> as_encoder(lambda x: x.mean((2, 3))).taps(torch.rand(2, 3, 8, 8))["h"].shape
        torch.Size([2, 3])
    """
    if isinstance(model, type):
        raise UserError(
            f"{model.__name__} is a class: make an encoder of it, {model.__name__}(...)"
        )
    if h_dim is not None:
        expect.whole("as_encoder", least=1, h_dim=h_dim)
    expect.names("as_encoder", layers=layers or ())
    if is_encoder(model):
        return checked_encoder(model, layers)
    if not callable(model):
        raise UserError(f"{type(model).__name__} is no encoder: it cannot be called with pictures")
    named = as_named(layers or {})
    inside = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    for name in named.values():
        if not inside:
            raise UserError(f"{called(model)} is no module, so it has no layer '{name}' but h")
        if name not in inside or not name:
            raise unknown(f"{type(model).__name__} has no layer", name, [*filter(None, inside)])
    return Adapted(model, named, h_dim)


def is_encoder(model: Any) -> bool:
    """Whether it has the members of an encoder."""
    return isinstance(model, nn.Module) and hasattr(model, "taps") and hasattr(model, "layers")


def checked_encoder(encoder: nn.Module, layers: Layers | None) -> nn.Module:
    """The encoder; UserError for a layer that it does not name."""
    there: Any = encoder.layers
    for name in layers or ():
        if name not in there:
            raise unknown(f"{type(encoder).__name__} has no layer", name, there)
    return encoder


def as_named(layers: Layers) -> dict[str, str]:
    """Names that rows have -> names of submodules; h is the output, and needs no name."""
    named = dict(layers) if isinstance(layers, Mapping) else dict(zip(layers, layers, strict=True))
    named.pop("h", None)
    return named


@contextmanager
def hooked(model: Any, named: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """While it lasts, the outputs of these submodules by the layers' names, as copies.

    A layer behind may change its input in place.
    """
    seen: dict[str, Any] = {}
    handles = []

    def keep(layer: str) -> Callable[..., None]:
        def hook(module: nn.Module, given: Any, output: Any) -> None:
            tensor = the_output(output, layer)
            seen[layer] = tensor.clone() if isinstance(tensor, Tensor) else tensor

        return hook

    for layer, module in named.items():
        handles.append(model.get_submodule(module).register_forward_hook(keep(layer)))
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def the_output(output: Any, who: str) -> Any:
    """The tensor of an output that may be a mapping of several, or a tuple with it in front."""
    if isinstance(output, (tuple, list)) and output:
        return output[0]
    if not isinstance(output, Mapping):
        return output
    for name in OUTPUTS:
        if output.get(name) is not None:
            return output[name]
    if len(output) == 1:
        return next(iter(output.values()))
    raise UserError(f"{who} gives {', '.join(map(str, output))}; one of them must be called h")


def vectors(output: Any, who: str) -> Tensor:
    """A map or vectors as they are, tokens averaged; UserError for anything else."""
    if not isinstance(output, Tensor):
        raise UserError(f"{who} gives {type(output).__name__}, and no tensor")
    if output.ndim == 3:
        return output.mean(1)
    if output.ndim not in (2, 4):
        shape = tuple(output.shape)
        raise UserError(f"{who} gives {shape}; (n, d), (n, t, d) or (n, c, s, s) is wanted")
    return output


def input_channels(model: Any) -> int | None:
    """How many channels the first convolution takes, if there is one."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    for module in modules:
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None


def called(model: Any) -> str:
    return getattr(model, "__name__", type(model).__name__)
