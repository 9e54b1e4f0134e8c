"""What `import suppression` hands out; the one place that joins running and drawing."""

from __future__ import annotations

import hashlib
import html
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import expect, places, plugins
from suppression.data.sources.fingerprint import fingerprint
from suppression.errors import UserError, unknown
from suppression.execution import executor
from suppression.execution.batches import check_sources, exchanged, names_of_sources
from suppression.execution.context import Context
from suppression.execution.environment import pick_device
from suppression.execution.feature_maps import feature_maps
from suppression.execution.memory import check_memory
from suppression.execution.progress import Progress
from suppression.execution.provenance import how_made
from suppression.execution.runner import stored_rows, untrained_prerequisites
from suppression.execution.store import Store, Unwritable
from suppression.experiment import files
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.rows import Row, to_csv
from suppression.experiment.run import Run, part
from suppression.experiment.schema import coerce, kind_of_data, parameters_of
from suppression.experiment.spec import load_card, load_recipe
from suppression.experiment.validation import check_cell
from suppression.metrics.units import without_units
from suppression.notes import Note
from suppression.reporting import records
from suppression.reporting.console import cell_text, live_table
from suppression.reporting.result import Recorded, Result
from suppression.reporting.summary import Summary, published_beside_no_arm
from suppression.writing import one_at_a_time

if TYPE_CHECKING:
    from torch import nn

    from suppression.data import Scenes


def tell(text: str) -> None:
    """A note on stderr."""
    print(f"note: {text}", file=sys.stderr)


# --- notebooks -------------------------------------------------------------------------------


@expect.typed
def run(
    name: str,
    *,
    scale: str = "laptop",
    seeds: int | None = None,
    end_seeds: int | None = None,
    layers: list[str] | None = None,
    store: Path | str | None = None,
    root: Path | str | None = None,
    download: bool = False,
    skip_bad: bool = False,
    device: str = "auto",
    workers: int | None = None,
    **pins: Any,
) -> Result:
    """Run an experiment: train what is missing, probe it, and hand out what was found.

    What was trained before is taken from the store, the same one as on the command line.

    Args:
        name: A recipe's name (`experiments()` lists them), or the path of a recipe (.toml).
        scale: smoke (seconds), demo (a minute, for lessons), laptop (minutes on two cores),
            evening (hours) or paper (a GPU).
        seeds: How many seeds, from 0; none takes the recipe's number.
        end_seeds: How many at the two ends of the axis.
        layers: The layers to probe, e.g. ["h", "z"]; none takes the recipe's.
        store: Where trained cells are kept; none is SUPPRESSION_HOME, or the user's data folder.
        root: Where data sets lie; none is SUPPRESSION_DATA, or the user's data folder.
        download: Whether to fetch a data set that is not there.
        skip_bad: Whether to leave out files of a folder of photographs that are no pictures.
        device: auto (cuda, else mps, else cpu), cpu, cuda, cuda:1 or mps.
        workers: How many cells are trained side by side; none is one a core.
        **pins: Parameters of the recipe's cells; a list makes a cell of each value.

    Returns:
        The result, with `table()`, `plot()`, `rows`, `to_pandas()`, `verdict()` and `contrasts()`.

    Raises:
        UserError: for anything that is not there or out of range, with the nearest right name.

    Example:
        >>> import suppression as sup
        >>> sup.run("digit_size", scale="smoke", tau=0.2).verdict()  # doctest: +SKIP
    """
    plugins.load()
    planned = make_plan(
        name, scale=scale, seeds=seeds, end_seeds=end_seeds, layers=layers, pins=pins
    )
    context = Context(
        store=Store(store).root,
        device=pick_device(device),
        root=None if root is None else Path(root),
        download=download,
        skip_bad=skip_bad,
    )
    return carry_out(planned, context, workers=workers, pinned=pins)


