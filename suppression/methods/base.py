"""What the training loop knows of a method."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn


class Method(nn.Module):
    """An encoder, whatever is trained with it, and the loss that trains them.

    A method of your own derives from this class and has a `forward(x1, x2, y, *local)` that
    returns the loss. Its keyword-only parameters are its settings: command-line flags, recipe
    keys and columns follow from their names, types and defaults. A class that takes
    `**parameters` hands them to the class above it, and has that class's parameters, too.
    `suppression.testing.check_method` says whether the contract is kept.

    Args:
        encoder: The network to be trained, as `suppression.models.Encoder` describes it.

    Attributes:
        version: Part of a result's key; goes up when the same parameters give other numbers.
        trains: Whether there is anything to train.
        labelled: Whether it sees labels. It is then built with the widths of their blocks as
            second argument, and y holds these blocks, one-hot or multi-hot, side by side.
        instanced: Whether it tells pictures apart by their numbers. It is then built with how
            many pictures there are as second argument, and y holds numbers, (n,) int64.
        takes_local: Whether it can be shown the smaller crops of multi-crop.
        has_z: Whether there is a projection z = g(h) to probe.
        has_classifier: Whether a linear layer is trained along for the labels.
        classifier_on: The layer that this classifier takes.
        builds_on: The parameters, of `start` and `teacher`, that name another trained method of
            the store; it cannot do without the first one. It is built with these methods, in
            this order, behind the arguments above. The encoder already has the weights of
            `start`.
        idle: Parameters that have no effect where another one has a value:
            `{"loss": {"margin": ("tau",)}}` says that tau is idle where loss = margin.
        metrics: Scalars without gradient for the log, filled in by `forward` where `watch` is set.
        watch: Whether this step is logged.

    Example:
        >>> import torch
        >>> from suppression.methods import Method
        >>> from suppression.models import ResNet
        >>> class Alignment(Method):
        ...     '''The squared distance between the representations of two views.'''
        ...
        ...     def forward(self, x1, x2, y, *local):
        ...         return (self.encoder(x1) - self.encoder(x2)).square().mean()
        >>> method = Alignment(ResNet(width=4, stem=1, channels=1))
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    version: ClassVar[int] = 1
    trains: ClassVar[bool] = True
    labelled: ClassVar[bool] = False
    instanced: ClassVar[bool] = False
    takes_local: ClassVar[bool] = True
    has_z: ClassVar[bool] = False
    has_classifier: ClassVar[bool] = False
    builds_on: ClassVar[tuple[str, ...]] = ()
    idle: ClassVar[dict[str, dict[Any, tuple[str, ...]]]] = {}
    classifier_on: str = "h"

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.metrics: dict[str, Tensor] = {}
        self.watch = False

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        """The loss of one batch.

        Args:
            x1: First views, (n, c, s, s) in [0, 1].
            x2: Second views of the same pictures, of the same shape.
            y: Labels (n, all classes) where `labelled`, numbers (n,) where `instanced`.
            *local: Smaller crops, (n, c, s', s') each; none unless multi-crop is asked for.

        Returns:
            A scalar with gradient.
        """
        raise NotImplementedError(f"{type(self).__name__} is not trained")

    def project(self, h: Tensor) -> Tensor:
        """The projection z = g(h), (n, d), which probes ask for where `has_z`."""
        raise NotImplementedError(f"{type(self).__name__} has no projection")

    def classify(self, h: Tensor) -> Tensor:
        """Logits (n, classes of all labels) of the classifier, where `has_classifier`.

        Args:
            h: What comes out of the layer `classifier_on`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no classifier")

    def check_batch(self, batch: int) -> None:
        """ValueError where the method cannot be trained on batches of this size."""

    def check_view(self, side: int) -> None:
        """ValueError where the method cannot be trained on views of this many px."""

    def steady(self) -> list[nn.Parameter]:
        """Parameters whose learning rate stays at its peak; most methods have none."""
        return []

    def notes(self, classes: int) -> list[str]:
        """Warnings to print before training on pictures of this many classes; mostly none."""
        return []

    def after_step(self, progress: float) -> None:
        """Moving averages, queues and schedules, moved on after each update.

        Args:
            progress: Share of the training that is done, in (0, 1].
        """
