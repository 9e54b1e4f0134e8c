"""What others do for the same task, written as in their own documentation.

Pictures come one at a time from a Dataset, through transforms and a DataLoader, to a loss.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image, ImageChops
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from suppression.data import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.transforms.functional import BLUR_SIGMA
from suppression.experiment.run import Run

os.environ["LIGHTLY_DID_VERSION_CHECK"] = "True"  # or it asks its server for a newer version
FACTORS = ("instance", "top", "left", "size")
SOLO_LEARN = "not installed: its release on PyPI, 1.0.2, demands torch == 1.9.1"


def photographs(n: int, side: int) -> Tensor:
    """n squares cut anywhere from scikit-learn's two photographs: uint8 (n, 3, side, side)."""
    from sklearn.datasets import load_sample_images

    whole = [
        torch.from_numpy(image.copy()).permute(2, 0, 1) for image in load_sample_images().images
    ]
    rng = random.Random(0)
    squares = []
    for _ in range(n):
        photo = rng.choice(whole)
        top = int(rng.random() * (photo.shape[1] - side))
        left = int(rng.random() * (photo.shape[2] - side))
        squares.append(cut(photo, top, left, side))
    return torch.stack(squares)


def cut(photo: Tensor, top: int, left: int, side: int) -> Tensor:
    return photo[:, top : top + side, left : left + side]


def as_pil(pictures: Tensor) -> list[Image.Image]:
    return [v2.functional.to_pil_image(picture) for picture in pictures]


def kernel(side: int) -> int:
    """The odd side of SimCLR's blur: about a tenth of the picture's.

    Ours is cut at three sigma, which is wider, so peers do a little less here.
    """
    return 2 * round(side / 20) + 1


def torchvision_view(views: Augmentation, side: int) -> v2.Compose:
    """torchvision's v2 transforms that do what `views` does.

    They take a PIL picture, a uint8 tensor, or (with one set of parameters) a batch.
    """
    area, aspect = (views.area_min, views.area_max), (1 / views.aspect, views.aspect)
    steps: list[nn.Module] = [v2.RandomResizedCrop(side, area, aspect, antialias=True)]
    if views.flip:
        steps.append(v2.RandomHorizontalFlip(views.flip))
    if views.jitter:
        s = views.jitter
        jitter = v2.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s)
        steps.append(v2.RandomApply([jitter], p=views.jitter_p))
    if views.gray:
        steps.append(v2.RandomGrayscale(views.gray))
    if views.blur:
        steps.append(v2.RandomApply([v2.GaussianBlur(kernel(side), BLUR_SIGMA)], p=views.blur))
    return v2.Compose([*steps, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def kornia_views(views: Augmentation, side: int) -> nn.Module:
    """kornia's transforms that do what `views` does, on a float batch.

    Each sample has its own parameters, as in ours.
    """
    from kornia import augmentation as kornia

    area, aspect = (views.area_min, views.area_max), (1 / views.aspect, views.aspect)
    steps: list[nn.Module] = [kornia.RandomResizedCrop((side, side), area, aspect)]
    if views.flip:
        steps.append(kornia.RandomHorizontalFlip(p=views.flip))
    if views.jitter:
        s = views.jitter
        jitter = kornia.ColorJitter(0.8 * s, 0.8 * s, 0.8 * s, 0.2 * s, p=views.jitter_p)
        steps.append(jitter)
    if views.gray:
        steps.append(kornia.RandomGrayscale(p=views.gray))
    if views.blur:
        steps.append(kornia.RandomGaussianBlur((kernel(side),) * 2, BLUR_SIGMA, p=views.blur))
    return nn.Sequential(*steps)


def lightly_two_views(views: Augmentation, side: int) -> Callable:
    """lightly's SimCLRTransform with the parameters of `views`.

    Its aspect ratios are torchvision's, which are ours.
    """
    from lightly.transforms import SimCLRTransform

    return SimCLRTransform(
        input_size=side,
        cj_prob=views.jitter_p if views.jitter else 0.0,
        cj_strength=views.jitter,
        min_scale=views.area_min,
        random_gray_scale=views.gray,
        gaussian_blur=views.blur,
        sigmas=BLUR_SIGMA,
        hf_prob=views.flip,
        normalize=None,
    )


def twice(view: Callable) -> Callable:
    return lambda picture: [view(picture), view(picture)]


class Photos(Dataset):
    """PIL pictures held in memory."""

    def __init__(self, pictures: Tensor, transform: Callable) -> None:
        self.pictures, self.transform = as_pil(pictures), transform

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, i: int) -> tuple[list[Tensor], int]:
        return self.transform(self.pictures[i]), 0


class DigitPictures(Dataset):
    """digit_size's scenes, each drawn on a PIL canvas when it is asked for."""

    def __init__(self, cell: Run, pool: Pool, transform: Callable | None = None) -> None:
        self.cell, self.transform, self.rng = cell, transform, random.Random(0)
        self.images, self.labels = pool.images.numpy(), pool.labels.tolist()

    def __len__(self) -> int:
        assert self.cell.training is not None
        return self.cell.training.samples

    def __getitem__(self, i: int) -> tuple[Any, int]:
        rows = self.scene()
        picture = self.picture(rows)
        if self.transform:
            picture = self.transform(picture)
        return picture, self.labels[rows[0][0]]

    def scene(self) -> list[tuple[int, int, int, int]]:
        """(instance, top, left, size) of each digit; boxes share `overlap` at most."""
        scenes: Any = self.cell.dataset
        sizes = (scenes.size1, scenes.size2)
        while True:
            tops = [self.rng.randint(0, scenes.canvas - size) for size in sizes]
            lefts = [self.rng.randint(0, scenes.canvas - size) for size in sizes]
            apart = max(between(tops, sizes), between(lefts, sizes))
            if apart >= (1 - scenes.overlap) * sum(sizes) / 2:
                break
        digits = []
        for top, left, size in zip(tops, lefts, sizes, strict=True):
            digits.append((self.rng.randrange(len(self.images)), top, left, size))
        return digits

    def picture(self, digits: list[tuple[int, int, int, int]]) -> Image.Image:
        scenes: Any = self.cell.dataset
        edge = (self.images.shape[1] - scenes.box) // 2
        keep = (edge, edge, edge + scenes.box, edge + scenes.box)
        canvas = Image.new("L", (scenes.canvas, scenes.canvas))
        for instance, top, left, size in digits:
            context = (left, top, left + size, top + size)
            digit = Image.fromarray(self.images[instance])
            digit = digit.resize((size, size), Image.Resampling.BILINEAR, box=keep)
            canvas.paste(ImageChops.lighter(canvas.crop(context), digit), context)
        return canvas


def between(starts: list[int], sizes: tuple[int, int]) -> float:
    """The distance of two boxes' middles along one side of the canvas, px."""
    return abs(starts[0] + sizes[0] / 2 - starts[1] - sizes[1] / 2)


Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]  # of a net and two views