@expect.typed
def record(name: str, *, scale: str = "laptop") -> Recorded:
    """A result that was recorded beforehand and comes with the package; nothing is trained.

    Args:
        name: A recipe's name (`experiments()` says at which scales it has a record), or the path
            of a recipe (.toml) that has its record beside it.
        scale: smoke, demo, laptop, evening or paper.

    Returns:
        A result as `run` has it: `table()`, `plot()`, `rows`, `to_pandas()`, `verdict()`; `made`
        says how it was made.

    Raises:
        UserError: if there is no such recipe or record, with those that there are, or the record
            is not whole.

    Example:
        >>> import suppression as sup
        >>> len(sup.record("digit_size").select(method="untrained", feature="first")) > 20
        True
    """
    plugins.load()
    path = files.find("experiments", name)
    load_recipe(name)
    scales = recorded_scales(path)
    if scale not in scales:
        if not scales:
            raise UserError(f"{name} has no record: python -m suppression.exp {name} runs it")
        raise UserError(f"{name} has no record of the {scale} scale; there is {', '.join(scales)}")
    planned = make_plan(name, scale=scale)
    rows, made = records.read_record(path.parent, planned)
    return Recorded(records.plan_of(planned, rows), [], recorded=rows, made=made)


def recorded_scales(path: Path) -> list[str]:
    """The scales at which a recipe has a record beside it."""
    return [scale for scale in files.SCALES if path.with_suffix(f".{scale}.json").is_file()]


@expect.typed
def plan(name: str, *, scale: str = "laptop", seeds: int | None = None, **pins: Any) -> Plan:
    """The cells of an experiment, without training any.

    Args:
        name: A recipe's name, or the path of a recipe (.toml).
        scale: smoke, demo, laptop, evening or paper.
        seeds: How many seeds, from 0; none takes the recipe's number.
        **pins: Parameters of the recipe's cells; a list makes a cell of each value.

    Example:
        >>> import suppression as sup
        >>> cells = sup.plan("digit_size", tau=0.2).cells
        >>> cells[0].method, cells[0].dataset.canvas
        ('simclr', 64)
    """
    plugins.load()
    return make_plan(name, scale=scale, seeds=seeds, pins=pins)


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


FIRST = "random_bits"  # what the explorer shows when it opens


@expect.typed
def explore(name: str | None = None, *, results: list[Result] | None = None) -> Explorer:
    """The explorer: every recorded result to move through, and an encoder to play.

    It is one page that needs no network: curves with seeds and intervals, the scenes along the
    axis, NT-Xent of an encoder that is moved by hand, and the push of one picture's negatives.

    Args:
        name: The recipe whose record is shown first.
        results: Results of your own, which stand before the recorded ones.

    Returns:
        The page: a notebook shows it, `save("out.html")` writes it.

    Raises:
        UserError: if there is no such recipe, or it has no record.

    Example:
        >>> import suppression as sup
        >>> sup.explore("random_bits").save("explorer.html")  # doctest: +SKIP
    """
    from suppression.reporting.explorer import explorer_page

    plugins.load()
    own = {}
    for number, result in enumerate(results or []):
        own[f"yours, {number + 1}: {result.plan.name}.{result.plan.scale}"] = result.summary
    if name is not None and not recorded_scales(files.find("experiments", name)):
        raise UserError(f"{name} has no record: python -m suppression.exp {name} runs it")
    recorded = recorded_summaries()
    opens = [choice for choice in recorded if choice.startswith(f"{name or FIRST}.")]
    first = [*own, *opens] if name is None else opens
    return Explorer(explorer_page({**own, **recorded}, first=first[0] if first else ""))


