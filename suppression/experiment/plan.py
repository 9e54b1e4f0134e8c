"""A recipe at one scale with the command line's choices applied: the cells to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from suppression.evaluation.spec import ProbeSettings
from suppression.experiment import files
from suppression.experiment.arms import Arm
from suppression.experiment.contrasts import Registered, baselines, registered
from suppression.experiment.grid import (
    asked_for,
    cells_of,
    check_pins,
    controls_of,
    is_control,
    recipe_arms,
    set_by_method,
)
from suppression.experiment.prerequisites import Prerequisites
from suppression.experiment.run import Run
from suppression.experiment.settings import Settings, read_settings
from suppression.experiment.spec import Card, Recipe


@dataclass(frozen=True)
class Plan:
    """What there is to train and to show.

    Args:
        name: The recipe's name.
        name_or_path: What it was asked for by.
        recipe: What the recipe says.
        card: The data set's card.
        scale: The scale's name.
        axis: The places of the axis.
        seeds: All seeds; the ends of the axis may have more than what lies between.
        arms: The arms that are asked for.
        unasked: The recipe's other arms, which are shown if they are stored.
        probe: What the trained networks are asked.
        cells: The cells of `arms`, in the order in which they are trained.
        other_cells: The cells of `unasked`.
        pinned: Parameters that are pinned to one value in every arm, and that no arm sets.
        before: The cells that others build on, by key, each behind what it builds on itself.
        written_controls: The recipe's controls, pinned as their arms are; arms may have more
            parameters than these.
        contrasts: The recipe's contrasts that stand at this scale, whatever is pinned.
        baselines: The arms that its leaderboard holds others against; none where it has no board.
    """

    name: str
    name_or_path: str
    recipe: Recipe
    card: Card
    scale: str
    axis: list[Any]
    seeds: list[int]
    arms: list[Arm]
    unasked: list[Arm]
    probe: ProbeSettings
    cells: list[Run]
    other_cells: list[Run]
    pinned: dict[str, Any]
    before: Mapping[str, Run] = field(default_factory=dict)
    written_controls: list[dict[str, Any]] = field(default_factory=list)
    contrasts: list[Registered] = field(default_factory=list)
    baselines: list[Arm] = field(default_factory=list)

    @property
    def every_arm(self) -> list[Arm]:
        return [*self.arms, *self.unasked]

    @cached_property
    def result_name(self) -> str:
        """What its results are called in the store."""
        return f"{files.result_name(self.name_or_path)}.{self.scale}"

    @cached_property
    def controls(self) -> list[Arm]:
        """The arms that stand at the two ends of the axis only."""
        return [arm for arm in self.every_arm if is_control(arm.settings, self.written_controls)]

    @cached_property
    def keys(self) -> list[str]:
        """The keys of `cells`; two of them may be one training."""
        return [cell.key for cell in self.cells]

    def cell_name(self, cell: Run) -> str:
        """The cell by what sets it apart: its arm, its place on the axis, its seed."""
        axis = self.recipe.axis
        place = f", {axis} {cell.parameters[axis]}" if axis in cell.parameters else ""
        if cell.arm is None:  # one that others build on
            first = self.cells[0].encoder.width
            width = "" if cell.encoder.width == first else f", width {cell.encoder.width}"
            return f"{self._table_of(cell)} {cell.method}{width}{place}, seed {cell.seed}"
        if axis in cell.arm:
            place = ""
        return f"{cell.arm.label}{place}, seed {cell.seed}"

    def _table_of(self, cell: Run) -> str:
        for other in [*self.cells, *self.other_cells, *self.before.values()]:
            for prerequisite in other.prerequisites.values():
                if prerequisite.key == cell.key:
                    return f"[pretrain.{prerequisite.table}]"
        return ""


def make_plan(
    name: str,
    *,
    scale: str = "laptop",
    seeds: int | None = None,
    end_seeds: int | None = None,
    layers: list[str] | None = None,
    pins: Mapping[str, Any] | None = None,
) -> Plan:
    """The cells of a recipe.

    Args:
        name: The recipe's name, or the path of its file.
        scale: Which of its scales.
        seeds: How many seeds, from 0; none takes the recipe's number.
        end_seeds: How many at the two ends of the axis, where a claim about their difference
            rests.
        layers: The layers to probe, in place of the recipe's.
        pins: Values of parameters; several values make a list.

    Raises:
        UserError: for anything that is not there or out of range, with the nearest right name.
    """
    settings = read_settings(
        name, scale=scale, seeds=seeds, end_seeds=end_seeds, layers=layers, pins=pins
    )
    arms = recipe_arms(settings)
    asked = asked_for(settings, arms)
    check_pins(settings, asked)
    labels = {Arm(arm).label for arm in asked}  # rows bear them, so that each is one arm's
    unasked = [arm for arm in arms if Arm(arm).label not in labels]
    every_arm = [Arm(arm) for arm in [*asked, *unasked]]
    prerequisites = Prerequisites(settings)
    cells = cells_of(settings, asked, every_arm, prerequisites)
    others = cells_of(settings, unasked, every_arm, prerequisites, leave_out_impossible=True)
    there = {cell.identity for cell in cells}
    return Plan(
        name=settings.name,
        name_or_path=name,
        recipe=settings.recipe,
        card=settings.card,
        scale=scale,
        axis=settings.axis,
        seeds=settings.end_seeds,
        arms=every_arm[: len(asked)],
        unasked=every_arm[len(asked) :],
        probe=settings.probe,
        cells=cells,
        other_cells=[cell for cell in others if cell.identity not in there],
        pinned=pinned_everywhere(settings, asked),
        before=prerequisites.runs,
        written_controls=controls_of(settings),
        contrasts=registered(settings),
        baselines=baselines(settings),
    )


def pinned_everywhere(settings: Settings, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """The pins to one value of parameters that no arm sets."""
    apart = {settings.recipe.axis, "seed"}.union(*set_by_method(settings).values(), *asked)
    found = {}
    for name, values in settings.pins.items():
        if len(values) == 1 and name not in apart:
            found[name] = values[0]
    return found
