"""One training over several processes, with the gradient that one process would have.

Every process (a rank of `torchrun`) draws the whole batch and takes its part of it, so that a step
sees the pictures that it would see in one process. Three things keep the gradient exact:
projections are gathered with a backward that sums over ranks, and every rank has the whole loss;
batch norms take their statistics over all ranks; gradients are averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from suppression.errors import UserError
from suppression.methods import (
    BYOL,
    SWD,
    Autoencoder,
    Barlow,
    Decoupled,
    Method,
    SimCLR,
    SimSiam,
    VICReg,
)

# Their loss is a function of the projections of the whole batch.
GATHERED: tuple[type[Method], ...] = (SimCLR, Decoupled, SWD, VICReg, Barlow)
# Their loss is a mean over pictures: that of the batch is the mean of those of its parts.
AVERAGED: tuple[type[Method], ...] = (BYOL, SimSiam, Autoencoder)


def check_parallel(method: type[Method], *, batch: int, world: int, remedies: bool) -> None:
    """Whether a method's batches can be split over this many processes.

    Raises:
        UserError: If its loss sees more of the batch than is gathered (a queue, prototypes, a
            centre, labels), or if the batch cannot be split evenly.
    """
    name = method.__name__
    if method not in (*GATHERED, *AVERAGED):
        there = ", ".join(sorted(each.__name__ for each in (*GATHERED, *AVERAGED)))
        raise UserError(
            f"{name} is trained in one process: its loss sees more of a batch than is gathered "
            f"from several; trained in several are {there}"
        )
    if remedies:
        raise UserError(f"{name} with a remedy is trained in one process: leave out torchrun")
    if batch % world or batch // world < 2:
        raise UserError(
            f"batch = {batch} over {world} processes: each takes an equal part of 2 pictures or "
            "more"
        )


class Ranks:
    """The processes that train together: those of `torch.distributed`, or this one alone.

    Alone, every function hands on what it is given, so that nothing changes in the bits.
    """

    def __init__(self) -> None:
        self.world, self.rank = 1, 0
        if distributed.is_available() and distributed.is_initialized():
            self.world, self.rank = distributed.get_world_size(), distributed.get_rank()

    @contextmanager
    def joined(self, method: Method, batch: int) -> Iterator[None]:
        """While it lasts the method's norms and projections are those of the whole batch.

        Args:
            method: The method; its weights keep their names and their places.
            batch: Pictures a step, of all ranks together.

        Raises:
            UserError: If it cannot be trained in several processes.
        """
        if self.world == 1:
            yield
            return
        remedies = bool(len(getattr(method, "remedies", ())))
        check_parallel(type(method), batch=batch, world=self.world, remedies=remedies)
        with shared_norms(method):
            if type(method) not in GATHERED:
                yield
                return
            part = batch // self.world
            head = method.get_submodule("head")
            hook = head.register_forward_hook(lambda _, __, z: gathered(z, part, self.world))
            try:
                yield
            finally:
                hook.remove()

    def part(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This rank's part of each tensor of a batch."""
        if self.world == 1:
            return batch
        return tuple(each.chunk(self.world)[self.rank] for each in batch)

    def average_gradients(self, module: nn.Module) -> None:
        """Put the mean over ranks in place of each gradient."""
        if self.world == 1:
            return
        for p in module.parameters():
            if p.grad is not None:
                self.averaged(p.grad)

    def averaged(self, value: Tensor) -> Tensor:
        """The mean over ranks of a tensor, in its place."""
        if self.world > 1:
            distributed.all_reduce(value)
            value /= self.world
        return value

    def told_by_the_first(self, value: Any) -> Any:
        """What the first rank hands in."""
        if self.world == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, device=torch.device("cpu"))
        return box[0]


class AllSum(torch.autograd.Function):
    """The sum over ranks; so is its backward, as every rank's loss depends on it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, d_total: Tensor) -> Tensor:  # type: ignore[override]
        return AllSum.forward(ctx, d_total)


class Gather(torch.autograd.Function):
    """The rows of all ranks, (world, n, d); the backward sums over ranks and takes its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = [torch.empty_like(x) for _ in range(distributed.get_world_size())]
        distributed.all_gather(rows, x.contiguous())
        return torch.stack(rows)

    @staticmethod
    def backward(ctx: Any, d_rows: Tensor) -> Tensor:  # type: ignore[override]
        return AllSum.forward(ctx, d_rows)[distributed.get_rank()]


def gathered(z: Tensor, part: int, world: int) -> Tensor:
    """Projections of the whole batch, a view after the other, as one process has them.

    Args:
        z: This rank's, (views * part, d), a view after the other.
        part: Pictures of each rank.
        world: How many ranks there are.

    Returns:
        (views * world * part, d).
    """
    d = z.shape[1]
    by_rank = Gather.apply(z).view(world, -1, part, d)  # (world, views, part, d)
    return by_rank.transpose(0, 1).reshape(-1, d)


class SharedBatchNorm(_BatchNorm):
    """A batch norm over the parts of all ranks, each of equal size; in training only.

    torch's own, `SyncBatchNorm`, is for CUDA alone. Variances are means of squared distances from
    the shared mean: a mean of squares less the mean's square would lose half of the digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        over = [i for i in range(x.ndim) if i != 1]
        shape = [1, -1, *[1] * (x.ndim - 2)]
        n = x.numel() // x.shape[1] * distributed.get_world_size()
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean = AllSum.apply(wide.sum(over)) / n
        centred = wide - mean.view(shape)
        var = AllSum.apply(centred.square().sum(over)) / n
        if self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            assert self.momentum is not None
            self.num_batches_tracked.add_(1)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(var * (n / (n - 1)), self.momentum)
        y = centred * (var + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)

    def _check_input_dim(self, x: Tensor) -> None:
        """Any number of dimensions."""


@contextmanager
def shared_norms(module: nn.Module) -> Iterator[None]:
    """While it lasts every batch norm in a module is one over all ranks.

    The others come back with what these have learned: parameters and statistics are the same
    tensors.
    """
    replaced = []
    for parent in list(module.modules()):
        for name, norm in list(parent.named_children()):
            if isinstance(norm, _BatchNorm):
                replaced.append((parent, name, norm))
                setattr(parent, name, shared(norm))
    try:
        yield
    finally:
        for parent, name, norm in replaced:
            setattr(parent, name, norm)


def shared(norm: _BatchNorm) -> _BatchNorm:
    """A norm over all ranks with another one's parameters and statistics."""
    cls: type[_BatchNorm] = SharedBatchNorm
    if norm.running_mean is not None and norm.running_mean.is_cuda:
        cls = nn.SyncBatchNorm
    made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    for name, parameter in norm.named_parameters(recurse=False):
        setattr(made, name, parameter)
    for name, buffer in norm.named_buffers(recurse=False):
        setattr(made, name, buffer)
    return made.train(norm.training)
