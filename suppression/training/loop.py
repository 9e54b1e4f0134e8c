"""One visible training loop for every method."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from suppression import expect
from suppression.methods.base import Method
from suppression.training.optimizers import LARS, Muon
from suppression.training.parallel import Ranks

LOG_POINTS = 100  # lines of the trace over a whole training
COLLAPSED = 1e-3  # spread of the projections (about 1 when spread out) below which they are a point

Batch = tuple[Tensor, ...]  # two views, the labels (or the pictures' numbers), and local crops


class TrainingStopped(RuntimeError):
    """The loss is no longer a number, or the projections have collapsed.

    What was saved before stays.
    """


class TrainingInterrupted(RuntimeError):
    """Training was asked to stop; its checkpoint is saved.

    Args:
        step: The step that it goes on with.
    """

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped before step {step}; a checkpoint is saved")
        self.step = step


@dataclass(frozen=True)
class Training:
    """How long a method is trained, on how many scenes, and with which optimizer.

    The learning rate rises linearly during the warm-up, then falls to 0. Every scene is seen in two
    views. By default each scene is drawn anew; with `images` or `order` scenes are seen again in
    every epoch, and those that do not fill a batch at its end are left out.

    Args:
        samples: Scenes trained on in all, repeated ones counted again; at least `batch`. There are
            samples / batch steps, rounded down.
        batch: Scenes a step; at least 2.
        optimiser: adamw, adam (with Keras's epsilon of 1e-7), sgd (Nesterov momentum of 0.9), lars
            or muon.
        lr: Learning rate at the end of the warm-up, before `lr_scaling`; above 0.
        weight_decay: Weight decay of the weights; biases and the parameters of norms have none; at
            least 0.
        warmup: Share of the steps during which the learning rate rises; in [0, 1).
        precision: fp32, bf16 (autocast), or auto, which is bf16 where it is faster for this very
            network on this machine (measured once and kept in the store).
        schedule: How the learning rate falls after the warm-up: as a cosine, or in a line (linear).
        order: Trains on the instances of the source themselves, each once an epoch: in the same
            order every time (fixed), so that the same ones always share a batch, or in a new order
            every epoch (shuffled). If not given, scenes are drawn from the source at random.
        images: Number of scenes that are drawn once and then seen in epochs, in a new order every
            time; at least `batch`. If not given, scenes are drawn anew.
        lr_scaling: What `lr` is multiplied by: batch / 256 (linear) or its square root (sqrt), as
            in SimCLR, appendix B.1. If not given, by nothing.
        snapshots: How many times before the end the weights are kept: after a half of the steps, a
            quarter, and so on, rounded down. They are what a learning curve is read from
            (`evaluation.curve`). If not given, only the last ones are kept.
        collapse: go_on trains on after the projections have collapsed to one point, so that it can
            be seen. If not given, training stops there.

    Raises:
        ValueError: If a parameter is out of its range.

    Example:
        >>> training = Training(samples=10_000, batch=128, lr=0.3, lr_scaling="linear")
        >>> training.steps
        78
        >>> training.peak
        0.15
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
    snapshots: int | None = None
    collapse: Literal["go_on"] | None = None
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        expect.fields(self)
        if self.batch < 2:
            raise ValueError(
                f"batch = {self.batch}: a contrastive batch needs 2 samples at least, or there is "
                "nothing to tell apart"
            )
        if self.samples < self.batch:
            raise ValueError(
                f"samples = {self.samples} is less than one batch of {self.batch}, so nothing "
                "would be trained (it counts scenes, not epochs)"
            )
        if not (self.lr > 0 and math.isfinite(self.lr)):
            raise ValueError(f"lr = {self.lr}: a learning rate is a number above 0")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay = {self.weight_decay} is below 0")
        if not 0 <= self.warmup < 1:
            raise ValueError(f"warmup = {self.warmup} is not a share of training in [0, 1)")
        if self.images is not None and self.images < self.batch:
            raise ValueError(f"images = {self.images}: an epoch is not one batch of {self.batch}")
        if self.images is not None and self.order == "fixed":
            raise ValueError(
                "order = fixed is of a source's instances; images always come shuffled"
            )
        if self.snapshots is not None and not 1 <= self.snapshots < self.steps.bit_length():
            raise ValueError(
                f"snapshots = {self.snapshots}: {self.steps} steps can be halved "
                f"{self.steps.bit_length() - 1} times"
            )

    @property
    def peak(self) -> float:
        """The learning rate at the end of the warm-up."""
        if self.lr_scaling == "linear":
            return self.lr * (self.batch / 256)
        if self.lr_scaling == "sqrt":
            return self.lr * (self.batch / 256) ** 0.5
        return self.lr

    @property
    def steps(self) -> int:
        """The number of batches."""
        return self.samples // self.batch

    @property
    def kept_after(self) -> list[int]:
        """The numbers of steps after which the weights are kept, but for the last ones."""
        return [self.steps >> k for k in range(self.snapshots or 0, 0, -1)]


class Keeper(Protocol):
    """Keeps the trace and the checkpoints of a training; `store.Workplace` is one."""

    def log(self, row: dict) -> None:
        """Append a line to the trace."""

    def keep(self, weights: dict[str, Tensor], step: int) -> None:
        """Keep the weights after so many steps for good."""

    def due(self) -> bool:
        """Whether it is time for another checkpoint."""

    def save(self, tensors: dict[str, Tensor], step: int) -> None:
        """Keep a checkpoint, with the step to go on with."""

    def load(self) -> tuple[dict[str, Tensor], int] | None:
        """The last checkpoint, as it was given to `save`, if there is one."""


def train(
    method: Method,
    draw: Callable[[int], Batch],
    *,
    training: Training,
    device: torch.device,
    bf16: bool = False,
    keeper: Keeper | None = None,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train a method in place.

    A training that is resumed from a checkpoint of `keeper` ends in the same bits as one that was
    not interrupted. Where `torch.distributed` is initialized its processes train together
    (`training.parallel`), and all of them call this; only the first one needs a keeper.

    Args:
        method: The method, on `device`. It is left in evaluation mode.
        draw: `draw(step)` returns the batch of a step: the two views, (n, c, s, s), the labels
            that the method takes, and any local crops. It must depend on the step alone.
        training: How long and with which optimizer.
        device: Where the method is and the batches are.
        bf16: Whether the forward pass is under bf16 autocast.
        keeper: Where the trace and the checkpoints go, if anywhere.
        on_step: Called as `on_step(done, loss)` after every logged step, with the number of steps
            done by then. About `LOG_POINTS` steps are logged, evenly spread, and the last one.
        stop: Asked after every step; where it is true a checkpoint is saved and training ends.

    Raises:
        TrainingInterrupted: If `stop` said so.
        TrainingStopped: If the loss or a weight is no longer finite, or if the projections have
            collapsed to one point and `training.collapse` does not say to go on.

    Example:
        >>> from suppression.methods import SimCLR
        >>> from suppression.models.resnet import ResNet
        >>> def draw(step):
        ...     rng = torch.Generator().manual_seed(step)
        ...     x = torch.rand(8, 1, 8, 8, generator=rng)
        ...     return x, x.flip(3), torch.zeros(8, 1)
        >>> method = SimCLR(ResNet(width=4, stem=1, channels=1), tau=0.2)
        >>> training = Training(samples=16, batch=8)
        >>> def report(done, loss):
        ...     print(f"{done} of {training.steps} steps")
        >>> train(method, draw, training=training, device=torch.device("cpu"), on_step=report)
        1 of 2 steps
        2 of 2 steps
    """
    expect.instance("train", "method", method, nn.Module, "SimCLR(ResNet(channels=1))")
    expect.instance("train", "training", training, Training, "Training(samples=1000)")
    device = expect.device("train", device)
    optimizer = make_optimizer(method, training)
    ranks = Ranks()
    start = resume(method, optimizer, keeper, ranks)
    log_every = max(1, training.steps // LOG_POINTS)
    kept_after = frozenset(training.kept_after)
    with ranks.joined(method, training.batch):
        method.train()
        for step in range(start, training.steps):
            is_last = step + 1 == training.steps
            method.watch = step % log_every == 0 or is_last
            set_learning_rate(optimizer, training, step)

            batch = draw(step)
            expect.instance("train", "a batch", batch, tuple, "(x1, x2, y)")
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                loss = method(*ranks.part(batch))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            ranks.average_gradients(method)
            optimizer.step()
            method.after_step((step + 1) / training.steps)

            if keeper is not None and step + 1 in kept_after:
                keeper.keep(weights_of(method), step + 1)
            if method.watch:  # the only steps that wait for the device
                row = trace_row(step, loss, method, optimizer, ranks)
                check(row, goes_on=training.collapse is not None)
                on_step(step + 1, row["loss"])
                if keeper is not None:
                    keeper.log(row)
                    if keeper.due() and not is_last:
                        keeper.save(snapshot(method, optimizer), step + 1)
            if stop() and not is_last:
                if keeper is not None:
                    keeper.save(snapshot(method, optimizer), step + 1)
                raise TrainingInterrupted(step + 1)
    check_weights(method, training.steps)  # the loss of a step says nothing of its update
    method.eval()


def set_learning_rate(optimizer: torch.optim.Optimizer, training: Training, step: int) -> None:
    """The learning rate of a step, for all parameters but those that the method keeps steady."""
    share = schedule(step, training.steps, training.warmup, linear=training.schedule == "linear")
    for group in optimizer.param_groups:
        group["lr"] = training.peak if group["steady"] else training.peak * share


def schedule(step: int, steps: int, warmup: float, *, linear: bool = False) -> float:
    """The learning rate as a share of its peak.

    It is a linear warm-up, then a cosine (SimCLR, appendix B.6) or a line to 0.
    """
    ramp = math.ceil(warmup * steps)
    if step < ramp:
        return (step + 1) / ramp
    done = (step - ramp) / (steps - ramp)
    return 1 - done if linear else 0.5 * (1 + math.cos(math.pi * done))


def trace_row(
    step: int, loss: Tensor, method: Method, optimizer: torch.optim.Optimizer, ranks: Ranks
) -> dict[str, Any]:
    """The line of the trace for a step; reading the values waits for the device."""
    loss = ranks.averaged(loss.detach())
    row = {"step": step, "loss": loss.item(), "lr": optimizer.param_groups[0]["lr"]}
    for name, value in method.metrics.items():
        row[name] = ranks.averaged(value).item()
    return row


def check(row: dict[str, Any], *, goes_on: bool = False) -> None:
    """Raise TrainingStopped if there is nothing left to train."""
    if not math.isfinite(row["loss"]):
        raise TrainingStopped(
            f"the loss is {row['loss']} at step {row['step']}; a smaller lr or a larger tau may "
            "help"
        )
    if row.get("spread", 1.0) < COLLAPSED and not goes_on:
        raise TrainingStopped(
            f"the projections have collapsed to one point by step {row['step']} (spread "
            f"{row['spread']:.1e}); a smaller lr or a larger batch may help; --collapse go_on "
            "trains on, so that it can be seen"
        )


def check_weights(method: Method, steps: int) -> None:
    """Raise TrainingStopped if a weight, or a statistic of a batch norm, is not finite."""
    for name, value in method.state_dict().items():
        if value.is_floating_point() and not value.isfinite().all():
            raise TrainingStopped(
                f"{name} is not finite after {steps} steps: the training diverged; a smaller lr or "
                "a larger tau may help"
            )


def make_optimizer(module: nn.Module, training: Training) -> torch.optim.Optimizer:
    """The optimizer that `training` names, on the trainable parameters of a module."""
    groups = parameter_groups(module, training.weight_decay)
    if training.optimiser == "adamw":
        return torch.optim.AdamW(groups, lr=training.peak, fused=True)
    if training.optimiser == "adam":
        return torch.optim.Adam(groups, lr=training.peak, eps=1e-7, fused=True)
    if training.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=training.peak, momentum=0.9, nesterov=True)
    if training.optimiser == "muon":
        return Muon(groups, lr=training.peak)
    return LARS(groups, lr=training.peak)


def parameter_groups(module: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Groups for an optimizer: norms and biases are not decayed, a method's steady ones marked."""
    steady: set[int] = set()
    if isinstance(module, Method):
        steady = {id(p) for p in module.steady()}
    groups: list[dict[str, Any]] = [
        {"params": [], "weight_decay": weight_decay, "steady": False},
        {"params": [], "weight_decay": 0.0, "steady": False},
        {"params": [], "weight_decay": weight_decay, "steady": True},
        {"params": [], "weight_decay": 0.0, "steady": True},
    ]
    for p in module.parameters():
        if p.requires_grad:
            is_steady = id(p) in steady
            is_vector = p.ndim <= 1
            groups[2 * is_steady + is_vector]["params"].append(p)
    return [group for group in groups if group["params"]]


def weights_of(method: Method) -> dict[str, Tensor]:
    """A copy of a method's tensors in memory, by name."""
    return {name: _copied(value).cpu() for name, value in method.state_dict().items()}


def snapshot(method: Method, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Everything that a training needs to go on, as flat tensors.

    Batches depend on the step alone, so there is no random state to keep.
    """
    tensors = {}
    for name, value in method.state_dict().items():
        tensors[f"method.{name}"] = _copied(value)
    for number, fields in optimizer.state_dict()["state"].items():
        for name, value in fields.items():
            if value is not None:
                tensors[f"optimiser.{number}.{name}"] = _copied(torch.as_tensor(value))
    return tensors


def _copied(value: Tensor) -> Tensor:
    return value.detach().clone(memory_format=torch.contiguous_format)


def resume(
    method: Method, optimizer: torch.optim.Optimizer, keeper: Keeper | None, ranks: Ranks
) -> int:
    """Load the keeper's last snapshot, if there is one, and return the step to go on with."""
    saved = None if keeper is None else keeper.load()
    saved = ranks.told_by_the_first(saved)
    if saved is None:
        return 0
    tensors, step = saved
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    weights: dict[str, Tensor] = {}
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        room, rest = name.split(".", 1)
        if room == "method":
            weights[rest] = value
        elif room == "optimiser":
            number, field = rest.split(".", 1)
            fields = state.setdefault(int(number), {})
            fields[field] = _laid_out_like(parameters[int(number)], value)
    method.load_state_dict(weights)
    param_groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": param_groups})
    return step


def _laid_out_like(p: Tensor, buffer: Tensor) -> Tensor:
    """An optimizer's buffer in its parameter's memory layout, which it has if not interrupted.

    Sums then run in the same order, and end in the same bits.
    """
    if buffer.ndim != 4 or buffer.shape != p.shape:
        return buffer
    return torch.empty_like(p).copy_(buffer)
