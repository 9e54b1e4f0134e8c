"""Notes: lines that the user should read, and that stop nothing."""

from __future__ import annotations

from collections.abc import Callable

Note = Callable[[str], None]


def ignore(text: str) -> None:
    """A note that nobody wants to hear."""
