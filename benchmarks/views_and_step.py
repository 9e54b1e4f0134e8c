"""Measure what drawing views costs: against a per-image pipeline, as a share of a training step, and the step against its bare network.

One thread of the CPU, digit_size at its laptop scale (SimCLR, tau 0.2, the largest second digit). In each repetition every variant runs once, in an order
drawn anew, and ratios are taken within a repetition, so that what else the machine does falls on both sides; the table gives medians, least and largest.
"""

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
from torchvision.transforms import v2

from suppression import lab, machine, recipe
from suppression.scenes import SCENES, Pool
from suppression.seeds import torch_rng
from suppression.train import Training, make_optimiser
from suppression.views import Views

README = Path(__file__).parent / "README.md"
MARKS = "<!-- figures: begin (written by views_and_step.py --write) -->", "<!-- figures: end -->"
CPU = torch.device("cpu")
STEPS = 3  # of each variant in one repetition


class PerImage:
    """The usual way: a Python function draws each picture on a PIL canvas, and torchvision's v2 transforms make views of it, one at a time."""

    def __init__(self, cell: recipe.Cell, pool: Pool) -> None:
        self.cell, self.pool, self.images = cell, pool, pool.images.numpy()
        self.scenes, views = lab.part(SCENES[cell["data"]], cell), lab.part(Views, cell)
        crop = v2.RandomResizedCrop(views.view or cell["canvas"], (views.area_min, views.area_max), (1 / views.aspect, views.aspect), antialias=True)
        self.view = v2.Compose([crop, v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])

    def picture(self, *digits: tuple[int, int, int, int]) -> Image.Image:
        edge, canvas = (self.images.shape[1] - self.cell["box"]) // 2, Image.new("L", (self.cell["canvas"],) * 2)
        for instance, top, left, size in digits:
            keep, place = (edge, edge, edge + self.cell["box"], edge + self.cell["box"]), (left, top, left + size, top + size)
            digit = Image.fromarray(self.images[instance]).resize((size, size), Image.Resampling.BILINEAR, box=keep)
            canvas.paste(ImageChops.lighter(canvas.crop(place), digit), place)
        return canvas

    def pictures(self, factors: dict[str, torch.Tensor]) -> list[Image.Image]:
        rows = torch.stack([factors[name] for name in ("instance", "top", "left", "size")], 2)
        return [self.picture(*digits) for digits in rows.tolist()]

    def __call__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        pictures = self.pictures(self.scenes.factors(self.cell["batch"], torch_rng("usual", step), self.pool))
        pairs = [(self.view(picture), self.view(picture)) for picture in pictures]
        return torch.stack([first for first, _ in pairs]), torch.stack([second for _, second in pairs])

    def difference(self) -> tuple[float, float]:
        """Mean and largest absolute difference of whole canvases drawn both ways, on a scale of 0 to 1."""
        factors = self.scenes.factors(self.cell["batch"], torch_rng("same"), self.pool)
        usual = torch.stack([v2.functional.to_dtype(v2.functional.to_image(picture), scale=True) for picture in self.pictures(factors)])
        apart = (self.scenes.render(factors, self.pool) - usual).abs()
        return apart.mean().item(), apart.max().item()


class Step:
    """One training step as in `suppression.train.train` between two logged ones; if `bare`, only the passes of encoder and head on fixed tensors."""

    def __init__(self, cell: recipe.Cell, draw: Callable, precision: str, layout: torch.memory_format = torch.channels_last, bare: bool = False) -> None:
        self.draw, self.bf16, self.layout, self.bare = draw, precision == "bf16", layout, bare
        self.method = lab.build_method(cell).to(memory_format=layout).train()
        self.optimiser = make_optimiser(self.method, lab.part(Training, cell))
        self.x, self.drawing = torch.cat(draw(0)[:2]), 0.0  # fixed views; seconds spent on drawing others

    def __call__(self, step: int) -> None:
        if not self.bare:
            began = time.perf_counter()
            x1, x2, y = self.draw(step)
            self.drawing += time.perf_counter() - began
            x1, x2 = (x if self.layout == torch.channels_last else x.clone(memory_format=self.layout) for x in (x1, x2))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.method.project(self.method.encoder(self.x)).square().mean() if self.bare else self.method(x1, x2, y)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        if not self.bare:
            self.optimiser.step()


