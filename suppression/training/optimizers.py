"""Optimizers that torch does not have for networks of convolutions: Muon and LARS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Momentum whose direction is orthogonalized, for parameters of any shape.

    A step has a root mean square of 0.2 lr, about as AdamW's. On a matrix this is torch.optim.Muon
    with `match_rms_adamw`, which takes nothing but matrices. Here a kernel of a convolution is a
    row of a matrix, and a vector is a matrix of one row, whose orthogonalization is its
    normalization. All parameters of one shape are orthogonalized at once.

    Args:
        params: Parameters, or groups of them, which may have a `weight_decay` of their own.
        lr: Learning rate, above 0.
        momentum: Nesterov momentum, in [0, 1).

    Source:
        Jordan 2024, "Muon: An optimizer for hidden layers in neural networks"; the size of a step
        after Liu et al. 2025, "Muon is Scalable for LLM Training".

    Example:
        A vector moves along its gradient, whatever the length of the gradient is:

        >>> p = nn.Parameter(torch.zeros(2))
        >>> p.grad = torch.tensor([30.0, 40.0])
        >>> Muon([p], lr=1.0).step()
        >>> p.data  # 0.2 sqrt(2) along -(0.6, 0.8)
        tensor([-0.1697, -0.2263])
    """

    def __init__(self, params: Iterable[Any], *, lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the parameters that have a gradient."""
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            for alike in by_shape(trained):
                self._update(alike, group)

    def _update(self, parameters: list[nn.Parameter], group: dict[str, Any]) -> None:
        """Update parameters of one shape."""
        directions = []
        for p in parameters:
            if p not in self.state:
                self.state[p]["momentum"] = torch.zeros_like(p)
            buffer = self.state[p]["momentum"]
            gradient: Tensor = p.grad  # type: ignore[assignment]
            buffer.lerp_(gradient, 1 - group["momentum"])
            nesterov = gradient.lerp(buffer, group["momentum"])
            directions.append(as_matrix(nesterov))
        rate = 0.2 * max(directions[0].shape) ** 0.5 * group["lr"]
        updates = orthogonal(torch.stack(directions))
        for p, update in zip(parameters, updates, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"])
            p.add_(shaped_as(p, update), alpha=-rate)


def by_shape(parameters: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    """The parameters in groups of one shape, in the order in which the shapes appear."""
    shapes: dict[torch.Size, list[nn.Parameter]] = {}
    for p in parameters:
        shapes.setdefault(p.shape, []).append(p)
    return list(shapes.values())


def as_matrix(p: Tensor) -> Tensor:
    """A parameter as (rows, cols): a row is a kernel, channels last as in memory, or a vector.

    A number by itself is a vector of one.
    """
    if p.ndim <= 1:
        return p.reshape(1, -1)
    return p.movedim(1, -1).flatten(1)


def shaped_as(p: Tensor, matrix: Tensor) -> Tensor:
    """What `as_matrix` made into a matrix, back in the shape of p."""
    if p.ndim <= 1:
        return matrix.view(p.shape)
    return matrix.view(p.movedim(1, -1).shape).movedim(-1, 1)


@torch.no_grad()
def orthogonalize(module: nn.Module) -> None:
    """What takes the time in a step of Muon on a module, to be timed; it changes nothing."""
    for alike in by_shape(module.parameters()):
        orthogonal(torch.stack([as_matrix(p) for p in alike]))


def orthogonal(matrices: Tensor) -> Tensor:
    """About U V' of each matrix U S V', (n, rows, cols): singular values end within 0.7 to 1.2.

    It is five steps of Jordan's quintic iteration. Each step multiplies x by a polynomial of x x',
    so only that is iterated, in the space of the smaller side: 0.4 of the arithmetic for a kernel
    of 3 x 3 taps, and in float32 as fast as the usual form is in bf16.
    """
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    side = x.shape[1]
    if side > 1:  # one row has one singular value, which is 1 by now
        gram = x @ x.mT
        total = torch.eye(side, device=x.device, dtype=x.dtype)
        for _ in range(5):
            step = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
            step.diagonal(dim1=1, dim2=2).add_(3.4445)
            gram, total = step @ gram @ step, step @ total
        x = total @ x
    return x.mT if is_tall else x


class LARS(torch.optim.Optimizer):
    """Layer-wise adaptive rate scaling as in SimCLR: vectors are neither adapted nor decayed.

    That vectors are not decayed is left to the groups; see `loop.parameter_groups`. The rate stands
    inside the momentum, v <- m v + lr g and p <- p - v, as in SimCLR's released code: where a
    schedule lowers it, what was gathered at a higher rate is still stepped at that rate.

    Args:
        params: Parameters, or groups of them, which may have a `weight_decay` of their own.
        lr: Learning rate, above 0.
        momentum: Momentum, in [0, 1).
        trust: Trust coefficient: the rate of a layer is `trust` |weights| / |gradient|; above 0.

    Source:
        You et al. 2017, "Large Batch Training of Convolutional Networks"; Chen et al. 2020
        (SimCLR), appendix B.6.

    Example:
        A matrix moves by trust x its own length, whatever the length of the gradient is:

        >>> p = nn.Parameter(torch.ones(2, 2))
        >>> p.grad = torch.tensor([[50.0, 0.0], [0.0, 0.0]])
        >>> LARS([p], lr=1.0, trust=0.1).step()
        >>> p.data
        tensor([[0.8000, 1.0000],
                [1.0000, 1.0000]])
    """

    version = 2  # part of the key of what it trains: 2 has the rate inside the momentum

    def __init__(
        self,
        params: Iterable[Any],
        *,
        lr: float,
        momentum: float = 0.9,
        trust: float = 1e-3,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": 0.0}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update the parameters that have a gradient."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                update = p.grad + group["weight_decay"] * p
                if p.ndim > 1:
                    weight_norm = p.norm()
                    update_norm = update.norm()
                    adapted = group["trust"] * weight_norm / update_norm
                    is_defined = (weight_norm > 0) & (update_norm > 0)
                    update = update * torch.where(is_defined, adapted, 1.0)
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.mul_(group["momentum"]).add_(update, alpha=group["lr"])
                p.sub_(buffer)
