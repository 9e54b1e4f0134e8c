"""The results that lessons show: trained here where that is wanted, else the record."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from suppression import api, running
from suppression.errors import UserError
from suppression.execution.context import Context
from suppression.execution.displays import is_notebook
from suppression.execution.environment import pick_device
from suppression.execution.store import Store
from suppression.experiment import files
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import Row
from suppression.reporting.result import Result
from suppression.reporting.summary import Line

LIVE = ("random_bits", "coloured_digits")  # what lessons 05 and 07 train, at the demo scale
MINUTES = 1  # that one takes on two idle cores


def result(name: str, *, live: bool = True) -> Result:
    """An experiment at the demo scale; without training it is the stored one, else the record.

    Args:
        name: One of `LIVE`.
        live: Whether to train here what is not stored; about a minute on two cores.

    Returns:
        The result, as `suppression.run` and `suppression.record` have it.

    Raises:
        UserError: if no lesson trains the experiment, or it has no record.

    Example:
        >>> import suppression as sup
        >>> sup.lessons.result("random_bits", live=False).plan.recipe.title
        'Random bits'
    """
    if name not in LIVE:
        raise UserError(f"{name} is not trained in lessons; these are: {', '.join(LIVE)}")
    if live or is_stored(name):
        return api.run(name, scale="demo")
    scales = api.recorded_scales(files.find("experiments", name))
    found = api.record(name, scale="laptop" if "laptop" in scales else "demo")
    print(
        f"nothing is trained here: this is the recorded result of {name} ({found.plan.scale} "
        "scale). `python -m suppression.lessons prepare` trains the lesson's own in about "
        f"{MINUTES} minute on two cores.",
        file=sys.stdout if is_notebook() else sys.stderr,  # a notebook paints this as an error
    )
    return found


def is_stored(name: str) -> bool:
    """Whether all that the demo scale wants is in the store, and can be read."""
    planned = make_plan(name, scale="demo")
    context = Context(store=Store(None).root, device=pick_device("auto"))
    try:
        work = running.work_of(planned, context)
    except (UserError, OSError):
        return False
    return not work.missing


def percent(rows: Iterable[Row], column: str = "accuracy") -> float:
    """The mean of a column of rows, in percent.

    Args:
        rows: What `result.select(...)` hands out.
        column: Which column, a share in [0, 1].

    Raises:
        UserError: if there is no row, or none has the column.

    Example:
        >>> import suppression as sup
        >>> record = sup.record("random_bits")
        >>> rows = record.select(method="supervised", feature="class", bits=8, scenes="together")
        >>> sup.lessons.percent(rows) > 90
        True
    """
    values = []
    for row in rows:
        if row.get(column) is not None:
            values.append(row[column])
    if not values:
        raise UserError(f"no row has {column}: select what is in `result.rows`")
    return 100 * sum(values) / len(values)


def ranking(
    result: Result, feature: str, *, at: Any, scenes: str = "together", probe: str = "linear"
) -> api.Listing:
    """The arms at one place of the axis, the best first.

    Args:
        result: Of which experiment.
        feature: What is read.
        at: The place of the axis.
        scenes: On which scenes.
        probe: By which readout.

    Returns:
        A dict an arm: `arm`, `percent`, `low` and `high` (95 % interval; nan where there is
        none) and `seeds`.

    Raises:
        UserError: if nothing was measured there.

    Example:
        >>> import suppression as sup
        >>> record = sup.record("random_bits")
        >>> sup.lessons.ranking(record, "class", at=8)[0]["arm"]
        'supervised'
    """
    line = line_for(result, feature, scenes, probe)
    found = api.Listing()
    for arm in result.summary.arms:
        point = result.summary.point(arm, line, at)
        if point.n:
            values = {"percent": point.mean, "low": point.low, "high": point.high}
            rounded = {name: round(100 * value, 1) for name, value in values.items()}
            found.append({"arm": arm.label, **rounded, "seeds": point.n})
    if not found:
        places = ", ".join(map(str, result.plan.axis))
        raise UserError(
            f"nothing was measured at {result.plan.recipe.axis} {at}; there are: {places}"
        )
    found.sort(key=lambda row: -row["percent"])
    return found


def line_for(
    result: Result,
    feature: str,
    scenes: str,
    probe: str = "linear",
    measure: str | None = None,
    layer: str | None = None,
) -> Line:
    """The line of a result's table; UserError with those that there are."""
    measure = measure or result.plan.recipe.measure
    for line in result.summary.lines:
        same = (line.feature, line.scenes, line.probe) == (feature, scenes, probe)
        if same and layer in (None, line.layer):
            return Line(feature, scenes, probe, measure, line.layer)
    there: dict[str, None] = {}
    for line in result.summary.lines:
        there[f"{line.feature} ({line.scenes}, {line.probe}, {line.layer})"] = None
    asked = ", ".join(filter(None, [scenes, probe, layer]))
    raise UserError(f"{feature} ({asked}) was not read; there are: {', '.join(there)}")
