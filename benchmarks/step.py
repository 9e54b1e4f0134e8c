"""The sections `step` and `views`: a training step, and drawing alone, against others."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import peers
import torch
from paired import (
    CPU,
    Found,
    Goal,
    Row,
    Seconds,
    Variants,
    installed,
    one_thread,
    over,
    paired,
    rate,
    scaled,
    timed,
)
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from suppression.data.transforms.augmentation import Augmentation
from suppression.execution.batches import load_pools, training_batches
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.execution.timing import bf16_is_faster
from suppression.experiment.builders import build_method
from suppression.experiment.plan import make_plan
from suppression.experiment.run import Run
from suppression.methods import Method, SimCLR
from suppression.models.resnet import ResNet, channels_last
from suppression.seeding import torch_rng
from suppression.training.loop import LOG_POINTS, Batch, Training, train

STEPS = 5  # of each variant in one repetition
# SimCLR's set, at the strength it uses for small pictures.
FULL = Augmentation(flip=0.5, jitter=0.5, gray=0.2, blur=0.5)
TAU = 0.2


class EnoughError(Exception):
    """Ends a training from within its draw."""


def trained_steps(
    method: Method,
    draw: Callable[[int], Batch],
    training: Training,
    *,
    bf16: bool,
    steps: int,
    device: torch.device = CPU,
) -> dict[str, float]:
    """Seconds of a step of `suppression.training.loop.train` itself, and of its `data`.

    A step goes from one draw to the next; the first one, which is logged, is left out.
    """
    assert steps + 1 < training.steps // LOG_POINTS, "a logged step would be among those timed"
    began, drawing = [0.0], [0.0]

    def watched(step: int) -> Batch:
        if device.type == "cuda" and (step == 1 or step > steps):
            torch.cuda.synchronize()
        now = time.perf_counter()
        if step == 1:
            began[0], drawing[0] = now, 0.0
        if step > steps:
            began.append(now)
            raise EnoughError
        batch = draw(step)
        drawing[0] += time.perf_counter() - now
        return batch

    with suppress(EnoughError):
        train(method, watched, training=training, device=device, bf16=bf16)
    return {"": (began[1] - began[0]) / steps, "data": drawing[0] / steps}


def passes(
    method: Method, x: Tensor, layout: torch.memory_format, *, bf16: bool
) -> Callable[[], float]:
    """Forward and backward of encoder and head on fixed pictures, in one memory layout."""
    # A copy, as pictures of one channel count as contiguous in either layout and `contiguous` would
    # leave their strides alone.
    method, x = method.to(memory_format=layout).train(), x.clone(memory_format=layout)

    def run() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = method.project(method.encoder(x)).square().mean()
        method.zero_grad(set_to_none=True)
        loss.backward()

    return timed(run, STEPS)


@dataclass(frozen=True)
class Work:
    """What a step is made of."""

    build: Callable[[], Method]  # anew
    draw: Callable[[int], Batch]
    dataset: Callable[[Callable], Dataset]  # for peers: it takes a transform
    views: Augmentation
    side: int
    training: Training


def largest_cell(scale: str, **pins: object) -> Run:
    """digit_size_replace's SimCLR cell with the largest second digit, its places kept."""
    given: dict[str, list[object]] = {"method": ["simclr"], "tau": [TAU], "replace": ["false"]}
    for parameter, value in pins.items():
        given[parameter] = [value]
    cells = make_plan("digit_size_replace", scale=scale, pins=given).cells
    return max(cells, key=lambda cell: cell.parameters["size2"])


def digits() -> Work:
    cell = largest_cell("laptop", optimiser="adamw")  # which the peers have too
    assert cell.augmentation is not None
    assert cell.training is not None
    pool = load_pools(cell, Context(Path()), CPU)[True]
    return Work(
        build=partial(build_method, cell),
        draw=training_batches(cell, pool, CPU),
        dataset=partial(peers.DigitPictures, cell, pool),
        views=cell.augmentation,
        side=cell.view_side,
        training=cell.training,
    )


def photos() -> Work:
    pictures, training = peers.photographs(4096, 32), Training(samples=128_000, batch=64)

    def draw(step: int) -> Batch:
        rng = torch_rng("photos", step)
        x = pictures[torch.randint(len(pictures), (training.batch,), generator=rng)].float() / 255
        x1 = FULL(x, rng).contiguous(memory_format=torch.channels_last)
        x2 = FULL(x, rng).contiguous(memory_format=torch.channels_last)
        return x1, x2, torch.zeros(training.batch, 1)

    def build() -> Method:
        return channels_last(SimCLR(ResNet(width=16, stem=1, channels=3), tau=TAU))

    return Work(build, draw, partial(peers.Photos, pictures), FULL, 32, training)


