"""Measure what drawing views costs: against a per-image pipeline, as a share of a training step, and the step against its bare network.

One thread of the CPU, digit_size at its laptop scale (SimCLR, tau 0.2, the largest second digit). In each repetition every variant runs once, in an order
drawn anew, and ratios are taken within a repetition, so that what else the machine does falls on both sides; the table gives medians, least and largest.

    python benchmarks/views_and_step.py            print the table
    python benchmarks/views_and_step.py --write    and put it into benchmarks/README.md
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torchvision
from PIL import Image, ImageChops
from torch import Tensor
from torchvision.transforms import v2

from suppression import lab, recipe
from suppression.scenes import SCENES, Pool
from suppression.scenes.sources import SIDE
from suppression.seeds import torch_rng
from suppression.train import Training, make_optimiser
from suppression.views import Views

README = Path(__file__).parent / "README.md"
MARKS = "<!-- figures: begin (written by views_and_step.py --write) -->", "<!-- figures: end -->"
CPU = torch.device("cpu")
STEPS = 3  # steps of a variant in one repetition


def the_cell() -> recipe.Cell:
    plan = recipe.plan("digit_size", scale="laptop", pins={"method": ["simclr"], "tau": [0.2]})
    return next(cell for cell in plan.cells if cell["size2"] == max(plan.axis))


class PerImage:
    """The usual way: a Python function draws each picture on a PIL canvas, and torchvision's v2 transforms make a view of it, one at a time."""

    def __init__(self, cell: recipe.Cell, pool: Pool) -> None:
        self.cell, self.pool, self.scenes = cell, pool, lab.part(SCENES[cell["data"]], cell)
        self.images = pool.images.numpy()
        views = lab.part(Views, cell)
        size = views.view or cell["canvas"]
        crop = v2.RandomResizedCrop(size, scale=(views.area_min, views.area_max), ratio=(1 / views.aspect, views.aspect), antialias=True)
        self.view = v2.Compose([crop, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

    def picture(self, instance: list[int], top: list[int], left: list[int], size: list[int]) -> Image.Image:
        edge = (SIDE - self.cell["box"]) // 2
        keep = (edge, edge, edge + self.cell["box"], edge + self.cell["box"])
        canvas = Image.new("L", (self.cell["canvas"],) * 2)
        for i, y, x, side in zip(instance, top, left, size, strict=True):
            digit = Image.fromarray(self.images[i]).resize((side, side), Image.Resampling.BILINEAR, box=keep)
            where = (x, y, x + side, y + side)
            canvas.paste(ImageChops.lighter(canvas.crop(where), digit), where)
        return canvas

    def pictures(self, factors: dict[str, Tensor]) -> list[Image.Image]:
        columns = [factors[name].tolist() for name in ("instance", "top", "left", "size")]
        return [self.picture(*row) for row in zip(*columns, strict=True)]

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        pictures = self.pictures(self.scenes.factors(self.cell["batch"], torch_rng("usual", step), self.pool))
        first, second = zip(*((self.view(picture), self.view(picture)) for picture in pictures), strict=True)
        return torch.stack(first), torch.stack(second)

    def difference(self) -> tuple[float, float]:
        """Mean and largest absolute difference of a batch of whole canvases drawn both ways, on the scale [0, 1]."""
        factors = self.scenes.factors(self.cell["batch"], torch_rng("same"), self.pool)
        usual = torch.stack([v2.functional.to_dtype(v2.functional.to_image(picture), scale=True) for picture in self.pictures(factors)])
        apart = (self.scenes.render(factors, self.pool) - usual).abs()
        return apart.mean().item(), apart.max().item()


class Step:
    """One training step as in `suppression.train.train` between two logged steps; or, if `bare`, only the passes of encoder and head on fixed tensors."""

    def __init__(self, cell: recipe.Cell, draw: Callable, *, bf16: bool, layout: torch.memory_format = torch.channels_last, bare: bool = False) -> None:
        self.method, self.draw, self.bf16, self.layout, self.bare = lab.build_method(cell).to(memory_format=layout), draw, bf16, layout, bare
        self.optimiser = make_optimiser(self.method, lab.part(Training, cell))
        self.method.train()
        self.x = torch.cat([x.clone(memory_format=layout) for x in draw(0)[:2]])
        self.drawing = 0.0  # seconds

    def __call__(self, step: int) -> None:
        if not self.bare:
            began = time.perf_counter()
            x1, x2, y = self.draw(step)
            self.drawing += time.perf_counter() - began
            if self.layout != torch.channels_last:
                x1, x2 = x1.clone(memory_format=self.layout), x2.clone(memory_format=self.layout)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.method.project(self.method.encoder(self.x)).square().mean() if self.bare else self.method(x1, x2, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not self.bare:
            self.optimiser.step()


def measure(variants: dict[str, Callable[[int], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of one call of each variant in each repetition; `data NAME` is the part of step NAME that went into its data."""
    seconds: dict[str, list[float]] = {}
    for repetition in range(-1, repetitions):  # the first is for warming up
        names = list(variants)
        random.Random(repetition).shuffle(names)
        for name in names:
            run = variants[name]
            if isinstance(run, Step):
                run.drawing = 0.0
            began = time.perf_counter()
            for i in range(STEPS):
                run(repetition * STEPS + i + STEPS)
            if repetition >= 0:
                seconds.setdefault(name, []).append((time.perf_counter() - began) / STEPS)
                if isinstance(run, Step):
                    seconds.setdefault(f"data {name}", []).append(run.drawing / STEPS)
    return seconds


def table(cell: recipe.Cell, seconds: dict[str, list[float]], difference: tuple[float, float], load: float) -> str:
    lines = ["| | median | least | largest | goal |", "|---|---|---|---|---|"]

    def row(what: str, values: list[float], form: str, goal: str = "") -> None:
        lines.append(f"| {what} | " + " | ".join(form.format(f(values)) for f in (median, min, max)) + f" | {goal} |")

    def over(above: str, below: str) -> list[float]:
        return [a / b for a, b in zip(seconds[above], seconds[below], strict=True)]

    for name, what in (("ours", "views a second, straight from sprites"), ("usual", "views a second, per image (PIL, torchvision v2)")):
        row(what, [2 * cell["batch"] / s for s in seconds[name]], "{:,.0f}")
    row("the first over the second", over("usual", "ours"), "{:.1f}×")
    for p in ("fp32", "bf16"):
        row(f"a training step, {p}, ms", [1000 * s for s in seconds[p]], "{:.1f}")
        row(f"data's share of the step, {p}", over(f"data {p}", p), "{:.1%}", "≤ 10 %")
        row(f"step over bare forward + backward, {p}", over(p, f"bare {p}"), "{:.2f}×", "≤ 1.2×")
        row(f"step, default layout over channels_last, {p}", over(f"default {p}", p), "{:.2f}×")
    row("step, fp32 over bf16", over("fp32", "bf16"), "{:.2f}×")
    facts = lab.machine_facts(CPU)
    lines += [
        "",
        f"{facts['machine']}, {facts['threads']} thread of {facts['cores']} cores, load {load:.1f} when begun; Python {facts['python']}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}; {facts['date']}; {len(seconds['ours'])} repetitions of {STEPS} batches of {cell['batch']} scenes.",
        f"Both ways draw the same picture: without a crop they differ by {difference[0]:.4f} on average and {difference[1]:.2f} at most, on a scale of 0 to 1.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument("--repetitions", type=int, default=15)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cell = the_cell()
    pool = lab.load_pools(cell, lab.Place(Path()), CPU)[True]
    ours, usual = lab.batches(cell, pool, CPU), PerImage(cell, pool)
    variants: dict[str, Callable[[int], object]] = {"ours": ours, "usual": usual.draw}
    for p in ("fp32", "bf16"):
        variants[p] = Step(cell, ours, bf16=p == "bf16")
        variants[f"default {p}"] = Step(cell, ours, bf16=p == "bf16", layout=torch.contiguous_format)
        variants[f"bare {p}"] = Step(cell, ours, bf16=p == "bf16", bare=True)
    text = table(cell, measure(variants, asked.repetitions), usual.difference(), load)
    print(text)
    if asked.write:
        readme = README.read_text()
        before, after = readme.split(MARKS[0])[0], readme.split(MARKS[1])[1]
        README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
