"""What a remedy against feature suppression may change of a method."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from suppression.methods import METHODS, Method
from suppression.methods._projection import Projected

HOOKS = ("batch", "views", "embeddings", "loss")


class Remedy(nn.Module):
    """A change to a method against feature suppression, composed with it by `with_remedies`.

    A remedy overrides one hook or several; each of them does nothing by default. Where a step
    passes them, in this order:

    1. `batch`: which pictures meet in a batch.
    2. `views`: what the pictures show.
    3. `embeddings`: the projections of a pair of views, before their loss.
    4. `loss`: the loss of a pair of views.
    5. `after_step`: schedules and averages, once the weights are updated.

    Not every method passes all of them: `Projected.hooks` names those that it does. Two remedies
    cannot change the same one of the first four. A remedy may have weights of its own; they are
    trained and stored with the method's. Its keyword-only parameters are its settings, as a
    method's are. `suppression.testing.check_remedy` says whether the contract is kept.

    Attributes:
        name: How the command line calls it.
        version: Part of a result's key; goes up when the same parameters give other numbers.
        needs: What a method must have, in words that follow "needs": for the message of `check`.

    Example:
        >>> import torch
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import Remedy, with_remedies
        >>> from suppression.models import ResNet
        >>> class Halved(Remedy):
        ...     '''Compare the first half of each projection only.'''
        ...
        ...     name = "halved"
        ...
        ...     def embeddings(self, z1, z2, y):
        ...         d = z1.shape[1] // 2
        ...         return z1[:, :d], z2[:, :d]
        >>> Halved.changes()
        ('embeddings',)
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [Halved()])
        >>> method(*torch.rand(2, 8, 1, 16, 16), torch.zeros(8, 10)).shape
        torch.Size([])
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    needs: ClassVar[str] = "a projection"

    def batch(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        """Leave out or reorder pictures, the same ones in every view.

        Args:
            x1: First views, (n, c, s, s) in [0, 1].
            x2: Second views of the same pictures, of the same shape.
            y: Labels or numbers of the pictures, as the method's `forward` gets them.
            *local: Smaller crops, (n, c, s', s') each.

        Returns:
            The same things in the same order, of as many pictures as shall meet.
        """
        return x1, x2, y, *local

    def views(self, x1: Tensor, x2: Tensor, y: Tensor, *local: Tensor) -> tuple[Tensor, ...]:
        """Change what the views show; arguments and what is returned are those of `batch`."""
        return x1, x2, y, *local

    def embeddings(self, z1: Tensor, z2: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Change the projections (n, d) of a pair of views before their loss.

        With local crops, a step has several pairs. What is logged, and what probes see of z, are
        the projections as they were.
        """
        return z1, z2

    def loss(self, z1: Tensor, z2: Tensor, y: Tensor, method: Any) -> Tensor:
        """The loss of a pair of views.

        Args:
            z1: Projections of a global view, (n, d).
            z2: Projections of another view of the same pictures, (n, d).
            y: Labels or numbers of the pictures.
            method: What the remedy is composed with: `method.pair(z1, z2, y)` is its own loss,
                `method.tau` its temperature.

        Returns:
            A scalar with gradient.
        """
        return method.pair(z1, z2, y)

    def after_step(self, progress: float, method: Any) -> None:
        """Move schedules and averages on.

        A training that is resumed has the weights and buffers back, and nothing else: what is
        set here must follow from `progress`, or be a buffer.

        Args:
            progress: Share of the training that is done, in (0, 1].
            method: What the remedy is composed with.
        """

    @classmethod
    def changes(cls) -> tuple[str, ...]:
        """The hooks that this remedy overrides, of batch, views, embeddings and loss."""
        return tuple(hook for hook in HOOKS if getattr(cls, hook) is not getattr(Remedy, hook))

    @classmethod
    def goes_with(cls, kind: type[Method]) -> bool:
        """Whether methods of this class can take the remedy, whatever their parameters are."""
        return issubclass(kind, Projected) and set(cls.changes()) <= set(kind.hooks)

    def check(self, method: Method) -> None:
        """ValueError, with the names of the methods that go, where this one does not."""
        if self.goes_with(type(method)):
            return
        going = [name for name, kind in METHODS.items() if self.goes_with(kind)]
        raise ValueError(
            f"remedy {self.name} needs {self.needs}, which {name_of(method)} has not; "
            f"it goes with: {', '.join(going)}"
        )


def name_of(method: Method) -> str:
    """How the command line calls a method; the name of its class where it does not know it."""
    for name, kind in METHODS.items():
        if kind is type(method):
            return name
    return type(method).__name__