def recorded_summaries() -> dict[str, Summary]:
    """What every record shows, by NAME.SCALE; one that is damaged is left out, and told."""
    found = {}
    for name in files.names("experiments"):
        for scale in recorded_scales(files.find("experiments", name)):
            try:
                found[f"{name}.{scale}"] = record(name, scale=scale).summary
            except UserError as error:
                tell(f"left out: {error}")
    return found


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
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def experiments() -> Listing:
    """The experiments there are: name, title, and the scales at which a result is recorded.

    Example:
        >>> import suppression as sup
        >>> sup.experiments()[0]["name"]
        'augmentation_pairs'
    """
    found = Listing()
    for name in files.names("experiments"):
        path = files.find("experiments", name)
        title = files.read(path).get("title", "")
        recorded = ", ".join(recorded_scales(path))
        found.append({"name": name, "title": title, "recorded": recorded})
    return found


@expect.typed
def dataset(name: str, **parameters: Any) -> Scenes:
    """The data set of a card, with any of its parameters changed.

    Args:
        name: A card's name (the gallery in datasets/ shows them), or the path of a card (.toml).
        **parameters: Parameters of its generator.

    Returns:
        The generator: `sample(8).show()` draws it, `fit` trains on it.

    Raises:
        UserError: for a card or a parameter that is not there, with the nearest name, and for a
            value out of range.

    Example:
        >>> import suppression as sup
        >>> sup.dataset("two_digits", size2=40).size2
        40
    """
    plugins.load()
    card = load_card(name)
    cls = kind_of_data(card.kind)
    known = {each.name: each for each in parameters_of(cls, "dataset")}
    values = {}
    for each, value in {**card.parameters, **parameters}.items():
        if each in known:
            values[each] = coerce(known[each], value, name)
        elif each in parameters:
            raise unknown(f"{name} has no parameter", each, known)
    return part(cls, values)


@expect.typed
def fit(
    dataset: Scenes,
    *,
    method: str = "simclr",
    steps: int = 200,
    batch: int = 64,
    seed: int = 0,
    source: str = "digits",
    root: Path | str | None = None,
    device: str = "auto",
    progress: bool = True,
    **parameters: Any,
) -> nn.Module:
    """Train a network on a data set, here and now; nothing is stored.

    Args:
        dataset: A generator, e.g. `datasets.TwoDigits(canvas=40, size1=9, size2=32)`.
        method: How it is trained (`methods.METHODS` lists them).
        steps: How many batches.
        batch: Scenes a batch, each in two views.
        seed: Of the initial weights and of all that is drawn.
        source: Where the instances come from, if the data set draws from a source.
        root: Where data sets lie.
        device: auto, cpu, cuda or mps.
        progress: Whether to show a bar with the loss.
        **parameters: Of the method, its encoder, its augmentation and its training, and
            remedies, e.g. `tau=0.2, width=16, area_min=0.25, remedy="ifm"`.

    Returns:
        The encoder, in evaluation mode: pictures (n, c, s, s) in [0, 1] -> features (n, d). Its
        `trace` is a list of dicts, the loss and other quantities over steps.

    Raises:
        UserError: for a parameter that is not there or out of range, and for something that is
            no data set.

    Example:
        >>> import suppression as sup
        >>> scenes = sup.datasets.TwoDigits(canvas=16, size1=6, size2=12)
        >>> encoder = sup.fit(scenes, steps=2, batch=8, width=2, progress=False)
        >>> len(encoder.trace)
        2
    """
    from suppression.execution.fitting import fit as fit_here

    plugins.load()
    return fit_here(
        dataset,
        method=method,
        steps=steps,
        batch=batch,
        seed=seed,
        source=source,
        root=None if root is None else Path(root),
        device=pick_device(device),
        progress=progress,
        parameters=parameters,
    )


