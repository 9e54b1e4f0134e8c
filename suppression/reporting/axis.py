"""Where the places of an experiment's axis stand in a figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from suppression.experiment.plan import Plan
from suppression.reporting.summary import Summary

DODGE = 0.009  # of the axis, between neighbouring arms
SPREAD = 0.6  # of the width between two columns, that all arms take up


@dataclass(frozen=True)
class Axis:
    """The places of an axis as they are drawn.

    Args:
        where: The number at which each place stands; words stand one after another.
        labels: The tick of each place that is drawn.
        is_log: Whether distances are ratios.
        step: How far neighbouring arms are apart: a distance, or a ratio where `is_log`.
    """

    where: Mapping[Any, float]
    labels: Mapping[Any, str]
    is_log: bool
    step: float

    @classmethod
    def of(cls, summary: Summary) -> Axis:
        """The axis of a summary, without places that repeat others."""
        plan = summary.plan
        copies = repeated(summary)
        shown = [x for x in plan.axis if x not in copies]
        labels = {}
        for x in shown:
            same = [str(copy) for copy, first in copies.items() if first == x]
            labels[x] = " = ".join([str(x), *same])
        is_words = any(isinstance(x, str) for x in shown)
        where = {x: float(shown.index(x) if is_words else x) for x in shown}
        is_log = plan.recipe.axis_log
        if are_columns(plan):
            step = SPREAD / max(len(summary.arms), 1)
        else:
            first, last = min(where.values()), max(where.values())
            step = (last / first) ** DODGE if is_log else DODGE * (last - first)
        return cls(where, labels, is_log, step)

    def __contains__(self, x: Any) -> bool:
        return x in self.where

    def beside(self, x: Any, shift: float) -> float:
        """A little beside x, or intervals at one place would hide each other.

        A number that is no place of the axis stands at itself.
        """
        at = self.where.get(x, x)
        return at * self.step**shift if self.is_log else at + self.step * shift


def are_columns(plan: Plan) -> bool:
    """Whether the axis is two words, between which a line would mean nothing."""
    return len(plan.axis) == 2 and all(isinstance(x, str) for x in plan.axis)


def repeated(summary: Summary) -> dict[str, str]:
    """The words of an axis at which all is as at an earlier one, with the earlier one.

    `h` is the output of the last block, averaged over places, as a probe reads that block.
    """
    plan = summary.plan
    if are_columns(plan) or not all(isinstance(x, str) for x in plan.axis):
        return {}
    found: dict[str, str] = {}
    for i, x in enumerate(plan.axis):
        for earlier in plan.axis[:i]:
            if earlier not in found and x not in found and is_same(summary, x, earlier):
                found[x] = earlier
    return found


def is_same(summary: Summary, x: str, earlier: str) -> bool:
    """Whether all arms read the same at both places, of every seed, and something at all."""
    measured = False
    for arm in summary.arms:
        for line in summary.lines:
            one, other = summary.point(arm, line, x), summary.point(arm, line, earlier)
            if one.by_seed != other.by_seed:
                return False
            measured = measured or one.n > 0
    return measured
