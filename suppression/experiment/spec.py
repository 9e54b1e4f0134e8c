"""The forms that a card and a recipe fill in: what their TOML files may say, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from suppression.data.sources.image_folder import FOLDER
from suppression.errors import UserError, unknown
from suppression.evaluation.spec import ProbeSettings, Strict, filled_in
from suppression.experiment import files

MOST_SEEDS = 10_000


class Published(Strict):
    """The published table.

    Args:
        source: Where it was published.
        axis: Its places along the axis.
        rows: For each row its arm's parameters, the `feature`, and `accuracy`, percentages along
            the axis.
        scenes: Which scenes were probed.
        probe: By which readout.
        untold: Parameters of our arms whose published values are not known.
        verdict: Whether equal numbers are claimed: each gets one (`metrics.verdict`).
    """

    source: str
    axis: list[float | str]
    rows: list[dict[str, Any]]
    scenes: str = "alone"
    probe: str = "linear"
    untold: list[str] = []
    verdict: bool = False

    @model_validator(mode="after")
    def rows_fit_the_axis(self) -> Published:
        for i, row in enumerate(self.rows):
            if not isinstance(row.get("feature"), str):
                raise ValueError(f"rows[{i}] names no feature")
            values = row.get("accuracy")
            if not isinstance(values, list) or not all(map(is_number, values)):
                raise ValueError(f"rows[{i}].accuracy is no list of percentages")
            if len(values) != len(self.axis):
                raise ValueError(
                    f"rows[{i}].accuracy has {len(values)} values, the axis {len(self.axis)} places"
                )
        return self

    @model_validator(mode="after")
    def no_row_stands_twice(self) -> Published:
        seen: list[dict[str, Any]] = []
        for i, row in enumerate(self.rows):
            of = {name: value for name, value in row.items() if name != "accuracy"}
            if of in seen:
                raise ValueError(
                    f"rows[{i}] is of the same arm and feature as rows[{seen.index(of)}]"
                )
            seen.append(of)
        return self


def published_settings(row: Mapping[str, Any]) -> dict[str, Any]:
    """The arm's settings in a row of the published table."""
    return {name: value for name, value in row.items() if name not in ("feature", "accuracy")}


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class Retention(Strict):
    """Of which feature it is asked how much is left of what is learned where nothing competes.

    R = (A - chance) / (A at the reference - chance); see `suppression.metrics.retention`.

    Args:
        feature: The feature.
        reference: The place of the axis where nothing competes: a value, or the parameter that
            holds it.
        scenes: On which scenes.
        probe: By which readout.
        log2: Whether the threshold is fitted over log2 of the axis.
    """

    feature: str
    reference: float | str
    scenes: str = "together"
    probe: str = "linear"
    log2: bool = False


class Contrast(Strict):
    """A difference that is asked about: between two arms at one place, or two places of one arm.

    Args:
        name: What it is called on pages, each once.
        a: The arm that is called higher or lower: its method and all parameters that it sets.
        b: The arm that it is held against; `a` itself if there is none.
        at: The place of the axis: a value, or `first` or `last` for its ends at every scale. None
            where the arms set the axis's parameter themselves.
        at_b: The place that `at` is held against, for two places of one arm.
        feature: What is read.
        margin: Differences within +-margin do not matter; in the unit of tables, so in points for
            percentages.
        scenes: On which scenes it is read.
        probe: By which readout.
        layer: Of which layer; the first one that is probed if None.
        measure: Which column of the rows; the recipe's if None.
        after_the_record: Whether it was written down after the numbers were known.
    """

    name: str
    a: dict[str, Any]
    b: dict[str, Any] | None = None
    at: float | str | None = None
    at_b: float | str | None = None
    feature: str
    margin: float
    scenes: str = "together"
    probe: str = "linear"
    layer: str | None = None
    measure: str | None = None
    after_the_record: bool = False

    @model_validator(mode="after")
    def holds_one_thing_against_another(self) -> Contrast:
        if (self.b is None) == (self.at_b is None):
            raise ValueError(
                "give either b, another arm at the same place, or at_b, another place of the arm"
            )
        if self.at_b is not None and self.at is None:
            raise ValueError("at_b is the place that at is held against: give at")
        if not 0 < self.margin < math.inf:
            raise ValueError(f"margin = {self.margin:g} is not above 0, and finite")
        return self


class Board(Strict):
    """What a leaderboard of remedies holds its arms against.

    Its endpoint is the victim's accuracy beside the competitor, the mean over the axis, less that
    of the baseline at the same seed.

    Args:
        baselines: The arms without a remedy, each with all parameters that it sets: an arm is held
            against the one of its own method, or else the first one.
        victim: The feature that the competitor suppresses.
        margin: Differences within +-margin do not matter; in points.
        scenes: On which scenes it is read.
        probe: By which readout.
    """

    baselines: list[dict[str, Any]] = Field(min_length=1)
    victim: str
    margin: float = Field(gt=0, le=100)
    scenes: str = "together"
    probe: str = "linear"


