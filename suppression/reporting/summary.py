"""Rows -> the points of an experiment: all that tables, figures and pages show.

`summarise(plan, rows)` is read by everything that draws or prints, and nothing else looks at rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

from suppression.errors import UserError
from suppression.evaluation.base import Measure
from suppression.evaluation.probes import (
    AXES,
    BESIDE,
    MEASURES,
    PROBES,
    SCENES,
    line_of,
    subjects,
    switched_on,
)
from suppression.experiment.arms import Arm
from suppression.experiment.plan import Plan
from suppression.experiment.rows import Row
from suppression.experiment.run import Run
from suppression.experiment.spec import Published, published_settings
from suppression.metrics.contrasts import FEWEST_SEEDS
from suppression.metrics.crossed import NO_WIDTH, Crossed
from suppression.metrics.units import Units

OF_UNITS = "accuracy"  # the column that rows keep the instances of
OUTPUT = "output"  # the layer of what is asked of a network's last output, whatever that is

Status = Literal[
    "measured", "not applicable", "failed", "not asked for", "missing", "at the ends only"
]
Where = tuple[str, str, str, str | None]  # feature, scenes, probe and layer of a row

# What an interval is over. "none": there is none; where there are several seeds, their values are
# told in its place.
IntervalKind = Literal["seeds and instances", "seeds", "instances", "none"]
NO_BOUNDS = (math.nan, math.nan)
ONE_PICTURE = 5e-4  # half of it, of a thousand: no share is known better from seeds alone
KEPT = 4096  # intervals of accuracies that are kept: a table is drawn twice a second while it fills


class Interval(NamedTuple):
    """A mean over seeds with its 95 % interval, by the one rule of all that is shown.

    - Three seeds or more: over seeds and instances, where the instances that were told rightly are
      kept and the same for all seeds, else over seeds (t).
    - Two seeds have none: their values are told.
    - One seed: over instances alone. It says nothing of other seeds, and is marked. So is that of
      seeds that agree to the last picture.
    - None is without a width, and none goes over all that is possible.

    Args:
        mean: Over seeds.
        low: Lower bound; NaN where there is none.
        high: Upper bound.
        kind: What it is over.
    """

    mean: float
    low: float
    high: float
    kind: IntervalKind


@dataclass(frozen=True)
class Line:
    """What one line of the table, or one panel of the figure, shows along the axis."""

    feature: str
    scenes: str
    probe: str = "linear"
    measure: str = "accuracy"
    layer: str = "h"

    @property
    def of(self) -> Measure:
        """What its measure is."""
        probe = PROBES.get(self.probe)
        if probe is not None and self.measure in probe.measures:
            return probe.measures[self.measure]
        return MEASURES[self.measure]

    @property
    def in_panel_of(self) -> str | None:
        """The probe in whose panel its points are drawn; None for a panel of its own."""
        probe = PROBES.get(self.probe)
        return probe.shown.panel_of if probe is not None else None

    @property
    def layer_text(self) -> str:
        """Its layer, where that has a name of its own."""
        return "" if self.layer == OUTPUT else self.layer


@dataclass(frozen=True)
class Point:
    """An arm's line at one place of the axis.

    Args:
        arm: The arm.
        line: The line.
        x: The place.
        by_seed: The measure by seed, as a share where it is a percentage.
        mean: Over seeds; NaN where nothing was measured.
        low: Lower bound of the 95 % interval; NaN where there is none.
        high: Its upper bound.
        cases: How many independent test pictures each seed has, at least.
        published: The published percentage that stands beside it.
        status: Whether it was measured, and if not, why.
        converged: Whether all fits that were read converged.
        interval: What the interval is over (`Interval`).
        units: The instances that each seed told rightly, by seed, of an accuracy of which they
            were kept.
    """

    arm: Arm
    line: Line
    x: Any
    by_seed: Mapping[int, float]
    mean: float
    low: float
    high: float
    cases: int
    published: float | None
    status: Status
    converged: bool = True
    interval: IntervalKind = "none"
    units: Mapping[int, Units] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """How many seeds."""
        return len(self.by_seed)

    @property
    def is_one_seed(self) -> bool:
        """Whether its interval, if it has one, says nothing of other seeds."""
        return self.n == 1

    @property
    def values(self) -> list[float]:
        """The measure of each seed, in the order of seeds: shown where there is no interval."""
        return [self.by_seed[seed] for seed in sorted(self.by_seed)]

    @property
    def unit(self) -> int:
        """What its numbers are multiplied with to be shown."""
        return 100 if self.line.of.percent else 1


@dataclass(frozen=True)
class Summary:
    """The points of an experiment's rows; those that are asked for are made once.

    Args:
        plan: The experiment.
        rows: Its rows, each with its arm (`long_rows`, `with_arms`).
        failed: The cells that could not be trained.
        flops: Operations of a training by the arm's label, where they were counted.
    """

    plan: Plan
    rows: list[Row]
    failed: list[Run] = field(default_factory=list)
    flops: Mapping[str, int] = field(default_factory=dict)

    # --- what there is ---------------------------------------------------------------------

    @cached_property
    def lines(self) -> list[Line]:
        """Features and kinds of scenes in the card's order, then readouts and layers."""
        plan, measure = self.plan, self.plan.recipe.measure
        there: dict[tuple[str, ...], bool] = {}  # whether any row has the recipe's measure
        for row in self.rows:
            where = (row["feature"], row["scenes"], readout(row), row["layer"])
            there[where] = there.get(where, False) or row.get(measure) is not None
        made, beside = [], []
        for feature in self._features():
            for scenes in self._in_order(plan.card.scenes, 1):
                for probe in self._in_order(PROBES, 2):
                    for layer in self._layers():
                        where = (feature, scenes, probe, layer)
                        if there.get(where):
                            made.append(Line(feature, scenes, probe, measure, layer))
                        if where in there and scenes != "alone":
                            for other in BESIDE.get(feature, ()):
                                beside.append(Line(feature, scenes, probe, other, layer))
        return [*made, *beside] or [Line(feature, "...") for feature in self._features()]

    def _features(self) -> list[str]:
        return subjects(self.plan.probe, self.plan.card.features)

    def _in_order(self, first: Iterable[str], position: int) -> list[str]:
        """Those that come first, then any others that rows have."""
        others = [str(where[position]) for where in self._found]
        return list(dict.fromkeys([*first, *others]))

    def _layers(self) -> list[str]:
        if self.plan.recipe.axis == "layer":
            return [self.shown_layer]
        return list(dict.fromkeys(layer for _, layer in self._row_layers))

    @property
    def shown_layer(self) -> str:
        """The probe's first layer, or, where the axis runs along layers, the axis's first."""
        axis = self.plan.axis
        return axis[0] if self.plan.recipe.axis == "layer" else self.plan.probe.layers[0]

    @property
    def headline(self) -> Line | None:
        """The line that the claim is about: the first of which it is asked how much is left."""
        for asked in self.plan.recipe.retention:
            line = Line(asked.feature, asked.scenes, asked.probe, layer=self.shown_layer)
            return line if line in self.lines else None
        return None

    @cached_property
    def arms(self) -> list[Arm]:
        """The arms of which anything was measured."""
        return [arm for arm in self.plan.every_arm if arm.label in self._measured]

    @property
    def several_layers(self) -> bool:
        """Whether a line has to say of which layer it is."""
        several = len(self.plan.probe.layers) > 1
        for probe in switched_on(self.plan.probe):
            own = probe.shown.layers
            several = several or bool(own and OUTPUT not in own)
        return self.plan.recipe.axis != "layer" and several

    # --- points ----------------------------------------------------------------------------

    @cached_property
    def points(self) -> list[Point]:
        """All points: of every arm, line and place of the axis."""
        made = []
        for arm in self.plan.every_arm:
            for line in self.lines:
                made += self.along(arm, line)
        return made

    def along(self, arm: Arm, line: Line) -> list[Point]:
        """An arm's line at every place of the axis."""
        return [self.point(arm, line, x) for x in self.plan.axis]

    def measured(self, arm: Arm, line: Line) -> list[Point]:
        """An arm's line at those places of the axis where it was measured."""
        return [point for point in self.along(arm, line) if point.n]

    def point(self, arm: Arm, line: Line, x: Any) -> Point:
        key = (arm.label, line, x)
        if key not in self._points:
            self._points[key] = self._make(arm, line, x)
        return self._points[key]

    @cached_property
    def _points(self) -> dict[tuple[str, Line, Any], Point]:
        return {}

    def _make(self, arm: Arm, line: Line, x: Any) -> Point:
        rows = [row for row in self._rows_at(arm, line, x) if row.get(line.measure) is not None]
        by_seed = {row["seed"]: row[line.measure] for row in rows}
        if len(by_seed) < len(rows):
            seeds = ", ".join(str(row["seed"]) for row in rows)
            raise UserError(
                f"{arm.label}: the rows of {line.feature} ({line.scenes}, {line.probe}, "
                f"{line.layer}) at {self.plan.recipe.axis} {x} are of seeds {seeds}; statistics "
                "need one row a seed"
            )
        mean, low, high, kind = interval(rows, line.measure, line.of)
        return Point(
            arm=arm,
            line=line,
            x=x,
            by_seed=by_seed,
            mean=mean,
            low=low,
            high=high,
            cases=min((row.get("cases") or 0 for row in rows), default=0),
            published=published_value(self.plan, arm, line, x),
            status=self._status(arm, x, bool(rows)),
            converged=all(row.get("converged") is not False for row in rows),
            interval=kind,
            units=units_of(rows, line.measure),
        )

    def _rows_at(self, arm: Arm, line: Line, x: Any) -> list[Row]:
        layer = None if self.plan.recipe.axis == "layer" else line.layer
        found = self._index.get((arm.label, (line.feature, line.scenes, line.probe, layer)), {})
        return [*found.get(x, []), *found.get(None, [])]

    def _status(self, arm: Arm, x: Any, measured: bool) -> Status:
        if measured:
            return "measured"
        somewhere = self._measured.get(arm.label, set())
        if somewhere & {x, None} and self.plan.recipe.axis not in AXES:
            return "not applicable"
        if self._failed_at(arm, x):
            return "failed"
        is_planned = bool(self._planned[arm.label] & {x, None})
        if arm in self.plan.controls and not is_planned:
            return "at the ends only"
        if arm in self.plan.unasked:
            return "not asked for"
        if self.plan.recipe.axis in AXES:  # a cell is asked at all places at once
            return "not applicable" if somewhere else "missing"
        return "missing" if is_planned else "not applicable"

    @cached_property
    def _planned(self) -> dict[str, set[Any]]:
        """The places at which each arm has a cell; None is all of them."""
        places: dict[str, set[Any]] = {arm.label: set() for arm in self.plan.every_arm}
        for run in [*self.plan.cells, *self.plan.other_cells]:
            if run.arm is not None:
                places[run.arm.label].add(run.parameters.get(self.plan.recipe.axis))
        return places

    def _failed_at(self, arm: Arm, x: Any) -> bool:
        axis = self.plan.recipe.axis
        for run in self.failed:
            if run.arm == arm and run.parameters.get(axis) in (x, None):
                return True
        return False

    # --- rows, indexed once ----------------------------------------------------------------

    @cached_property
    def _index(self) -> dict[tuple[str, Where], dict[Any, list[Row]]]:
        """Rows by arm and line, then by their place on the axis."""
        index: dict[tuple[str, Where], dict[Any, list[Row]]] = {}
        for row in self.rows:
            by_place = index.setdefault((row["arm"], self._where(row)), {})
            by_place.setdefault(row.get(self.plan.recipe.axis), []).append(row)
        return index

    def _where(self, row: Row) -> Where:
        layer = None if self.plan.recipe.axis == "layer" else row["layer"]
        return row["feature"], row["scenes"], readout(row), layer

    @cached_property
    def _found(self) -> list[Where]:
        """What rows there are, in their order."""
        return list(dict.fromkeys(where for _, where in self._index))

    @cached_property
    def _row_layers(self) -> list[tuple[Where, str]]:
        """What rows there are, each with its layer, also where the axis runs along layers."""
        return list(dict.fromkeys((self._where(row), row["layer"]) for row in self.rows))

    @cached_property
    def _measured(self) -> dict[str, set[Any]]:
        """The places at which anything was measured, by arm."""
        places: dict[str, set[Any]] = {}
        for (arm, _), by_place in self._index.items():
            places.setdefault(arm, set()).update(by_place)
        return places

    # --- facts about all rows --------------------------------------------------------------

    def guess(self, feature: str, probe: str = "linear", measure: str = "accuracy") -> float:
        """What guessing would score, in [0, 1]: the mean over the rows of this measure.

        Probes that declare the same measure guess the same: the most frequent class.
        """
        wanted = Line("", "", probe, measure).of
        values = []
        for row in self.rows:
            same = Line("", "", readout(row), measure).of == wanted
            if same and row["feature"] == feature and row.get("guess") is not None:
                values.append(row["guess"])
        return sum(values) / len(values) if values else math.nan

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({row["seed"] for row in self.rows})

    @cached_property
    def seeds_a_place(self) -> list[int]:
        """The numbers of seeds that places of the axis have, ascending, each once."""
        seeds: dict[Any, set[int]] = {x: set() for x in self.plan.axis}
        for row in self.rows:
            place = row.get(self.plan.recipe.axis)
            for x in self.plan.axis if place is None else [place]:
                if x in seeds:
                    seeds[x].add(row["seed"])
        return sorted({len(each) for each in seeds.values() if each})

    def asked_at(self, line: Line, x: Any) -> bool:
        """Whether the line's feature was asked for on its scenes at this place, or nothing was."""
        places: set[Any] = set()
        for by_place in self._index.values():
            places.update(by_place)
        if not places & {x, None}:
            return True
        for (_, where), by_place in self._index.items():
            if where[:2] == (line.feature, line.scenes) and set(by_place) & {x, None}:
                return True
        return False

    def scenes_text(self, scenes: str) -> str:
        """What is seen on such scenes."""
        return self.plan.card.scenes.get(scenes, SCENES.get(scenes, scenes))


