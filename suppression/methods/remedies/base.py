"""What a remedy against feature suppression may change of a method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from suppression.data import Pool, Scenes
from suppression.data.base import Factors
from suppression.methods import METHODS, Method
from suppression.methods._projection import Projected
from suppression.seeding import torch_rng

HOOKS = ("sample", "batch", "views", "head", "embeddings", "loss", "penalty")


@dataclass(frozen=True)
class Stream:
    """Where the scenes of one step come from, for remedies that choose which ones meet.

    Args:
        scenes: The generator.
        pool: The instances.
        rng: The random numbers of this step.
        seed: The cell's seed.
        step: The number of this step.
    """

    scenes: Scenes
    pool: Pool
    rng: torch.Generator
    seed: int
    step: int

    def draw(self, n: int, rng: torch.Generator | None = None) -> Factors:
        """The factors of n new scenes, by the step's random numbers unless others are given."""
        return self.scenes.factors(n, rng or self.rng, self.pool)

    def pictures(self, factors: Factors) -> Tensor:
        """The scenes as a probe sees them, whole and not augmented, (n, channels, s, s)."""
        return self.scenes.append(self.scenes.render(factors, self.pool), factors)

    def named_rng(self, *names: object) -> torch.Generator:
        """Random numbers that depend on the cell's seed and these names, not on the step."""
        return torch_rng("sample", self.seed, *names, device=self.rng.device)


class Remedy(nn.Module):
    """A change to a method against feature suppression, composed with it by `with_remedies`.

    A remedy overrides one hook or several; each of them does nothing by default. Where a step
    passes them, in this order:

    1. `sample`: which scenes meet in a batch, chosen by their factors before they are rendered;
       of methods that compare pictures with others of their batch.
    2. `batch`: which pictures of a batch stay.
    3. `views`: what the pictures show.
    4. `head`: the projection of representations.
    5. `embeddings`: the projections of a pair of views, before their loss.
    6. `loss`: the loss of a pair of views.
    7. `penalty`: what is added to the loss of the batch.

    `attach` comes before the first step, `before_step` and `after_step` around each: for weights
    that depend on the method, for schedules and averages. Not every method passes all hooks:
    `Projected.hooks` names those that it does. Two remedies cannot change the same one of the
    seven. A remedy may have weights of its own; they are trained and stored with the method's.
    Its keyword-only parameters are its settings, as a method's are.
    `suppression.testing.check_remedy` says whether the contract is kept.

    Attributes:
        name: How the command line calls it.
        version: Part of a result's key; goes up when the same parameters give other numbers.
        needs: What a method must have, in words that follow "needs": for the message of `check`.
        idle: Parameters of the method that have no effect beside the remedy.

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
    idle: ClassVar[tuple[str, ...]] = ()

    def attach(self, method: Any) -> None:
        """Make what depends on the method: its widths, its channels, its encoder.

        Called once, when the remedy is composed with it. Random numbers are torch's global ones,
        as for a method's weights.
        """

    def check_scenes(self, scenes: Scenes) -> None:
        """ValueError where the scenes lack what the remedy needs; called before training."""

    def sample(self, stream: Stream, n: int) -> Factors:
        """Choose the scenes that meet in a batch, before they are rendered.

        It must depend on the stream alone, so that a training can go on from any step.

        Args:
            stream: Where scenes come from.
            n: How many are wanted.

        Returns:
            The factors of n scenes.
        """
        return stream.draw(n)

    def before_step(self, method: Any) -> None:
        """Set what follows from the remedy's state, before the method sees a batch."""

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

    def head(self, h: Tensor, method: Any) -> Tensor:
        """The projections (n, d) of representations (n, h_dim), in place of the method's head.

        Probes of z see it, too.
        """
        return method.head(h)

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

    def penalty(self, x: Tensor, h: Tensor, z: Tensor) -> Tensor:
        """What is added to the loss of a batch, a scalar.

        Args:
            x: The global views, the first ones before the second ones, (2n, c, s, s).
            h: Their representations, (2n, h_dim).
            z: Their projections, (2n, d).
        """
        return z.new_zeros(())

    def after_step(self, progress: float, method: Any) -> None:
        """Move schedules and averages on.

        A training that is resumed has the weights and buffers back, and nothing else: what is
        kept here must be a buffer, or `Clocked`'s progress.

        Args:
            progress: Share of the training that is done, in (0, 1].
            method: What the remedy is composed with.
        """

    @classmethod
    def changes(cls) -> tuple[str, ...]:
        """The hooks that this remedy overrides, of `HOOKS`."""
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


class Clocked(Remedy):
    """A remedy that knows how much of the training is done, also after it was resumed.

    Attributes:
        progress: The share that was done before this step, in [0, 1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.progress = 0.0

    def after_step(self, progress: float, method: Any) -> None:
        self.progress = progress

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.progress, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.progress = float(state)


def name_of(method: Method) -> str:
    """How the command line calls a method; the name of its class where it does not know it."""
    for name, kind in METHODS.items():
        if kind is type(method):
            return name
    return type(method).__name__
