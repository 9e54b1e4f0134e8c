"""Every check of a cell that can be made before the first second of work."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from suppression.data import Pool
from suppression.data.pool import UNSEEN
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation.evaluator import check as check_probe
from suppression.evaluation.spec import Probe
from suppression.experiment.builders import build_method, built_on, part, scenes_of
from suppression.experiment.plan import Cell
from suppression.methods import METHODS, Method, Supervised
from suppression.models.resnet import stem_for
from suppression.training.loop import Training


def check_cell(cell: Cell, probe: Probe | None = None, before: Mapping[str, Cell] | None = None) -> None:
    """Build everything but train nothing: every parameter out of range, and every feature that is not there, is told before the first second of work.

    `before` are the cells that it builds on, by their keys (`recipe.Plan`).
    """
    scenes = scenes_of(cell)
    for parameter in METHODS[cell["method"]].builds_on[:1]:
        if cell[parameter] is None:
            raise UserError(f"{cell['method']} builds on another cell: give {parameter}, the name of a [pretrain] table of the recipe")
    method = unfed(cell, before or {}, width=1)  # initial values take time, and no other parameter's range depends on the width
    if probe is not None:
        check_probe(cell["data"], scenes, probe, method.encoder)
    if METHODS[cell["method"]].trains:
        try:
            method.check_batch(cell["batch"])
            views, side = part(Augmentation, cell), cell["view"] or cell["canvas"]
            for each in [side, *([views.small(side).view] if views.local else [])]:
                method.check_view(each)
        except ValueError as error:
            raise UserError(str(error)) from error
        if part(Training, cell).order:
            scenes.of_instances(torch.arange(0), UNSEEN)
        for name, side in (("view", views.view), ("local_view", views.local_view)):
            if side is not None and side > scenes.canvas:
                raise UserError(f"{name} = {side} px is larger than the canvas of {scenes.canvas} px")
        if views.local_view is not None and views.local_view > (views.view or scenes.canvas):
            raise UserError(f"local_view = {views.local_view} px is larger than the view of {views.view} px")
        if views.local and not METHODS[cell["method"]].takes_local:
            raise UserError(f"local = {views.local}: {cell['method']} is the released notebook to the letter, which has no local crops")
        if METHODS[cell["method"]].instanced and not (cell["images"] or cell["order"]):
            raise UserError(f"{cell['method']} tells a finite set of pictures apart: give images, or the order in which the source's instances come")


def unfed(cell: Cell, before: Mapping[str, Cell], width: int | None = None) -> Method:
    """The method on others that are as untrained as itself, for no pool in particular; all of them no wider than `width`, if given."""
    ground = {}
    for parameter, key in built_on(cell).items():
        if key not in before:
            raise missing(cell, parameter)
        check_fits(cell, parameter, before[key])
        ground[parameter] = unfed(before[key], before, width)
    return build_method(cell | {"width": min(cell["width"], width or cell["width"])}, built_on=ground)


def missing(cell: Cell, parameter: str) -> UserError:
    return UserError(
        f"the {parameter} of {cell['method']}, {cell[parameter]}, is not in the store; a [pretrain] table that is named by the recipe's arm, or by --{parameter} NAME, is trained "
        f"before it: python -m suppression.exp RECIPE --method {cell['method']} --{parameter} NAME"
    )


def check_fits(cell: Cell, parameter: str, other: Cell, pool: Pool = UNSEEN, other_pool: Pool = UNSEEN) -> None:
    """UserError that tells both sides, where the cell cannot build on the other one: an encoder of another shape to start from, a teacher of other pictures or
    classes."""
    mine, theirs = (
        {"channels": scenes_of(each).channels}
        | (
            {"net": each.get("net"), "width": each["width"], "stem": each["stem"] or stem_for(each["canvas"]), "depth": each.get("depth") or 18}
            if parameter == "start"
            else {}
        )
        for each in (cell, other)
    )
    if parameter == "start" and cell.get("net") is not None:
        mine, theirs = mine | {"canvas": cell["canvas"]}, theirs | {"canvas": other["canvas"]}
    if parameter == "teacher":
        if not issubclass(METHODS[other["method"]], Supervised):
            raise UserError(f"the teacher is {other['method']}, which was told no labels: let a finetune start from it, and that be the teacher")
        mine |= {f"classes of {' and '.join(scenes_of(cell).told)}": scenes_of(cell).spaces(pool)}
        theirs |= {f"classes of {' and '.join(scenes_of(other).told)}": scenes_of(other).spaces(other_pool)}
    if list(mine.values()) != list(theirs.values()):
        told = (
            ", ".join(f"{name} {value}" for name, value in side.items() if value != other_side.get(name))
            for side, other_side in ((mine, theirs), (theirs, mine))
        )
        raise UserError(
            "{} on {} has {}, its {} {} on {} has {}".format(cell["method"], cell["data"], next(told), parameter, other["method"], other["data"], next(told))
        )
