"""Notes: lines that the user should read, and that stop nothing."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

Note = Callable[[str], None]


def ignore(text: str) -> None:
    """A note that nobody wants to hear."""


def warn(text: str) -> None:
    """A note of a call from Python, as a warning: each text is told once."""
    warnings.warn(text, stacklevel=2)


def tell(text: str) -> None:
    """A note on stderr: of a command, or of a call that runs one."""
    print(f"note: {text}", file=sys.stderr)