def measure(variants: dict[str, Callable[[int], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds of a call of each variant, one entry a repetition; `data NAME` is the part of step NAME that went into its data."""
    seconds: dict[str, list[float]] = {}
    for repetition in range(repetitions + 1):  # the first is for warming up
        for name, run in random.Random(repetition).sample(list(variants.items()), len(variants)):
            drawn, began = getattr(run, "drawing", 0.0), time.perf_counter()
            for i in range(STEPS):
                run(repetition * STEPS + i)
            if repetition:
                seconds.setdefault(name, []).append((time.perf_counter() - began) / STEPS)
                seconds.setdefault(f"data {name}", []).append((getattr(run, "drawing", 0.0) - drawn) / STEPS)
    return seconds


def table(seconds: dict[str, list[float]], views: int) -> str:
    def over(above: str, below: str) -> list[float]:
        return [a / b for a, b in zip(seconds[above], seconds[below], strict=True)]

    rows = [
        ("views a second, straight from sprites", "{:,.0f}", [views / s for s in seconds["ours"]], ""),
        ("views a second, per image (PIL, torchvision v2)", "{:,.0f}", [views / s for s in seconds["usual"]], ""),
        ("straight from sprites over per image", "{:.1f}×", over("usual", "ours"), ""),
        ("time of a step, fp32 over bf16", "{:.2f}×", over("fp32", "bf16"), ""),
    ]
    for p in ("fp32", "bf16"):
        rows += [
            (f"a training step, {p}, ms", "{:.1f}", [1000 * s for s in seconds[p]], ""),
            (f"share of the step that is data, {p}", "{:.1%}", over(f"data {p}", p), "≤ 10 %"),
            (f"time of a step over bare forward and backward, {p}", "{:.2f}×", over(p, f"bare {p}"), "≤ 1.2×"),
            (f"time of a step, default layout over channels_last, {p}", "{:.2f}×", over(f"default {p}", p), ""),
        ]
    lines = [f"| {what} | {' | '.join(form.format(f(values)) for f in (median, min, max))} | {goal} |" for what, form, values, goal in rows]
    return "\n".join(["| | median | least | largest | goal |", "|---|---|---|---|---|", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parser.add_argument("--repetitions", type=int, default=15)
    asked, load = parser.parse_args(), os.getloadavg()[0]
    torch.set_num_threads(1)
    plan = recipe.plan("digit_size", scale="laptop", pins={"method": ["simclr"], "tau": [0.2]})
    cell = next(cell for cell in plan.cells if cell["size2"] == max(plan.axis))
    pool = lab.load_pools(cell, lab.Place(Path()), CPU)[True]
    ours, usual = lab.batches(cell, pool, CPU), PerImage(cell, pool)
    variants: dict[str, Callable] = {"ours": ours, "usual": usual}
    for p in ("fp32", "bf16"):
        variants |= {p: Step(cell, ours, p), f"default {p}": Step(cell, ours, p, torch.contiguous_format), f"bare {p}": Step(cell, ours, p, bare=True)}
    figures, facts, (mean, largest) = table(measure(variants, asked.repetitions), 2 * cell["batch"]), machine.facts(CPU), usual.difference()
    text = f"""{figures}\n
{facts["machine"]}, {facts["threads"]} thread of {facts["cores"]} cores, load {load:.1f} when begun; Python {facts["python"]}, torch {torch.__version__},
torchvision {torchvision.__version__}; {facts["date"]}; {asked.repetitions} repetitions of {STEPS} batches of {cell["batch"]} scenes.
Both ways draw the same scenes: whole canvases differ by {mean:.4f} on average (at most {largest:.2f}), on a scale of 0 to 1."""
    print(text)
    if asked.write:
        before, rest = README.read_text().split(MARKS[0])
        README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}")


if __name__ == "__main__":
    main()
