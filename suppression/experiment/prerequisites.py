"""The cells that others build on: those of a recipe's [pretrain] tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from suppression.errors import UserError, unknown
from suppression.experiment.run import Run
from suppression.experiment.schema import cell_parameters
from suppression.experiment.settings import Lists, Settings, typed
from suppression.experiment.spec import Card, load_card
from suppression.methods import METHODS


@dataclass
class Prerequisites:
    """Makes the prerequisites of cells, and remembers them.

    Args:
        settings: What cells are made from.
        runs: Those that were made, by their keys, each behind what it builds on itself.
    """

    settings: Settings
    runs: dict[str, Run] = field(default_factory=dict)

    def complete(self, values: dict[str, Any], place: dict[str, Any]) -> Run:
        """The cell with these parameters, the names of tables replaced by keys of cells.

        Args:
            values: All its parameters.
            place: The place on the axis, which its prerequisites share.
        """
        return self._complete(values, place, ())

    def _complete(
        self, values: dict[str, Any], place: dict[str, Any], path: tuple[str, ...]
    ) -> Run:
        values, tables = dict(values), {}
        for name in METHODS[values["method"]].builds_on:
            table = values.get(name)
            if table is None:
                continue
            required = self._from_table(table, name, values, place, path)
            self.runs[required.key] = required
            values[name], tables[name] = required.key, table
        return Run.of(values, tables=tables)

    def _from_table(
        self,
        table: str,
        name: str,
        values: dict[str, Any],
        place: dict[str, Any],
        path: tuple[str, ...],
    ) -> Run:
        """The cell of [pretrain.`table`] that the cell with these values has as its `name`.

        It stands at the same place of the axis and has the same seed; what its table says
        comes last.
        """
        settings = self.settings
        where = f"{settings.name}: [pretrain.{table}]"
        self._check_table(table, name, where, path)
        given = self._given(table, values, where)
        card = settings.card
        if "data" in given:
            card = load_card(given.pop("data"))
        own = only_values(typed(given, where, card.kind), where)
        method = own["method"]
        has = cell_parameters(card.kind, method)
        chosen = first_values(self._common(card, table))
        chosen.update(first_values(settings.per_method[method]))
        chosen.update(place, seed=values["seed"])
        if name == "start":  # the encoder is the same one
            chosen.update({key: values[key] for key in ("net", "width", "stem", "depth")})
        for key, pinned in settings.pins_of(has).items():
            if key in own or key in ("start", "teacher"):
                continue
            if key not in values and len(pinned) > 1:
                raise UserError(
                    f"{where} has the parameter '{key}', which was given several values: "
                    "what others build on is one cell"
                )
            chosen[key] = values.get(key, pinned[0])
        return self._complete(filled(card.kind, {**chosen, **own}), place, (*path, table))

    def _given(self, table: str, values: dict[str, Any], where: str) -> dict[str, Any]:
        """What the table says, with a number where it names the parameter that holds its place.

        So `size2 = "size1"` is right at every scale. Places that are words stand for themselves.
        """
        given, axis = dict(self.settings.recipe.pretrain[table]), self.settings.recipe.axis
        holder = given.get(axis)
        if isinstance(holder, str) and isinstance(values.get(axis), (int, float)):
            if holder not in values:
                raise unknown(f"{where}: {axis} is held by no parameter", holder, values)
            given[axis] = values[holder]
        return given

    def _common(self, card: Card, table: str) -> Lists:
        settings = self.settings
        if card == settings.card:
            return settings.common
        name = settings.recipe.pretrain[table].get("data")
        return {**settings.common, **typed(card.parameters, f"card {name}", card.kind)}

    def _check_table(self, table: str, name: str, where: str, path: tuple[str, ...]) -> None:
        recipe, of = self.settings.recipe, self.settings.name
        if not recipe.pretrain:
            raise UserError(
                f"{of} has no [pretrain] tables, so there is nothing to be the {name}; "
                "label_efficiency, distillation, transfer and digit_size_forget have: copy one "
                "into a recipe of your own"
            )
        if table not in recipe.pretrain:
            raise unknown(f"{of} has no [pretrain] table to be the {name}", table, recipe.pretrain)
        if table in path:
            raise UserError(f"{where} builds on itself: {' on '.join([*path, table])}")


def filled(kind: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """All parameters that a cell of this kind and method has; what is not chosen is as usual."""
    has = cell_parameters(kind, chosen["method"], chosen.get("remedy"))
    values = {name: chosen.get(name, each.default) for name, each in has.items()}
    return {"data": kind, **values}


def first_values(lists: Lists) -> dict[str, Any]:
    return {name: values[0] for name, values in lists.items()}


def only_values(lists: Lists, where: str) -> dict[str, Any]:
    """The one value of each parameter, a method among them."""
    several = any(len(values) != 1 for values in lists.values())
    if several or "method" not in lists:
        raise UserError(f"{where} names one method, and one value of each parameter")
    return first_values(lists)
