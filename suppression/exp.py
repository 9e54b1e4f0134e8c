"""The street door: `python -m suppression.exp digit_size --tau 0.2` trains what is missing, probes, prints the table and draws the figure.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a cell failed, 2 a mistake in what was asked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from suppression.errors import UserError, unknown
from suppression.execution.store import Store
from suppression.experiment import files
from suppression.experiment.files import find, read

EXAMPLE = """examples:
  python -m suppression.exp                              what there is, and how much of it is done
  python -m suppression.exp digit_size --tau 0.2         the main job
  python -m suppression.exp digit_size --size2 20 32 --tau 0.05 0.2 --seeds 3
  python -m suppression.exp digit_size --dry             the cells, stored or not, and the minutes they would take
  python -m suppression.exp digit_size --help            every parameter of this experiment"""


def general_parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Run an experiment: train what is not yet stored, probe it, print the table, draw the figure.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("name", nargs="?", help="a recipe's name, or the path of a recipe (.toml); none: the list of recipes")
    parser.add_argument("--scale", default="laptop", help="smoke (seconds), laptop (minutes on two cores, the default) or paper (a GPU)")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0..N-1 (default: the recipe's)")
    parser.add_argument("--end-seeds", type=int, metavar="N", help="seeds 0..N-1 at the two ends of the axis (default: as --seeds)")
    parser.add_argument(
        "--layers",
        nargs="+",
        metavar="L",
        help="layers to probe: h, z (the head's output), block1 .. block4 (default: the recipe's, mostly h); where the axis does not run along them the first is shown",
    )
    parser.add_argument("--dry", action="store_true", help="list the cells and the expected minutes; train nothing")
    parser.add_argument("--json", action="store_true", help="print the long-form rows instead of the table, one JSON object a line")
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write NAME.SCALE.csv, .svg, .json (how it was made) and any pictures there")
    parser.add_argument("--grow", action="store_true", help="add this run's seeds and places to the record that is in --out, which keeps its own")
    parser.add_argument("--store", type=Path, metavar="DIR", help="where trained cells are kept (default: SUPPRESSION_HOME/store, else the user's data folder)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where data sets lie (default: SUPPRESSION_DATA, else the user's data folder)")
    parser.add_argument("--download", action="store_true", help="fetch a data set that is not there")
    parser.add_argument("--skip-bad", action="store_true", help="leave out files of a folder of photographs that are no pictures, instead of stopping at them")
    parser.add_argument("--device", default="auto", help="auto (cuda, else mps, else cpu), cpu, cuda, cuda:1, mps")
    parser.add_argument("--workers", type=int, metavar="N", help="cells trained side by side (default on a CPU: one a core; on a GPU: 1)")
    parser.add_argument("-h", "--help", action="store_true", help="this help; after a recipe's name also its parameters")
    return parser


def main(argv: list[str] | None = None) -> int:
    prog = "suppression" if Path(sys.argv[0]).name == "suppression" else "python -m suppression.exp"
    try:
        return run(sys.argv[1:] if argv is None else argv, prog)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; what was finished is in the store, and running cells have a checkpoint: the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head`
        sys.stderr.close()
        return 0


def run(argv: list[str], prog: str) -> int:
    parser = general_parser(prog)
    given, rest = parser.parse_known_args(argv)
    if given.name is None and not rest:
        if given.help:
            parser.print_help()
        else:
            print_list(Store(given.store))
        return 0
    if given.name is None or argv[0].startswith("-"):
        raise UserError(f"name the experiment first: {prog} NAME {' '.join(argv)}\nthere are: {', '.join(files.names('experiments'))}")
    from suppression.experiment.spec import SCALES, load_card, load_recipe

    if given.scale not in SCALES:
        raise unknown("there is no scale", given.scale, SCALES)
    if given.workers is not None and given.workers < 1:
        raise UserError(f"--workers {given.workers}: at least one is needed")
    recipe = load_recipe(given.name)
    from suppression.experiment.schema import schema, told

    parameters = schema(load_card(recipe.data).kind)
    flags = general_parser(f"{prog} {given.name}")
    group = flags.add_argument_group(
        "parameters", "Pin a parameter to a value, or to several: each makes a cell of its own. A parameter that is not pinned is as in the recipe."
    )
    for parameter in parameters.values():
        names = dict.fromkeys([f"--{parameter.name}", f"--{parameter.name.replace('_', '-')}"])
        group.add_argument(*names, dest=f"parameter_{parameter.name}", nargs="+", metavar="V", help=told(parameter).replace("%", "%%"))
    if given.help:
        print(f"{recipe.title}\n{recipe.claim.strip()}\n")
        flags.print_help()
        return 0
    given, rest = flags.parse_known_args(argv)
    given.argv = argv
    if rest:
        word = rest[0].split("=")[0]
        if not word.startswith("-"):
            raise UserError(f"'{word}' stands where a --parameter is expected")
        known = [*parameters, *(action.option_strings[-1].lstrip("-") for action in parser._actions if action.option_strings)]
        raise unknown(f"{Path(given.name).stem} has no parameter", word.lstrip("-").replace("-", "_"), known)
    pins = {name: getattr(given, f"parameter_{name}") for name in parameters if getattr(given, f"parameter_{name}") is not None}
    from suppression.api import carry_out
    from suppression.experiment.plan import make_plan

    planned = make_plan(given.name, scale=given.scale, seeds=given.seeds, end_seeds=given.end_seeds, layers=given.layers, pins=pins)
    return carry_out(planned, given, pins)


def print_list(store: Store) -> None:
    """Every recipe, with how many of its own cells (no pins, its number of seeds) at each scale are in the store, as it stood when it was last run."""
    have = set(store.keys())
    names = files.names("experiments")
    for name in names:
        try:
            title = read(find("experiments", name)).get("title", "")
        except UserError as error:
            title = f"cannot be read: {error}"
        done = []
        for scale in ("smoke", "laptop", "paper"):
            keys = store.result_keys(f"{name}.{scale}")
            if keys:
                done.append(f"{scale} {len(have.intersection(keys))} of {len(keys)}")
        print(f"{name:20} {title}   [cells done: {', '.join(done) or 'none'}]")
    print("\nrun one: python -m suppression.exp NAME   parameters: NAME --help")


if __name__ == "__main__":
    sys.exit(main())
