"""The user's mistakes: one line, no traceback, the nearest right name; the commands exit with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_NAMED = 100  # names that a message lists


class UserError(ValueError):
    """Something the user can mend: the message says what is wrong and what would be right."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"error: {self}"]


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest one that does.

    Args:
        what: What there is none of, as the message begins.
        name: The name that was given.
        known: The names there are.

    Returns:
        The error, to be raised by the caller.

    >>> unknown("two_digits has no parameter", "sise2", ["size1", "size2", "canvas"])
    UserError("two_digits has no parameter 'sise2'; did you mean 'size2'?")
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"there are: {', '.join(names)}"
    if len(names) > MOST_NAMED:  # of a library's hundreds
        hint = f"there are {len(names):,}, such as {', '.join(names[:5])}"
    if near:
        hint = f"did you mean '{near[0]}'?"
    return UserError(f"{what} '{name}'; {hint}")


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: torch, which need not be imported for this, says so in many ways.

    >>> is_out_of_memory(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"))
    True
    """
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(each in str(error) for each in words)
