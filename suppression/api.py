"""What a command line asks for, carried out: what is stored is answered, what is missing trained, and rows become the table, the figure and the record."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from suppression.errors import UserError
from suppression.execution.batches import check_sources
from suppression.execution.context import Context
from suppression.execution.environment import pick_device
from suppression.execution.runner import needed, stored_rows
from suppression.execution.store import Store
from suppression.experiment.keys import full_key
from suppression.experiment.validation import check_cell
from suppression.reporting import records
from suppression.reporting.console import print_table
from suppression.reporting.records import grow, leave, record, to_grow

if TYPE_CHECKING:
    from suppression.experiment.plan import Plan

Row = dict[str, Any]


def carry_out(plan: Plan, given: argparse.Namespace, pins: dict[str, list]) -> int:
    from suppression.experiment.plan import make_plan
    from suppression.experiment.rows import long_rows
    from suppression.experiment.schema import idle

    alike = records.alike(plan, pins)
    if given.grow:
        if given.out is None:
            raise UserError("--grow adds to the record in --out DIR: give the folder")
        grown = make_plan(given.name, scale=plan.scale, layers=given.layers, pins=alike)
        to_grow(plan, grown, given.out, alike)  # told before the first second of work
    device = pick_device(given.device)
    context = Context(store=(store := Store(given.store)).root, device=device, root=given.root, download=given.download, skip_bad=given.skip_bad)
    keys = [full_key(cell) for cell in plan.cells]
    stored = {i: rows for i, cell in enumerate(plan.cells) if (rows := stored_rows(store, cell, plan.probe)) is not None}
    for i, cell in enumerate(plan.cells):
        if i not in stored and cell["seed"] == plan.seeds[0]:  # what is stored was right, and a seed is never wrong
            check_cell(cell, plan.probe, plan.before)
    before = needed([cell for i, cell in enumerate(plan.cells) if i not in stored], plan.before, store)
    before = [cell for cell in before if cell not in plan.cells]
    for cell in before:
        check_cell(cell, None, plan.before)
    for text in dict.fromkeys(f"{parameter} does nothing where {why}" for cell in plan.cells for parameter, why in idle(cell).items() if parameter in pins):
        print(f"note: {text}", file=sys.stderr)
    if given.dry:
        return dry(plan, context, set(stored), before, given)
    for i in list(stored):
        if fault := store.damage(keys[i]):
            print(f"note: {fault}; that cell is put aside and trained again", file=sys.stderr)
            del stored[i]
    missing = [i for i in range(len(plan.cells)) if i not in stored and keys[i] not in keys[:i]]  # two cells may be one training
    failed: list[dict] = []
    if missing:
        before = [cell for cell in needed([plan.cells[i] for i in missing], plan.before, store) if cell not in plan.cells]
        check_sources([*before, *plan.cells], context, lambda text: print(f"note: {text}", file=sys.stderr))
        store.check_writable()
        whole = make_plan(given.name, scale=plan.scale)  # without pins: the list counts against the whole recipe
        store.put_keys(f"{plan.name}.{plan.scale}", sorted({full_key(cell) for cell in whole.cells}))
        from suppression.execution.executor import run as run_crew
        from suppression.execution.progress import Progress

        with Progress(plan, stored, missing, context, before) as progress:
            cells = [*before, *(plan.cells[i] for i in missing)]
            new = run_crew(cells, plan.probe, context, progress.hear, workers=given.workers, unasked=len(before))
        by_key = {keys[missing[i - len(before)]]: rows for i, rows in new.items() if i >= len(before)}
        stored |= {i: by_key[key] for i, key in enumerate(keys) if key in by_key}
        failed = [plan.cells[i] for i in range(len(plan.cells)) if i not in stored]
    rows = long_rows(plan, [(plan.cells[i], stored[i]) for i in sorted(stored)])
    beside = [(cell, found) for cell in plan.other_cells if (found := stored_rows(store, cell, plan.probe)) is not None]
    shown = rows + long_rows(plan, beside)
    if given.json:
        for row in rows:
            print(json.dumps(row))
    else:
        print_table(plan, shown, failed)
    if rows:
        figure = leave(plan, rows, shown, store, context)
        print(f"figure: {figure}", file=sys.stderr if given.json else sys.stdout)
        if given.out is not None:
            if given.grow:
                kinds = grow(plan, grown, rows, store, given.out, given.argv, failed=len(failed), pins=alike)
            else:
                kinds = record(plan, store, given.out, given.argv, failed=len(failed), pins=alike)
            print(f"recorded: {given.out / plan.name}.{plan.scale}." + ", .".join(kinds), file=sys.stderr)
    return 1 if failed else 0


def dry(plan: Plan, context: Any, stored: set[int], before: list[dict], given: argparse.Namespace) -> int:
    from suppression.execution.estimate import expected_seconds
    from suppression.execution.executor import how_many
    from suppression.experiment.keys import full_key
    from suppression.reporting.summary import cell_name

    number, _ = how_many(given.workers, context.device, len(before) + len(plan.cells) - len(stored))
    store = Store(context.store)
    for cell in before:
        print(f"missing  {cell_name(plan, cell)}")
    for i, cell in enumerate(plan.cells):
        print(f"{'stored ' if i in stored else 'trained' if store.has(full_key(cell)) else 'missing'}  {cell_name(plan, cell)}")
    missing = list({full_key(cell): cell for i, cell in enumerate(plan.cells) if i not in stored}.values())
    trained = sum(store.has(full_key(cell)) for cell in missing)
    seconds = [*expected_seconds(missing, plan.probe, context, plan.before), *expected_seconds(before, None, context, plan.before)] if missing else []
    first = f", {len(before)} to be trained before them" if before else ""
    print(
        f"{len(plan.cells)} cells, {len(stored)} stored, {trained} trained but not yet asked this, {len(missing) - trained} missing{first}; about {sum(seconds) / number / 60:.1f} minutes on {context.device} with {number} side by side"
    )
    return 0
