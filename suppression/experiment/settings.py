"""What a recipe's scale, its card and the command line say, checked and with its types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from suppression.errors import UserError, unknown
from suppression.evaluation.probes import AXES, MEASURES, PROBES, SCENES, line_of, switched_on
from suppression.evaluation.spec import ProbeSettings, filled_in
from suppression.experiment.schema import (
    Parameter,
    cell_parameters,
    coerce,
    going_with,
    remedy_names,
    schema,
)
from suppression.experiment.spec import (
    MOST_SEEDS,
    Card,
    Recipe,
    is_number,
    load_card,
    load_recipe,
    published_settings,
)
from suppression.methods import METHODS

Lists = dict[str, list[Any]]  # the values of each parameter


@dataclass(frozen=True)
class Settings:
    """All that cells are made from.

    Args:
        name: The recipe's name.
        recipe: What the recipe says.
        card: The data set's card.
        scale: The scale's name.
        common: The card's and the scale's values, by parameter.
        per_method: What the scale says of single methods.
        pins: What is asked for on the command line.
        axis: The places of the axis.
        seeds: The seeds of the whole axis.
        end_seeds: The seeds of its two ends.
        probe: What the trained networks are asked.
        places: The axis at every scale, whatever is pinned, where the recipe has contrasts.
    """

    name: str
    recipe: Recipe
    card: Card
    scale: str
    common: Lists
    per_method: Mapping[str, Lists]
    pins: Lists
    axis: list[Any]
    seeds: list[int]
    end_seeds: list[int]
    probe: ProbeSettings
    places: Mapping[str, list[Any]]

    @property
    def axis_is_probed(self) -> bool:
        """Whether the axis runs within each cell, along layers or numbers of clusters."""
        return self.recipe.axis in AXES

    def remedies(self, method: str) -> list[str]:
        """The remedies that are pinned, or that an arm of the method has, and that go with it."""
        lists = [self.pins.get("remedy", [])]
        for arm in self.recipe.every_arm:
            if arm["method"] == method and "remedy" in arm:
                own = typed({"remedy": arm["remedy"]}, self.name, self.card.kind)
                lists.append(own["remedy"])
        names: dict[str, None] = {}
        for values in lists:
            for value in values:
                names.update(dict.fromkeys(remedy_names(value)))
        return going_with(method, names)

    def has(self, method: str) -> dict[str, Parameter]:
        """The parameters that cells of this method may have, with any of their remedies."""
        found = cell_parameters(self.card.kind, method)
        for remedy in self.remedies(method):  # each by itself: they need not go together
            found = {**cell_parameters(self.card.kind, method, remedy), **found}
        return found

    def pins_of(self, has: Mapping[str, Any]) -> Lists:
        """The pins of parameters that a cell has, but for those that choose cells."""
        apart = (self.recipe.axis, "seed", "method")
        return {
            name: values for name, values in self.pins.items() if name in has and name not in apart
        }


def read_settings(
    name: str,
    *,
    scale: str,
    seeds: int | None,
    end_seeds: int | None,
    layers: list[str] | None,
    pins: Mapping[str, Any] | None,
) -> Settings:
    """Read and check everything; UserError with the place and the nearest right name."""
    whole = load_recipe(name)
    name = Path(name).stem
    recipe = whole.at(scale, f"{name}: [scale.{scale}]")
    card = load_card(recipe.data)
    known = schema(card.kind)
    check_recipe(name, recipe, card, known, scale)
    of_scales = {each: read_scale(name, recipe, card, each) for each in recipe.scale}
    of_scale = of_scales[scale]
    probe = of_scale.probe
    probe = probe.model_copy(update={"layers": list(dict.fromkeys(layers or probe.layers))})
    if "seed" in (pins or {}) and (seeds or end_seeds) is not None:
        raise UserError("seed and seeds both say which seeds there are: give one of them")
    number = of_scale.seeds if seeds is None else seeds
    if not 1 <= number <= MOST_SEEDS:
        raise UserError(f"seeds = {number} is not in 1..{MOST_SEEDS}: at least one is needed")
    if end_seeds is not None and not number <= end_seeds <= MOST_SEEDS:
        raise UserError(
            f"end_seeds = {end_seeds} is not in {number}..{MOST_SEEDS}: the ends have at least as "
            f"many as the whole axis"
        )
    pinned = typed(dict(pins or {}), "command line", card.kind)
    if recipe.board is not None and "remedy" in pinned:  # beside the training without it
        pinned["remedy"] = list(dict.fromkeys([None, *pinned["remedy"]]))
    common, per_method = of_scale.common, of_scale.per_method
    return Settings(
        name=name,
        recipe=recipe,
        card=card,
        scale=scale,
        common=common,
        per_method=per_method,
        pins=pinned,
        axis=places(name, recipe, scale, probe, pinned.get(recipe.axis) or common.get(recipe.axis)),
        seeds=pinned.get("seed") or list(range(number)),
        end_seeds=pinned.get("seed") or list(range(end_seeds or number)),
        probe=probe,
        places=places_at_every_scale(name, recipe, of_scales) if recipe.contrasts else {},
    )


@dataclass(frozen=True)
class Scale:
    """What a recipe says of one scale, checked and with its types."""

    common: Lists
    per_method: Mapping[str, Lists]
    probe: ProbeSettings
    seeds: int


def read_scale(name: str, recipe: Recipe, card: Card, scale: str) -> Scale:
    """UserError with the path of the key where the recipe asks for what cannot be."""
    where = f"{name}: [scale.{scale}]"
    given = dict(recipe.scale[scale])
    probe = read_probe(recipe, given.pop("probe", {}), f"{name}: [scale.{scale}.probe]")
    check_against_probe(name, recipe, probe)
    given.pop("arms", None)
    seeds = given.pop("seeds", recipe.seeds)
    if type(seeds) is not int or not 1 <= seeds <= MOST_SEEDS:
        raise UserError(f"{where} seeds = {seeds!r} is not a whole number in 1..{MOST_SEEDS}")
    columns = given.pop("published_at", None)
    methods = {method: given.pop(method, {}) for method in METHODS}
    common = typed(card.parameters, f"card {recipe.data}", card.kind)
    common.update(typed(given, where, card.kind))
    if columns is not None:
        places = given.get(recipe.axis)
        if not isinstance(columns, list) or not isinstance(places, list):
            raise UserError(f"{where} published_at is a list beside the list of {recipe.axis}")
        if len(columns) != len(places) or not all(map(is_number, columns)):
            raise UserError(
                f"{where} published_at has {len(columns)} values, {recipe.axis} {len(places)}: "
                "a number for each is wanted"
            )
    per_method = {}
    for method, own in methods.items():
        if not isinstance(own, dict):
            raise UserError(f"{where} {method} = {own!r} is no table")
        per_method[method] = typed(own, f"{name}: [scale.{scale}.{method}]", card.kind)
    return Scale(common, per_method, probe, seeds)


def check_recipe(
    name: str, recipe: Recipe, card: Card, known: Mapping[str, Parameter], scale: str
) -> None:
    if scale not in recipe.scale:
        raise unknown(f"{name} has no scale", scale, recipe.scale)
    if recipe.axis not in known and recipe.axis not in AXES:
        where = f"{name}: {card.kind} has no parameter for the axis"
        raise unknown(where, recipe.axis, [*known, *AXES])
    for i, arm in enumerate(recipe.every_arm):
        where = f"arms[{i}]" if i < len(recipe.arms) else f"controls[{i - len(recipe.arms)}]"
        methods = arm.get("method")
        for method in methods if isinstance(methods, list) and methods else [methods]:
            if not isinstance(method, str):
                there = ", ".join(METHODS)
                raise UserError(f"{name}: {where} names no method; there are: {there}")
    for table, told in recipe.pretrain.items():
        if not isinstance(told.get("method"), str):
            there = ", ".join(METHODS)
            raise UserError(f"{name}: [pretrain.{table}] names no method; there are: {there}")
    for i, row in enumerate(recipe.published.rows if recipe.published else []):
        typed(published_settings(row), f"{name}: published.rows[{i}]", card.kind)
    for each in recipe.retention:
        if each.feature not in card.features:
            where = f"{name}: retention: card {recipe.data} has no feature"
            raise unknown(where, each.feature, card.features)
        kinds = {**card.scenes, **SCENES, "alone": "", "together": ""}
        if each.scenes not in kinds:
            raise unknown(f"{name}: retention: there are no scenes", each.scenes, kinds)
        if isinstance(each.reference, str) and each.reference not in known:
            where = f"{name}: retention: {card.kind} has no parameter for the reference"
            raise unknown(where, each.reference, known)
    if recipe.incentive and not recipe.retention:
        raise UserError(
            f"{name}: incentive is drawn over the feature whose retention is asked for, and none is"
        )


def read_probe(recipe: Recipe, given: Any, where: str) -> ProbeSettings:
    """The recipe's settings of probes, and those of a scale in their place."""
    if not isinstance(given, dict):
        raise UserError(f"{where} is no table")
    for key in given:
        if key not in ProbeSettings.model_fields:
            raise unknown(f"{where} has no key", key, ProbeSettings.model_fields)
    return filled_in(ProbeSettings, {**recipe.probe.model_dump(), **given}, where)