class Card(Strict):
    """A data set.

    Args:
        title: Its name for people.
        text: What is seen.
        kind: The kind of generator, a key of `DATASETS`.
        features: What its features are; `bit` stands for the mean over bit1, bit2, ...
        scenes: What is seen on each kind of scenes that is probed.
        absent: Why a feature is not asked for on some.
        parameters: Which parameters of its generator are set.
        source: Where it was published.
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
    """An experiment.

    Args:
        title: Its name for people.
        claim: What is claimed, and where.
        data: The data set's card.
        axis: The parameter along which the table runs, or what the probe runs through.
        axis_label: What the axis is called, with its unit.
        axis_log: Whether it is drawn as a logarithm.
        measure: The column of the rows that is shown.
        panels: Other columns that the figure has a panel for.
        retention: Of which features it is asked how much is left.
        incentive: Whether the closed form of what is left to gain is drawn.
        matrix: Whether a field is drawn for each arm and place, in the order of `arms`, because
            lines between places would mean nothing.
        arms: The lines of the table, each a method with its parameters.
        controls: Arms that stand at the two ends of the axis only.
        pretrain: Cells that arms build on, by the names that their `start` and `teacher` say:
            each a method with its parameters, and the card as `data` where it is another one.
            It stands where the arm does, unless it sets the axis: to a value, or, where places
            are numbers, to the parameter that holds it.
        seeds: How many.
        probe: What the trained networks are asked.
        scale: What each scale sets. `arms` there stand in place of the recipe's arms and
            controls; contrasts and published values, which are of those, are then left out.
        contrasts: The differences that are asked about, a family.
        board: What remedies are held against, where the arms are such.
        screens: The recipe with a board for which settings of remedies are chosen here.
        published: The published table.
        note: What a reader should know.
    """

    title: str
    claim: str
    data: str
    axis: str
    axis_label: str = ""
    axis_log: bool = False
    measure: str = "accuracy"
    panels: list[str] = []
    retention: list[Retention] = []
    incentive: bool = False
    matrix: bool = False
    arms: list[dict[str, Any]] = Field(min_length=1)
    controls: list[dict[str, Any]] = []
    pretrain: dict[str, dict[str, Any]] = {}
    seeds: int = Field(1, ge=1, le=MOST_SEEDS)
    probe: ProbeSettings = ProbeSettings()
    scale: dict[str, dict[str, Any]] = Field(min_length=1)
    contrasts: list[Contrast] = []
    board: Board | None = None
    screens: str | None = None
    published: Published | None = None
    note: str = ""

    @model_validator(mode="after")
    def contrasts_have_names_of_their_own(self) -> Recipe:
        names: list[str] = []
        for i, each in enumerate(self.contrasts):
            if each.name in names:
                raise ValueError(
                    f"contrasts[{i}].name = '{each.name}' is that of "
                    f"contrasts[{names.index(each.name)}]"
                )
            names.append(each.name)
        return self

    def at(self, scale: str, where: str) -> Recipe:
        """The recipe with the arms of one scale, where that has its own.

        Raises:
            UserError: beginning with `where`, if these are no list of tables.
        """
        given = self.scale.get(scale, {})
        if "arms" not in given:
            return self
        own = {"arms": given["arms"], "controls": [], "contrasts": [], "published": None}
        return filled_in(Recipe, {**self.model_dump(), **own}, where)

    @property
    def every_arm(self) -> list[dict[str, Any]]:
        """The arms and the controls, as they are written."""
        return [*self.arms, *self.controls]


def load(path: Path, model: type[Any]) -> Any:
    """Read a TOML file into `model`; every fault is told with file, key and nearest name."""
    content = files.read(path)
    check_within(content, str(path))
    return filled_in(model, content, str(path))


def check_within(content: object, where: str) -> None:
    """UserError where a card or a recipe, which may be a stranger's, names a folder of pictures
    that does not lie in the data root."""
    if isinstance(content, dict):
        for name, each in content.items():
            check_within(each, f"{where}: {name}")
    elif isinstance(content, list):
        for each in content:
            check_within(each, where)
    elif isinstance(content, str) and content.startswith(FOLDER):
        path = Path(content.removeprefix(FOLDER))
        if path.is_absolute() or ".." in path.parts or content[len(FOLDER) :].startswith("~"):
            raise UserError(
                f"{where}: '{content}' may lie anywhere; a file names folders in the data root, "
                f"as {FOLDER}{path.name}, and the command line names any"
            )


def load_recipe(name: str) -> Recipe:
    path = files.find("experiments", name)
    recipe = load(path, Recipe)
    for scale in recipe.scale:
        if scale not in files.SCALES:
            raise unknown(f"{path}: there is no scale", scale, files.SCALES)
    try:
        load_card(recipe.data)
    except UserError as error:
        raise UserError(f"{path}: data: {error}") from error
    if recipe.screens is not None and not has_board(recipe.screens, f"{path}: screens"):
        raise UserError(f"{path}: screens: {recipe.screens} has no [board]; remedies has one")
    return recipe


def has_board(name: str, where: str) -> bool:
    try:
        return load(files.find("experiments", name), Recipe).board is not None
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def load_card(name: str) -> Card:
    return load(files.find("datasets", name), Card)
