"""Timing that holds on a busy machine.

In each repetition every variant runs once, in an order drawn anew, and ratios are taken within a
repetition.
"""

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
Seconds = dict[str, list[float]]  # by variant, one a repetition; none where it is not installed
Variants = dict[str, Callable[[], float | dict[str, float]] | None]
Goal = tuple[str, float]


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Args:
        what: What was measured.
        values: One a repetition.
        form: How a value is written.
        goal: "≥" or "≤" and a number, against which the median is held.
        why: Why there are no values.
    """

    what: str
    values: list[float] = field(default_factory=list)
    form: str = "{:.2f}×"
    goal: Goal | None = None
    why: str = "not installed"

    def __str__(self) -> str:
        return f"| {' | '.join([self.what, *self.shown(), self.goal_text()])} |"

    def shown(self) -> list[str]:
        """Median, least and largest."""
        if not self.values:
            return [self.why, "", ""]
        middle = self.form.format(median(self.values))
        if len(self.values) == 1:
            return [middle, "", ""]
        return [middle, self.form.format(min(self.values)), self.form.format(max(self.values))]

    def goal_text(self) -> str:
        if self.goal is None:
            return ""
        sign, number = self.goal
        text = f"{sign} {self.form.format(number)}"
        if not self.values:
            return text
        middle = median(self.values)
        is_met = middle >= number
        if sign == "≤":
            is_met = middle <= number
        return f"{text}: met" if is_met else f"{text}: **missed**"


@dataclass(frozen=True)
class Found:
    """What a section found: its table, what else must be said, and figures by their file's name."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    figures: dict[str, bytes] = field(default_factory=dict)


def table(rows: list[Row]) -> str:
    head = ["| | median | least | largest | goal |", "|---|---|---|---|---|"]
    return "\n".join([*head, *map(str, rows)])


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
    """Seconds of each variant, one entry a repetition.

    Args:
        variants: Those that are None are not measured. One that answers {part: seconds} is listed
            as `NAME part`.
        repetitions: How many.
        warm: Whether there is a first round that is not counted.
    """
    seconds: Seconds = {name: [] for name in variants}
    there = [(name, run) for name, run in variants.items() if run is not None]
    for repetition in range(-1 if warm else 0, repetitions):
        for name, run in random.Random(repetition).sample(there, len(there)):
            answer = run()
            if not isinstance(answer, dict):
                answer = {"": answer}
            if repetition < 0:
                continue
            for part, value in answer.items():
                seconds.setdefault(f"{name} {part}".strip(), []).append(value)
    return seconds


def over(seconds: Seconds, above: str, below: str) -> list[float]:
    """Ratios of two variants' times; none where one was not measured."""
    a, b = seconds.get(above), seconds.get(below)
    if not a or not b:
        return []
    return [x / y for x, y in zip(a, b, strict=True)]


def scaled(values: list[float], factor: float) -> list[float]:
    return [factor * value for value in values]


def rate(seconds: Seconds, name: str, count: int) -> list[float]:
    """How many a second, where a call of the variant makes `count`."""
    return [count / s for s in seconds[name]]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and for the BLAS and OpenMP of all libraries that are loaded."""
    before = torch.get_num_threads()
    with threadpool_limits(1):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