def summarise(
    plan: Plan,
    rows: list[Row],
    failed: Iterable[Run] = (),
    flops: Mapping[str, int] | None = None,
) -> Summary:
    """All that there is to show of an experiment's rows.

    Args:
        plan: The experiment.
        rows: Its rows, each with its arm.
        failed: The cells that could not be trained.
        flops: Operations of a training by the arm's label, where they were counted.
    """
    return Summary(plan, rows, list(failed), flops or {})


def readout(row: Row) -> str:
    """The probe in whose line a row stands: a network is asked one or the other."""
    return line_of(row["probe"])


# --- intervals -------------------------------------------------------------------------------


def interval(rows: list[Row], column: str, measure: Measure) -> Interval:
    """Mean and 95 % interval of a column of rows, one a seed."""
    if not rows:
        return Interval(math.nan, *NO_BOUNDS, "none")
    values = [row[column] for row in rows]
    limits = (0.0, 1.0) if measure.percent else None
    units = units_of(rows, column)
    if len(units) == len(rows):
        found = of_accuracies(tuple(units.values()))
        if found.kind != "none":
            return found._replace(mean=sum(values) / len(values))
    least = ONE_PICTURE if measure.percent else NO_WIDTH
    return by_the_rule(Crossed.of_seeds(values), own_bounds(rows, measure), limits, least)


