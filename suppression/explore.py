"""`python -m suppression.explore` writes the explorer: one page of all that was recorded.

In a notebook `suppression.explore()` shows it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from suppression import places
from suppression.door import Parser, door

if TYPE_CHECKING:
    from suppression.api import Explorer
    from suppression.reporting.result import Result

PROG = "python -m suppression.explore"


def options() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROG,
        description="Write the explorer: every recorded result on one page for a browser, offline.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("name", nargs="?", help="the recipe whose record is shown first")
    add(
        "--out",
        type=places.folder,
        metavar="FILE",
        default=Path("explorer.html"),
        help="the page (default: explorer.html in this folder)",
    )
    add("--stored", action="store_true", help="put what your own store has before the recorded")
    add("--store", type=places.folder, metavar="DIR", help="where trained cells are kept")
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words))


def command(argv: list[str]) -> int:
    given = options().parse_args(argv)
    from suppression import api
    from suppression.errors import UserError
    from suppression.execution.store import Store
    from suppression.reporting.page import check_page, write_page
    from suppression.running import stored_results

    out = places.named(given.out)
    check_page("--out", out)
    results = None
    if given.stored:
        store = Store(given.store)
        results = stored_results(store)
        if not results:
            raise UserError(f"{store.root} has no results of the recipes: run one first")
    write_page("--out", out, api.explore(given.name, results=results).page)
    print(f"explorer: {out}; open it in a browser")
    return 0


class Command(ModuleType):
    """This module: it is called as a function, too, so that neither of one name hides the other."""

    def __call__(self, name: str | None = None, *, results: list[Result] | None = None) -> Explorer:
        from suppression import api

        return api.explore(name, results=results)


sys.modules[__name__].__class__ = Command

if __name__ == "__main__":
    sys.exit(main())