def usual(work: Work, transform: Callable, loss: peers.Loss) -> peers.UsualStep:
    training = work.training
    return peers.UsualStep(
        work.build(),
        work.dataset(transform),
        loss,
        batch=training.batch,
        lr=training.lr,
        decay=training.weight_decay,
        steps=STEPS,
    )


def step(repetitions: int) -> Found:
    """A whole training step: draw, forward, loss, backward, optimiser.

    64 pictures in two views, ResNet-18 of width 16, one thread. Ours is timed inside
    `suppression.training.loop.train`, from one draw to the next, between logged steps, once in the
    precision that `precision=auto` takes here and once in fp32. Peers have the same net, head and
    optimiser (AdamW), in fp32 and the default layout, fed by a torch DataLoader without workers (a
    worker would be a second core, on which ours would train a second cell): *lightly* with its
    SimCLRTransform and NTXentLoss, and *plain PyTorch* with torchvision's v2 transforms per picture
    and cross entropy over the masked 2n x 2n matrix. `digits`: digit_size at its laptop scale,
    crops of 40-px scenes, which peers draw with PIL. `photos`: 32 x 32 RGB squares cut from
    scikit-learn's two photographs, SimCLR's whole set of augmentations. The bare net is forward and
    backward of encoder and head on fixed tensors in the same precision.
    """
    rows, notes = [], []
    for name, load in {"digits": digits, "photos": photos}.items():
        with one_thread(), tempfile.TemporaryDirectory() as room:
            work = load()
            x = torch.cat(work.draw(0)[:2])
            auto = "fp32"
            if bf16_is_faster(work.build().encoder, x, CPU, Store(room)):
                auto = "bf16"
            seconds = paired(steps_of(work, x, auto), repetitions)
        rows += step_rows(name, seconds, auto)
        notes.append(f"{name}: `precision=auto` takes {auto} here.")
    return Found(rows, notes)


def steps_of(work: Work, x: Tensor, auto: str) -> Variants:
    """Each way to a training step, and the bare net on the pictures x."""
    two_views = peers.twice(peers.torchvision_view(work.views, work.side))
    variants: Variants = {"plain": usual(work, two_views, peers.plain_loss(TAU)), "lightly": None}
    if installed("lightly"):
        two_views = peers.lightly_two_views(work.views, work.side)
        variants["lightly"] = usual(work, two_views, peers.lightly_loss(TAU))
    for p in ("fp32", "bf16"):
        bf16 = p == "bf16"
        ours = partial(trained_steps, work.build(), work.draw, work.training, steps=STEPS)
        variants[p] = partial(ours, bf16=bf16)
        variants[f"bare {p}"] = passes(work.build(), x, torch.channels_last, bf16=bf16)
        variants[f"default {p}"] = passes(work.build(), x, torch.contiguous_format, bf16=bf16)
    muon = replace(work.training, optimiser="muon")
    ours = partial(trained_steps, work.build(), work.draw, muon, steps=STEPS)
    variants["muon"] = partial(ours, bf16=auto == "bf16")
    return variants


def step_rows(name: str, seconds: Seconds, auto: str) -> list[Row]:
    rows, shown = [], list(dict.fromkeys((auto, "fp32")))

    def add_ms(what: str, who: str) -> None:
        rows.append(Row(f"{name}: a step of {what}, ms", scaled(seconds[who], 1000), "{:.1f}"))

    def add_ratio(what: str, above: str, below: str, goal: Goal | None = None) -> None:
        rows.append(Row(f"{name}: {what}", over(seconds, above, below), goal=goal))

    for p in shown:
        add_ms(f"ours, {p}", p)
    for who in ("lightly", "plain"):
        add_ms(who, who)
    for p in shown:
        fastest = 4.0 if p == auto else 1.0
        add_ratio(f"lightly over ours, {p}", "lightly", p, ("≥", fastest))
        add_ratio(f"plain PyTorch over ours, {p}", "plain", p, ("≥", 1.0))
    rows.append(Row(f"{name}: solo-learn over ours", goal=("≥", 1.0), why=peers.SOLO_LEARN))
    for p in shown:
        add_ratio(f"our step over the bare net, {p}", p, f"bare {p}", ("≤", 1.1))
        share = scaled(over(seconds, f"{p} data", p), 100)
        what = f"{name}: share of our step that is data, {p}"
        rows.append(Row(what, share, "{:.1f} %", ("≤", 5.0)))
    for who in ("lightly", "plain"):
        share = scaled(over(seconds, f"{who} data", who), 100)
        rows.append(Row(f"{name}: share of a step of {who} that is data", share, "{:.0f} %"))
    add_ratio(f"our step with Muon over that with AdamW, {auto}", "muon", auto)
    add_ratio("our step, fp32 over bf16", "fp32", "bf16")
    for p in ("fp32", "bf16"):
        what = f"bare net, default layout over channels_last, {p}"
        add_ratio(what, f"default {p}", f"bare {p}")
    return rows


