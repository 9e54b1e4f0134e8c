"""Every check of a cell that can be made before training starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from suppression.data import Pool
from suppression.data.pool import UNSEEN
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation.evaluator import check as check_probe
from suppression.evaluation.spec import ProbeSettings
from suppression.experiment.builders import build_method
from suppression.experiment.run import Run
from suppression.methods import Method, Supervised
from suppression.models.resnet import stem_for


def check_cell(
    run: Run, probe: ProbeSettings | None = None, before: Mapping[str, Run] | None = None
) -> None:
    """Build everything but train nothing.

    Args:
        run: The cell.
        probe: What it will be asked; none for a cell that others build on.
        before: The cells that it builds on, by key.

    Raises:
        UserError: for every parameter out of range and every feature that is not there.
    """
    for name in run.trainer.builds_on[:1]:
        if name not in run.prerequisites:
            raise UserError(
                f"{run.method} builds on another cell: give {name}, the name of a [pretrain] "
                "table of the recipe"
            )
    # Initial values take time, and no other parameter's range depends on the width.
    method = untrained_method(run, before or {}, width=1)
    if probe is not None:
        check_probe(run.kind, run.dataset, probe, method.encoder)
        check_curve(run, probe)
    check_labels(run)
    if run.training is not None and run.augmentation is not None:
        check_training(run, method, run.augmentation)


def check_curve(run: Run, probe: ProbeSettings) -> None:
    """UserError for a learning curve of a training that keeps no weights at any of its places."""
    training = run.training
    if training is None or not probe.curve:
        return
    kept = [step * training.batch for step in (*training.kept_after, training.steps)]
    if not set(kept) & set(probe.curve):
        raise UserError(
            f"curve = {', '.join(map(str, probe.curve))}: {run.method} keeps its weights after "
            f"{', '.join(map(str, kept))} scenes (snapshots = {training.snapshots})"
        )


def check_labels(run: Run) -> None:
    """UserError where a method is told labels of both views that only the first one has."""
    told = [name for name in run.dataset.competitors if name in run.dataset.told]
    if run.get("redraw") and run.trainer.labelled and told:
        raise UserError(
            f"redraw = {run.get('redraw')}: {run.method} is told the labels of both views "
            f"together, and '{told[0]}' may be another in the second view"
        )


def check_training(run: Run, method: Method, augmentation: Augmentation) -> None:
    training, dataset = run.training, run.dataset
    assert training is not None
    sides = [run.view_side]
    if augmentation.local:
        sides.append(augmentation.small(run.view_side).view or run.view_side)
    try:
        method.check_batch(training.batch)
        for side in sides:
            method.check_view(side)
    except ValueError as error:
        raise UserError(str(error)) from error
    if training.order:
        dataset.of_instances(torch.arange(0), UNSEEN)
    check_remedies(run, method)
    for name in ("view", "local_view"):
        given = getattr(augmentation, name)
        if given is not None and given > dataset.canvas:
            raise UserError(f"{name} = {given} px is larger than the canvas of {dataset.canvas} px")
    if augmentation.local_view is not None and augmentation.local_view > run.view_side:
        raise UserError(
            f"local_view = {augmentation.local_view} px is larger than the view of "
            f"{run.view_side} px"
        )
    if augmentation.local and not run.trainer.takes_local:
        raise UserError(
            f"local = {augmentation.local}: {run.method} is the released notebook to the letter, "
            "which has no local crops"
        )
    if run.trainer.instanced and not (training.images or training.order):
        raise UserError(
            f"{run.method} tells a finite set of pictures apart: give images, or the order in "
            "which the source's instances come"
        )


def check_remedies(run: Run, method: Method) -> None:
    """UserError where the scenes lack what a remedy needs, or come in an order of their own."""
    assert run.training is not None
    for remedy in getattr(method, "remedies", ()):
        try:
            remedy.check_scenes(run.dataset)
        except ValueError as error:
            raise UserError(str(error)) from error
        if "sample" in remedy.changes() and (run.training.images or run.training.order):
            given = "images" if run.training.images else "order"
            raise UserError(
                f"remedy {remedy.name} chooses among scenes that are drawn anew; {given} = "
                f"{run.get(given)} says which ones come: give one of the two"
            )


def untrained_method(run: Run, before: Mapping[str, Run], width: int | None = None) -> Method:
    """The method on others that are as untrained as itself, for no pool in particular.

    Args:
        run: The cell.
        before: The cells that it builds on, by key.
        width: None of them is wider than this, if given.
    """
    others = {}
    for name, prerequisite in run.prerequisites.items():
        if prerequisite.key not in before:
            raise missing(run, name)
        other = before[prerequisite.key]
        check_fits(run, name, other)
        others[name] = untrained_method(other, before, width)
    if width is not None:
        run = run.replace(width=min(run.encoder.width, width))
    return build_method(run, built_on=others)


def missing(run: Run, name: str) -> UserError:
    return UserError(
        f"the {name} of {run.method}, {run.prerequisites[name].key}, is not in the store; a "
        f"[pretrain] table that is named by the recipe's arm, or by --{name} NAME, is trained "
        f"before it: python -m suppression.exp RECIPE --method {run.method} --{name} NAME"
    )


def check_fits(
    run: Run, name: str, other: Run, pool: Pool = UNSEEN, other_pool: Pool = UNSEEN
) -> None:
    """Whether a cell can build on another one: its encoder's shape, its teacher's classes.

    Raises:
        UserError: naming what differs on both sides.
    """
    if name == "teacher" and not issubclass(other.trainer, Supervised):
        raise UserError(
            f"the teacher is {other.method}, which was told no labels: let a finetune start from "
            "it, and that be the teacher"
        )
    mine, theirs = what_must_fit(run, name, pool), what_must_fit(other, name, other_pool)
    if name == "start" and run.encoder.net is not None:
        mine["canvas"], theirs["canvas"] = run.dataset.canvas, other.dataset.canvas
    if list(mine.values()) == list(theirs.values()):
        return
    ours, others = differences(mine, theirs), differences(theirs, mine)
    raise UserError(
        f"{run.method} on {run.kind} has {ours}, its {name} {other.method} on {other.kind} has "
        f"{others}"
    )


def what_must_fit(run: Run, name: str, pool: Pool) -> dict[str, Any]:
    settings, dataset = run.encoder, run.dataset
    found: dict[str, Any] = {"channels": dataset.channels}
    if name == "start":
        found["net"] = settings.net
        found["width"] = settings.width
        found["stem"] = settings.stem or stem_for(dataset.canvas)
        found["depth"] = settings.depth or 18
    if name == "teacher":
        found[f"classes of {' and '.join(dataset.told)}"] = dataset.spaces(pool)
    return found


def differences(of: dict[str, Any], other: dict[str, Any]) -> str:
    parts = [f"{name} {value}" for name, value in of.items() if value != other.get(name)]
    return ", ".join(parts)
