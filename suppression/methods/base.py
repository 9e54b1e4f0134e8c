"""What the training loop knows of a method."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from suppression import expect
from suppression.errors import UserError


class Method(nn.Module):
    """An encoder, whatever is trained with it, and the loss that trains them.

    A method of your own derives from this class and has a `forward(x1, x2, y, *local)` that
    returns the loss. Its keyword-only parameters are its settings: command-line flags, recipe
    keys and columns follow from their names, types and defaults. A class that takes
    `**parameters` hands them to the class above it, and has that class's parameters, too.
    `suppression.testing.check_method` says whether the contract is kept. Settings are held against
    their annotations before `__init__` runs, and what a method is called with before `forward`.

    Args:
        encoder: The network to be trained, as `suppression.models.Encoder` describes it.

    Attributes:
        version: Part of a result's key; goes up when the same parameters give other numbers.
        trains: Whether there is anything to train.
        seeded: Whether a seed changes anything. Where none does, one cell answers for all seeds:
            several would be one value told several times.
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

    Raises:
        UserError: The encoder is none, or a setting is not of the type that is annotated.

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
    seeded: ClassVar[bool] = True
    labelled: ClassVar[bool] = False
    instanced: ClassVar[bool] = False
    takes_local: ClassVar[bool] = True
    has_z: ClassVar[bool] = False
    has_classifier: ClassVar[bool] = False
    builds_on: ClassVar[tuple[str, ...]] = ()
    idle: ClassVar[dict[str, dict[Any, tuple[str, ...]]]] = {}
    classifier_on: str = "h"

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in cls.__dict__:
            cls.__init__ = expect.typed(cls.__init__)  # type: ignore[method-assign]

    def __init__(self, encoder: nn.Module) -> None:
        expect.instance(type(self).__name__, "encoder", encoder, nn.Module, "ResNet(width=16)")
        super().__init__()
        self.register_forward_pre_hook(check_call, with_kwargs=True)
        self.encoder = encoder
        self.metrics: dict[str, Tensor] = {}
        self.watch = False

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> Tensor:
        """The loss of one batch.

        Args:
            x1: First views, (n, c, s, s) in [0, 1]; n >= 2, or 1 where `labelled`.
            x2: Second views of the same pictures, of the same shape.
            y: Labels (n, all classes) where `labelled`, numbers (n,) where `instanced`.
            *local: Smaller crops, (n, c, s', s') each; none unless multi-crop is asked for.

        Returns:
            A scalar with gradient.

        Raises:
            UserError: A shape or a type is wrong.
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


def width_of(encoder: nn.Module) -> int:
    """The width of an encoder's h; UserError for a network that does not say it."""
    h_dim = getattr(encoder, "h_dim", None)
    if not isinstance(h_dim, int):
        raise UserError(
            f"{type(encoder).__name__} is no encoder: it has no h_dim, the width of its h; "
            "suppression.probes.as_encoder(network, h_dim=...) makes one of it"
        )
    return h_dim


def check_call(method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """UserError unless a method is called with two views, and labels or numbers where it has some.

    A hook, as every method has a `forward` of its own.
    """
    given = dict(zip(("x1", "x2", "y"), args, strict=False)) | kwargs
    if len(given) < 3 or expect.traced(*given.values()):
        return  # Python's message names what is missing
    who = type(method).__name__
    x1, x2, y = given["x1"], given["x2"], given["y"]
    n = 1 if method.labelled else 2  # without labels there is nothing to tell one picture from
    if getattr(x1, "ndim", None) == 2:  # not pictures: a network may take vectors
        expect.vectors(who, n=n, x1=x1, x2=x2)
    else:
        expect.pictures(who, n=n, x1=x1, x2=x2)
    if x1.shape != x2.shape:
        raise UserError(
            f"{who}: x1 is {tuple(x1.shape)} and x2 {tuple(x2.shape)}; both views need the same "
            "shape (n, channels, s, s)"
        )
    expect.alike(who, "x1", x1, "x2", x2)
    for i, x in enumerate(args[3:], 1):
        expect.pictures(who, **{f"local crop {i}": x})
        if x.shape[:2] != x1.shape[:2]:
            raise UserError(
                f"{who}: local crop {i} is {tuple(x.shape)} of views {tuple(x1.shape)}; as many "
                "pictures of as many channels are wanted"
            )
    check_labels(method, y, len(x1))


def check_labels(method: Method, y: Any, n: int) -> None:
    """UserError unless y is what a method takes that is told labels, or the pictures' numbers."""
    who = type(method).__name__
    if method.instanced:
        if not isinstance(y, Tensor) or y.shape != (n,) or y.is_floating_point():
            raise UserError(
                f"{who}: y is {expect.kind(y)}; the pictures' numbers, ({n},) int64, are wanted"
            )
    elif method.labelled:
        widths = getattr(method, "blocks", None)
        width = sum(widths) if isinstance(widths, list) else "classes"
        shape = tuple(y.shape) if isinstance(y, Tensor) else ()
        if len(shape) != 2 or shape[0] != n or (widths and shape[1] != width):
            raise UserError(
                f"{who}: y is {expect.kind(y)}; labels ({n}, {width}) are wanted, one-hot or "
                "multi-hot: torch.nn.functional.one_hot(y)"
            )
