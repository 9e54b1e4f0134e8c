"""The user's mistakes: told in one line, without a traceback, with the nearest right name; the doors exit with 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """Something the user can mend."""


def unknown(what: str, name: str, known: Iterable[str]) -> UserError:
    """`unknown("two_digits has no parameter", "sise2", [...])` -> "two_digits has no parameter 'sise2'; did you mean 'size2'?" """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return UserError(f"{what} '{name}'; " + (f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"))
