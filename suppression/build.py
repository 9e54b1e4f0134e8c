"""A cell's parts, made from its knobs: scenes, encoder, method; and every check that can be made before the first second of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch

from suppression.convnet import ConvNet
from suppression.errors import UserError
from suppression.forms import Probe
from suppression.knobs import knobs_of
from suppression.methods import METHODS, Method, Supervised
from suppression.nets import ResNet, channels_last, stem_for
from suppression.probing import check as check_probe
from suppression.recipe import Cell
from suppression.scenes import SCENES, Pool, Scenes
from suppression.scenes.sources import UNSEEN
from suppression.seeds import torch_rng
from suppression.train import Training
from suppression.views import Views


def part(kind: type, cell: Cell) -> Any:
    """A dataclass made from the cell's knobs of its name; a knob out of range is the user's error."""
    given = {field.name: cell[field.name] for field in fields(kind) if field.name in cell}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise UserError(str(error)) from error


def scenes_of(cell: Cell) -> Scenes:
    return part(SCENES[cell["data"]], cell)


def build_method(cell: Cell, pool: Pool = UNSEEN, built_on: Mapping[str, Method] | None = None) -> Method:
    """The method with its encoder, for scenes drawn from this pool; equal seeds give every method the same initial encoder.

    `built_on` are its `start` and its `teacher`, where it has any.
    """
    cls, scenes = METHODS[cell["method"]], scenes_of(cell)
    if cell["width"] < 1:
        raise UserError(f"width = {cell['width']}: the first block group needs one channel at least")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch_rng("init", cell["seed"]).initial_seed()))
        own = {name: cell[name] for name in own_knobs(cls) if name in cell}
        told = (scenes.spaces(pool),) if cls.labelled else (how_many(cell, pool),) if cls.instanced else ()
        try:
            encoder = build_encoder(cell)
            ground = built_on or {}
            if "start" in ground:
                encoder.load_state_dict(ground["start"].encoder.state_dict())
            return channels_last(cls(encoder, *told, *(ground.get(knob) for knob in cls.builds_on), **own))  # type: ignore[return-value]
        except ValueError as error:
            raise UserError(str(error)) from error


def build_encoder(cell: Cell) -> ConvNet | ResNet:
    """The encoder that the cell's knobs of the net describe, with the initial weights that torch's global generator gives it."""
    scenes = scenes_of(cell)
    if cell.get("net") is None:
        return ResNet(width=cell["width"], stem=cell["stem"] or stem_for(cell["canvas"]), channels=scenes.channels, depth=cell.get("depth") or 18)
    if cell.get("depth") is not None:
        raise UserError(f"depth = {cell['depth']}: net = {cell['net']} has the notebook's three convolutions; give --depth none")
    if cell["stem"] is not None:
        raise UserError(f"stem = {cell['stem']}: net = {cell['net']} has no stem; give --stem none")
    if cell.get("view") not in (None, cell["canvas"]):
        raise UserError(f"view = {cell['view']}: net = {cell['net']} sees pictures of one size only, the canvas's {cell['canvas']} px, as it flattens its maps")
    if cell.get("local"):
        raise UserError(f"local = {cell['local']}: net = {cell['net']} sees pictures of one size only, and local crops are smaller")
    return ConvNet(width=cell["width"], canvas=cell["canvas"], channels=scenes.channels)


def own_knobs(cls: type[Method]) -> list[str]:
    return [knob.name for knob in knobs_of(cls, "")]


def how_many(cell: Cell, pool: Pool) -> int:
    """How many pictures a cell is trained on, where that is a finite set."""
    return cell["images"] or cell.get("instances") or len(pool)


def built_on(cell: Cell) -> dict[str, str]:
    """The keys of the cells that a cell builds on, by the knob that says so."""
    return {knob: cell[knob] for knob in METHODS[cell["method"]].builds_on if cell.get(knob) is not None}


def check_cell(cell: Cell, probe: Probe | None = None, before: Mapping[str, Cell] | None = None) -> None:
    """Build everything but train nothing: every knob out of range, and every feature that is not there, is told before the first second of work.

    `before` are the cells that it builds on, by their keys (`recipe.Plan`).
    """
    scenes = scenes_of(cell)
    for knob in METHODS[cell["method"]].builds_on[:1]:
        if cell[knob] is None:
            raise UserError(f"{cell['method']} builds on another cell: give {knob}, the name of a [pretrain] table of the recipe")
    method = unfed(cell, before or {}, width=1)  # initial values take time, and no other knob's range depends on the width
    if probe is not None:
        check_probe(cell["data"], scenes, probe, method.encoder)
    if METHODS[cell["method"]].trains:
        try:
            method.check_batch(cell["batch"])
            views, side = part(Views, cell), cell["view"] or cell["canvas"]
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
    for knob, key in built_on(cell).items():
        if key not in before:
            raise missing(cell, knob)
        check_fits(cell, knob, before[key])
        ground[knob] = unfed(before[key], before, width)
    return build_method(cell | {"width": min(cell["width"], width or cell["width"])}, built_on=ground)


def missing(cell: Cell, knob: str) -> UserError:
    return UserError(
        f"the {knob} of {cell['method']}, {cell[knob]}, is not in the store; a [pretrain] table that is named by the recipe's arm, or by --{knob} NAME, is trained "
        f"before it: python -m suppression.exp RECIPE --method {cell['method']} --{knob} NAME"
    )


def check_fits(cell: Cell, knob: str, other: Cell, pool: Pool = UNSEEN, other_pool: Pool = UNSEEN) -> None:
    """UserError that tells both sides, where the cell cannot build on the other one: an encoder of another shape to start from, a teacher of other pictures or
    classes."""
    mine, theirs = (
        {"channels": scenes_of(each).channels}
        | (
            {"net": each.get("net"), "width": each["width"], "stem": each["stem"] or stem_for(each["canvas"]), "depth": each.get("depth") or 18}
            if knob == "start"
            else {}
        )
        for each in (cell, other)
    )
    if knob == "start" and cell.get("net") is not None:
        mine, theirs = mine | {"canvas": cell["canvas"]}, theirs | {"canvas": other["canvas"]}
    if knob == "teacher":
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
            "{} on {} has {}, its {} {} on {} has {}".format(cell["method"], cell["data"], next(told), knob, other["method"], other["data"], next(told))
        )
