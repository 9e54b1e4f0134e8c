"""How long cells will take: by the pace of earlier trainings, or of a pass that is timed now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

from suppression.evaluation.evaluator import record_name
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.context import Context
from suppression.execution.environment import machine_name
from suppression.execution.store import Store
from suppression.execution.timing import has_bf16, timed, timed_pass
from suppression.experiment.builders import build_encoder
from suppression.experiment.run import Run
from suppression.models.resnet import channels_last, stem_for
from suppression.training.optimizers import orthogonalize

FEW = 16  # pictures of a pass that is timed

# A step of a method in forward and backward passes of both views through the encoder, measured on
# the laptop scale's networks; any other method takes about one.
PASSES: Mapping[str, float] = {
    "autoencoder": 2.0,
    "byol": 1.5,
    "cpc": 5.0,  # of a view's patches, which overlap by half
    "dino": 1.5,
    "distil": 1.4,
    "moco": 1.6,
    "randbit": 1.3,
    "simsiam": 1.2,
}


def cost(run: Run, probe: ProbeSettings | None, *, trained: bool = False) -> float:
    """The work of a cell in units of one pixel of one trained view.

    A probe's pictures only go forward, a third of that. One that is `trained` is only probed.
    """
    training, probing = 0.0, 0.0
    if run.training is not None and not trained:
        training = 2 * run.training.samples * run.view_side**2
    if probe is not None:
        probing = 4 / 3 * (probe.train + probe.test) * run.dataset.canvas**2
    return training + probing


def net_of(run: Run) -> tuple[Any, ...]:
    """The encoder, by what the time of a pass through it depends on."""
    settings, dataset = run.encoder, run.dataset
    stem = settings.stem or stem_for(dataset.canvas)
    net = settings.net or f"resnet{settings.depth or 18}"
    return net, settings.width, stem, dataset.channels


def pace_name(run: Run, device: torch.device, threads: int | None) -> str:
    """Under what name the store keeps the seconds that a scene of such a training takes."""
    training, views = run.training, run.augmentation
    assert training is not None
    assert views is not None
    parts = [run.kind, run.method, *run.remedies, f"batch={training.batch}", training.optimiser]
    parts += [training.precision, f"canvas={run.dataset.canvas}", f"view={run.view_side}"]
    if views.local:
        parts.append(f"local={views.local}x{views.small(run.view_side).view}")
    return " ".join(["pace", where(device, threads), *parts, *map(str, net_of(run))])


def probe_pace_name(
    run: Run, probe: ProbeSettings, device: torch.device, threads: int | None
) -> str:
    """Under what name the store keeps the seconds that a probe of such a network takes."""
    parts = [record_name(probe), run.kind, f"canvas={run.dataset.canvas}"]
    return " ".join([where(device, threads), *parts, *map(str, net_of(run))])


def where(device: torch.device, threads: int | None) -> str:
    if device.type != "cpu":
        return f"{device.type} {machine_name(device)}"
    return f"{device.type} {machine_name(device)} threads={threads or torch.get_num_threads()}"


@dataclass
class Expected:
    """What cells are expected to take.

    Args:
        seconds: Of each cell.
        measured: How many cells go by the pace of trainings and probes on this machine.
        timed: How many go by a pass that was timed now, as nothing like them has run here.
    """

    seconds: list[float] = field(default_factory=list)
    measured: int = 0
    timed: int = 0

    def __str__(self) -> str:
        """Where the numbers come from.

        Example:
            >>> str(Expected([2.0, 3.0], measured=1, timed=1))
            'measured in earlier runs for 1 cell, from a pass timed now for 1'
        """
        cells = "cell" if self.measured == 1 else "cells"
        if not self.timed:
            return "measured in earlier runs"
        if not self.measured:
            return "from a pass of the network timed now, so a rough guess"
        return (
            f"measured in earlier runs for {self.measured} {cells}, from a pass timed now for "
            f"{self.timed}"
        )


def expected_seconds(
    runs: list[Run],
    probe: ProbeSettings | None,
    context: Context,
    before: list[Run] | None = None,
    anew: Collection[str] = (),
) -> Expected:
    """What cells would take, one after the other; about, not exactly. Nothing is written.

    A step is timed only where no pace of such a training, or probe, is in the store: it is the
    pace of one small pass of the encoder, times what a step of the method takes more.

    Args:
        runs: The cells. One that is trained is only probed.
        probe: What they are asked.
        context: Where they would be run; with its threads, or one on a CPU.
        before: Cells that are trained and asked nothing.
        anew: The keys of stored cells that are trained again.
    """
    expected = Expected()
    stopwatch = Stopwatch(context)
    work: list[tuple[Run, ProbeSettings | None]] = [(run, None) for run in before or []]
    work += [(run, probe) for run in runs]
    for run, asked in work:
        seconds, is_timed = 0.0, False
        parts = []
        is_trained = stopwatch.store.has(run.key) and run.key not in anew
        if run.training is not None and not is_trained:
            parts.append(stopwatch.training_seconds(run))
        if asked is not None:
            parts.append(stopwatch.probe_seconds(run, asked))
        for more, was_timed in parts:
            seconds += more
            is_timed = is_timed or was_timed
        expected.seconds.append(seconds)
        expected.timed += is_timed
        expected.measured += not is_timed
    return expected


class Stopwatch:
    """Finds paces in the store, and times what is not there, each network once."""

    def __init__(self, context: Context) -> None:
        self.store = Store(context.store)
        self.device = torch.device(context.device)
        self.threads = context.threads
        if self.device.type == "cpu":
            self.threads = context.threads or 1
        self.passes: dict[tuple[Any, ...], float] = {}  # seconds of a pixel
        self.updates: dict[tuple[Any, ...], float] = {}  # seconds of a step of Muon

    @cached_property
    def machine(self) -> dict[str, Any]:
        return self.store.machine()

    def training_seconds(self, run: Run) -> tuple[float, bool]:
        """How long a training takes, and whether that was timed now."""
        training = run.training
        assert training is not None
        pace = self.machine.get(pace_name(run, self.device, self.threads))
        if pace is not None:
            return pace * training.samples, False
        pixels = PASSES.get(run.method, 1.0) * pixels_of_views(run)
        seconds = self.seconds_of_a_pixel(run) * pixels * training.samples
        if training.optimiser == "muon":  # other optimisers take next to nothing
            seconds += training.steps * self.seconds_of_an_update(run)
        return seconds, True

    def probe_seconds(self, run: Run, probe: ProbeSettings) -> tuple[float, bool]:
        """How long a probe takes, and whether that was timed now."""
        measured = self.machine.get(probe_pace_name(run, probe, self.device, self.threads))
        if measured is not None:
            return measured, False
        return self.seconds_of_a_pixel(run) * cost(run, probe, trained=True), True

    def seconds_of_a_pixel(self, run: Run) -> float:
        """Seconds of a forward and backward pass of the encoder, a pixel of its pictures."""
        key = net_of(run)
        if key not in self.passes:
            with_threads = torch.get_num_threads()
            if self.device.type == "cpu":
                torch.set_num_threads(self.threads or 1)
            net: Any = channels_last(build_encoder(run)).to(self.device)
            x = (pictures(FEW, run.dataset.channels, run.view_side, self.device),)
            seconds = [timed_pass(net, x, self.device, False) for _ in range(2)]  # one warms up
            if has_bf16(self.device):
                seconds += [timed_pass(net, x, self.device, True) for _ in range(2)]
            torch.set_num_threads(with_threads)
            self.passes[key] = min(seconds) / (FEW * run.view_side**2)
        return self.passes[key]

    def seconds_of_an_update(self, run: Run) -> float:
        """Seconds of Muon's orthogonalisations in a step, without its other arithmetic."""
        key = net_of(run)
        if key not in self.updates:
            net = build_encoder(run).to(self.device)
            self.updates[key] = timed(partial(orthogonalize, net), self.device)
        return self.updates[key]


def pixels_of_views(run: Run) -> float:
    """The pixels of all views of a scene."""
    views = run.augmentation
    assert views is not None
    side = run.view_side
    local_side = views.small(side).view or side
    return 2 * side**2 + (views.local or 0) * local_side**2


def pictures(n: int, channels: int, side: int, device: torch.device) -> Tensor:
    noise = torch.rand(n, channels, side, side, device=device)
    return noise.contiguous(memory_format=torch.channels_last)