def views(repetitions: int) -> Found:
    """Drawing alone, one thread: 128 pictures, each with parameters of its own.

    uint8 RGB squares -> float32 views. `crop` is a random resized crop, `SimCLR` adds flip, jitter
    (s = 0.5), grayscale and blur. torchvision and kornia blur with a kernel of a tenth of the side,
    ours with the wider one of three sigma. torchvision on a whole batch gives all pictures one set
    of parameters, so it is not a way to the same views. `scenes` are the two views of digit_size's
    laptop scale: ours draws them straight from the sprites at their final size, the usual way draws
    each scene on a PIL canvas and crops that twice with torchvision.
    """
    rows: list[Row] = []
    for side in (32, 96):
        pictures = peers.photographs(128, side)
        for name, chosen in {"crop": Augmentation(), "SimCLR": FULL}.items():
            with one_thread():
                seconds = paired(drawers(pictures, chosen), repetitions)
            rows += drawing_rows(f"{name}, {side} px", seconds, len(pictures))
    with one_thread():
        work = digits()
        usual_way = work.dataset(peers.twice(peers.torchvision_view(work.views, work.side)))
        batch = work.training.batch
        variants: Variants = {
            "ours": timed(lambda: work.draw(1), STEPS),
            "usual": timed(lambda: [usual_way[i] for i in range(batch)]),
        }
        seconds = paired(variants, repetitions)
    ours = rate(seconds, "ours", 2 * batch)
    rows.append(Row("scenes: ours, straight from sprites, views a second", ours, "{:,.0f}"))
    what = "scenes: PIL and torchvision v2, per picture, over ours"
    rows.append(Row(what, over(seconds, "usual", "ours"), goal=("≥", 1.0)))
    mean, largest = difference()
    note = (
        "scenes: whole canvases drawn both ways from equal factors differ by "
        f"{mean:.4f} on average (at most {largest:.2f}), of 1."
    )
    return Found(rows, [note])


def drawers(pictures: Tensor, chosen: Augmentation) -> Variants:
    """Each way to one view of every picture."""
    side, pil, rng = pictures.shape[-1], peers.as_pil(pictures), torch_rng("views")
    view = peers.torchvision_view(chosen, side)

    def one_by_one(given: Iterable) -> Tensor:
        return torch.stack([view(picture) for picture in given])

    variants: Variants = {
        "ours": timed(lambda: chosen(pictures.float() / 255, rng), STEPS),
        "tensor": timed(lambda: one_by_one(pictures)),
        "pil": timed(lambda: one_by_one(pil)),
        "batch": timed(lambda: view(pictures), STEPS),
        "kornia": None,
    }
    if installed("kornia"):
        batched = peers.kornia_views(chosen, side)
        variants["kornia"] = timed(lambda: batched(pictures.float() / 255), STEPS)
    return variants


PEERS = {
    "tensor": "torchvision v2, per tensor",
    "pil": "torchvision v2, per PIL picture",
    "kornia": "kornia, batched",
}


def drawing_rows(name: str, seconds: Seconds, n: int) -> list[Row]:
    rows = [Row(f"{name}: ours, views a second", rate(seconds, "ours", n), "{:,.0f}")]
    for who, what in PEERS.items():
        ratios = over(seconds, who, "ours")
        rows.append(Row(f"{name}: {what}, over ours", ratios, goal=("≥", 1.0)))
    what = f"{name}: torchvision v2, one set of parameters a batch (not the same), over ours"
    rows.append(Row(what, over(seconds, "batch", "ours")))
    return rows


def difference() -> tuple[float, float]:
    """Mean and largest absolute difference of whole canvases drawn by us and by PIL, of 1.

    They differ at the edges of the digits' boxes, where PIL repeats the sprite's edge and ours
    fades into the empty canvas.
    """
    cell = largest_cell("laptop")
    assert cell.training is not None
    pool = load_pools(cell, Context(Path()), CPU)[True]
    factors = cell.dataset.factors(cell.training.batch, torch_rng("same"), pool)
    placed = torch.stack([factors[name] for name in peers.FACTORS], 2).tolist()
    painter = peers.DigitPictures(cell, pool)
    drawn = []
    for rows in placed:
        picture = v2.functional.to_image(painter.picture(rows))
        drawn.append(v2.functional.to_dtype(picture, scale=True))
    apart = (cell.dataset.render(factors, pool) - torch.stack(drawn)).abs()
    return apart.mean().item(), apart.max().item()
