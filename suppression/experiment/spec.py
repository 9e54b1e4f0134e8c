"""The forms that a card and a recipe fill in: what their TOML files may say, read and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from suppression.errors import UserError, unknown
from suppression.evaluation.spec import Probe, Strict
from suppression.experiment.files import find, read

SCALES = ("smoke", "laptop", "paper")


class Published(Strict):
    """The published table: for each row its arm's parameters, the feature, and percentages along the axis; which `scenes` were probed, and by which readout.

    `untold` are parameters of our arms whose published values are not known. `verdict` says that equal numbers are claimed: each gets one (`stats.verdict`).
    """

    source: str
    axis: list[float | str]
    rows: list[dict[str, Any]]
    scenes: str = "alone"
    probe: str = "linear"
    untold: list[str] = []
    verdict: bool = False


class Retention(Strict):
    """Of which feature, on which scenes, it is asked how much is left of what is learned where nothing competes: where the axis is at `reference`, a value or
    the parameter that holds it (`stats.retention`). The threshold is fitted over `log2` of the axis if so told.
    """

    feature: str
    reference: float | str
    scenes: str = "together"
    log2: bool = False


class Card(Strict):
    """A data set: what kind of scenes, which parameters of its generator are set, what its features are (`bit` stands for the mean over bit1, bit2, ...).

    `scenes` tells what is seen on each kind of scenes that is probed, `absent` why a feature is not asked for on some.
    """

    title: str
    text: str
    kind: str
    features: dict[str, str]
    scenes: dict[str, str] = {}
    absent: str = ""
    parameters: dict[str, Any] = {}
    source: str = ""


class Recipe(Strict):
    """An experiment. `arms` are the lines of the table, each a method with its parameters; `axis` is the parameter along which the table runs, or what the probe runs
    through (`PROBE_AXES`). `measure` is the column of the rows that is shown, `panels` are others that the figure has a panel for, too; `incentive` draws the closed form over shared bits (`stats.incentive`);
    `matrix` draws a field for each arm and place, arms in their order here, where lines between places would mean nothing.

    `pretrain` are cells that arms build on, by the names that their parameters `start` and `teacher` say: each a method with its parameters, and the card as `data` where
    it is another one. What a table does not set is as in the arm's cell (`recipe.plan`).
    """

    title: str
    claim: str
    data: str
    axis: str
    axis_label: str = ""
    axis_log: bool = False
    measure: str = "accuracy"
    panels: list[Literal["entropy", "spread", "rank"]] = []
    retention: list[Retention] = []
    incentive: bool = False
    matrix: bool = False
    arms: list[dict[str, Any]]
    pretrain: dict[str, dict[str, Any]] = {}
    seeds: int = 1
    probe: Probe = Probe()
    scale: dict[str, dict[str, Any]]
    published: Published | None = None
    note: str = ""


def load(path: Path, model: type[Any]) -> Any:
    """Read a TOML file into `model`; every fault is told with file, key and the nearest right name."""
    try:
        return model(**read(path))
    except ValidationError as error:
        raise UserError("\n".join(told(path, model, fault) for fault in error.errors())) from error


def told(path: Path, model: type[BaseModel], fault: Any) -> str:
    *parents, key = fault["loc"]
    where = ".".join(map(str, parents))
    if fault["type"] == "extra_forbidden":
        inner: Any = model
        for parent in parents:
            options = [inner.model_fields[parent].annotation, *getattr(inner.model_fields[parent].annotation, "__args__", ())]
            inner = next(option for option in options if isinstance(option, type) and issubclass(option, BaseModel))
        return str(unknown(f"{path}:{' [' + where + ']' if where else ''} has no key", str(key), inner.model_fields))
    return f"{path}: {where + '.' if where else ''}{key}: {fault['msg']}"


def load_recipe(name: str) -> Recipe:
    path = find("experiments", name)
    recipe = load(path, Recipe)
    for scale in recipe.scale:
        if scale not in SCALES:
            raise unknown(f"{path}: there is no scale", scale, SCALES)
    try:
        load_card(recipe.data)
    except UserError as error:
        raise UserError(f"{path}: data: {error}") from error
    return recipe


def load_card(name: str) -> Card:
    return load(find("datasets", name), Card)
