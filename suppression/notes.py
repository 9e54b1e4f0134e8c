"""Notes: lines that the user should read, and that stop nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable

Note = Callable[[str], None]


def ignore(text: str) -> None:
    """A note that nobody wants to hear."""


def warn(text: str) -> None:
    """A note of a call from Python, as a warning: each text is told once."""
    warnings.warn(text, stacklevel=2)
