"""The section `scenes`: every generator of datasets/ against composing its pictures one by one with PIL."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

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
from suppression.experiment.builders import part, scenes_of
from suppression.experiment.schema import schema
from suppression.seeding import torch_rng

N = 64
MOST = 2000  # instances held as PIL pictures
CALLS = 5  # of ours in one repetition, as it takes milliseconds
CELLS: dict[str, dict] = {
    "two_digits": {"data": "two_digits", "canvas": 40, "size1": 9, "size2": 23, "view": 32},
    "multidigits, 8 digits": {"data": "multi_digits", "canvas": 64, "count": 8, "sizes": (16,), "view": 48},
    "random_bits, digits, 10 bits": {"data": "random_bits", "bits": 10, "canvas": 28, "view": 28},
    "random_bits, photographs, 10 bits": {"data": "random_bits", "bits": 10, "source": "photos", "canvas": 40, "view": 32},
    "coloured_digits": {"data": "coloured_digits", "canvas": 28, "view": 28},
    "digits_on_photos, lattice": {"data": "digits_on_photos", "canvas": 40, "view": 32},
    "digits_on_photos, lattice, published size": {"data": "digits_on_photos", "canvas": 224, "view": 224},
    "digits_on_photos, one": {"data": "digits_on_photos", "canvas": 40, "view": 32, "placement": "one"},
    "dominoes": {"data": "dominoes", "canvas": 40, "view": 32},
    "trifeature": {"data": "trifeature", "canvas": 40, "view": 32},
}


class PerImage:
    """The usual way, for every kind of scene."""

    def __init__(self, cell: dict, pool: Pool) -> None:
        self.cell, self.scenes, self.pool = cell, scenes_of(cell), pool
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy() if image.ndim == 3 else image.numpy()) for image in pool.images[:MOST]]
        self.photos = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in pool.photos.images[:MOST]] if pool.photos else []

    def picture(self, f: dict) -> Image.Image:
        canvas, kind = self.cell["canvas"], self.cell["data"]
        if kind in ("two_digits", "multi_digits"):
            made = Image.new("L", (canvas, canvas))
            for instance, top, left, size in zip(f["instance"], f["top"], f["left"], f["size"], strict=True):
                context = (left, top, left + size, top + size)
                made.paste(ImageChops.lighter(made.crop(context), self.images[instance].resize((size, size), Image.Resampling.BILINEAR)), context)
            return made
        if kind == "random_bits":
            return self.images[f["instance"]].resize((canvas, canvas), Image.Resampling.BILINEAR)
        if kind == "coloured_digits":
            ink, colour = self.images[f["instance"]], self.scenes.colours({"bits": torch.tensor([f["bits"]])})[0].tolist()
            return Image.merge("RGB", [ink.point(lambda level, share=share: level * share) for share in colour])
        if kind == "trifeature":
            made, side = Image.new("RGB", (canvas, canvas)), round(self.scenes.share * canvas)
            top, left = int(f["top"][0]), int(f["left"][0])
            angle = np.deg2rad(-30 + 60 * f["turn"][0] / 8)  # a shape with five corners and six stripes, whichever it is
            points = [(left + side / 2 * (1 + np.sin(angle + a)), top + side / 2 * (1 - np.cos(angle + a))) for a in np.arange(5) * 2 * np.pi / 5]
            drawn = ImageDraw.Draw(made)
            colour = tuple(int(255 * c) for c in list(COLOURS.values())[f["colour"]])
            drawn.polygon(points, fill=colour)
            stripes = Image.new("L", (side, side))
            for y in range(0, side, 4):
                ImageDraw.Draw(stripes).rectangle((0, y, side, y + 1), fill=160)
            made.paste((0, 0, 0), (left, top), stripes.rotate(f["turn"][1] * 7.5 - 30))
            return made
        photo = self.photos[f["photo"]]
        if kind == "dominoes":
            made, half = Image.new("RGB", (canvas, canvas)), canvas // 2
            made.paste(self.images[f["instance"]].resize((half, half), Image.Resampling.BILINEAR).convert("RGB"), (half // 2, 0))
            made.paste(photo.resize((half, half), Image.Resampling.BILINEAR), (half // 2, half))
            return made
        made, side = photo.resize((canvas, canvas), Image.Resampling.BILINEAR), round(self.scenes.share * canvas)
        digit = self.images[f["instance"]].resize((side, side), Image.Resampling.BILINEAR).convert("RGB")
        for top in f["top"]:
            for left in f["left"]:
                context = (round(left), round(top), round(left) + side, round(top) + side)
                made.paste(ImageChops.lighter(made.crop(context), digit), context)
        return made

    def __call__(self, drawn: dict[str, torch.Tensor], transform: Callable) -> torch.Tensor:
        """Two views of each scene, one after the other."""
        rows = {name: value.tolist() for name, value in drawn.items()}
        views = []
        for i in range(N):
            picture = self.picture({name: value[i] for name, value in rows.items()})
            for _ in range(2):
                x = transform(picture)
                if self.scenes.planes:
                    x = torch.cat([x, torch.tensor(rows["bits"][i], dtype=torch.float32)[:, None, None].expand(-1, *x.shape[1:])])
                views.append(x)
        return torch.stack(views)


def lean(views: Augmentation, canvas: int) -> Callable:
    """A random resized crop in as few calls as PIL and numpy allow."""
    rng, out = np.random.default_rng(0), views.view or canvas

    def transform(picture: Image.Image) -> torch.Tensor:
        side = canvas * rng.uniform(views.area_min, views.area_max) ** 0.5
        left, top = rng.uniform(0, canvas - side, 2)
        x = torch.from_numpy(np.array(picture.resize((out, out), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side)))).float() / 255
        return x[None] if x.ndim == 2 else x.permute(2, 0, 1)

    return transform


def torchvision(views: Augmentation, canvas: int) -> Callable:
    crop = v2.RandomResizedCrop(views.view or canvas, (views.area_min, views.area_max), (1 / views.aspect, views.aspect), antialias=True)
    return v2.Compose([crop, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])


def scenes(repetitions: int) -> Found:
    """How much faster each generator of datasets/ draws views than the usual way, a Python function that composes each picture with PIL, whence two views are
    cut. One thread; 64 scenes in two views, random resized crops alone, as float32 tensors; canvas and view in px. Both ways compose the same scenes; drawing
    their factors counts on our side only. The usual way crops with as few calls of PIL and numpy as will do (*PIL alone*), or with torchvision's v2 transforms.
    """
    rows = []
    for name, given in CELLS.items():
        with one_thread():
            seconds = paired(ways(given), repetitions)
        told = f"{name} ({given['canvas']}, {given['view']})"
        rows.append(Row(f"{told}: ours, views a second", rate(seconds, "ours", 2 * N), "{:,.0f}"))
        rows += [Row(f"{told}: {way}, over ours", over(seconds, way, "ours"), goal=("≥", 20.0)) for way in ("PIL alone", "PIL and torchvision v2")]
    return Found(rows)


def ways(given: dict) -> Variants:
    """Each way to two views of the same scenes."""
    cell = {parameter.name: parameter.default for parameter in schema(given["data"]).values()} | given
    generator, views, pool = scenes_of(cell), part(Augmentation, cell), load_pool(cell, True, Context(store=Path()))
    usual, drawn = PerImage(cell, pool), generator.factors(N, torch_rng("benchmark"), pool)
    drawn |= {name: drawn[name] % MOST for name in ("instance", "photo") if name in drawn and cell["data"] != "trifeature"}

    def ours() -> torch.Tensor:
        rng = torch_rng("benchmark")
        return two_views(generator, views, generator.factors(N, rng, pool), pool, rng)[0]

    theirs = {
        "PIL alone": partial(usual, drawn, lean(views, generator.canvas)),
        "PIL and torchvision v2": partial(usual, drawn, torchvision(views, generator.canvas)),
    }
    assert {run().shape for run in theirs.values()} == {(2 * N, *ours().shape[1:])}, "the ways differ in what they draw"
    return {"ours": timed(ours, CALLS)} | {name: timed(run) for name, run in theirs.items()}
