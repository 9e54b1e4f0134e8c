"""Whether an answer to an exercise is right: oracles on numbers, words and functions."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from suppression.errors import unknown


@dataclass(frozen=True)
class Checked:
    """What `check` says of an answer; it prints as a sentence and is true if the answer is right.

    Args:
        right: Whether the answer is right.
        text: The sentence: a hint, where it is not.
    """

    right: bool
    text: str

    def __repr__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return self.right


class Exercise(Protocol):
    """An exercise of a lesson."""

    def fault(self, answer: Any) -> str:
        """What is wrong with an answer, "" if nothing is."""
        ...


def check(name: str, answer: Any) -> Checked:
    """Say whether an answer to a lesson's exercise is right, with a hint where it is not.

    What is right is computed: from the recorded rows, or by running the answer's function beside
    the library's.

    Args:
        name: The exercise, e.g. "05.2": the second one of lesson 05.
        answer: A number, a word or a function, as the exercise asks.

    Returns:
        A sentence that is true or false.

    Raises:
        UserError: if there is no such exercise, with the nearest one.

    Example:
        >>> import suppression as sup
        >>> sup.lessons.check("05.1", 3)
        05.1: not yet. Each bit doubles the number of codes.
        >>> bool(sup.lessons.check("05.1", 2**8))
        True
    """
    from suppression.lessons.exercises import EXERCISES

    if name not in EXERCISES:
        raise unknown("there is no exercise", str(name), EXERCISES)
    if answer is None or answer is ...:
        return Checked(False, f"{name}: put your answer in place of {answer}.")
    fault = EXERCISES[name].fault(answer)
    if fault:
        return Checked(False, f"{name}: {fault}")
    return Checked(True, f"{name}: right.")


@dataclass(frozen=True)
class Number:
    """A number, held against one that is computed.

    Args:
        truth: Computes it.
        hint: What helps to find it.
        within: How far off an answer may be.
        percent: Whether it is a percentage, or points of one.
    """

    truth: Callable[[], float]
    hint: str
    within: float = 0.0
    percent: bool = False

    def fault(self, answer: Any) -> str:
        value = as_number(answer)
        if value is None:
            return f"a number is asked for, and this is {described(answer)}."
        if math.isnan(value):
            return "this is not a number (nan)."
        truth = self.truth()
        within = max(self.within, 1e-9 * abs(truth))
        if abs(value - truth) <= within:
            return ""
        if self.percent and abs(100 * value - truth) <= within:
            return "right as a share; give it in percent."
        if abs(value + truth) <= within:
            return "the sign is the other way round."
        return f"not yet. {self.hint}"


@dataclass(frozen=True)
class Word:
    """One of several words.

    Args:
        choices: The words there are.
        hint: What helps to choose.
        truth: Computes the word, where records tell it.
        seal: The seal of the word, where it is known beforehand.
    """

    choices: Sequence[str]
    hint: str
    truth: Callable[[], str] | None = None
    seal: str = ""

    def fault(self, answer: Any) -> str:
        if not isinstance(answer, str):
            return f"a word in quotes is asked for, and this is {described(answer)}."
        word = " ".join(answer.lower().split())
        if word not in self.choices:
            return f"'{answer}' is none of: {', '.join(self.choices)}."
        if self.truth is not None:
            return "" if word == self.truth() else f"not yet. {self.hint}"
        return "" if sealed(self.hint, word) == self.seal else f"not yet. {self.hint}"


@dataclass(frozen=True)
class Behaviour:
    """A function, held against the library's on several cases.

    Args:
        oracle: The library's function.
        cases: Makes the arguments of each case, by what the case is called.
        hint: What helps where a case differs.
        within: How far off a number may be, relative to the library's, or absolute below 1.
        named: Arguments that the library's function takes by name only.
    """

    oracle: Callable[..., Any]
    cases: Callable[[], Mapping[str, tuple[Any, ...]]]
    hint: str
    within: float = 1e-3
    named: tuple[str, ...] = field(default=())

    def fault(self, answer: Any) -> str:
        if not callable(answer):
            return f"a function is asked for, and this is {described(answer)}."
        for case, given in self.cases().items():
            try:
                inspect.signature(answer).bind(*given)
            except (TypeError, ValueError):
                return f"a function of {len(given)} arguments is asked for."
            try:
                found = answer(*copied(given))
            except Exception as error:
                return f"on {case} it raises {type(error).__name__}: {error}"
            if not self.agrees(found, self.wanted(given)):
                return f"it differs on {case}. {self.hint}"
        return ""

    def wanted(self, given: tuple[Any, ...]) -> Any:
        first = len(given) - len(self.named)
        return self.oracle(*given[:first], **dict(zip(self.named, given[first:], strict=True)))

    def agrees(self, found: Any, wanted: Any) -> bool:
        if isinstance(wanted, str):
            return bool(isinstance(found, str) and found == wanted)
        number, truth = as_number(found), as_number(wanted)
        if number is None or truth is None:
            return False
        if math.isnan(truth):
            return math.isnan(number)
        return abs(number - truth) <= self.within * max(1.0, abs(truth))


def sealed(hint: str, word: str) -> str:
    """What is kept of a word, so that reading the exercise does not tell it."""
    return hashlib.sha256(f"{hint} {word}".encode()).hexdigest()[:16]


def as_number(value: Any) -> float | None:
    """A number of Python, numpy or torch; None for anything else, also for words and truths."""
    if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):  # a tensor of several
        return None


def copied(given: tuple[Any, ...]) -> list[Any]:
    """The arguments, with tensors that an answer may write into."""
    return [each.clone() if hasattr(each, "clone") else each for each in given]


def described(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
