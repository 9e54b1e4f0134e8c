"""The main command: `python -m suppression.exp digit_size --tau 0.2`.

It trains what is missing, probes it, prints the table and the verdict, and draws the figure.
Results go to stdout, progress to stderr. Exit codes: 0 done, 1 a cell failed, 2 a mistake in what
was asked, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from suppression import places
from suppression.door import Parser, door, unknown_word
from suppression.errors import UserError, unknown
from suppression.execution.store import Store
from suppression.experiment import files
from suppression.notes import tell

if TYPE_CHECKING:
    from suppression.execution.context import Context
    from suppression.experiment.plan import Plan
    from suppression.experiment.schema import Parameter
    from suppression.reporting.result import Result
    from suppression.running import Work

EXAMPLE = """examples:
  python -m suppression.exp                        what there is, and what is done
  python -m suppression.exp digit_size --tau 0.2   the main job
  python -m suppression.exp digit_size --size2 20 32 --tau 0.05 0.2 --seeds 3
  python -m suppression.exp digit_size --dry       the cells, and how long they take
  python -m suppression.exp digit_size --help      what can be changed"""

STOPPED = (
    "stopped; what was finished is in the store, and running cells have a checkpoint: the same "
    "command goes on from there"
)


def options(prog: str, *, usage: str | None = None) -> argparse.ArgumentParser:
    """The flags that every experiment has."""
    parser = Parser(
        prog=prog,
        usage=usage,
        description="Run an experiment: train what is missing, print the table, draw the figure.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    add = parser.add_argument
    add("name", nargs="?", help="a recipe's name, or the path of a recipe (.toml); none: the list")
    lasts = (
        "smoke (seconds, shows nothing), demo (a minute, one seed), laptop (minutes, default), "
        "evening (hours), paper (GPU)"
    )
    add("--scale", default="laptop", help=lasts)
    add("--seeds", type=int, metavar="N", help="seeds 0..N-1 (default: the recipe's)")
    add("--end-seeds", type=int, metavar="N", help="seeds 0..N-1 at the two ends of the axis")
    add("--layers", nargs="+", metavar="L", help="layers to probe: h, z, block1 .. block4")
    add("--recorded", action="store_true", help="show the recorded result, train nothing")
    add("--dry", action="store_true", help="list the cells and the expected minutes, train none")
    add("--intervals", action="store_true", help="show bounds of 95 %% intervals in place of +-")
    add("--json", action="store_true", help="print rows, one JSON object a line, in place of it")
    add(
        "--out",
        type=places.folder,
        metavar="DIR",
        help="also write a record: csv, svg, json",
    )
    add("--report", type=places.folder, metavar="FILE", help="also write a report: one .html page")
    add("--grow", action="store_true", help="add this run to the record that is in --out")
    add("--overwrite", action="store_true", help="replace the record that is in --out")
    add(
        "--store",
        type=places.store,
        metavar="STORE",
        help="where trained cells are kept: a folder or URL",
    )
    add("--root", type=places.folder, metavar="DIR", help="where data sets lie")
    add("--download", action="store_true", help="fetch a data set that is not there")
    add("--check", action="store_true", help="tell large folders by contents, not by times alone")
    add("--skip-bad", action="store_true", help="leave out files that are no pictures")
    add("--device", default="auto", help="auto (cuda, else mps, else cpu), cpu, cuda, mps")
    add("--workers", type=int, metavar="N", help="cells trained side by side (default: one a core)")
    on = (
        "where cells run: local (default), slurm, slurm:partition=P,time=T,gres=G,array=N, "
        "dask://HOST:PORT, tls://HOST:PORT, dask (a cluster of this machine)"
    )
    there = "log there, too: tensorboard:DIR, wandb:PROJECT, mlflow:DIR or URI; may be repeated"
    add("--log", action="append", default=[], metavar="WHERE", help=there)
    add("--on", default="local", metavar="WHERE", help=on)
    add("-h", "--help", nargs="?", const="own", choices=("own", "all"), help="this help")
    return parser


def main(argv: list[str] | None = None) -> int:
    prog = "python -m suppression.exp"
    if Path(sys.argv[0]).name == "suppression":
        prog = "suppression"
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words, prog), stopped=STOPPED)


def command(argv: list[str], prog: str) -> int:
    parser = options(prog)
    given, rest = parser.parse_known_args(argv)
    if given.name is None and not rest:
        if given.help:
            parser.print_help()
        else:
            print_list(Store(given.store))
        return 0
    if given.name is None or argv[0].startswith("-"):
        names = ", ".join(files.names("experiments"))
        raise UserError(
            f"name the experiment first: {prog} NAME {' '.join(argv)}\nthere are: {names}"
        )
    return experiment(argv, prog)


def experiment(argv: list[str], prog: str) -> int:
    """Everything that needs torch; by all processes of torchrun, where it started several."""
    from suppression import plugins

    plugins.load(tell)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from suppression.execution import together
        from suppression.execution.runner import train_along

        if together.is_launched():
            return together.lead_or_follow(lambda: of_parameters(argv, prog), train_along)
    return of_parameters(argv, prog)


def of_parameters(argv: list[str], prog: str) -> int:
    """Everything that needs the experiment's parameters."""
    from suppression.experiment.plan import make_plan
    from suppression.experiment.schema import schema
    from suppression.experiment.spec import load_card, load_recipe

    given, _ = options(prog).parse_known_args(argv)
    if given.scale not in files.SCALES:
        raise unknown("there is no scale", given.scale, files.SCALES)
    if given.workers is not None and given.workers < 1:
        raise UserError(f"--workers {given.workers}: at least one is needed")
    recipe = load_recipe(given.name)
    known = schema(load_card(recipe.data).kind)
    given, pins = parsed(argv, f"{prog} {given.name}", known)
    if given.recorded and not given.help:
        return show_recorded(given, pins)
    plan = make_plan(
        given.name,
        scale=given.scale,
        seeds=given.seeds,
        end_seeds=given.end_seeds,
        layers=given.layers,
        pins=pins,
    )
    if given.help:
        print_help(plan, f"{prog} {given.name}", given.help == "all")
        return 0
    return carry_out(plan, given, argv, pins)


