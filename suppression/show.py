"""The second door: `python -m suppression.show two_digits` draws a sheet of samples with both views, and prints the card."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError, unknown
from suppression.execution.context import Context
from suppression.experiment.builders import scenes_of
from suppression.experiment.files import find, names, read
from suppression.reporting.samples import sheet

if TYPE_CHECKING:
    from suppression.execution.context import Context


def main(argv: list[str] | None = None) -> int:
    try:
        return run(sys.argv[1:] if argv is None else argv)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m suppression.show", description="Draw samples of a data set with both views of each, and print its card.")
    parser.add_argument("name", nargs="?", help="a card's name, or the path of a card (.toml); none: the list of cards")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the picture (default: NAME.png in this folder)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--root", type=Path, metavar="DIR", help="where data sets lie (default: SUPPRESSION_DATA, else the user's data folder)")
    parser.add_argument("--download", action="store_true", help="fetch a data set that is not there")
    parser.add_argument("--skip-bad", action="store_true", help="leave out files of a folder of photographs that are no pictures, instead of stopping at them")
    given, rest = parser.parse_known_args(argv)
    if given.name is None:
        if rest:
            raise UserError(f"name the data set first; there are: {', '.join(names('datasets'))}")
        for name in names("datasets"):
            print(f"{name:20} {read(find('datasets', name)).get('title', '')}")
        return 0
    from suppression.experiment.spec import load_card

    card = load_card(given.name)
    from suppression.experiment.schema import coerce, schema

    parameters = {name: parameter for name, parameter in schema(card.kind).items() if parameter.room in ("scenes", "views")}
    flags = argparse.ArgumentParser(prog="python -m suppression.show", allow_abbrev=False, add_help=False)
    for parameter in parameters.values():
        flags.add_argument(*dict.fromkeys([f"--{parameter.name}", f"--{parameter.name.replace('_', '-')}"]), dest=parameter.name)
    pinned, rest = flags.parse_known_args(rest)
    if rest:
        raise unknown(
            f"{Path(given.name).stem} has no parameter", rest[0].lstrip("-").replace("-", "_"), [*parameters, "out", "seed", "root", "download", "skip_bad"]
        )
    cell: dict[str, Any] = {parameter.name: parameter.default for parameter in parameters.values()} | card.parameters
    cell |= {name: coerce(parameters[name], value, "command line") for name, value in vars(pinned).items() if value is not None}
    from suppression.reporting.cluster_figure import lighter
    from suppression.reporting.figures import saved

    context = Context(store=Path(), root=given.root, download=given.download, skip_bad=given.skip_bad)
    cell |= {"data": card.kind, "seed": given.seed}
    content = saved(sheet(cell, context, title=card.title), "png")
    out = given.out or Path(f"{Path(given.name).stem}.png")
    try:
        out.write_bytes(lighter(content) if scenes_of(cell).channels - scenes_of(cell).planes > 1 else content)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror}") from error
    print(told(card, cell))
    print(f"picture: {out}")
    return 0


def told(card: Any, cell: dict[str, Any]) -> str:
    lines = [card.title, card.text.strip(), "", *(f"feature {name}: {meaning}" for name, meaning in card.features.items())]
    lines += [f"published: {card.source}"] if card.source else []
    return "\n".join(
        [*lines, "", "parameters: " + ", ".join(f"{name}={value}" for name, value in cell.items() if value is not None and name not in ("data", "seed"))]
    )


if __name__ == "__main__":
    sys.exit(main())
