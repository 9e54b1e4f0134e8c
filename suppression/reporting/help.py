"""An experiment's parameters, explained for the command line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from suppression.experiment.plan import Plan
from suppression.experiment.schema import Parameter, declared_by, help_text, schema
from suppression.methods import METHODS

WIDTH = 80
PREREQUISITES = ("start", "teacher")  # groups of methods that build on another network
INDENT = 22  # where explanations begin
GROUPS = {
    "general": "the cell",
    "dataset": "scenes",
    "augmentation": "augmentation: how the two views are made",
    "training": "training",
    "encoder": "encoder",
    "remedies": "remedies against feature suppression",
    "start": "prerequisites",
    "teacher": "prerequisites",
}


def help_of(plan: Plan, options: str, usage: str, *, everything: bool = False) -> str:
    """What an experiment asks, and its parameters: its own first, then the rest by group.

    Args:
        plan: The experiment, with the methods that were asked for.
        options: The help of the command's other options.
        usage: The usage line.
        everything: Whether to show the parameters of all methods, not of the plan's only.
    """
    recipe, known = plan.recipe, schema(plan.card.kind)
    own = own_parameters(plan, known)
    methods = None if everything else {arm.method for arm in plan.arms}
    parts = [usage, textwrap.fill(recipe.title, WIDTH), textwrap.fill(recipe.claim.strip(), WIDTH)]
    lines = [f"parameters of this experiment ({plan.scale} scale)"]
    for name in own:
        lines += explained(known[name], values_text(plan, name), methods)
    parts.append("\n".join(lines))
    for title, members in grouped(plan, known, set(own), everything).items():
        lines = textwrap.wrap(title, WIDTH, subsequent_indent=" " * 4)
        for parameter in members:
            lines += explained(parameter, "", methods)
        parts.append("\n".join(lines))
    parts.append(options.strip())
    if not everything:
        parts.append("--help all shows the parameters of every method, too.")
    return "\n\n".join(parts) + "\n"


def own_parameters(plan: Plan, known: dict[str, Parameter]) -> list[str]:
    """What the recipe itself sets: its axis, its arms, its scale."""
    names: dict[str, None] = {}
    if plan.recipe.axis in known:
        names[plan.recipe.axis] = None
    for arm in plan.recipe.every_arm:
        names.update(dict.fromkeys(arm))
    names.update(dict.fromkeys(plan.recipe.scale[plan.scale]))
    return [name for name in names if name in known]


def values_text(plan: Plan, name: str) -> str:
    """The values that the plan's cells have."""
    values: dict[str, None] = {}
    for cell in [*plan.cells, *plan.other_cells]:
        value: Any = cell.parameters.get(name)
        if value is not None:
            values[str(value)] = None
    return f"here: {', '.join(values)}" if values else ""


def grouped(
    plan: Plan, known: dict[str, Parameter], left_out: set[str], everything: bool
) -> dict[str, list[Parameter]]:
    """The other parameters by what they belong to, under titles."""
    methods = {arm.method for arm in plan.arms}
    needs: set[str] = set()
    for method in methods:
        needs.update(METHODS[method].builds_on)
    found: dict[str, list[Parameter]] = {}
    for parameter in known.values():
        needed = parameter.group not in PREREQUISITES or parameter.group in needs
        if parameter.name in left_out or not (needed or everything):
            continue
        title = GROUPS.get(parameter.group, "")
        if not title:
            users = users_of(parameter.name, None if everything else methods)
            if not users:
                continue
            title = f"{'remedy' if of_remedy(parameter) else 'method'} {users}"
        found.setdefault(title, []).append(parameter)
    return found


def of_remedy(parameter: Parameter) -> bool:
    return parameter.group.startswith("remedies.")


def users_of(name: str, methods: Iterable[str] | None) -> str:
    """The methods and remedies that have a parameter: of all, or of those that are asked for."""
    return ", ".join(declared_by(name, methods))


def explained(parameter: Parameter, values: str, methods: Iterable[str] | None = None) -> list[str]:
    """The flag and what it is, in lines."""
    flag = f"  --{parameter.name}"
    text = help_text(parameter, methods)
    if values:
        text = f"{text} {values}"
    lines = textwrap.wrap(text, WIDTH - INDENT)
    if len(flag) + 2 > INDENT:
        return [flag, *(" " * INDENT + line for line in lines)]
    first, rest = lines[0] if lines else "", lines[1:]
    return [flag.ljust(INDENT) + first, *(" " * INDENT + line for line in rest)]
