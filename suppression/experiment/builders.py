"""A cell's parts, made from its parameters: scenes, encoder, method; and every check that can be made before the first second of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch

from suppression.data import DATASETS, Pool, Scenes
from suppression.data.pool import UNSEEN
from suppression.errors import UserError
from suppression.experiment.plan import Cell
from suppression.experiment.schema import parameters_of
from suppression.methods import METHODS, Method
from suppression.models.convnet import ConvNet
from suppression.models.resnet import ResNet, channels_last, stem_for
from suppression.seeding import torch_rng


def part(kind: type, cell: Cell) -> Any:
    """A dataclass made from the cell's parameters of its name; a parameter out of range is the user's error."""
    given = {field.name: cell[field.name] for field in fields(kind) if field.name in cell}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return kind(**given)
    except ValueError as error:
        raise UserError(str(error)) from error


def scenes_of(cell: Cell) -> Scenes:
    return part(DATASETS[cell["data"]], cell)


def build_method(cell: Cell, pool: Pool = UNSEEN, built_on: Mapping[str, Method] | None = None) -> Method:
    """The method with its encoder, for scenes drawn from this pool; equal seeds give every method the same initial encoder.

    `built_on` are its `start` and its `teacher`, where it has any.
    """
    cls, scenes = METHODS[cell["method"]], scenes_of(cell)
    if cell["width"] < 1:
        raise UserError(f"width = {cell['width']}: the first block group needs one channel at least")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch_rng("init", cell["seed"]).initial_seed()))
        own = {name: cell[name] for name in own_parameters(cls) if name in cell}
        told = (scenes.spaces(pool),) if cls.labelled else (how_many(cell, pool),) if cls.instanced else ()
        try:
            encoder = build_encoder(cell)
            ground = built_on or {}
            if "start" in ground:
                encoder.load_state_dict(ground["start"].encoder.state_dict())
            return channels_last(cls(encoder, *told, *(ground.get(parameter) for parameter in cls.builds_on), **own))  # type: ignore[return-value]
        except ValueError as error:
            raise UserError(str(error)) from error


def build_encoder(cell: Cell) -> ConvNet | ResNet:
    """The encoder that the cell's parameters of the net describe, with the initial weights that torch's global generator gives it."""
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


def own_parameters(cls: type[Method]) -> list[str]:
    return [parameter.name for parameter in parameters_of(cls, "")]


def how_many(cell: Cell, pool: Pool) -> int:
    """How many pictures a cell is trained on, where that is a finite set."""
    return cell["images"] or cell.get("instances") or len(pool)


def built_on(cell: Cell) -> dict[str, str]:
    """The keys of the cells that a cell builds on, by the parameter that says so."""
    return {parameter: cell[parameter] for parameter in METHODS[cell["method"]].builds_on if cell.get(parameter) is not None}