def difference(more: Point, less: Point) -> Interval:
    """How much more one point has than another, by the rule for intervals, paired by seed.

    Where instances were kept it is paired by instance, too. Without them, one seed's bounds are
    those between the nearest and the farthest ends of the points' own intervals.
    """
    seeds = sorted(set(more.by_seed) & set(less.by_seed))
    if not seeds:
        return Interval(math.nan, *NO_BOUNDS, "none")
    apart = crossed(more, seeds) - crossed(less, seeds)
    found = by_the_rule(
        apart,
        (more.low - less.high, more.high - less.low),
        (-1.0, 1.0) if more.line.of.percent else None,
    )
    if found.kind == "instances" and len(seeds) > 1:  # of points that have intervals over seeds
        return found._replace(kind="seeds")
    return found


def by_the_rule(
    found: Crossed,
    spare: tuple[float, float] = NO_BOUNDS,
    limits: tuple[float, float] | None = None,
    least: float = NO_WIDTH,
) -> Interval:
    """Mean and interval of a quantity by seed.

    Args:
        found: The quantity.
        spare: Bounds over instances alone, for one seed, and for seeds that do not differ.
        limits: What is possible at all.
        least: Half of the width of an interval of seeds that do.
    """
    seeds, mean = len(found.values), found.mean
    if 1 < seeds < FEWEST_SEEDS:
        return Interval(mean, *NO_BOUNDS, "none")
    half_width = found.half_width()
    low, high = mean - half_width, mean + half_width
    kind: IntervalKind = "seeds and instances" if found.has_instances else "seeds"
    if seeds == 1:
        kind = "instances"
    if half_width <= least:
        (low, high), kind = spare, "instances"
    return sensible(Interval(mean, low, high, kind), limits)


