"""Words of figures as they are written: `$`, which is mathematics to matplotlib, is a letter."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def plain_words() -> Iterator[None]:
    """While it lasts, words of figures are drawn as they are written.

    A letter that the font lacks is drawn as a box, of which matplotlib need not warn.
    """
    import matplotlib

    with matplotlib.rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
