"""`python -m suppression.store`: the list of stored cells, their check, pruning and archives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from suppression import places
from suppression.door import Parser, door
from suppression.errors import UserError
from suppression.execution.audited import stored_answers
from suppression.execution.displays import display_for
from suppression.execution.inventory import Stored, faults, size_of, stored_cells, unneeded
from suppression.execution.store import Store
from suppression.experiment import files
from suppression.notes import tell

PROG = "python -m suppression.store"
EXAMPLE = """examples:
  python -m suppression.store                               what there is, by data and method
  python -m suppression.store --cells                       each cell
  python -m suppression.store --audits                      each answer of an audit
  python -m suppression.store --check                       verify every file; 1 if one is damaged
  python -m suppression.store --keep-recipes                what no recipe has, and its size
  python -m suppression.store --keep-recipes --delete       delete that
  python -m suppression.store --of digit_size --export cells.zip
  python -m suppression.store --import cells.zip"""


def options() -> argparse.ArgumentParser:
    parser = Parser(
        prog=PROG,
        usage=f"{PROG} [options]",
        description="What the store of trained cells holds, and keeping it in order.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--store",
        type=places.store,
        metavar="STORE",
        help="the store, a folder or URL (default: as in exp)",
    )
    add("--of", nargs="+", metavar="RECIPE", help="only the cells of these recipes, at all scales")
    does = parser.add_mutually_exclusive_group()
    does.add_argument("--cells", action="store_true", help="list each cell")
    does.add_argument("--audits", action="store_true", help="list each stored answer of an audit")
    does.add_argument("--check", action="store_true", help="verify every file by its checksum")
    does.add_argument(
        "--keep-recipes",
        nargs="*",
        metavar="RECIPE",
        help="list the cells that these recipes (default: all) do not have, for --delete",
    )
    does.add_argument("--export", type=places.folder, metavar="FILE", help="write cells to a file")
    does.add_argument(
        "--import", dest="import_", type=places.folder, metavar="FILE", help="take in its cells"
    )
    does.add_argument("--migrate", action="store_true", help="bring an older version's files up")
    add(
        "--delete",
        action="store_true",
        help="with --keep-recipes or --audits: delete what it lists",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    return door(lambda: command(words))


def command(argv: list[str]) -> int:
    given = options().parse_args(argv)
    store = Store(given.store)
    if given.delete and given.keep_recipes is None and not given.audits:
        raise UserError("--delete deletes what --keep-recipes or --audits lists: give one of them")
    no_cells = given.import_ or given.migrate or given.audits
    if given.of and (given.keep_recipes is not None or no_cells):
        raise UserError("--of goes with the list, --check and --export")
    if given.import_ is not None:
        return take_in(store, places.named(given.import_))
    fetch(store)
    if not store.root.is_dir():
        raise UserError(f"there is no store {store.root}: no cell was trained yet, or see --store")
    if given.keep_recipes is not None:
        return prune(store, given.keep_recipes, delete=given.delete)
    if given.audits:
        return answers(store, delete=given.delete)
    if given.migrate:
        done = store.migrate()
        print("\n".join(done) or "nothing to do: every file has its checksum")
        return 0
    wanted = None if given.of is None else keys_of_recipes(given.of)
    if given.check:
        return check(store, wanted)
    if given.export is not None:
        return export(store, wanted, places.named(given.export))
    cells = stored_cells(store, wanted)
    if given.cells:
        for each in cells:
            print(
                f"{each.key}  {megabytes(each.size)}  {each.day}  {each.data}  {each.method}  "
                f"seed {each.seed}"
            )
    else:
        print_groups(store, cells)
    return 0


def fetch(store: Store) -> None:
    """What a bucket has of the store comes here first; a bar says how far that is."""
    if store.bucket is None:
        return
    done, of = 0, 1
    bar = display_for(sys.stderr)
    bar.begin(lambda: (done / of, f"{done} of {of}"), title=f"fetching {store.place}")
    try:
        for done, of in store.fetch_all():  # noqa: B007 (the bar looks at them)
            bar.tick()
    finally:
        bar.close()


def print_groups(store: Store, cells: list[Stored]) -> None:
    """Cells by data and method, and what lies beside them."""
    groups: dict[tuple[str, str], list[Stored]] = {}
    for each in cells:
        groups.setdefault((each.data, each.method), []).append(each)
    print(f"{'cells':>6}  {'size':>12}  {'written':10}  {'data':18}  method")
    for (data, method), some in sorted(groups.items()):
        size = megabytes(sum(each.size for each in some))
        last = max(some, key=lambda each: each.written).day
        print(f"{len(some):6}  {size}  {last:10}  {data:18}  {method}")
    print(f"\n{store.place}: {len(cells)} cells, {megabytes(sum(c.size for c in cells)).strip()}")
    for name, what in (
        ("audits", "files of audits' answers"),
        ("work", "trainings under way, or killed"),
        ("damaged", "put aside as damaged"),
    ):
        there = list((store.root / name).glob("*"))
        if there:
            print(f"{len(there)} {what}, {megabytes(size_of(store.root / name)).strip()}")


def answers(store: Store, *, delete: bool) -> int:
    """List the answers of audits, or delete them: the same audit asks again."""
    listed = stored_answers(store)
    for each in listed:
        about = ", ".join(each.features)
        print(f"{each.key}  {megabytes(each.size)}  {each.day}  {each.encoder:16}  {about}")
        if delete:
            store.discard_audit(each.key)
    total = megabytes(sum(each.size for each in listed)).strip()
    print(f"{len(listed)} answers of audits, {total}{', deleted' if delete else ''}")
    return 0


def check(store: Store, wanted: set[str] | None) -> int:
    keys = store.keys(wanted)
    found = 0
    for fault in faults(store, keys):
        found += 1
        print(fault)
    if found:
        print(f"{found} damaged; the next run that needs one makes that part again")
        return 1
    print(f"{len(keys)} cells, their probes, and what lies beside them: all whole")
    return 0


def prune(store: Store, recipes: list[str], *, delete: bool) -> int:
    """List what the recipes do not have, or delete it; what is being trained stays."""
    needed = keys_of_recipes(recipes or files.names("experiments"))
    sizes = unneeded(store, needed)
    aside = size_of(store.root / "damaged")
    kept = 0
    for key, size in sizes.items():
        state = "would go"
        if delete:
            state = "deleted"
            if not store.discard(key):
                state, kept = "is being trained, stays", kept + 1
        print(f"{key}  {megabytes(size)}  {state}")
    if delete:
        store.discard_damaged()
    total = megabytes(sum(sizes.values()) + aside).strip()
    which = f"of recipes: {', '.join(recipes)}" if recipes else "of any recipe as it is written"
    print(f"{len(sizes) - kept} cells and trainings not {which}, and what is damaged: {total}")
    if not delete:
        print("nothing was deleted; --delete does that. Runs with pinned parameters are among them")
    return 0


def keys_of_recipes(names: Iterable[str]) -> set[str]:
    """The keys of all cells of recipes at every scale, and of what they build on."""
    from suppression import plugins
    from suppression.experiment.plan import make_plan
    from suppression.experiment.spec import load_recipe

    plugins.load(tell)
    found: set[str] = set()
    for name in names:
        for scale in load_recipe(name).scale:
            plan = make_plan(name, scale=scale)
            found.update(plan.keys)
            found.update(plan.before)
            found.update(cell.key for cell in plan.other_cells)
    return found


def export(store: Store, wanted: set[str] | None, path: Path) -> int:
    from suppression.execution.archive import export_cells

    keys = store.keys(wanted)
    audits = store.audit_keys() if wanted is None else []  # no recipe has them
    if not keys and not audits:
        raise UserError(f"{store.place} has no such cells")
    size = export_cells(store, keys, path, audits)
    also = f" and {len(audits)} answers of audits" if audits else ""
    print(f"{len(keys)} cells{also}: {path}, {megabytes(size).strip()}")
    return 0


def take_in(store: Store, path: Path) -> int:
    from suppression import plugins
    from suppression.execution.archive import import_cells

    if not path.is_file():
        raise UserError(f"there is no file {path}")
    plugins.load(tell)
    done = import_cells(store, path)
    for key, why in done.left_out.items():
        print(f"left out: {key}: {why}", file=sys.stderr)
    print(
        f"{len(done.new)} cells taken in, {len(done.there)} were there ({done.probes} records of "
        f"probes joined them), {len(done.answers)} answers of audits taken in, "
        f"{len(done.left_out)} left out"
    )
    return 1 if done.left_out else 0


def megabytes(size: int) -> str:
    return f"{size / 1e6:9,.1f} MB"


if __name__ == "__main__":
    sys.exit(main())