def evaluate(encoder: Any, scenes: Scenes, **options: Any) -> Listing:
    """Ask any network which features of a data set it holds; it is not trained.

    Args:
        encoder: What `fit` returns, any torch module, or any callable: pictures (n, c, s, s) in
            [0, 1] -> features (n, d), a map (n, d, h, w), or a mapping of such.
        scenes: A generator, e.g. `datasets.TwoDigits(canvas=40, size1=9, size2=32)`.
        **options: `source`, `layers`, `features`, `train`, `test`, `seed`, `device`, `root`, and
            settings of probes, as `suppression.probes.evaluate` has them.

    Returns:
        Rows: one a feature, scenes, probe and layer, with accuracy and its 95 % interval.

    Raises:
        UserError: for features that are no numbers, a wrong number of them, an encoder that
            changes while it is probed, and something that is no data set.

    Example:
        >>> import suppression as sup
        >>> scenes = sup.datasets.RandomBits(canvas=8, bits=1)
        >>> rows = sup.evaluate(lambda x: x.flatten(1), scenes, train=50, test=20)
        >>> rows[0]["feature"], rows[0]["scenes"]
        ('class', 'alone')
    """
    from suppression import evaluation

    return Listing(evaluation.evaluate(encoder, scenes, **options))


@expect.typed
def register(kind: str, name: str, obj: Any) -> None:
    """Add a method, remedy, data set or probe of your own, under a name.

    Args:
        kind: method, remedy, dataset or probe.
        name: What flags, recipes and cards call it.
        obj: The class.

    Raises:
        UserError: if the name is taken, or the class lacks a member of the contract.
    """
    plugins.register(kind, name, obj)


# --- running and drawing ---------------------------------------------------------------------


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


def work_of(planned: Plan, context: Context) -> Work:
    """Look into the store, and check every cell that is not there.

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
    if context.device == "cpu":
        check_memory(work.cells, planned.probe)
    return work


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
    """
    work = work or work_of(planned, context)
    for text in idle_pins(planned, pinned or {}):
        note(text)
    alone = published_beside_no_arm(planned)
    if alone:
        note(alone)
    leave_out_damaged(work, note)
    failures: dict[str, str] = {}
    check_missing(work, context, note)
    if work.missing:
        work.store.check_writable()
        tell_exchanged(work, note)
        remember_keys(planned, work.store)
        train_missing(work, context, workers, failures)
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
    store.put_keys(planned.result_name, sorted(set(whole.keys)))


