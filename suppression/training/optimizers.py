"""Optimisers that torch does not have for networks of convolutions: Muon and LARS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Momentum whose direction is orthogonalised (Jordan 2024), with steps of root mean square 0.2 lr, as AdamW's are about (Liu et al. 2025).

    On a matrix it is torch.optim.Muon with `match_rms_adamw`, which takes nothing else. Here a convolution is a matrix of a row a kernel, a vector one of a
    single row (whose orthogonalisation is its normalisation), and all parameters of one shape are orthogonalised at once.
    """

    def __init__(self, params: Iterator | list, *, lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for some in by_shape(p for p in group["params"] if p.grad is not None):
                ahead = []
                for p in some:
                    if p not in self.state:
                        self.state[p]["momentum"] = torch.zeros_like(p)
                    buffer = self.state[p]["momentum"]
                    gradient: Tensor = p.grad  # type: ignore[assignment]
                    buffer.lerp_(gradient, 1 - group["momentum"])
                    ahead.append(as_matrix(gradient.lerp(buffer, group["momentum"])))
                rate = 0.2 * max(ahead[0].shape) ** 0.5 * group["lr"]
                for p, update in zip(some, orthogonal(torch.stack(ahead)), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(shaped_as(p, update), alpha=-rate)


def by_shape(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    shapes: dict[torch.Size, list[nn.Parameter]] = {}
    for p in parameters:
        shapes.setdefault(p.shape, []).append(p)
    return list(shapes.values())


def as_matrix(p: Tensor) -> Tensor:
    """(rows, cols): a row a kernel, its channels last as the memory has them; a vector is one row."""
    return p.movedim(1, -1).flatten(1) if p.ndim > 1 else p[None]


def shaped_as(p: Tensor, matrix: Tensor) -> Tensor:
    """What `as_matrix` made into a matrix, back in the shape of p."""
    return matrix.view(p.movedim(1, -1).shape).movedim(-1, 1) if p.ndim > 1 else matrix[0]


@torch.no_grad()
def orthogonalise(module: nn.Module) -> None:
    """What takes the time in one step of Muon on this module, for nothing but to be timed."""
    for some in by_shape(module.parameters()):
        orthogonal(torch.stack([as_matrix(p) for p in some]))


def orthogonal(matrices: Tensor) -> Tensor:
    """About U V' of each matrix U S V' (n, rows, cols), by five steps of Jordan's quintic iteration: singular values end within 0.7..1.2.

    Each step multiplies x by a polynomial of x x', so only that is iterated, in the space of the smaller side: 0.4 of the arithmetic for a kernel of
    3 x 3 taps, and in float32 as fast as the usual form is in bf16.
    """
    x = matrices.mT if matrices.shape[1] > matrices.shape[2] else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    if x.shape[1] > 1:  # one row has one singular value, which is 1 by now
        gram, total = x @ x.mT, torch.eye(x.shape[1], device=x.device, dtype=x.dtype)
        for _ in range(5):
            step = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
            step.diagonal(dim1=1, dim2=2).add_(3.4445)
            gram, total = step @ gram @ step, step @ total
        x = total @ x
    return x.mT if matrices.shape[1] > matrices.shape[2] else x


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rates (You et al. 2017) as in SimCLR: momentum 0.9, trust coefficient 0.001, vectors neither decayed nor adapted."""

    def __init__(self, params: Iterator | list, *, lr: float, momentum: float = 0.9, trust: float = 1e-3) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                update = p.grad + group["weight_decay"] * p
                if p.ndim > 1:
                    weight, gradient = p.norm(), update.norm()
                    update = update * torch.where((weight > 0) & (gradient > 0), group["trust"] * weight / gradient, 1.0)
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(update)
                p.add_(buffer, alpha=-group["lr"])
