"""A finite set of scenes, always the same ones, as a data set of torch: asked by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from suppression import expect
from suppression.data.base import Factors, Scenes
from suppression.data.loader import load_pool, load_training_pool
from suppression.data.pool import Pool
from suppression.errors import UserError
from suppression.seeding import torch_rng

BLOCK = 1000  # scenes that are drawn with one generator
MOST = 10_000_000  # scenes: their factors are held

Item = tuple[Any, dict[str, int]]


@expect.typed
def fixed(
    scenes: Scenes,
    *,
    n: int,
    source: str = "digits",
    seed: int = 0,
    train: bool = True,
    transform: Callable[[Tensor], Any] | None = None,
    root: str | Path | None = None,
    download: bool = False,
) -> FixedScenes:
    """Scenes without views, by number: for trainers that make views of their own.

    A scene depends on the seed and its number alone, so workers of a DataLoader and a larger n
    change nothing. `stream` gives both views of ever new scenes.

    Args:
        scenes: The generator.
        n: Number of scenes, 1 or more.
        source: Where the instances come from (see `suppression.data.SOURCES`); without effect
            where the scenes name their source themselves or draw from none.
        seed: Of all that is drawn.
        train: Draw from the instances for training, or from those held out.
        transform: What is done to a scene when it is asked for; a scene as it is drawn if None.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        download: Fetch a source that is not there.

    Returns:
        A data set of n pairs `(x, labels)`: a scene (channels, canvas, canvas) float32 in [0, 1],
        or what the transform makes of it, and the class of each feature by its name.

    Raises:
        UserError: There is no such source, or a parameter is out of range.
        MissingSource: The source is not there; the message says what to place where.

    Example:
        >>> from torch.utils.data import DataLoader
        >>> from suppression.data import TwoDigits
        >>> scenes = fixed(TwoDigits(canvas=32, size1=8, size2=20), n=100)
        >>> x, labels = scenes[3]
        >>> x.shape, sorted(labels)
        (torch.Size([1, 32, 32]), ['first', 'second'])
        >>> x, labels = next(iter(DataLoader(scenes, batch_size=8)))
        >>> x.shape, labels["first"].shape
        (torch.Size([8, 1, 32, 32]), torch.Size([8]))
    """
    if not isinstance(scenes, Scenes):
        raise UserError(
            f"fixed draws from a generator, such as TwoDigits(canvas=64), and got {scenes!r}"
        )
    expect.whole("fixed", least=1, n=n)
    if n > MOST:
        raise UserError(f"n = {n}: {MOST:,} scenes at most are held; stream(scenes) has no end")
    if train:
        pool = load_training_pool(scenes, source, root=root, download=download)
    else:
        pool = load_pool(scenes, source, train=False, root=root, download=download)
    return FixedScenes(scenes, pool, n=n, seed=seed, train=train, transform=transform)


class FixedScenes(Dataset[Item]):
    """What `fixed` returns; parameters as there.

    Attributes:
        drawn: All that was drawn, (n, ...) each.
        labels: The class of each feature, (n,) int64.
    """

    def __init__(
        self,
        scenes: Scenes,
        pool: Pool,
        *,
        n: int,
        seed: int,
        train: bool,
        transform: Callable[[Tensor], Any] | None = None,
    ) -> None:
        self.scenes = scenes
        self.pool = pool
        self.n = n
        self.transform = transform
        self.drawn = drawn_in_blocks(scenes, pool, n, ("fixed", "train" if train else "test", seed))
        self.labels = scenes.labels(self.drawn)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, number: int) -> Item:
        if not -self.n <= number < self.n:
            raise IndexError(f"scene {number} of {self.n}")
        return self.__getitems__([number])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Item]:
        """Several at once, which a DataLoader asks for: they are drawn together."""
        rows = torch.as_tensor(numbers)
        items = []
        for x, row in zip(self.pictures(rows), rows.tolist(), strict=True):
            labels = {name: int(values[row]) for name, values in self.labels.items()}
            items.append((x if self.transform is None else self.transform(x), labels))
        return items

    def pictures(self, numbers: Tensor) -> Tensor:
        """The scenes of these numbers (m,), (m, channels, canvas, canvas) in [0, 1]."""
        some = {name: values[numbers] for name, values in self.drawn.items()}
        return self.scenes.append(self.scenes.render(some, self.pool), some)


def drawn_in_blocks(scenes: Scenes, pool: Pool, n: int, names: tuple[object, ...]) -> Factors:
    """The factors of n scenes; the last block is drawn whole, so that its first ones are the same.

    UserError where the scenes cannot be drawn.
    """
    blocks: dict[str, list[Tensor]] = {}
    for number in range(-(-n // BLOCK)):
        try:
            drawn = scenes.factors(BLOCK, torch_rng(*names, number), pool)
        except ValueError as error:
            raise UserError(str(error)) from error
        for name, values in drawn.items():
            blocks.setdefault(name, []).append(values)
    return {name: torch.cat(values)[:n] for name, values in blocks.items()}