def plain_loss(tau: float) -> Loss:
    """NT-Xent as most repositories write it.

    Both views go through in one pass; the whole 2n x 2n matrix is made, its diagonal masked.
    """

    def loss(net: nn.Module, x1: Tensor, x2: Tensor) -> Tensor:
        z = normalize(net(torch.cat([x1, x2])))
        itself = torch.eye(len(z), dtype=torch.bool)
        logits = (z @ z.T / tau).masked_fill(itself, -torch.inf)
        return cross_entropy(logits, torch.arange(len(z)).roll(len(x1)))

    return loss


def lightly_loss(tau: float) -> Loss:
    """A pass for each view, as in lightly's documentation."""
    from lightly.loss import NTXentLoss

    nt_xent = NTXentLoss(tau)
    return lambda net, x1, x2: nt_xent(net(x1), net(x2))


class UsualStep:
    """A training step fed by a DataLoader (no worker): default memory layout, float32, AdamW.

    A call tells the seconds of one step and of its `data`, means of `steps`.
    """

    def __init__(
        self,
        method: Any,
        dataset: Dataset,
        loss: Loss,
        *,
        batch: int,
        lr: float,
        decay: float,
        steps: int,
    ) -> None:
        net = nn.Sequential(method.encoder, method.head)
        self.net = net.to(memory_format=torch.contiguous_format).train()
        self.optimiser = torch.optim.AdamW(self.net.parameters(), lr=lr, weight_decay=decay)
        self.loss, self.steps = loss, steps
        loader = DataLoader(dataset, batch, shuffle=True, drop_last=True, num_workers=0)
        self.batches = endless(loader)

    def __call__(self) -> dict[str, float]:
        began, drawing = time.perf_counter(), 0.0
        for _ in range(self.steps):
            asked = time.perf_counter()
            (x1, x2), _y = next(self.batches)
            drawing += time.perf_counter() - asked
            loss = self.loss(self.net, x1, x2)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        return {"": (time.perf_counter() - began) / self.steps, "data": drawing / self.steps}


def endless(loader: DataLoader) -> Iterator:
    while True:
        yield from loader