def sensible(found: Interval, limits: tuple[float, float] | None) -> Interval:
    """The interval within the limits; none if it is without a width, or all that is possible."""
    mean, low, high, kind = found
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    if not high - low > NO_WIDTH or (low, high) == limits:
        return Interval(mean, *NO_BOUNDS, "none")
    return Interval(mean, low, high, kind)


@lru_cache(maxsize=KEPT)
def of_accuracies(units: tuple[Units, ...]) -> Interval:
    """Mean and interval of accuracies over seeds and instances, or over those of one seed.

    None where seeds were not asked about the same instances.
    """
    found = Crossed.accuracy(units)
    if not found.has_instances or 1 < len(units) < FEWEST_SEEDS:
        return Interval(found.mean, *NO_BOUNDS, "none")
    is_crossed = len(units) > 1 and found.half_width() > NO_WIDTH
    kind: IntervalKind = "seeds and instances" if is_crossed else "instances"
    return sensible(Interval(*found.of_a_share(), kind), (0.0, 1.0))


def crossed(point: Point, seeds: list[int]) -> Crossed:
    """The measure of these seeds, with the instances that move it where they are kept."""
    if all(seed in point.units for seed in seeds):
        return Crossed.accuracy([point.units[seed] for seed in seeds])
    return Crossed.of_seeds([point.by_seed[seed] for seed in seeds])


