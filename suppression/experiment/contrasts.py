"""What a recipe holds against one another: its contrasts, and its board's baselines, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from suppression.errors import UserError, unknown
from suppression.evaluation.probes import MEASURES, PROBES, SCENES, subjects, switched_on
from suppression.evaluation.readouts import Readout
from suppression.experiment.arms import Arm
from suppression.experiment.grid import written_arms
from suppression.experiment.settings import Settings, typed
from suppression.experiment.spec import Contrast

ENDS = {"first": 0, "last": -1}  # of the axis, by the words that a contrast may have for them


@dataclass(frozen=True)
class Side:
    """What a contrast holds against another: an arm at a place of the axis."""

    arm: Arm
    x: Any


@dataclass(frozen=True)
class Registered:
    """A contrast of a recipe, at one of its scales.

    Args:
        asked: What the recipe says of it.
        a: What is called higher or lower.
        b: What that is held against.
        measure: The column of the rows.
    """

    asked: Contrast
    a: Side
    b: Side
    measure: str


def registered(settings: Settings) -> list[Registered]:
    """The recipe's contrasts that stand at this scale: the family that Holm's correction is over.

    It is the same whatever is pinned or measured: a part of the runs is told in the same words as
    the whole.

    Raises:
        UserError: with the key's path, for an arm, a place, a feature, scenes, a readout, a layer
            or a measure that there is not.
    """
    found = []
    for i, asked in enumerate(settings.recipe.contrasts):
        where = f"{settings.name}: contrasts[{i}]"
        check_reading(settings, asked, where)
        arm = arm_written(settings, asked.a, f"{where}.a")
        at = place(settings, arm, asked.at, f"{where}.at")
        if asked.b is None:
            other, at_b = arm, place(settings, arm, asked.at_b, f"{where}.at_b")
        else:
            other = arm_written(settings, asked.b, f"{where}.b")
            at_b = place(settings, other, asked.at, f"{where}.at")
        if at is not None and at_b is not None:
            measure = asked.measure or settings.recipe.measure
            found.append(Registered(asked, Side(arm, at), Side(other, at_b), measure))
    return found


def baselines(settings: Settings) -> list[Arm]:
    """The arms that a leaderboard holds others against; none where the recipe has no board.

    Raises:
        UserError: with the key's path, for an arm, a feature, scenes or a readout that there is
            not.
    """
    board = settings.recipe.board
    if board is None:
        return []
    where = f"{settings.name}: board"
    check_feature(settings, board.victim, f"{where}.victim")
    check_readout(settings, board.scenes, board.probe, where)
    found = []
    for i, given in enumerate(board.baselines):
        found.append(arm_written(settings, given, f"{where}.baselines[{i}]"))
    return found


def arm_written(settings: Settings, given: dict[str, Any], where: str) -> Arm:
    """The recipe's arm of these settings; UserError where it has none."""
    lists = typed(given, where, settings.card.kind)
    for name, values in lists.items():
        if len(values) > 1:
            raise UserError(f"{where}: {name} has {len(values)} values, and an arm has one")
    wanted = {name: value for name, (value,) in lists.items()}
    written = [*written_arms(settings, "arms"), *written_arms(settings, "controls")]
    if wanted in written:
        return Arm(written[written.index(wanted)])  # its label has the order of the recipe
    if not isinstance(given.get("method"), str):
        raise UserError(f"{where} names no method")
    raise unknown(
        f"{where}: there is no arm", Arm(wanted).label, [Arm(arm).label for arm in written]
    )


def place(settings: Settings, arm: Arm, at: float | str | None, where: str) -> Any:
    """The place of this scale's axis; None where it stands at another scale only.

    Raises:
        UserError: if no scale has it, if the arm has a place of its own and another one is given,
            or if it has none and none is given.
    """
    axis = settings.recipe.axis
    own, wanted = arm.get(axis), at
    text = f"{at:g}" if isinstance(at, float) else at
    if own is not None:
        if at is not None and at != own:
            raise UserError(f"{where} = {text}: {arm.label} stands at {axis} {own}")
        wanted = own
    if wanted is None:
        raise UserError(f"{where} is missing: {arm.label} has no {axis} of its own")
    here = settings.places[settings.scale]
    for x in here:
        if x == wanted:
            return x  # as the axis has it: 36, where the contrast has 36.0
    if wanted in ENDS:
        return here[ENDS[wanted]]
    everywhere: dict[Any, None] = {}
    for places in settings.places.values():
        everywhere.update(dict.fromkeys(places))
    if wanted not in everywhere:
        raise unknown(f"{where}: {axis} has no place", str(text), [*map(str, everywhere), *ENDS])
    return None


def check_reading(settings: Settings, asked: Contrast, where: str) -> None:
    """UserError for what cannot be read where the contrast asks for it."""
    check_feature(settings, asked.feature, f"{where}.feature")
    check_readout(settings, asked.scenes, asked.probe, where)
    if asked.measure is not None and asked.measure not in MEASURES:
        raise unknown(f"{where}.measure: there is no measure", asked.measure, MEASURES)
    if asked.layer is None:
        return
    if settings.recipe.axis == "layer":
        raise UserError(f"{where}.layer = {asked.layer}: the axis runs along layers; give at")
    layers = layers_of(settings)
    if asked.layer not in layers:
        raise unknown(f"{where}.layer: there is no layer", asked.layer, layers)


def check_feature(settings: Settings, feature: str, where: str) -> None:
    features = subjects(settings.probe, settings.card.features)
    if feature not in features:
        raise unknown(f"{where}: there is no feature", feature, features)


def check_readout(settings: Settings, wanted: str, probe: str, where: str) -> None:
    if probe not in PROBES:
        raise unknown(f"{where}.probe: there is no probe", probe, PROBES)
    scenes = {**settings.card.scenes, **SCENES, "alone": "", "together": ""}
    is_readout = issubclass(PROBES[probe], Readout)  # others may name what they ask of scenes
    if is_readout and wanted not in scenes:
        raise unknown(f"{where}.scenes: there are no scenes", wanted, scenes)
    if probe not in {each.name for each in switched_on(settings.probe)}:
        raise UserError(f"{where}.probe: {probe} is not asked: give probe.{PROBES[probe].switch}")


def layers_of(settings: Settings) -> list[str]:
    """The layers that the recipe asks at any scale, and those of which probes ask by themselves."""
    recipe = settings.recipe
    found = dict.fromkeys(recipe.probe.layers)
    for scale in recipe.scale.values():
        found.update(dict.fromkeys(scale.get("probe", {}).get("layers", [])))
    for probe in switched_on(settings.probe):
        found.update(dict.fromkeys(probe.shown.layers))
    return list(found)
