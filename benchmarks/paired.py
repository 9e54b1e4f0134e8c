"""Timing that holds on a busy machine: in each repetition every variant runs once, in an order drawn anew, and ratios are taken within a repetition."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from statistics import median
from typing import Any

import torch
from threadpoolctl import threadpool_limits

CPU = torch.device("cpu")
Seconds = dict[str, list[float]]  # by variant, one entry a repetition; none where the variant is not installed
Variants = dict[str, Callable[[], float | dict[str, float]] | None]


@dataclass(frozen=True)
class Row:
    """A line of a table: its `values`, one a repetition, or `why` there are none. A goal is held against the median."""

    what: str
    values: list[float] = field(default_factory=list)
    form: str = "{:.2f}×"
    goal: tuple[str, float] | None = None
    why: str = "not installed"

    def __str__(self) -> str:
        goal, shown = "", [self.why, "", ""]
        if self.goal:
            goal = f"{self.goal[0]} {self.form.format(self.goal[1])}"
        if self.values:
            middle = median(self.values)
            shown = [self.form.format(f(self.values)) for f in (median, min, max)] if len(self.values) > 1 else [self.form.format(middle), "", ""]
            if self.goal:
                met = middle >= self.goal[1] if self.goal[0] == "≥" else middle <= self.goal[1]
                goal += ": met" if met else ": **missed**"
        return f"| {' | '.join([self.what, *shown, goal])} |"


@dataclass(frozen=True)
class Found:
    """What a section found: its table, what else must be said, and figures by their file's name."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    figures: dict[str, bytes] = field(default_factory=dict)


def table(rows: list[Row]) -> str:
    return "\n".join(["| | median | least | largest | goal |", "|---|---|---|---|---|", *map(str, rows)])


def installed(package: str) -> bool:
    return find_spec(package) is not None


def timed(run: Callable[[], Any], calls: int = 1) -> Callable[[], float]:
    """A variant that tells the seconds of a call of `run`."""

    def seconds() -> float:
        began = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - began) / calls

    return seconds


def paired(variants: Variants, repetitions: int, *, warm: bool = True) -> Seconds:
    """Seconds of each variant, one entry a repetition; one that answers {part: seconds} is listed as `NAME part`. If `warm`, a first round is not counted."""
    seconds: Seconds = {name: [] for name in variants}
    there = [(name, run) for name, run in variants.items() if run is not None]
    for repetition in range(-1 if warm else 0, repetitions):
        for name, run in random.Random(repetition).sample(there, len(there)):
            answer = run()
            parts = {f"{name} {part}".strip(): s for part, s in answer.items()} if isinstance(answer, dict) else {name: answer}
            for part, s in parts.items():
                if repetition >= 0:
                    seconds.setdefault(part, []).append(s)
    return seconds


def over(seconds: Seconds, above: str, below: str) -> list[float]:
    """Ratios of two variants' times; none where one was not measured."""
    a, b = seconds.get(above), seconds.get(below)
    return [x / y for x, y in zip(a, b, strict=True)] if a and b else []


def rate(seconds: Seconds, name: str, count: int) -> list[float]:
    """How many a second, where a call of the variant makes `count`."""
    return [count / s for s in seconds[name]]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and for whatever BLAS and OpenMP the libraries loaded so far bring along."""
    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