def units_of(rows: list[Row], column: str) -> dict[int, Units]:
    """The instances behind an accuracy, by seed; of another column there are none."""
    if column != OF_UNITS:
        return {}
    return {row["seed"]: row["units"] for row in rows if "units" in row}


def own_bounds(rows: list[Row], measure: Measure) -> tuple[float, float]:
    """The mean bounds of each seed's own interval; NaN where they have none."""
    found = []
    for name in (measure.low, measure.high):
        values = [row.get(name) if name else None for row in rows]
        known = [value for value in values if value is not None]
        found.append(sum(known) / len(rows) if len(known) == len(rows) else math.nan)
    return found[0], found[1]


# --- published values ------------------------------------------------------------------------


def published_at(plan: Plan, x: Any) -> Any:
    """The column of the published table that stands beside x, if there is one.

    That is what the scale's `published_at` says, else the same value. A place of ours may stand
    between two published ones.
    """
    settings, published = plan.recipe.scale[plan.scale], plan.recipe.published
    column = x
    if "published_at" in settings:
        axis = settings[plan.recipe.axis]
        column = dict(zip(axis, settings["published_at"], strict=True)).get(x)
    return column if published and column in published.axis else None


def as_published(plan: Plan, line: Line) -> Line:
    """The line by which the feature was read where it was published."""
    published = plan.recipe.published
    if published is None:
        return line
    return dataclasses.replace(line, scenes=published.scenes, probe=published.probe)


def published_row(plan: Plan, arm: Arm, line: Line) -> list[float] | None:
    """The published percentages that stand beside an arm's line, along the published axis.

    NaN stands where a place of it was not published.
    """
    published = plan.recipe.published
    if published is None or line.measure != "accuracy":
        return None
    of_its_own = line.scenes in SCENES  # what a probe asks of scenes that no card names
    asked = (line.scenes, line.probe)
    if not of_its_own and asked != (published.scenes, published.probe):
        return None
    if plan.recipe.axis != "layer" and line.layer not in ("h", OUTPUT):
        return None
    settings = known_settings(published, arm)
    for row in published.rows:
        if row["feature"] == line.feature and published_settings(row) == settings:
            return row["accuracy"]
    return None


def published_beside_no_arm(plan: Plan) -> str:
    """A sentence on the published rows that stand beside no arm of the recipe; "" if all do."""
    published = plan.recipe.published
    if published is None:
        return ""
    ours = [known_settings(published, arm) for arm in plan.every_arm]
    alone = [i for i, row in enumerate(published.rows) if published_settings(row) not in ours]
    if not alone:
        return ""
    first = Arm(published_settings(published.rows[alone[0]])).label
    return (
        f"{plan.name}: {len(alone)} of {len(published.rows)} published rows stand beside no arm of "
        f"the recipe, as published.rows[{alone[0]}] ({first}): table and figure do not show them"
    )


def known_settings(published: Published, arm: Arm) -> dict[str, Any]:
    """What is set in an arm, but for what the published table does not tell."""
    return {
        name: value
        for name, value in arm.settings.items()
        if name not in published.untold and value is not None
    }


def published_value(plan: Plan, arm: Arm, line: Line, x: Any) -> float | None:
    """The published accuracy in percent that stands beside an arm's line at x."""
    row, column, published = published_row(plan, arm, line), published_at(plan, x), None
    if row is not None and column is not None and plan.recipe.published:
        published = row[plan.recipe.published.axis.index(column)]
    return None if published is None or math.isnan(published) else published
