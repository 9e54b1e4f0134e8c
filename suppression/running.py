"""What a plan still needs, and carrying it out: the one place that joins running and drawing."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from suppression.data.sources.fingerprint import fingerprint
from suppression.execution import scheduler
from suppression.execution.batches import check_sources, exchanged, names_of_sources
from suppression.execution.context import Context
from suppression.execution.memory import check_memory
from suppression.execution.progress import Progress
from suppression.execution.provenance import how_made, mixed_machines
from suppression.execution.runner import stored_rows, untrained_prerequisites
from suppression.execution.scheduler import Target
from suppression.execution.store import Store, Unwritable
from suppression.execution.telling import Telling
from suppression.experiment import files
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.rows import Row
from suppression.experiment.run import Run
from suppression.experiment.validation import check_cell
from suppression.keeping import keep_figure
from suppression.logs import Log
from suppression.notes import Note, tell
from suppression.reporting.console import cell_text, live_table
from suppression.reporting.result import Result
from suppression.reporting.summary import published_beside_no_arm

MOST_STORED_SEEDS = 8  # that are looked for where nobody says how many there are


@dataclass
class Work:
    """What a plan still needs: the state of its cells in the store.

    Args:
        plan: The cells.
        store: Where they are kept.
        stored: Rows that are there, by the index of their cell.
        missing: The indices of the cells that must be trained or probed, each key once.
        before: The cells that must be trained before them.
        exchanged: The source of stored cells that has other pictures now, by the cells' keys.
    """

    plan: Plan
    store: Store
    stored: dict[int, list[Row]] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    before: list[Run] = field(default_factory=list)
    exchanged: dict[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> list[Run]:
        """What is run, in its order."""
        return [*self.before, *(self.plan.cells[i] for i in self.missing)]


def work_of(planned: Plan, context: Context, target: Target | None = None) -> Work:
    """Look into the store, and check every cell that is not there.

    Whether it fits into memory is checked where this machine is to run it.

    Raises:
        UserError: for a cell that cannot be.
    """
    work = Work(planned, Store(context.store))
    keys = dict.fromkeys([*planned.keys, *planned.before])
    work.exchanged = exchanged(work.store, keys, context.root, check=context.check)
    for i, cell in enumerate(planned.cells):
        rows = stored_rows(work.store, cell, planned.probe)
        if rows is not None and cell.key not in work.exchanged:
            work.stored[i] = rows
        elif cell.seed == planned.seeds[0]:  # a seed is never wrong
            check_cell(cell, planned.probe, planned.before)
    find_missing(work)
    for cell in work.before:
        check_cell(cell, None, planned.before)
    is_here = target is None or target.is_here
    if context.device == "cpu" and is_here:
        check_memory(work.cells, planned.probe)
    return work


def stored_results(store: Store) -> list[Result]:
    """What a store has of every recipe at every scale, as the recipes are now; eight seeds at most.

    Cells of pins are left out: a table of the recipe has no line for them.
    """
    found = []
    for name in store.results.names(".keys"):
        recipe, _, scale = name.rpartition(".")
        if recipe not in files.names("experiments"):
            continue  # of a recipe that is not on this machine's shelves
        planned = make_plan(recipe, scale=scale, seeds=MOST_STORED_SEEDS)
        answers = []
        for cell in planned.cells:
            rows = stored_rows(store, cell, planned.probe)
            if rows is not None:
                answers.append((cell, rows))
        if answers:
            found.append(Result(planned, answers))
    return found


def find_missing(work: Work) -> None:
    """What is not stored, and what must be trained before that."""
    planned, keys = work.plan, work.plan.keys
    seen: set[str] = set()
    work.missing = []
    for i, key in enumerate(keys):
        if i not in work.stored and key not in seen:
            work.missing.append(i)
        seen.add(key)  # two cells may be one training
    missing = [planned.cells[i] for i in work.missing]
    before = untrained_prerequisites(missing, planned.before, work.store, work.exchanged)
    work.before = [cell for cell in before if cell.key not in seen]


def leave_out_damaged(work: Work, note: Note) -> None:
    """Cells whose files are not what was written are trained again."""
    for i in list(work.stored):
        fault = work.store.damage(work.plan.keys[i])
        if fault:
            note(f"{fault}; that cell is put aside and trained again")
            del work.stored[i]
    find_missing(work)


def carry_out(
    planned: Plan,
    context: Context,
    *,
    workers: int | None = None,
    pinned: Mapping[str, Any] | None = None,
    note: Note = tell,
    work: Work | None = None,
    argv: list[str] | None = None,
    target: Target | None = None,
    logs: Sequence[Log] = (),
) -> Result:
    """Answer from the store, train what is missing, and keep figure and csv in the store.

    Args:
        planned: The cells.
        context: Where they are run and kept.
        workers: How many are trained side by side.
        pinned: What the user has pinned: told where it does nothing.
        note: Told what the user should know.
        work: What is stored already, if that was looked up.
        argv: The command line, for how it was made; none makes one that asks for the same.
        target: Where they are run; this machine if none.
        logs: Told of every cell, also of those that were stored before.
    """
    work = work or work_of(planned, context, target)
    for text in idle_pins(planned, pinned or {}):
        note(text)
    alone = published_beside_no_arm(planned)
    if alone:
        note(alone)
    leave_out_damaged(work, note)
    failures: dict[str, str] = {}
    check_missing(work, context, note)
    telling = Telling(planned, work.store, logs)
    if work.missing:
        work.store.check_writable()
        tell_exchanged(work, note)
        remember_keys(planned, work.store)
        train_missing(work, context, workers, failures, target, telling)
    tell_of_stored(work, telling, note)
    mixed = mixed_machines(planned, work.store)
    if mixed:
        note(mixed)
    answers = [(planned.cells[i], work.stored[i]) for i in sorted(work.stored)]
    beside = []
    others = [cell.key for cell in planned.other_cells]
    of_other_pictures = exchanged(work.store, others, context.root, check=context.check)
    for cell in planned.other_cells:
        rows = stored_rows(work.store, cell, planned.probe)
        if rows is not None and cell.key not in of_other_pictures:
            beside.append((cell, rows))
    failed = [cell for i, cell in enumerate(planned.cells) if i not in work.stored]
    if not answers:
        return Result(planned, answers, beside, failures, failed)
    pins = dict(pinned or {})
    words = argv or command_line(planned, pins)
    made = how_made(planned, work.store, words, failed=len(failed), pins=pins)
    result = Result(planned, answers, beside, failures, failed, made=[made])
    try:
        path = keep_figure(result, work.store, context)
    except Unwritable as error:
        note(f"the figure is not kept: {error}")
        return result
    return replace(result, figure_path=path)


def tell_of_stored(work: Work, telling: Telling, note: Note) -> None:
    """Tell logs of the cells that were not trained now, and of those that these build on."""
    for key, cell in work.plan.before.items():
        if work.store.has(key) and key not in work.exchanged:
            telling.of_stored(cell, None, [], note)
    for i in sorted(work.stored):
        telling.of_stored(work.plan.cells[i], work.plan.probe, work.stored[i], note)


def command_line(planned: Plan, pins: Mapping[str, Any]) -> list[str]:
    """The words of a command that asks for a plan."""
    words = [planned.name_or_path, "--scale", planned.scale]
    for name, value in pins.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        words += [f"--{name}", *map(str, values)]
    return words


def sources_of(planned: Plan, context: Context) -> dict[str, str]:
    """What is in the sources of the cells now, by the sources' names."""
    found: dict[str, str] = {}
    for name in {name for cell in planned.cells for name in names_of_sources(cell).values()}:
        told = fingerprint(name, context.root, check=context.check)
        if told is not None:
            found[name] = told
    return found


