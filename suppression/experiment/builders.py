"""A cell's parts, made from its parameters: its encoder and its method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from suppression.data import Pool
from suppression.data.pool import UNSEEN
from suppression.errors import UserError
from suppression.experiment.run import Run
from suppression.methods import Method
from suppression.methods.remedies import REMEDIES, with_remedies
from suppression.models.convnet import ConvNet
from suppression.models.resnet import ResNet, channels_last, stem_for
from suppression.seeding import torch_rng


def build_method(
    run: Run, pool: Pool = UNSEEN, built_on: Mapping[str, Method] | None = None
) -> Method:
    """The method with its encoder, for scenes drawn from this pool.

    Equal seeds give every method the same initial encoder.

    Args:
        run: The cell.
        pool: Tells how many classes there are to be told.
        built_on: The methods of its `start` and its `teacher`, where it has any.

    Raises:
        UserError: if a value is out of its range.
    """
    if run.encoder.width < 1:
        raise UserError(
            f"width = {run.encoder.width}: the first block group needs one channel at least"
        )
    others = built_on or {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch_rng("init", run.seed).initial_seed()))
        try:
            encoder = build_encoder(run)
            if "start" in others:
                encoder.load_state_dict(others["start"].encoder.state_dict())
            needs: list[Any] = label_spaces(run, pool)
            needs += [others.get(name) for name in run.trainer.builds_on]
            method: Any = run.trainer(encoder, *needs, **run.method_parameters)
            remedies = [REMEDIES[name](**given) for name, given in run.remedies.items()]
            method = with_remedies(method, remedies)
        except ValueError as error:
            raise UserError(str(error)) from error
    return channels_last(method)  # type: ignore[return-value]


def label_spaces(run: Run, pool: Pool) -> list[Any]:
    """What a method has to know of its labels: how many classes, or how many pictures."""
    if run.trainer.labelled:
        return [run.dataset.spaces(pool)]
    if run.trainer.instanced:
        return [number_of_pictures(run, pool)]
    return []


def build_encoder(run: Run) -> ConvNet | ResNet:
    """The encoder, with the initial weights that torch's global generator gives it.

    Raises:
        UserError: if the net cannot be as its settings say.
    """
    settings, dataset = run.encoder, run.dataset
    if settings.net is None:
        stem: Any = settings.stem or stem_for(dataset.canvas)
        return ResNet(
            width=settings.width,
            stem=stem,
            channels=dataset.channels,
            depth=settings.depth or 18,
        )
    where = f"net = {settings.net}"
    if settings.depth is not None:
        raise UserError(
            f"depth = {settings.depth}: {where} has the notebook's three convolutions; "
            "give --depth none"
        )
    if settings.stem is not None:
        raise UserError(f"stem = {settings.stem}: {where} has no stem; give --stem none")
    if run.view_side != dataset.canvas:
        raise UserError(
            f"view = {run.view_side}: {where} sees pictures of one size only, the canvas's "
            f"{dataset.canvas} px, as it flattens its maps"
        )
    if run.augmentation and run.augmentation.local:
        raise UserError(
            f"local = {run.augmentation.local}: {where} sees pictures of one size only, and "
            "local crops are smaller"
        )
    return ConvNet(width=settings.width, canvas=dataset.canvas, channels=dataset.channels)


def number_of_pictures(run: Run, pool: Pool) -> int:
    """How many pictures a cell is trained on, where that is a finite set."""
    images = run.training.images if run.training else None
    return images or run.get("instances") or len(pool)
