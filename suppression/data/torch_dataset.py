"""Scenes as a data set of torch's, for trainers that are not ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import IterableDataset, get_worker_info

from suppression import expect
from suppression.data.base import Factors, Scenes
from suppression.data.loader import both_factors, draw_batch, load_pool, load_training_pool
from suppression.data.pool import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.seeding import torch_rng

Batch = tuple[Any, ...]  # x1, x2, factors, and local crops


@expect.typed
def stream(
    scenes: Scenes,
    *,
    batch: int,
    augmentation: Augmentation | None = None,
    source: str = "digits",
    seed: int = 0,
    train: bool = True,
    device: str | torch.device = "cpu",
    steps: int | None = None,
    root: str | Path | None = None,
    download: bool = False,
) -> Stream:
    """Batches of two views of freshly drawn scenes, with all that was drawn.

    A batch depends on the seed and its number alone. In a DataLoader, give `batch_size=None`;
    its workers share the batches out, and give them in the same order as one process does.

    Args:
        scenes: The generator.
        batch: Scenes in a batch, 1 or more.
        augmentation: What is done to the views; random resized crops if None.
        source: Where the instances come from (see `suppression.data.SOURCES`); without effect
            where the scenes name their source themselves or draw from none.
        seed: Of all that is drawn; a training of ours with this seed sees the same batches.
        train: Draw from the instances for training, or from those held out.
        device: Where batches are drawn; the random numbers of a CPU and of a GPU differ. Workers
            draw on the CPU only.
        steps: Number of batches in all, 0 or more; endless if None.
        root: Folder that holds downloaded sources; `SUPPRESSION_DATA` if None.
        download: Fetch a source that is not there.

    Returns:
        A data set that yields `(x1, x2, factors)`: both views (n, c, s, s) float32 in [0, 1], and
        a dict of (n, ...) tensors with every factor and the label of each feature (where a factor
        has the feature's name, it is the factor). What the second view shows anew is in
        `again_NAME`. Local crops, if the augmentation has any, follow the factors.

    Raises:
        UserError: There is no such source, or a parameter is out of range.
        MissingSource: The source is not there; the message says what to place where.

    >>> from suppression.data import TwoDigits
    >>> scenes = TwoDigits(canvas=64, size1=12, size2=40)
    >>> for x1, x2, factors in stream(scenes, batch=16, steps=2):
    ...     print(x1.shape, factors["first"].shape)
    torch.Size([16, 1, 64, 64]) torch.Size([16])
    torch.Size([16, 1, 64, 64]) torch.Size([16])
    """
    if not isinstance(scenes, Scenes):
        raise UserError(
            f"stream draws from a generator, such as TwoDigits(canvas=64), and got {scenes!r}"
        )
    if batch < 1:
        raise UserError(f"batch = {batch}: a batch has one scene at least")
    if steps is not None and steps < 0:
        raise UserError(f"steps = {steps}: the number of batches is 0 or more, or None")
    views = Augmentation() if augmentation is None else augmentation
    expect.instance("stream", "augmentation", views, Augmentation, "Augmentation(flip=0.5)")
    if train:
        pool = load_training_pool(scenes, source, root=root, download=download)
    else:
        pool = load_pool(scenes, source, train=False, root=root, download=download)
    return Stream(
        scenes, views, pool, batch=batch, seed=seed, train=train, device=device, steps=steps
    )


class Stream(IterableDataset[Batch]):
    """What `stream` returns; parameters as there."""

    def __init__(
        self,
        scenes: Scenes,
        augmentation: Augmentation,
        pool: Pool,
        *,
        batch: int,
        seed: int,
        train: bool,
        device: str | torch.device,
        steps: int | None,
    ) -> None:
        self.scenes = scenes
        self.augmentation = augmentation
        self.pool = pool
        self.batch = batch
        self.seed = seed
        self.train = train
        self.device = expect.device("stream", device, here=False)
        self.steps = steps

    def __getitem__(self, number: int) -> Batch:
        raise TypeError(
            "a stream has no batches by number; go through it: for x1, x2, factors in it"
        )

    def __len__(self) -> int:
        if self.steps is None:
            raise TypeError("an endless stream has no length; give steps")
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        """The batches of this process: worker i of W gives the numbers i, i + W, i + 2 W ..."""
        worker = get_worker_info()
        first, stride = 0, 1
        if worker is not None:
            first, stride = worker.id, worker.num_workers
            if self.device.type != "cpu":
                raise UserError(
                    f"device = {self.device}: workers draw on the CPU; give num_workers=0 or "
                    "device='cpu'"
                )
        pool = self.pool.to(self.device)
        step = first
        while self.steps is None or step < self.steps:
            yield self.batch_number(step, pool)
            step += stride

    def batch_number(self, step: int, pool: Pool) -> Batch:
        """Batch number `step`, drawn from this pool."""
        part = "train" if self.train else "test"
        rng = torch_rng(part, self.seed, step, device=self.device)
        views, drawn, again = draw_batch(self.scenes, self.augmentation, pool, self.batch, rng)
        # Clamped, as a blur's weights add up to 1 but for rounding.
        x1, x2, *local = [x.clamp(0, 1) for x in views]
        factors: Factors = {**self.scenes.labels(drawn), **both_factors(drawn, again)}
        return x1, x2, factors, *local
