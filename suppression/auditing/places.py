"""What an encoder is asked about: the places of a recipe's axis, a card's scenes, or any scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from suppression import api, expect
from suppression.auditing.controls import at_a_fixed_place
from suppression.data import Scenes
from suppression.errors import UserError, unknown
from suppression.experiment import files
from suppression.experiment.plan import make_plan

# Parameters of second views and of what training goes through: no scene shows them.
UNSEEN: dict[str, Any] = {"redraw": 0.0, "instances": None}
DIGITS = "mnist5k"  # of a card, which names no source: those of the laptop scale


@dataclass(frozen=True)
class Place:
    """Scenes that an encoder is asked about.

    Args:
        name: Where on the axis they are, as tables say it; empty where there is one place.
        scenes: Their generator.
        source: Where digits come from.
    """

    name: str
    scenes: Scenes
    source: str

    @property
    def blank(self) -> Scenes | None:
        """The same with a competitor that is always one instance, and so carries nothing."""
        names = {field.name for field in dataclasses.fields(self.scenes)}  # type: ignore[arg-type]
        if "blank" not in names or not self.scenes.competitors:
            return None
        return dataclasses.replace(self.scenes, blank=True)  # type: ignore[type-var]

    @property
    def fixed(self) -> Scenes | None:
        """The same with the first digit always at one place, where there is a first digit."""
        return at_a_fixed_place(self.scenes)


def places_of(
    data: str | Scenes,
    *,
    scale: str = "laptop",
    at: Sequence[Any] | None = None,
    source: str | None = None,
) -> list[Place]:
    """The scenes of a recipe along its axis, of a card, or these.

    Args:
        data: The name of a recipe or a card, or a generator of scenes.
        scale: Of a recipe: smoke, demo, laptop, evening or paper.
        at: The places of the recipe's axis, in place of its own.
        source: Where digits come from, in place of what the recipe says.

    Raises:
        UserError: For a name that is neither (with the nearest one), and for places of what has no
            axis.

    Example:
        >>> [place.name for place in places_of("digit_size", at=[18, 36])]
        ['size2 18', 'size2 36']
        >>> places_of("two_digits")[0].name
        ''
    """
    if isinstance(data, Scenes):
        check_no_axis(at, type(data).__name__)
        if source is not None and hasattr(data, "source"):
            raise UserError(
                f"source = {source}: {type(data).__name__} names its own, {data.source}; make it "
                "with another one"
            )
        return [Place("", data, source or "digits")]
    if not isinstance(data, str):
        raise UserError(
            f"audit: {expect.kind(data)} is neither a recipe's name, nor a card's, nor scenes"
        )
    recipes, cards = files.names("experiments"), files.names("datasets")
    if data in recipes or data.endswith(".toml"):
        return along_the_axis(data, scale, at, source)
    if data not in cards:
        raise unknown("there is no recipe or card", data, [*recipes, *cards])
    check_no_axis(at, data)
    scenes = api.dataset(data)
    return [Place("", with_source(scenes, source), source or DIGITS)]


def with_source(scenes: Scenes, source: str | None) -> Scenes:
    """The scenes with another source, where they name their own."""
    if source is None or not hasattr(scenes, "source"):
        return scenes
    try:
        return dataclasses.replace(scenes, source=source)  # type: ignore[type-var]
    except ValueError as error:
        raise UserError(str(error)) from error


def check_no_axis(at: Sequence[Any] | None, who: str) -> None:
    if at is not None:
        raise UserError(f"at: {who} has no axis, as a recipe has; give one, such as digit_size")


def along_the_axis(
    name: str, scale: str, at: Sequence[Any] | None, source: str | None
) -> list[Place]:
    """The scenes of a recipe's cells, each once."""
    axis = make_plan(name, scale=scale).recipe.axis
    plan = make_plan(name, scale=scale, pins={} if at is None else {axis: list(at)})
    order = {x: i for i, x in enumerate(plan.axis)}
    cells = sorted(plan.cells, key=lambda cell: order.get(cell.parameters.get(axis), 0))
    found: list[Place] = []
    for cell in cells:
        own = {field.name for field in dataclasses.fields(cell.dataset)}  # type: ignore[arg-type]
        without = {name: value for name, value in UNSEEN.items() if name in own}
        scenes = dataclasses.replace(cell.dataset, **without)  # type: ignore[type-var]
        if not scenes.objects:  # of several objects all are asked about, as they were trained on
            scenes = scenes.probed()
        place = Place("", with_source(scenes, source), source or cell.source or "digits")
        if place not in found:
            found.append(place)
    return [dataclasses.replace(place, name=what_differs(place, found)) for place in found]


def what_differs(place: Place, among: Sequence[Place]) -> str:
    """The parameters by which scenes differ, as a table says them; nothing of one place."""
    parts = []
    for field in dataclasses.fields(place.scenes):  # type: ignore[arg-type]
        value = getattr(place.scenes, field.name)
        if any(getattr(other.scenes, field.name, None) != value for other in among):
            parts.append(f"{field.name} {value}")
    if any(other.source != place.source for other in among):
        parts.append(place.source)
    return ", ".join(parts)