def show_recorded(given: argparse.Namespace, pins: dict[str, list[str]]) -> int:
    """The record that comes with the recipe: its table, verdict, and the path of its figure."""
    from suppression import api

    asked = {"--seeds": given.seeds, "--end-seeds": given.end_seeds, "--layers": given.layers}
    asked |= {"--out": given.out, "--log": given.log or None}
    asked |= {f"--{name}": values for name, values in pins.items()}
    for flag, value in asked.items():
        if value is not None:
            raise UserError(f"--recorded shows a record as it is: {flag} is of a run of its own")
    check_report(given)
    result = api.record(given.name, scale=given.scale)
    print_result(result, given)
    write_report(result, given)
    if not given.json:
        figure = files.find("experiments", given.name).with_suffix(f".{given.scale}.svg")
        print(f"figure: {figure}\n{result.how()}")
    return 0


def check_report(given: argparse.Namespace) -> None:
    """Before any work: UserError for a report that could not be written."""
    from suppression.reporting.page import check_page

    if given.report is not None:
        check_page("--report", places.named(given.report))


def write_report(result: Result, given: argparse.Namespace) -> None:
    if given.report is not None:
        print(f"report: {result.report(given.report)}", file=sys.stderr)


def parsed(
    argv: list[str], prog: str, known: dict[str, Parameter]
) -> tuple[argparse.Namespace, dict[str, list[str]]]:
    """The options, and the values of the parameters that are given.

    Raises:
        UserError: for a flag that is not there, with the nearest one.
    """
    flags = options(prog)
    for name in known:
        spellings = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
        flags.add_argument(*spellings, dest=f"parameter_{name}", nargs="+", action="extend")
    given, rest = flags.parse_known_args(argv)
    if rest:
        there = [*known]
        for action in options(prog)._actions:
            there += [spelling.lstrip("-") for spelling in action.option_strings[-1:]]
        raise unknown_word(Path(given.name).stem, rest[0], there)
    pins = {}
    for name in known:
        values = getattr(given, f"parameter_{name}")
        if values is not None:
            pins[name] = values
    return given, pins


def print_help(plan: Plan, prog: str, everything: bool) -> None:
    from suppression.reporting.help import help_of

    usage = f"usage: {prog} [--PARAMETER VALUE ...] [options]"
    parser = options(prog, usage=argparse.SUPPRESS)
    parser.description = parser.epilog = None
    print(help_of(plan, parser.format_help(), usage, everything=everything), end="")


