"""What a notebook shows of that which `import suppression` hands out: pages and small tables."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suppression import places


@dataclass(frozen=True)
class Explorer:
    """A page to move through results on; a notebook shows it, `save` keeps it for a browser.

    Args:
        page: The page.
    """

    page: str = field(repr=False)

    HEIGHT = 900  # px, in a notebook

    def save(self, path: Path | str = "explorer.html") -> Path:
        """Write the page, in place of the one that is there; its path.

        Raises:
            UserError: if it cannot be written.
        """
        from suppression.reporting.page import write_page

        out = places.named(path)
        write_page("save", out, self.page)
        return out

    def __repr__(self) -> str:
        size = f"{len(self.page.encode()) / 1e6:.1f} MB"
        return f'the explorer, one page of {size}: a notebook shows it, save("out.html") keeps it'

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="explorer" width="100%" '
            f'height="{self.HEIGHT}" style="border: 1px solid #ccc"></iframe>'
        )


class Listing(list[dict[str, Any]]):
    """A list of dicts that prints as a small table; a few technical columns are left out of it."""

    LEFT_OUT = ("encoder", "frozen", "converged")

    def __repr__(self) -> str:
        if not self:
            return "nothing"
        columns = [name for name in self[0] if name not in self.LEFT_OUT]
        lines = [columns, *([as_text(each.get(name)) for name in columns] for each in self)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
        made = []
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            made.append("  ".join(cells).rstrip())
        return "\n".join(made)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def as_text(value: Any) -> str:
    """A share with three decimals, a percentage with one; "-" where a number is not known."""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) <= 1 else f"{value:.1f}"


class Ranking(Listing):
    """Rows of a leaderboard, which print as its table.

    Args:
        rows: They.
        text: The table.
    """

    def __init__(self, rows: list[dict[str, Any]], text: str) -> None:
        super().__init__(rows)
        self.text = text

    def __repr__(self) -> str:
        return self.text
