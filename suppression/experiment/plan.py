"""A card and a grid -> cells: applies pins from the command line to an experiment, and lists what there is to train."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suppression.errors import UserError, unknown
from suppression.evaluation.spec import Probe
from suppression.experiment.spec import Card, Recipe, load_card, load_recipe

# What runs through several values within one cell, so that an axis along it takes no more cells: the column of the rows, and the probe's parameter.
PROBE_AXES = {"layer": "layers", "k": "clusters"}

Cell = dict[str, Any]
Pins = dict[str, list[Any]]


@dataclass(frozen=True)
class Plan:
    """A recipe at one scale with its pins applied: the cells asked for, in the order in which they are trained, and the arms that were not asked for.

    `before` are the cells that others build on, by their keys, each behind what it builds on itself; `names` are those of their tables, by key.
    """

    name: str
    recipe: Recipe
    card: Card
    scale: str
    axis: list[Any]
    seeds: list[int]
    arms: list[Cell]
    unasked: list[Cell]
    probe: Probe
    cells: list[Cell]
    other_cells: list[Cell]
    pinned: Cell  # to one value in every arm: parameters that no arm of the recipe sets
    before: dict[str, Cell] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def make_plan(
    name: str,
    *,
    scale: str = "laptop",
    seeds: int | None = None,
    end_seeds: int | None = None,
    layers: list[str] | None = None,
    pins: Pins | None = None,
) -> Plan:
    """The cells of recipe `name` at `scale`. `pins` maps parameters to the values asked for (several make a list); `seeds` is how many, from 0, and `end_seeds`
    how many at the two ends of the axis, where a claim about their difference rests; `layers` are probed instead of the recipe's.

    A parameter's value is the last one given of: its signature's default, the card, the scale, the scale's table for the method, the arm, the pin. For a cell
    that others build on the place on the axis and the seed are those of the cell that does, and what its table says comes last.
    """
    from suppression.experiment.keys import full_key
    from suppression.experiment.schema import cell_parameters, coerce, schema
    from suppression.methods import METHODS

    recipe = load_recipe(name)
    name = Path(name).stem
    card = load_card(recipe.data)
    parameters = schema(card.kind)
    if scale not in recipe.scale:
        raise unknown(f"{name} has no scale", scale, recipe.scale)
    if recipe.axis not in parameters and recipe.axis not in PROBE_AXES:
        raise unknown(f"{name}: {card.kind} has no parameter for the axis", recipe.axis, [*parameters, *PROBE_AXES])
    for i, arm in enumerate(recipe.arms):
        if "method" not in arm:
            raise UserError(f"{name}: arms[{i}] names no method; there are: {', '.join(METHODS)}")
    settings = {key: value for key, value in recipe.scale[scale].items() if key != "published_at"}
    probe = load_probe(recipe, settings.pop("probe", {}), f"{name}: [scale.{scale}.probe]")
    if layers:
        probe = probe.model_copy(update={"layers": layers})
    for asked_for in recipe.retention:
        if asked_for.feature not in card.features:
            raise unknown(f"{name}: retention: card {recipe.data} has no feature", asked_for.feature, card.features)
        if isinstance(asked_for.reference, str) and asked_for.reference not in parameters:
            raise unknown(f"{name}: retention: {card.kind} has no parameter for the reference", asked_for.reference, parameters)
    if recipe.panels and not probe.contrast:
        raise UserError(f"{name}: panels of {', '.join(recipe.panels)} are of pairs, and the probe asks none: give probe.contrast, how many")
    if recipe.incentive and not recipe.retention:
        raise UserError(f"{name}: incentive is drawn over the feature whose retention is asked for, and none is")
    by_method = {method: settings.pop(method, {}) for method in METHODS}
    seeds = seeds if seeds is not None else settings.pop("seeds", recipe.seeds)
    settings.pop("seeds", None)
    if seeds < 1:
        raise UserError(f"seeds = {seeds}: at least one is needed")

    def checked(given: dict[str, Any], where: str, kind: str = card.kind) -> dict[str, Any]:
        parameters = schema(kind)
        for parameter in given:
            if parameter not in parameters:
                raise unknown(f"{where}: {kind} has no parameter", parameter, parameters)
        many = {parameter: value if isinstance(value, list) and not parameters[parameter].holds_several else [value] for parameter, value in given.items()}
        return {parameter: [coerce(parameters[parameter], value, where) for value in values] for parameter, values in many.items()}

    pins = checked(pins or {}, "command line")
    common = checked(card.parameters, f"card {recipe.data}") | checked(settings, f"{name}: [scale.{scale}]")
    per_method = {method: checked(given, f"{name}: [scale.{scale}.{method}]") for method, given in by_method.items()}
    given = getattr(probe, PROBE_AXES[recipe.axis]) if recipe.axis in PROBE_AXES else pins.get(recipe.axis) or common.get(recipe.axis)
    axis = list(dict.fromkeys(given or []))
    if not axis:
        raise UserError(f"{name}: [scale.{scale}] gives no values of its axis {recipe.axis}")
    if end_seeds is not None and end_seeds < seeds:
        raise UserError(f"end_seeds = {end_seeds} is fewer than the {seeds} of the whole axis")
    seed_list = pins.get("seed") or list(range(seeds))
    end_list = pins.get("seed") or list(range(end_seeds or seeds))

    set_by = {method: {parameter for arm in recipe.arms if arm["method"] == method for parameter in arm} for method in METHODS}
    everywhere = {
        parameter: values[0]
        for parameter, values in pins.items()
        if len(values) == 1 and parameter not in {recipe.axis, "seed", *set().union(*set_by.values())}
    }

    def apart(arm: Cell) -> Pins:
        """The pins that set the arm apart: several values, or a value of a parameter that arms of its method set."""
        return {parameter: values for parameter, values in takes(arm).items() if len(values) > 1 or parameter in set_by[arm["method"]]}

    def takes(arm: Cell) -> Pins:
        has = cell_parameters(card.kind, arm["method"])
        return {parameter: values for parameter, values in pins.items() if parameter in has and parameter not in (recipe.axis, "seed", "method")}

    arms = unique(arm for i, given in enumerate(recipe.arms) for arm in product(checked(given, f"{name}: arms[{i}]")))
    arms = [arm for arm in arms if recipe.axis not in arm or arm[recipe.axis] in axis]  # one that stands where this scale's axis does not go is left out
    base = arms
    if "method" in pins:
        base = [arm for arm in arms if arm["method"] in pins["method"]]
        base += [{"method": method} for method in pins["method"] if method not in {arm["method"] for arm in base}]
    asked = unique(arm | choice for arm in base for choice in product(apart(arm)))
    tables = [table for table in recipe.pretrain.values() if table.get("method") in METHODS]
    for parameter in set(pins) - {recipe.axis, "seed", "method"}:
        if not any(parameter in cell_parameters(card.kind, method) for method in [arm["method"] for arm in asked] + [table.get("method") for table in tables]):
            raise UserError(f"no arm of {name} that was asked for has the parameter '{parameter}' ({', '.join(sorted({arm['method'] for arm in asked}))})")
    unasked = [arm for arm in arms if arm not in asked]

    def cells_of(some: list[Cell]) -> list[Cell]:
        found: list[Cell] = []
        for seed, at, arm in in_order(seed_list, end_list, [{}] if recipe.axis in PROBE_AXES else [{recipe.axis: x} for x in axis], some):
            if recipe.axis in arm and arm[recipe.axis] != at[recipe.axis]:
                continue  # an arm that sets the axis's parameter itself stands at that place only
            given = common | per_method[arm["method"]]
            chosen = {parameter: values[0] for parameter, values in given.items()} | arm | at | {"seed": seed}
            # What is pinned everywhere; and on an arm that was not asked for, a pin still describes it: the same canvas, source, budget.
            chosen |= {parameter: values[0] for parameter, values in takes(arm).items() if parameter not in arm}
            made = on_its_ground(filled(card.kind, chosen), at, ())
            if made not in found:  # a method without the axis's parameter is the same everywhere
                found.append(made)
        return found

    def filled(kind: str, chosen: Cell) -> Cell:
        has = cell_parameters(kind, chosen["method"])
        return {"data": kind} | {parameter: chosen.get(parameter, has[parameter].default) for parameter in has}

    def on_its_ground(cell: Cell, at: Cell, path: tuple[str, ...]) -> Cell:
        """The cell with the keys of the cells that it builds on, where it has the names of their tables; these go into `before`."""
        for parameter in METHODS[cell["method"]].builds_on:
            if (table := cell[parameter]) is not None:
                cell = cell | {parameter: (key := full_key(made := prerequisite(table, parameter, cell, at, path)))}
                before[key], names[key] = made, table
        return cell

    def prerequisite(table: str, parameter: str, cell: Cell, at: Cell, path: tuple[str, ...]) -> Cell:
        """The cell of [pretrain.`table`] that `cell` has as its start or teacher."""
        where = f"{name}: [pretrain.{table}]"
        if not recipe.pretrain:
            raise UserError(
                f"{name} has no [pretrain] tables, so there is nothing to be the {parameter}; label_efficiency, distillation and transfer have: copy one into a recipe of your own"
            )
        if table not in recipe.pretrain:
            raise unknown(f"{name} has no [pretrain] table to be the {parameter}", table, recipe.pretrain)
        if table in path:
            raise UserError(f"{where} builds on itself: {' on '.join([*path, table])}")
        given = dict(recipe.pretrain[table])
        other = card if "data" not in given else load_card(given.pop("data"))
        own = {key: values[0] for key, values in checked(given, where, other.kind).items() if len(values) == 1}
        if "method" not in own or len(own) < len(given):
            raise UserError(f"{where} names one method, and one value of each parameter")
        has = cell_parameters(other.kind, own["method"])
        settings = common if other == card else common | checked(other.parameters, f"card {recipe.pretrain[table].get('data')}", other.kind)
        chosen = {key: values[0] for key, values in (settings | per_method[own["method"]]).items()} | at | {"seed": cell["seed"]}
        if parameter == "start":  # the encoder is the same one
            chosen |= {key: cell[key] for key in ("net", "width", "stem", "depth")}
        for key, values in pins.items():
            if key in has and key not in (recipe.axis, "seed", "method", "start", "teacher", *own):
                if key not in cell and len(values) > 1:
                    raise UserError(f"{where} has the parameter '{key}', which was given several values: what others build on is one cell")
                chosen[key] = cell.get(key, values[0])
        return on_its_ground(filled(other.kind, chosen | own), at, (*path, table))

    before: dict[str, Cell] = {}
    names: dict[str, str] = {}

    cells = cells_of(asked)
    others = [cell for cell in cells_of(unasked) if cell not in cells]
    return Plan(name, recipe, card, scale, axis, end_list, asked, unasked, probe, cells, others, everywhere, before, names)


def named(plan: Plan, cell: Cell) -> Cell:
    """The cell, or a row of it, with the names of what it builds on in place of their keys."""
    return cell | {parameter: plan.names.get(cell[parameter], cell[parameter]) for parameter in ("start", "teacher") if cell.get(parameter) is not None}


def load_probe(recipe: Recipe, given: dict[str, Any], where: str) -> Probe:
    for key in given:
        if key not in Probe.model_fields:
            raise unknown(f"{where} has no key", key, Probe.model_fields)
    return Probe(**(recipe.probe.model_dump() | given))


def product(lists: Pins) -> list[Cell]:
    """`{"method": ["simclr"], "tau": [0.05, 0.2]}` -> one dict a combination."""
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def unique(dicts: Iterable[Cell]) -> list[Cell]:
    found: list[Cell] = []
    for each in dicts:
        if each not in found:
            found.append(each)
    return found


def in_order(seeds: list[int], end_seeds: list[int], axis: list[Cell], arms: list[Cell]) -> list[tuple[int, Cell, Cell]]:
    """Seed by seed; in each the two ends of the axis arm by arm, then what lies between, so that the contrast shows first."""
    ends, between = unique([axis[-1], axis[0]]), axis[1:-1]
    order: list[tuple[int, Cell, Cell]] = []
    for seed in end_seeds:
        order += [(seed, x, arm) for arm in arms for x in ends]
        order += [(seed, x, arm) for x in between for arm in arms] if seed in seeds else []
    return order
