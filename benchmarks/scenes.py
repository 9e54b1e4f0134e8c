"""The section `scenes`: every generator of datasets/ against composing its pictures with PIL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from paired import Found, Row, Variants, one_thread, over, paired, rate, timed
from PIL import Image, ImageChops, ImageDraw
from torchvision.transforms import v2

from suppression.data import Pool
from suppression.data.transforms.augmentation import Augmentation
from suppression.data.trifeature import COLOURS
from suppression.data.two_views import two_views
from suppression.execution.batches import load_pool
from suppression.execution.context import Context
from suppression.experiment.run import Run
from suppression.seeding import torch_rng

N = 64
MOST = 2000  # instances held as PIL pictures
CALLS = 5  # of ours in one repetition, as it takes milliseconds
BILINEAR = Image.Resampling.BILINEAR
LATTICE = {"data": "digits_on_photos"}
CELLS: dict[str, dict[str, Any]] = {
    "two_digits": {"data": "two_digits", "canvas": 40, "size1": 9, "size2": 23, "view": 32},
    "multidigits, 8 digits": {
        "data": "multi_digits",
        "canvas": 64,
        "count": 8,
        "sizes": (16,),
        "view": 48,
    },
    "random_bits, digits, 10 bits": {"data": "random_bits", "bits": 10, "canvas": 28, "view": 28},
    "random_bits, photographs, 10 bits": {
        "data": "random_bits",
        "bits": 10,
        "source": "photos",
        "canvas": 40,
        "view": 32,
    },
    "coloured_digits": {"data": "coloured_digits", "canvas": 28, "view": 28},
    "digits_on_photos, lattice": {**LATTICE, "canvas": 40, "view": 32},
    "digits_on_photos, lattice, published size": {**LATTICE, "canvas": 224, "view": 224},
    "digits_on_photos, one": {**LATTICE, "canvas": 40, "view": 32, "placement": "one"},
    "dominoes": {"data": "dominoes", "canvas": 40, "view": 32},
    "trifeature": {"data": "trifeature", "canvas": 40, "view": 32},
}
WAYS = ("PIL alone", "PIL and torchvision v2")

Drawn = dict[str, Any]  # the factors of one scene


class PerImage:
    """The usual way, for every kind of scene."""

    def __init__(self, cell: Run, pool: Pool) -> None:
        self.scenes: Any = cell.dataset
        self.canvas = cell.dataset.canvas
        self.images = [as_pil(image) for image in pool.images[:MOST]]
        self.photos: list[Image.Image] = []
        if pool.photos:
            self.photos = [as_pil(image) for image in pool.photos.images[:MOST]]
        kinds: dict[str, Callable[[Drawn], Image.Image]] = {
            "two_digits": self.digits,
            "multi_digits": self.digits,
            "random_bits": self.whole,
            "coloured_digits": self.coloured,
            "digits_on_photos": self.on_photo,
            "dominoes": self.domino,
            "trifeature": self.shape,
        }
        self.picture = kinds[cell.kind]

    def whole(self, drawn: Drawn) -> Image.Image:
        return resized(self.images[drawn["instance"]], self.canvas)

    def digits(self, drawn: Drawn) -> Image.Image:
        made = Image.new("L", (self.canvas, self.canvas))
        digits = zip(drawn["instance"], drawn["top"], drawn["left"], drawn["size"], strict=True)
        for instance, top, left, size in digits:
            lighten(made, resized(self.images[instance], size), left, top)
        return made

    def coloured(self, drawn: Drawn) -> Image.Image:
        ink = self.images[drawn["instance"]]
        colours = self.scenes.colours({"bits": torch.tensor([drawn["bits"]])})
        bands = []
        for share in colours[0].tolist():
            bands.append(ink.point(lambda level, share=share: level * share))
        return Image.merge("RGB", bands)

    def on_photo(self, drawn: Drawn) -> Image.Image:
        made = resized(self.photos[drawn["photo"]], self.canvas)
        side = round(self.scenes.share * self.canvas)
        digit = resized(self.images[drawn["instance"]], side).convert("RGB")
        for top in drawn["top"]:
            for left in drawn["left"]:
                lighten(made, digit, round(left), round(top))
        return made

    def domino(self, drawn: Drawn) -> Image.Image:
        made, half = Image.new("RGB", (self.canvas, self.canvas)), self.canvas // 2
        digit = resized(self.images[drawn["instance"]], half).convert("RGB")
        made.paste(digit, (half // 2, 0))
        made.paste(resized(self.photos[drawn["photo"]], half), (half // 2, half))
        return made

    def shape(self, drawn: Drawn) -> Image.Image:
        """A shape with five corners and six stripes, whichever it is."""
        made = Image.new("RGB", (self.canvas, self.canvas))
        side = round(self.scenes.share * self.canvas)
        top, left = int(drawn["top"][0]), int(drawn["left"][0])
        turn = np.deg2rad(-30 + 60 * drawn["turn"][0] / 8)
        points = []
        for corner in turn + np.arange(5) * 2 * np.pi / 5:
            x = left + side / 2 * (1 + np.sin(corner))
            y = top + side / 2 * (1 - np.cos(corner))
            points.append((x, y))
        colour = list(COLOURS.values())[drawn["colour"]]
        ImageDraw.Draw(made).polygon(points, fill=tuple(int(255 * c) for c in colour))
        stripes = Image.new("L", (side, side))
        for y in range(0, side, 4):
            ImageDraw.Draw(stripes).rectangle((0, y, side, y + 1), fill=160)
        made.paste((0, 0, 0), (left, top), stripes.rotate(drawn["turn"][1] * 7.5 - 30))
        return made

    def __call__(self, factors: dict[str, torch.Tensor], transform: Callable) -> torch.Tensor:
        """Two views of each scene, one after the other."""
        rows = {name: value.tolist() for name, value in factors.items()}
        views = []
        for i in range(N):
            drawn = {name: value[i] for name, value in rows.items()}
            picture = self.picture(drawn)
            for _ in range(2):
                x = transform(picture)
                if self.scenes.planes:
                    bits = torch.tensor(drawn["bits"], dtype=torch.float32)
                    x = torch.cat([x, bits[:, None, None].expand(-1, *x.shape[1:])])
                views.append(x)
        return torch.stack(views)


def as_pil(image: torch.Tensor) -> Image.Image:
    """A gray picture (h, w) or a coloured one (3, h, w)."""
    if image.ndim == 3:
        image = image.permute(1, 2, 0)
    return Image.fromarray(image.numpy())


def resized(picture: Image.Image, side: int) -> Image.Image:
    return picture.resize((side, side), BILINEAR)


def lighten(canvas: Image.Image, sprite: Image.Image, left: int, top: int) -> None:
    """Lay a sprite over the canvas; the lighter of both is seen."""
    context = (left, top, left + sprite.width, top + sprite.height)
    canvas.paste(ImageChops.lighter(canvas.crop(context), sprite), context)


def lean(views: Augmentation, canvas: int) -> Callable:
    """A random resized crop in as few calls as PIL and numpy allow."""
    rng, out = np.random.default_rng(0), views.view or canvas

    def transform(picture: Image.Image) -> torch.Tensor:
        side = canvas * rng.uniform(views.area_min, views.area_max) ** 0.5
        left, top = rng.uniform(0, canvas - side, 2)
        box = (left, top, left + side, top + side)
        x = torch.from_numpy(np.array(picture.resize((out, out), BILINEAR, box=box)))
        x = x.float() / 255
        return x[None] if x.ndim == 2 else x.permute(2, 0, 1)

    return transform


def torchvision(views: Augmentation, canvas: int) -> Callable:
    area, aspect = (views.area_min, views.area_max), (1 / views.aspect, views.aspect)
    crop = v2.RandomResizedCrop(views.view or canvas, area, aspect, antialias=True)
    return v2.Compose([crop, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def scenes(repetitions: int) -> Found:
    """How much faster each generator of datasets/ draws views than the usual way.

    The usual way is a Python function that composes each picture with PIL, whence two views are
    cut. One thread; 64 scenes in two views, random resized crops alone, as float32 tensors; canvas
    and view in px. Both ways compose the same scenes; drawing their factors counts on our side
    only. The usual way crops with as few calls of PIL and numpy as will do (*PIL alone*), or with
    torchvision's v2 transforms.
    """
    rows = []
    for name, given in CELLS.items():
        with one_thread():
            seconds = paired(ways(given), repetitions)
        what, ours = f"{name} ({given['canvas']}, {given['view']})", rate(seconds, "ours", 2 * N)
        rows.append(Row(f"{what}: ours, views a second", ours, "{:,.0f}"))
        for way in WAYS:
            ratios = over(seconds, way, "ours")
            rows.append(Row(f"{what}: {way}, over ours", ratios, goal=("≥", 20.0)))
    return Found(rows)


def ways(given: dict[str, Any]) -> Variants:
    """Each way to two views of the same scenes."""
    cell = Run.of({"method": "simclr", **given})
    generator, views = cell.dataset, cell.augmentation
    assert views is not None
    pool = load_pool(cell, True, Context(store=Path()))
    usual, factors = PerImage(cell, pool), generator.factors(N, torch_rng("benchmark"), pool)
    if cell.kind != "trifeature":  # whose instances are no pictures
        for name in ("instance", "photo"):
            if name in factors:
                factors[name] = factors[name] % MOST

    def ours() -> torch.Tensor:
        rng = torch_rng("benchmark")
        return two_views(generator, views, generator.factors(N, rng, pool), pool, rng)[0]

    transforms = (lean(views, generator.canvas), torchvision(views, generator.canvas))
    variants: Variants = {"ours": timed(ours, CALLS)}
    expected = (2 * N, *ours().shape[1:])
    for name, transform in zip(WAYS, transforms, strict=True):
        theirs = partial(usual, factors, transform)
        assert theirs().shape == expected, "the ways differ in what they draw"
        variants[name] = timed(theirs)
    return variants
