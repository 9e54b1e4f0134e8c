"""One visible training loop for every method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from suppression.methods.base import Method
from suppression.training.optimizers import LARS, Muon

LOG_POINTS = 100  # lines of the trace over a whole training
COLLAPSED = 1e-3  # spread of normalised projections (1 when spread out) under which nothing is left to contrast

Batch = tuple[Tensor, ...]  # two views, what is told of them, and local crops


class TrainingStopped(RuntimeError):
    """The loss is no longer a number, or the projections have collapsed. What was saved before stays."""


@dataclass(frozen=True)
class Training:
    """How long and how: `samples` scenes in all, `batch` at a time, each seen in two views; `lr` rises linearly over the share `warmup` and falls to 0 as a
    cosine, or, with `schedule` linear, in a line. `precision` auto takes bf16 where it is faster for this very net on this machine (measured once, kept in the store).

    `lr_scaling` multiplies lr by batch / 256 or by its square root (SimCLR, appendix B.1). `collapse` goes on where the projections collapse, so that it can be
    seen; otherwise training stops there.

    Each scene is drawn anew, unless `images` says how many are drawn once, to come in epochs, or `order` that the pool's instances do: each of them once in an epoch, in the same order every time (`fixed`, so that
    the same ones always meet in a batch) or in another (`shuffled`, and so are `images`); what does not fill a batch is left out. Adam's epsilon is Keras's, 1e-7.
    """

    samples: int = 100_000
    batch: int = 64
    optimiser: Literal["adamw", "sgd", "lars", "muon", "adam"] = "adamw"
    lr: float = 2e-3
    weight_decay: float = 1e-4
    warmup: float = 0.05
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    schedule: Literal["linear"] | None = None  # None is the cosine
    order: Literal["fixed", "shuffled"] | None = None
    images: int | None = None
    lr_scaling: Literal["linear", "sqrt"] | None = None
    collapse: Literal["go_on"] | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.batch < 2:
            raise ValueError(f"batch = {self.batch}: a contrastive batch needs 2 samples at least, or there is nothing to tell apart")
        if self.samples < self.batch:
            raise ValueError(f"samples = {self.samples} is less than one batch of {self.batch}, so nothing would be trained (it counts scenes, not epochs)")
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"lr = {self.lr}: a learning rate is a number above 0")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay = {self.weight_decay} is below 0")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup = {self.warmup} is not a share of training in [0, 1)")
        if self.images is not None and self.images < self.batch:
            raise ValueError(f"images = {self.images}: an epoch is not one batch of {self.batch}")
        if self.images is not None and self.order == "fixed":
            raise ValueError("order = fixed is of a source's instances; images come shuffled")

    @property
    def peak(self) -> float:
        """The learning rate at the end of the warm-up."""
        return self.lr * {"linear": self.batch / 256, "sqrt": (self.batch / 256) ** 0.5, None: 1.0}[self.lr_scaling]

    @property
    def steps(self) -> int:
        return self.samples // self.batch


class Keeper(Protocol):
    """Where the loop leaves what it must not lose; `store.Workplace` is one."""

    def log(self, row: dict) -> None: ...
    def due(self) -> bool: ...
    def save(self, tensors: dict[str, Tensor], step: int) -> None: ...
    def load(self) -> tuple[dict[str, Tensor], int] | None: ...


def train(
    method: Method,
    draw: Callable[[int], Batch],
    *,
    training: Training,
    device: torch.device,
    bf16: bool = False,
    keeper: Keeper | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Train `method` in place on `draw(step) -> (x1, x2, y, *local)`, which must depend on the step alone; then a run resumed from `keeper` ends bit-identical.

    `on_step(step, loss)` is called at every logged step. Raises TrainingStopped on NaN or collapse.
    """
    optimiser = make_optimiser(method, training)
    start = resume(method, optimiser, keeper)
    every = max(1, training.steps // LOG_POINTS)
    method.train()
    for step in range(start, training.steps):
        last = step + 1 == training.steps
        method.watch = step % every == 0 or last
        for group in optimiser.param_groups:
            now = schedule(step, training.steps, training.warmup, linear=training.schedule == "linear")
            group["lr"] = training.peak * (1.0 if group["steady"] else now)
        batch = draw(step)
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = method(*batch)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        method.after_step((step + 1) / training.steps)
        if method.watch:  # the only steps that wait for the device
            row = {"step": step, "loss": loss.item(), "lr": optimiser.param_groups[0]["lr"]}
            row |= {name: value.item() for name, value in method.metrics.items()}
            check(row, goes_on=training.collapse is not None)
            on_step(step + 1, row["loss"])
            if keeper is not None:
                keeper.log(row)
                if keeper.due() and not last:
                    keeper.save(snapshot(method, optimiser), step + 1)
    method.eval()


def schedule(step: int, steps: int, warmup: float, *, linear: bool = False) -> float:
    """The learning rate as a share of its peak: linear warm-up, then a cosine (SimCLR, appendix B.6) or a line to 0."""
    ramp = math.ceil(warmup * steps)
    if step < ramp:
        return (step + 1) / ramp
    done = (step - ramp) / (steps - ramp)
    return 1 - done if linear else 0.5 * (1 + math.cos(math.pi * done))


def check(row: dict, *, goes_on: bool = False) -> None:
    if not math.isfinite(row["loss"]):
        raise TrainingStopped(f"the loss is {row['loss']} at step {row['step']}; a smaller lr or a larger tau may help")
    if row.get("spread", 1.0) < COLLAPSED and not goes_on:
        raise TrainingStopped(
            f"the projections have collapsed to one point by step {row['step']} (spread {row['spread']:.1e}); a smaller lr or a larger batch may help; "
            "--collapse go_on trains on, so that it can be seen"
        )


def make_optimiser(module: nn.Module, training: Training) -> torch.optim.Optimizer:
    """AdamW, Adam, SGD with Nesterov momentum 0.9, LARS or Muon; norms and biases are not decayed, the groups of a method's `steady` parameters marked."""
    steady = {id(p) for p in module.steady()} if isinstance(module, Method) else set()
    groups: list[dict[str, Any]] = []
    for kept in (False, True):
        some = [p for p in module.parameters() if p.requires_grad and (id(p) in steady) is kept]
        groups.append({"params": [p for p in some if p.ndim > 1], "weight_decay": training.weight_decay, "steady": kept})
        groups.append({"params": [p for p in some if p.ndim <= 1], "weight_decay": 0.0, "steady": kept})
    groups = [group for group in groups if group["params"]]
    if training.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=training.peak, fused=True)
    if training.optimiser == "adam":
        return torch.optim.Adam(groups, lr=training.peak, eps=1e-7, fused=True)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.peak, momentum=0.9, nesterov=True)
    if training.optimiser == "muon":
        return Muon(groups, lr=training.peak)
    return LARS(groups, lr=training.peak)


def snapshot(method: Method, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything a training needs to go on, as flat tensors (batches depend on the step alone, so there is no random state to keep)."""
    tensors = {f"method.{name}": value for name, value in method.state_dict().items()}
    for i, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{i}.{name}": torch.as_tensor(value) for name, value in state.items() if value is not None}
    return {name: value.detach().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}


def resume(method: Method, optimiser: torch.optim.Optimizer, keeper: Keeper | None) -> int:
    """Load the keeper's last snapshot, if there is one, and return the step to go on with."""
    saved = keeper.load() if keeper is not None else None
    if saved is None:
        return 0
    tensors, step = saved
    method.load_state_dict({name.removeprefix("method."): value for name, value in tensors.items() if name.startswith("method.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, i, field = name.split(".", 2)
            state.setdefault(int(i), {})[field] = value
    # Optimiser buffers take their parameter's memory layout, as they have in a run that was not interrupted; sums then run in the same order.
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for number, fields in state.items():
        like = parameters[number]
        fields.update({field: torch.empty_like(like).copy_(value) for field, value in fields.items() if value.shape == like.shape and value.ndim == 4})
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return step
