"""What `import suppression` hands out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from suppression import expect, plugins
from suppression.errors import UserError, unknown
from suppression.execution.context import Context
from suppression.execution.environment import pick_device
from suppression.execution.scheduler import Target
from suppression.execution.store import Store
from suppression.experiment import files
from suppression.experiment.plan import Plan, make_plan
from suppression.experiment.run import part
from suppression.experiment.schema import coerce, kind_of_data, parameters_of
from suppression.experiment.spec import load_card, load_recipe
from suppression.logs import as_logs
from suppression.notes import tell
from suppression.reporting import records
from suppression.reporting.notebook import Explorer, Listing, Ranking
from suppression.reporting.result import Recorded, Result
from suppression.reporting.summary import Summary
from suppression.running import carry_out

if TYPE_CHECKING:
    from torch import nn

    from suppression.data import Scenes


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
    on: str = "local",
    log: Any = None,
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
        on: Where they are trained, as `--on` names it: "slurm:partition=gpu,array=8",
            "dask://10.0.0.1:8786", or "dask", a cluster of this machine.
        log: Where curves and scores are logged besides: "tensorboard:DIR", "wandb:PROJECT",
            "mlflow:DIR" or a URI, an object with the methods of `suppression.logs.Log`, or a list.
            Cells that were stored before are logged, too, once.
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
    target = Target.named(on, device)
    context = Context(
        store=Store(store).root,
        device=pick_device(device if target.is_here else "auto"),
        root=None if root is None else Path(root),
        download=download,
        skip_bad=skip_bad,
    )
    return carry_out(
        planned, context, workers=workers, pinned=pins, logs=as_logs(log), target=target
    )


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


@expect.typed
def leaderboard(what: str | Result = "remedies", *, scale: str = "laptop") -> Ranking:
    """Which remedies help: what each gains of the suppressed feature, paired by seed.

    Args:
        what: A recipe with a board, whose record is shown; or a result of one. What a result has
            that the recipe has not, as a remedy of your own, joins the recorded entries and is
            marked: `theirs` in its row, "(yours)" in the table.
        scale: Of the record.

    Returns:
        Rows, the greatest gain first, as `Result.leaderboard` has them; they print as a table.

    Raises:
        UserError: if there is no such recipe or record, or the recipe has no board.

    Example:
        >>> import suppression as sup
        >>> mine = sup.run("remedies", remedy="ifm", epsilon=0.3)  # doctest: +SKIP
        >>> sup.leaderboard(mine)  # doctest: +SKIP
    """
    result = record(what, scale=scale) if isinstance(what, str) else what
    return Ranking(result.leaderboard(), result.table())


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
    log: Any = None,
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
        log: Where the curve is logged besides, as in `run`: "tensorboard:DIR", an object with the
            methods of `suppression.logs.Log`, or a list.
        **parameters: Of the method, its encoder, its augmentation and its training, and
            remedies, e.g. `tau=0.2, width=16, area_min=0.25, remedy="ifm"`.

    Returns:
        The encoder, in evaluation mode: pictures (n, c, s, s) in [0, 1] -> features (n, d). Its
        `trace` is a list of dicts, the loss and other quantities over steps, and its `made` the
        parameters. `save_encoder` writes it to a file.

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
        logs=as_logs(log),
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