def carry_out(
    plan: Plan, given: argparse.Namespace, argv: list[str], pins: dict[str, list[str]]
) -> int:
    from suppression import keeping, running
    from suppression.execution.context import Context
    from suppression.execution.environment import pick_device
    from suppression.execution.scheduler import Target
    from suppression.logs import as_logs, target_of
    from suppression.reporting import records

    out: Path | None = None if given.out is None else places.named(given.out)
    if out is None and (given.grow or given.overwrite):
        raise UserError("--grow and --overwrite are of the record in --out DIR: give the folder")
    if given.grow and given.overwrite:
        raise UserError("--grow adds to a record, --overwrite replaces it: give one of them")
    check_report(given)
    for word in given.log:
        target_of(word)
    target = Target.named(given.on, given.device)
    whole, common = records.whole_record(plan, pins)
    if out is not None and not given.grow and not given.overwrite:
        records.check_free(out, f"{plan.name}.{plan.scale}")
    context = Context(
        store=Store(given.store).root,
        device=pick_device(given.device if target.is_here else "auto"),
        root=given.root,
        download=given.download,
        skip_bad=given.skip_bad,
        check=given.check,
    )
    if out is not None and given.grow:  # checked before any work
        sources = running.sources_of(plan, context)
        records.record_to_grow(plan, whole, out, common, sources)
    work = running.work_of(plan, context, target)
    if given.dry:
        for text in running.idle_pins(plan, pins):
            tell(text)
        if not given.download:  # nothing is fetched for a list
            running.check_missing(work, context)
        print_dry(work, context, given.workers)
        return 0
    if out is not None:
        records.check_writable(out)
    logs = as_logs(given.log)
    result = running.carry_out(
        plan,
        context,
        workers=given.workers,
        pinned=pins,
        work=work,
        argv=argv,
        target=target,
        logs=logs,
    )
    try:  # what is kept is kept before anything is told, and told whether or not it was
        if result.answers and out is not None:
            endings = keeping.write_record(
                result,
                out,
                context,
                common,
                whole=whole if given.grow else None,
                overwrite=given.overwrite,
            )
            path = out / f"{plan.name}.{plan.scale}"
            print(f"recorded: {path}.{', .'.join(endings)}", file=sys.stderr)
    finally:
        print_result(result, given)
    write_report(result, given)
    return 1 if result.failed_cells else 0


def print_result(result: Result, given: argparse.Namespace) -> None:
    from suppression.experiment.rows import without_inside
    from suppression.reporting.console import result_text, terminal_width

    if given.json:
        for row in result.rows:
            print(json.dumps(without_inside(row)))
    else:
        print(result_text(result, width=terminal_width(), intervals=given.intervals))
    if result.figure_path is not None:
        print(f"figure: {result.figure_path}", file=sys.stderr if given.json else sys.stdout)


def print_dry(work: Work, context: Context, workers: int | None) -> None:
    """The cells, stored or not, and how long those that are missing would take."""
    from suppression.execution.estimate import expected_seconds
    from suppression.execution.executor import how_many

    plan, store = work.plan, work.store
    for cell in work.before:
        print(f"missing  {plan.cell_name(cell)}")
    for i, cell in enumerate(plan.cells):
        state = "missing"
        if i in work.stored:
            state = "stored"
        elif store.has(cell.key) and cell.key not in work.exchanged:
            state = "trained"
        print(f"{state:8} {plan.cell_name(cell)}")
    missing = [plan.cells[i] for i in work.missing]
    trained = sum(store.has(cell.key) and cell.key not in work.exchanged for cell in missing)
    number, threads = how_many(workers, context.device, len(work.cells))
    context = replace(context, threads=threads)
    expected = expected_seconds(missing, plan.probe, context, work.before, work.exchanged)
    first = f", {len(work.before)} to be trained before them" if work.before else ""
    counts = (
        f"{len(plan.cells)} cells, {len(work.stored)} stored, {trained} trained but not yet asked "
        f"this, {len(missing) - trained} missing{first}"
    )
    if not work.cells:
        print(counts)
        return
    print(
        f"{counts}; about {sum(expected.seconds) / number / 60:.1f} minutes on {context.device} "
        f"with {number} side by side ({expected})"
    )


def print_list(store: Store) -> None:
    """Every recipe, and how many of its own cells at each scale are in the store."""
    have = set(store.keys())
    for name in files.names("experiments"):
        try:
            title = files.read(files.find("experiments", name)).get("title", "")
        except UserError as error:
            title = f"cannot be read: {error}"
        done, kept_as = [], files.result_name(name)
        for scale in files.SCALES:
            keys = store.results.keys(f"{kept_as}.{scale}")
            if keys:
                done.append(f"{scale} {len(have.intersection(keys))} of {len(keys)}")
        shelf = files.find("experiments", name).with_suffix("")
        recorded = [s for s in files.SCALES if Path(f"{shelf}.{s}.json").is_file()]
        told = f"recorded: {', '.join(recorded) or 'none'}"
        if done:
            told += f"; cells done: {', '.join(done)}"
        print(f"{name:20} {title}   [{told}]")
    print(
        "\nrun one: python -m suppression.exp NAME   what can be changed: NAME --help\n"
        "see what was recorded, without training: NAME --recorded"
    )


if __name__ == "__main__":
    sys.exit(main())
