"""What the training loop knows of a method."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class Method(nn.Module):
    """An encoder and whatever is trained with it.

    `forward(x1, x2, y, *local)` takes two views, (n, c, s, s) in [0, 1], and the labels y, (n, all classes; one-hot or multi-hot blocks, see
    `scenes.base.Scenes.targets`), and returns the loss. `local` are the smaller crops of multi-crop, (n, c, s', s') each, none unless asked for (`Augmentation`).
    A method that looks at the labels has `labelled`, and is built with the widths of their blocks as second argument; one that tells pictures apart by
    their numbers is `instanced`, gets these, (n,) int64, in place of labels, and is built with how many there are. What it wants logged it puts into
    `self.metrics` as scalars without gradient, when `self.watch` is set. `after_step(progress)` is called after each update with the share of training
    done, in (0, 1].

    `builds_on` are the parameters, of `start` and `teacher`, that name another cell of the store, the first of which the method cannot do without; it is built with
    the trained methods of these, in this order, after what is told. The encoder already has the weights of that of `start`.

    `idle` are parameters that a value of another leaves without effect: `{"loss": {"margin": ("tau",)}}`.

    Keyword-only parameters are the method's parameters. One that takes `**parameters` besides hands them to the class above, and has its parameters, too.
    """

    version: ClassVar[int] = 1
    trains: ClassVar[bool] = True
    labelled: ClassVar[bool] = False
    instanced: ClassVar[bool] = False
    takes_local: ClassVar[bool] = True  # whether it can be shown local crops
    has_z: ClassVar[bool] = False  # whether there is a projection z = g(h) to probe
    has_classifier: ClassVar[bool] = False  # whether a linear layer was trained along, for the labels that it was told
    builds_on: ClassVar[tuple[str, ...]] = ()
    idle: ClassVar[dict[str, dict[str, tuple[str, ...]]]] = {}
    classifier_on: str = "h"  # the layer that the classifier takes

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.metrics: dict[str, Tensor] = {}
        self.watch = False

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} is not trained")

    def project(self, h: Tensor) -> Tensor:
        """z = g(h), for probes of the head's output, where `has_z`."""
        raise NotImplementedError(f"{type(self).__name__} has no projection")

    def classify(self, h: Tensor) -> Tensor:
        """Logits of the layer that was trained along, (n, classes of all labels), of what comes out of `classifier_on`, where `has_classifier`."""
        raise NotImplementedError(f"{type(self).__name__} has no classifier")

    def check_batch(self, batch: int) -> None:
        """ValueError where the method cannot be trained with so many samples a step; most take any."""

    def check_view(self, side: int) -> None:
        """ValueError where the method cannot be trained on views of so many px; most take any."""

    def steady(self) -> list[nn.Parameter]:
        """Parameters whose learning rate stays at its peak; most methods have none."""
        return []

    def notes(self, classes: int) -> list[str]:
        """What a user should hear before training on pictures of so many classes; most methods have nothing to say."""
        return []

    def after_step(self, progress: float) -> None:
        """Moving averages, queues, schedules; most methods have none."""
