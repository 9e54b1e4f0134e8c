"""Arms, places of the axis and seeds -> cells, in the order in which they are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from suppression.errors import UserError
from suppression.experiment.arms import MOST_ARMS, Arm, arm_of, product, unique
from suppression.experiment.prerequisites import Prerequisites, filled, first_values
from suppression.experiment.run import Run
from suppression.experiment.schema import Parameter, cell_parameters, going_with, remedy_names
from suppression.experiment.settings import Lists, Settings, typed
from suppression.methods import METHODS
from suppression.methods.remedies import REMEDIES

MOST_CELLS = 20_000  # tens of times the largest board; a plan of them takes seconds to make


def recipe_arms(settings: Settings) -> list[dict[str, Any]]:
    """All arms and controls of the recipe, but for those that cannot be.

    These stand where the axis does not go, or redraw a competitor that is pinned to be blank.
    """
    axis = settings.recipe.axis
    is_blank = any(settings.pins.get("blank", []))
    found = []
    for arm in [*written_arms(settings, "arms"), *written_arms(settings, "controls")]:
        on_axis = axis not in arm or arm[axis] in settings.axis
        if on_axis and not (is_blank and arm.get("redraw")):
            found.append(arm)
    return unique(found)


def written_arms(settings: Settings, table: str) -> list[dict[str, Any]]:
    """The arms of a recipe's `arms` or `controls`; several values of a parameter are several."""
    found = []
    for i, given in enumerate(getattr(settings.recipe, table)):
        lists = typed(given, f"{settings.name}: {table}[{i}]", settings.card.kind)
        found += product(lists)
    return found


def controls_of(settings: Settings) -> list[dict[str, Any]]:
    """The recipe's controls, with the pins on what arms of their method set, too.

    A temperature that is pinned is that of an arm and of its control. What alone a control sets,
    as `redraw`, stays as it is written: with another value an arm is no control. Those that are
    written are among them, too: arms that are not asked for have them beside.
    """
    written = written_arms(settings, "controls")
    found = [*written]
    for control in written:
        of_arms: set[str] = set()
        for arm in settings.recipe.arms:
            if arm["method"] == control["method"]:
                of_arms.update(arm)
        shared = {name: value for name, value in control.items() if name in of_arms}
        pins = settings.pins_of(shared) if len(shared) < len(control) else {}
        found += [with_its_parameters(settings, control, choice) for choice in product(pins)]
    return unique(found)


