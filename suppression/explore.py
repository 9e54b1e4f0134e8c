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
    add("--store", type=places.store, metavar="DIR", help="where trained cells are kept")
    add(
        "--record-neighbours",
        type=places.folder,
        metavar="DIR",
        help="instead of the page: train the small networks whose neighbours it shows, about two "
        "minutes, and write their record to this folder",
    )
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

    if given.record_neighbours is not None:
        record_neighbours(places.named(given.record_neighbours), given.store)
        return 0
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


def record_neighbours(out: Path, store: Path | None) -> None:
    """Train what is missing, and write which scenes these networks put next to one another."""
    from suppression import api
    from suppression.errors import UserError
    from suppression.execution.context import Context
    from suppression.execution.store import Store
    from suppression.keeping import write_neighbours
    from suppression.reporting.neighbours import NAME, NETWORKS, SCALE

    if not out.is_dir():
        raise UserError(f"--record-neighbours {out}: there is no such folder")
    runs = {}
    for name, pins in NETWORKS.items():
        result = api.run(NAME, scale=SCALE, store=store, **pins)
        runs[name] = result.answers[0][0]
    context = Context(store=Store(store).root)
    print(f"neighbours: {write_neighbours(runs, out, context, f'{PROG} --record-neighbours DIR')}")


class Command(ModuleType):
    """This module: it is called as a function, too, so that neither of one name hides the other."""

    def __call__(self, name: str | None = None, *, results: list[Result] | None = None) -> Explorer:
        from suppression import api

        return api.explore(name, results=results)


sys.modules[__name__].__class__ = Command

if __name__ == "__main__":
    sys.exit(main())