def train_missing(
    work: Work, context: Context, workers: int | None, failures: dict[str, str]
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

    with progress:
        new = executor.run(work.cells, planned.probe, context, hear, workers=workers, unasked=first)
    rows_by_key = {work.cells[i].key: rows for i, rows in new.items() if i >= first}
    for i, key in enumerate(planned.keys):
        if key in rows_by_key:
            work.stored[i] = rows_by_key[key]


def keep_figure(result: Result, store: Store, context: Context) -> Path:
    """NAME.SCALE.png and .svg of all that is shown, and .csv of the rows that were asked for.

    They are kept in the store's results, with .pictures.png where local features were
    clustered.

    Returns:
        The path of the .png.

    Raises:
        Unwritable: if the store cannot be written, and does not have them.
    """
    name = result.plan.result_name
    path = store.root / "results" / f"{name}.png"
    digest = digest_of(result)
    if store.results_of(name, digest, result_endings(result.plan)) is None:
        store.put_result(f"{name}.csv", to_csv(result.rows).encode())
        for ending, content in drawn(result, store, context).items():
            store.put_result(f"{name}.{ending}", content)
        store.put_result(f"{name}.sha256", digest.encode())
    return path


def result_endings(planned: Plan) -> list[str]:
    """The endings of the pictures that there are of a result."""
    return ["svg", "png", "pictures.png"] if planned.probe.clusters else ["svg", "png"]


def digest_of(result: Result) -> str:
    """Equal for results that are drawn alike."""
    labels = [arm.label for arm in result.plan.arms]
    rows, units = [], hashlib.sha256()
    for row in result.shown_rows:
        rows.append(without_units(row))
        if "units" in row:
            units.update(row["units"].digest)
    drawn_from = [rows, units.hexdigest(), result.plan.axis, labels]
    return hashlib.sha256(json.dumps(drawn_from, sort_keys=True).encode()).hexdigest()


def drawn(result: Result, store: Store, context: Context) -> dict[str, bytes]:
    """The pictures of a result, by their endings."""
    from suppression.reporting.figures import saved

    made, found = result.plot(), {}
    for kind in ("svg", "png"):  # this first, as its bytes know what was drawn before it
        found[kind] = saved(made, kind)
    if result.plan.probe.clusters:
        sheet = cluster_sheet(result.plan, store, context)
        if sheet is not None:
            found["pictures.png"] = sheet
    return found


def cluster_sheet(planned: Plan, store: Store, context: Context) -> bytes | None:
    """How local features were clustered, as a png; None where no cell is stored."""
    from suppression.reporting.cluster_figure import cluster_figure, lighter, shown_cells
    from suppression.reporting.figures import saved

    stored = [cell for cell in planned.cells if store.has(cell.key)]
    cells = shown_cells(planned, stored)
    if not cells:
        return None
    x, masks, maps = feature_maps(planned, cells, store, context)
    return lighter(saved(cluster_figure(planned, x, masks, maps), "png"))


def write_record(
    result: Result,
    out: Path,
    context: Context,
    argv: list[str],
    pins: Mapping[str, Any],
    *,
    whole: Plan | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a record to `out`: csv, units, svg, pictures, and a .json of how it was made.

    Args:
        result: What was found.
        out: The folder.
        context: Where cells and figures are.
        argv: The command line, for the record.
        pins: The pins that all cells share.
        whole: The plan of the record that is in `out`, to which the run is added; none begins
            one.
        overwrite: Whether a record that is there already is replaced.

    Returns:
        The endings of the files that were written.

    Raises:
        UserError: if it cannot be written, or a record is there, or is none that can grow; then
            nothing in `out` has changed.
    """
    planned, store = result.plan, Store(context.store)
    number = len(result.failed_cells)
    made = how_made(planned, store, argv, failed=number, pins=dict(pins))
    if planned.baselines:
        from suppression.execution.flops import flops_of_arms

        made["flops"] = flops_of_arms(planned, context)
    with one_at_a_time(out / f"{planned.name}.{planned.scale}"):
        return record_made(result, out, context, made, pins, whole=whole, overwrite=overwrite)


def record_made(
    result: Result,
    out: Path,
    context: Context,
    made: dict[str, Any],
    pins: Mapping[str, Any],
    *,
    whole: Plan | None,
    overwrite: bool,
) -> list[str]:
    """What `write_record` does while no other process of this machine writes the same record."""
    from suppression.reporting.figures import figure, saved
    from suppression.reporting.summary import summarise

    planned, store = result.plan, Store(context.store)
    name = f"{planned.name}.{planned.scale}"
    if whole is not None:
        # The record as it is now: this run may have taken hours.
        known, before = records.record_to_grow(planned, whole, out, dict(pins), made["sources"])
        parameters: set[str] = set()
        for cell in whole.cells:
            parameters.update(cell.parameters)
        rows = records.grown(known, result.own_rows, parameters)
        shown = summarise(whole, rows, flops=records.flops_of([*before, made]))
        pictures = {"svg": saved(figure(shown), "svg")}
        files = {**records.files_of_rows(rows), **pictures}
        return records.write(out, name, files, [*before, made])
    if not overwrite:
        records.check_free(out, name)
    kept = store.results_of(name, digest_of(result), result_endings(planned))
    pictures = kept or drawn(result, store, context)
    pictures.pop("png")
    if planned.baselines:  # what was counted for the record is in the figure, too
        shown = summarise(planned, result.own_rows, flops=made["flops"])
        pictures["svg"] = saved(figure(shown), "svg")
    files = {**records.files_of_rows(result.own_rows), **pictures}
    return records.write(out, name, files, [made])
