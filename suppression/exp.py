"""The street door: `python -m suppression.exp digit_size --tau 0.2` trains what is missing, probes, prints the table and draws the figure.

Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a cell failed, 2 a mistake in what was asked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import shelf
from suppression.errors import UserError, unknown
from suppression.store import Store

if TYPE_CHECKING:
    from suppression.recipe import Plan

Row = dict[str, Any]

EXAMPLE = """examples:
  python -m suppression.exp                              what there is, and how much of it is done
  python -m suppression.exp digit_size --tau 0.2         the main job
  python -m suppression.exp digit_size --size2 20 32 --tau 0.05 0.2 --seeds 3
  python -m suppression.exp digit_size --dry             the cells, stored or not, and the minutes they would take
  python -m suppression.exp digit_size --help            every knob of this experiment"""


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
    parser.add_argument("-h", "--help", action="store_true", help="this help; after a recipe's name also its knobs")
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
        raise UserError(f"name the experiment first: {prog} NAME {' '.join(argv)}\nthere are: {', '.join(shelf.names('experiments'))}")
    from suppression.forms import SCALES, load_card, load_recipe

    if given.scale not in SCALES:
        raise unknown("there is no scale", given.scale, SCALES)
    if given.workers is not None and given.workers < 1:
        raise UserError(f"--workers {given.workers}: at least one is needed")
    recipe = load_recipe(given.name)
    from suppression.knobs import schema

    knobs = schema(load_card(recipe.data).kind)
    flags = general_parser(f"{prog} {given.name}")
    group = flags.add_argument_group(
        "knobs", "Pin a knob to a value, or to several: each makes a cell of its own. A knob that is not pinned is as in the recipe."
    )
    for knob in knobs.values():
        names = dict.fromkeys([f"--{knob.name}", f"--{knob.name.replace('_', '-')}"])
        group.add_argument(*names, dest=f"knob_{knob.name}", nargs="+", metavar="V", help=f"{knob.room}, default {knob.default}".replace("%", "%%"))
    if given.help:
        print(f"{recipe.title}\n{recipe.claim.strip()}\n")
        flags.print_help()
        return 0
    given, rest = flags.parse_known_args(argv)
    given.argv = argv
    if rest:
        word = rest[0].split("=")[0]
        if not word.startswith("-"):
            raise UserError(f"'{word}' stands where a --knob is expected")
        known = [*knobs, *(action.option_strings[-1].lstrip("-") for action in parser._actions if action.option_strings)]
        raise unknown(f"{Path(given.name).stem} has no knob", word.lstrip("-").replace("-", "_"), known)
    pins = {name: getattr(given, f"knob_{name}") for name in knobs if getattr(given, f"knob_{name}") is not None}
    from suppression.recipe import plan

    planned = plan(given.name, scale=given.scale, seeds=given.seeds, end_seeds=given.end_seeds, layers=given.layers, pins=pins)
    return carry_out(planned, given, pins)


def print_list(store: Store) -> None:
    """Every recipe, with how many of its own cells (no pins, its number of seeds) at each scale are in the store, as it stood when it was last run."""
    have = set(store.keys())
    names = shelf.names("experiments")
    for name in names:
        try:
            title = shelf.read(shelf.find("experiments", name)).get("title", "")
        except UserError as error:
            title = f"cannot be read: {error}"
        done = []
        for scale in ("smoke", "laptop", "paper"):
            keys = store.result_keys(f"{name}.{scale}")
            if keys:
                done.append(f"{scale} {len(have.intersection(keys))} of {len(keys)}")
        print(f"{name:20} {title}   [cells done: {', '.join(done) or 'none'}]")
    print("\nrun one: python -m suppression.exp NAME   knobs: NAME --help")


def carry_out(plan: Plan, given: argparse.Namespace, pins: dict[str, list]) -> int:
    from suppression import build, feed, lab, machine, results
    from suppression.knobs import idle
    from suppression.recipe import plan as make_plan
    from suppression.rows import long_rows

    alike = results.alike(plan, pins)
    if given.grow:
        if given.out is None:
            raise UserError("--grow adds to the record in --out DIR: give the folder")
        grown = make_plan(given.name, scale=plan.scale, layers=given.layers, pins=alike)
        results.to_grow(plan, grown, given.out, alike)  # told before the first second of work
    device = machine.pick_device(given.device)
    place = lab.Place(store=(store := Store(given.store)).root, device=device, root=given.root, download=given.download, skip_bad=given.skip_bad)
    keys = [lab.full_key(cell) for cell in plan.cells]
    stored = {i: rows for i, cell in enumerate(plan.cells) if (rows := lab.stored_rows(store, cell, plan.probe)) is not None}
    for i, cell in enumerate(plan.cells):
        if i not in stored and cell["seed"] == plan.seeds[0]:  # what is stored was right, and a seed is never wrong
            build.check_cell(cell, plan.probe, plan.before)
    before = lab.needed([cell for i, cell in enumerate(plan.cells) if i not in stored], plan.before, store)
    before = [cell for cell in before if cell not in plan.cells]
    for cell in before:
        build.check_cell(cell, None, plan.before)
    for text in dict.fromkeys(f"{knob} does nothing where {why}" for cell in plan.cells for knob, why in idle(cell).items() if knob in pins):
        print(f"note: {text}", file=sys.stderr)
    if given.dry:
        return dry(plan, place, set(stored), before, given)
    for i in list(stored):
        if fault := store.damage(keys[i]):
            print(f"note: {fault}; that cell is put aside and trained again", file=sys.stderr)
            del stored[i]
    missing = [i for i in range(len(plan.cells)) if i not in stored and keys[i] not in keys[:i]]  # two cells may be one training
    failed: list[dict] = []
    if missing:
        before = [cell for cell in lab.needed([plan.cells[i] for i in missing], plan.before, store) if cell not in plan.cells]
        feed.check_sources([*before, *plan.cells], place, lambda text: print(f"note: {text}", file=sys.stderr))
        store.check_writable()
        whole = make_plan(given.name, scale=plan.scale)  # without pins: the list counts against the whole recipe
        store.put_keys(f"{plan.name}.{plan.scale}", sorted({lab.full_key(cell) for cell in whole.cells}))
        from suppression.crew import run as run_crew
        from suppression.progress import Progress

        with Progress(plan, stored, missing, place, before) as progress:
            cells = [*before, *(plan.cells[i] for i in missing)]
            new = run_crew(cells, plan.probe, place, progress.hear, workers=given.workers, unasked=len(before))
        by_key = {keys[missing[i - len(before)]]: rows for i, rows in new.items() if i >= len(before)}
        stored |= {i: by_key[key] for i, key in enumerate(keys) if key in by_key}
        failed = [plan.cells[i] for i in range(len(plan.cells)) if i not in stored]
    rows = long_rows(plan, [(plan.cells[i], stored[i]) for i in sorted(stored)])
    beside = [(cell, found) for cell in plan.other_cells if (found := lab.stored_rows(store, cell, plan.probe)) is not None]
    shown = rows + long_rows(plan, beside)
    if given.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print_table(plan, shown, failed)
    if rows:
        figure = results.leave(plan, rows, shown, store, place)
        print(f"figure: {figure}", file=sys.stderr if given.json else sys.stdout)
        if given.out is not None:
            if given.grow:
                kinds = results.grow(plan, grown, rows, store, given.out, given.argv, failed=len(failed), pins=alike)
            else:
                kinds = results.record(plan, store, given.out, given.argv, failed=len(failed), pins=alike)
            print(f"recorded: {given.out / plan.name}.{plan.scale}." + ", .".join(kinds), file=sys.stderr)
    return 1 if failed else 0


def print_table(plan: Plan, rows: list[Row], failed: list[dict]) -> None:
    from rich.console import Console
    from rich.table import Table

    from suppression import survival
    from suppression.tables import table

    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(table(plan, rows, failed))
    for title, header, body in survival.tables(plan, rows):
        made = Table(title=title, title_justify="left")
        for i, name in enumerate(header):
            made.add_column(name, justify="right" if i else "left")
        for line in body:
            made.add_row(*line)
        console.print(made)


def dry(plan: Plan, place: Any, stored: set[int], before: list[dict], given: argparse.Namespace) -> int:
    from suppression.crew import how_many
    from suppression.estimate import expected_seconds
    from suppression.knobs import full_key
    from suppression.lines import cell_name

    number, _ = how_many(given.workers, place.device, len(before) + len(plan.cells) - len(stored))
    store = Store(place.store)
    for cell in before:
        print(f"missing  {cell_name(plan, cell)}")
    for i, cell in enumerate(plan.cells):
        print(f"{'stored ' if i in stored else 'trained' if store.has(full_key(cell)) else 'missing'}  {cell_name(plan, cell)}")
    missing = list({full_key(cell): cell for i, cell in enumerate(plan.cells) if i not in stored}.values())
    trained = sum(store.has(full_key(cell)) for cell in missing)
    seconds = (sum(expected_seconds(missing, plan.probe, place)) + sum(expected_seconds(before, None, place))) / number if missing else 0.0
    first = f", {len(before)} to be trained before them" if before else ""
    print(
        f"{len(plan.cells)} cells, {len(stored)} stored, {trained} trained but not yet asked this, {len(missing) - trained} missing{first}; about {seconds / 60:.1f} minutes on {place.device} with {number} side by side"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