def asked_for(settings: Settings, arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The arms that the command line asks for: all of them, if it does not say.

    A parameter that is given several values, or that arms of the method set, makes an arm of
    each of its values; so does a remedy, which only some methods can have. A remedy that is named
    where there is a leaderboard goes with what that holds others against, and nothing else.
    """
    base, found = arms, []
    if settings.recipe.board is not None and "remedy" in settings.pins:
        found = held_against(settings, arms)
        base = [*found, *(arm for arm in arms if "remedy" not in settings.has(arm["method"]))]
    elif "method" in settings.pins:
        methods = settings.pins["method"]
        base = [arm for arm in arms if arm["method"] in methods]
        there = {arm["method"] for arm in base}
        base += [{"method": method} for method in methods if method not in there]
    set_by = set_by_method(settings)
    for arm in base:
        apart: Lists = {}
        has = settings.has(arm["method"])
        pins = settings.pins_of(has)
        for name in sorted(pins, key=lambda name: name != "remedy"):
            values = pins[name]
            of_remedy = has[name].group.startswith("remedies")
            if len(values) > 1 or of_remedy or name in set_by[arm["method"]]:
                apart[name] = values
        for choice in product(apart):
            found.append(with_its_parameters(settings, arm, choice))
    return unique(found)


def held_against(settings: Settings, arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a remedy that is named is held against: the first baseline of its method, and its
    control with the competitor redrawn.

    Raises:
        UserError: if no baseline has the method that is asked for.
    """
    assert settings.recipe.board is not None
    methods = settings.pins.get("method")
    bases = settings.recipe.board.baselines
    if methods:
        bases = [base for base in bases if base["method"] in methods]
    if not bases:
        there = ", ".join(base["method"] for base in settings.recipe.board.baselines)
        raise UserError(
            f"the leaderboard of {settings.name} has no baseline of the method "
            f"{', '.join(map(str, methods or []))}: a remedy is held against {there}"
        )
    found = [bases[0]]
    for arm in arms:
        without = {name: arm[name] for name in arm if name not in ("redraw", settings.recipe.axis)}
        if arm.get("redraw") == 1 and without == bases[0]:
            found.append(arm)
    return found


def with_its_parameters(
    settings: Settings, arm: dict[str, Any], choice: dict[str, Any]
) -> dict[str, Any]:
    """The arm with what is chosen, but for parameters of a remedy that it has not.

    Nor is it said of scenes that they are as they always are: `redraw` of 0 is the arm itself.
    """
    has = cell_parameters(settings.card.kind, arm["method"], {**arm, **choice}.get("remedy"))
    found = {name: value for name, value in arm.items() if name in has or name == "remedy"}
    for name, value in choice.items():
        if name == "remedy" and value is not None:
            found[name] = value
        elif name == "remedy":
            found.pop(name, None)  # none is the arm itself
        elif name in has:
            if is_usual(settings, has[name], value):
                found.pop(name, None)
            else:
                found[name] = value
    return found


def is_usual(settings: Settings, parameter: Parameter, value: Any) -> bool:
    """Whether scenes have this value where nobody says anything."""
    is_default = parameter.group == "dataset" and value == parameter.default
    return is_default and parameter.name not in settings.common


def set_by_method(settings: Settings) -> dict[str, set[str]]:
    """The parameters that arms of each method set."""
    found: dict[str, set[str]] = {method: set() for method in METHODS}
    for arm in settings.recipe.every_arm:
        if arm["method"] in found:
            found[arm["method"]].update(arm)
    return found


def check_pins(settings: Settings, asked: list[dict[str, Any]]) -> None:
    """UserError for a pin that does nothing in any arm that is asked for."""
    methods = [arm["method"] for arm in asked]
    tables = [table.get("method") for table in settings.recipe.pretrain.values()]
    known = set()
    for method in [*methods, *tables]:
        if method in METHODS:
            known |= set(settings.has(method))
    for value in settings.pins.get("remedy", []):
        check_remedies(remedy_names(value), methods)
    for name in settings.pins:
        if name not in known and name not in (settings.recipe.axis, "seed", "method"):
            raise UserError(
                f"no arm of {settings.name} that was asked for has the parameter '{name}' "
                f"({', '.join(sorted(set(methods)))})"
            )


def check_remedies(names: list[str], methods: list[str]) -> None:
    """UserError for a remedy that goes with none of the methods, with those that it goes with."""
    for name in names:
        if not any(going_with(method, [name]) for method in methods):
            others = [method for method in METHODS if going_with(method, [name])]
            raise UserError(
                f"remedy {name} needs {REMEDIES[name].needs}, which {', '.join(methods)} has not; "
                f"it goes with: {', '.join(others)}"
            )


def cells_of(
    settings: Settings,
    arms: list[dict[str, Any]],
    every_arm: list[Arm],
    prerequisites: Prerequisites,
    *,
    leave_out_impossible: bool = False,
) -> list[Run]:
    """The cells of these arms, each with its arm.

    A parameter's value is the last one given of: its default, the card, the scale, the scale's
    table for the method, the arm, the place on the axis, the pin.

    Args:
        settings: What cells are made from.
        arms: The arms that are wanted.
        every_arm: Those among which a cell finds the one that it belongs to.
        prerequisites: Takes in what the cells build on.
        leave_out_impossible: Leave out cells whose values are out of their ranges, instead of
            raising UserError.
    """
    recipe, kind = settings.recipe, settings.card.kind
    controls = controls_of(settings)
    axis: list[dict[str, Any]] = [{}]
    if not settings.axis_is_probed:
        axis = [{recipe.axis: x} for x in settings.axis]
    check_number(settings, arms, axis)
    found: dict[str, Run] = {}
    for seed, place, arm in in_order(settings.seeds, settings.end_seeds, axis, arms):
        if recipe.axis in arm and arm[recipe.axis] != place[recipe.axis]:
            continue  # an arm that sets the axis's parameter itself stands at that place only
        if place not in (axis[0], axis[-1]) and is_control(arm, controls):
            continue
        method = arm["method"]
        given = first_values({**settings.common, **settings.per_method[method]})
        chosen = {**given, **arm, **place, "seed": seed if METHODS[method].seeded else 0}
        # On an arm that was not asked for, a pin still says what is the same everywhere: the
        # canvas, the source, the budget.
        has = settings.has(method)
        for name, values in settings.pins_of(has).items():
            if name not in arm:
                usual = [value for value in values if is_usual(settings, has[name], value)]
                chosen[name] = (usual or values)[0]
        try:
            run = prerequisites.complete(filled(kind, chosen), place)
        except UserError:
            if leave_out_impossible:
                continue
            raise
        run = dataclasses.replace(run, arm=arm_of(run.named_parameters, every_arm))
        found.setdefault(run.identity, run)  # one without the axis's parameter is the same anywhere
    return list(found.values())


def check_number(
    settings: Settings, arms: list[dict[str, Any]], axis: list[dict[str, Any]]
) -> None:
    """UserError, before any is made, for more cells than anyone trains."""
    if max(len(arms), len(axis)) > MOST_ARMS:
        raise UserError(
            f"{settings.name}: {len(arms):,} arms at {len(axis):,} places are asked for, and "
            f"{MOST_ARMS:,} of either are the most"
        )
    at_all, at_ends = len(settings.seeds), len(settings.end_seeds)
    number = len(arms) * (len(axis) * at_all + 2 * max(0, at_ends - at_all))
    if number > MOST_CELLS:
        raise UserError(
            f"{settings.name}: {len(arms):,} arms, {len(axis):,} places and {at_all:,} seeds are "
            f"{number:,} cells, and {MOST_CELLS:,} are the most: fewer seeds, places or values"
        )


def is_control(arm: Mapping[str, Any], controls: list[dict[str, Any]]) -> bool:
    """Whether an arm is one of the recipe's controls, with what pins may have added."""
    return any(control.items() <= arm.items() for control in controls)


def in_order(
    seeds: list[int],
    end_seeds: list[int],
    axis: list[dict[str, Any]],
    arms: list[dict[str, Any]],
) -> list[tuple[int, dict[str, Any], dict[str, Any]]]:
    """Seed by seed: the two ends of the axis arm by arm, then what lies between.

    So the contrast shows first.
    """
    ends, between = unique([axis[-1], axis[0]]), axis[1:-1]
    order = []
    for seed in end_seeds:
        order += [(seed, place, arm) for arm in arms for place in ends]
        if seed in seeds:
            order += [(seed, place, arm) for place in between for arm in arms]
    return order