def check_against_probe(name: str, recipe: Recipe, probe: ProbeSettings) -> None:
    """UserError for a measure that no probe has, and for a probe that is not asked."""
    asked: set[str] = set()
    for each in switched_on(probe):
        asked.update(each.measures)
    readouts = {line_of(each.name) for each in switched_on(probe)}
    for claim in recipe.retention:
        if claim.probe not in PROBES:
            raise unknown(f"{name}: retention: there is no probe", claim.probe, PROBES)
        if claim.probe not in readouts:
            raise UserError(
                f"{name}: retention is of what {claim.probe} reads, which is not asked: give "
                f"probe.{PROBES[claim.probe].switch}"
            )
    for measure in [recipe.measure, *recipe.panels]:
        if measure not in MEASURES:
            raise unknown(f"{name}: there is no measure", measure, MEASURES)
        if measure not in asked:
            switches = [each.switch for each in PROBES.values() if measure in each.measures]
            raise UserError(
                f"{name}: {measure} is shown, and the probe that measures it is not asked: give "
                f"probe.{' or probe.'.join(str(switch) for switch in switches)}"
            )


def typed(given: Mapping[str, Any], where: str, kind: str) -> Lists:
    """Every parameter's values in its own type, as a list.

    Raises:
        UserError: naming `where`, if the kind of data has no such parameter, or a value is not
            of its type.
    """
    known = schema(kind)
    found: Lists = {}
    for name, value in given.items():
        if name not in known:
            raise unknown(f"{where}: {kind} has no parameter", name, known)
        several = isinstance(value, (list, tuple)) and not known[name].holds_several
        values = value if several else [value]
        if not values:
            raise UserError(f"{where}: {name} has no value: its list is empty")
        found[name] = [coerce(known[name], each, where) for each in values]
    return found


def places(
    name: str, recipe: Recipe, scale: str, probe: ProbeSettings, given: list[Any] | None
) -> list[Any]:
    """The places of the axis, each once."""
    if recipe.axis in AXES:
        given = getattr(probe, AXES[recipe.axis])
    if not given:
        raise UserError(f"{name}: [scale.{scale}] gives no values of its axis {recipe.axis}")
    return list(dict.fromkeys(given))


def places_at_every_scale(
    name: str, recipe: Recipe, of_scales: Mapping[str, Scale]
) -> dict[str, list[Any]]:
    """The axis as each scale has it."""
    found = {}
    for scale, each in of_scales.items():
        found[scale] = places(name, recipe, scale, each.probe, each.common.get(recipe.axis))
    return found