def tell_exchanged(work: Work, note: Note) -> None:
    """A note for each source whose pictures are not those that stored cells were trained on."""
    again = {cell.key for cell in work.cells}
    cells_of = Counter(source for key, source in work.exchanged.items() if key in again)
    for source, number in cells_of.items():
        which = "the stored cell was" if number == 1 else f"{number} stored cells were"
        note(
            f"the pictures of {source} are not those that {which} trained on: what is stored is "
            f"put aside in {work.store.root / 'damaged'} and trained again"
        )


def check_missing(work: Work, context: Context, note: Note = tell) -> None:
    """Whether what is missing can be trained on its sources.

    Raises:
        UserError: if a source is not there, or has too few instances for a cell.
    """
    if work.missing:
        check_sources([*work.before, *work.plan.cells], context, note)


def idle_pins(planned: Plan, pinned: Mapping[str, Any]) -> list[str]:
    """What is pinned and does nothing in some cell, and why, each once."""
    found: dict[str, None] = {}
    for cell in planned.cells:
        for name, why in cell.idle().items():
            if name in pinned:
                found[f"{name} does nothing where {why}"] = None
    return list(found)


def remember_keys(planned: Plan, store: Store) -> None:
    """Which cells the whole recipe has at this scale, for the list of what is done."""
    whole = make_plan(planned.name_or_path, scale=planned.scale)
    store.results.put_keys(planned.result_name, sorted(set(whole.keys)))


def train_missing(
    work: Work,
    context: Context,
    workers: int | None,
    failures: dict[str, str],
    target: Target | None,
    telling: Telling,
) -> None:
    """Train and probe what is missing; `work.stored` and `failures` take in what becomes of it."""
    planned, first = work.plan, len(work.before)
    width = shutil.get_terminal_size().columns

    def render(known: list[tuple[Run, list[Row]]], failed: list[Run]) -> Any:
        return live_table(planned, known, failed, width=width)

    progress = Progress(
        planned,
        work.stored,
        work.missing,
        context,
        work.before,
        work.exchanged,
        render_table=render,
        describe_rows=lambda cell, rows: cell_text(planned, cell, rows),
    )

    def hear(index: int, event: tuple[Any, ...]) -> None:
        if event[0] == "failed":
            failures[planned.cell_name(work.cells[index])] = event[1]
        progress.hear(index, event)
        probe = None if index < first else planned.probe
        telling.hear(work.cells[index], probe, event, progress.display.say)

    with progress:
        try:
            new = scheduler.run(
                work.cells,
                planned.probe,
                context,
                hear,
                target=target,
                workers=workers,
                unasked=first,
            )
        finally:
            telling.close(progress.display.say)
    rows_by_key = {work.cells[i].key: rows for i, rows in new.items() if i >= first}
    for i, key in enumerate(planned.keys):
        if key in rows_by_key:
            work.stored[i] = rows_by_key[key]
