"""The arms of an experiment: the lines of its table, each a method with some of its parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from suppression.errors import UserError
from suppression.methods import METHODS

# What the controls of a competition are called; elsewhere parameters bear their own names.
COMPETITOR = {"redraw": "competitor redrawn", "blank": "competitor blank"}
MOST_ARMS = 500  # of a table that anyone reads
CONTROL = "supervised"  # the method that is told what there is to learn


@dataclass(frozen=True)
class Arm:
    """One line of the table.

    Args:
        settings: The method and the parameters that set it apart, as the recipe or the command
            line gives them.

    Example:
        >>> Arm({"method": "simclr", "tau": 0.2}).label
        'simclr, tau 0.2'
    """

    settings: Mapping[str, Any]

    @property
    def method(self) -> str:
        return self.settings["method"]

    @property
    def is_floor(self) -> bool:
        """Whether nothing was learned: `untrained`, `random_features`, `pixels` and their like."""
        method = METHODS.get(self.method)
        return method is not None and not method.trains and not method.builds_on

    @cached_property
    def label(self) -> str:
        """The method and what is set; a parameter that is not set is left out."""
        words = [self.method]
        for name, value in self.settings.items():
            if name == "method" or value is None:
                continue
            if isinstance(value, list):
                value = ",".join(map(str, value))
            if value == 1 and name in COMPETITOR:
                words.append(COMPETITOR[name])
            else:
                words.append(name if value is True else f"{name} {value}")
        return ", ".join(words)

    @property
    def shared(self) -> Arm:
        """The arm whose views share the competitor, of one that is its control; else itself."""
        return Arm({name: value for name, value in self.settings.items() if name not in COMPETITOR})

    def __hash__(self) -> int:
        return hash(self.label)

    def __contains__(self, name: str) -> bool:
        return name in self.settings

    def get(self, name: str, default: Any = None) -> Any:
        return self.settings.get(name, default)

    def agrees_with(self, values: Mapping[str, Any]) -> bool:
        """Whether a cell, or a row, has all that the arm sets."""
        return all(values.get(name) == value for name, value in self.settings.items())


def arm_of(values: Mapping[str, Any], arms: Sequence[Arm]) -> Arm | None:
    """The arm that a row belongs to: of those that agree with it the one that sets most.

    One arm may be another one and a parameter more.
    """
    agreeing = [arm for arm in arms if arm.agrees_with(values)]
    return max(agreeing, key=lambda arm: len(arm.settings), default=None)


def product(lists: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """One dict a combination.

    Raises:
        UserError: if there are more than `MOST_ARMS`.

    Example:
        >>> product({"method": ["simclr"], "tau": [0.05, 0.2]})
        [{'method': 'simclr', 'tau': 0.05}, {'method': 'simclr', 'tau': 0.2}]
    """
    number = math.prod(map(len, lists.values()))
    if number > MOST_ARMS:
        raise UserError(
            f"{number:,} arms are asked for, and {MOST_ARMS:,} are the most: fewer values"
        )
    combinations = itertools.product(*lists.values())
    return [dict(zip(lists, values, strict=True)) for values in combinations]


def unique(dicts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each dict once, where it stands first."""
    found: list[dict[str, Any]] = []
    for each in dicts:
        if each not in found:
            found.append(each)
    return found
