"""Rows that were made up, so that what follows from them is known."""

from __future__ import annotations

import dataclasses
import os

import pytest
from filelock import FileLock

import suppression as sup
from suppression.experiment.plan import make_plan

# Accuracies along random_bits' axis, at 0, 2, 4, 6 and 8 bits, by method or temperature.
CURVES = {
    "untrained": [0.5, 0.4, 0.3, 0.2, 0.15],
    0.2: [0.9, 0.8, 0.7, 0.2, 0.1],
    "supervised": [0.9] * 5,
}


def row_of(cell, accuracy, **more):
    """A row about a cell, with its arm, as `long_rows` makes them."""
    usual = {
        "feature": "class",
        "scenes": "together",
        "probe": "linear",
        "layer": "h",
        "accuracy": accuracy,
        "low": max(accuracy - 0.02, 0.0),
        "high": min(accuracy + 0.02, 1.0),
        "guess": 0.1,
        "cases": 100,
    }
    return {**usual, **more, **cell.named_parameters, "arm": cell.arm.label}


def along_bits(plan, curves, **more):
    """Rows of arms (by tau, or by method) at the given accuracies along the axis.

    Seeds are 0.01 apart.
    """
    made = []
    for cell in plan.cells:
        curve = curves.get(cell.get("tau", cell.method))
        if curve is not None:
            at = plan.axis.index(cell.parameters["bits"])
            made.append(row_of(cell, curve[at] + 0.01 * (cell.seed - 1), **more))
    return made


def by_size(plan, readings, **more):
    """Rows of a competition: of arms, by label, at the given accuracies by the second digit's size.

    They are of the readout that its claim is about, if nothing else is said. Seeds are 0.01 apart,
    unless a tuple has a value for each; one seed has an interval of 5 points either way.
    """
    usual = {"feature": "first", "scenes": "together", "probe": "named", "guess": 0.2}
    made = []
    for cell in plan.cells:
        accuracy = readings.get(cell.arm.label, {}).get(cell.parameters["size2"])
        if accuracy is None:
            continue
        if isinstance(accuracy, tuple):
            accuracy = accuracy[cell.seed]
        elif len(plan.seeds) > 1:
            accuracy += 0.01 * (cell.seed - 1)
        bounds = {"low": accuracy - 0.05, "high": accuracy + 0.05}
        made.append(row_of(cell, accuracy, **{**usual, **bounds, **more}))
    return made


def without_contrasts(plan):
    """The plan, so that verdicts end before what its recipe registers (test_contrasts.py)."""
    return dataclasses.replace(plan, contrasts=[])


def labelled(plan, label):
    """The plan's arm of this label."""
    (arm,) = [arm for arm in plan.every_arm if arm.label == label]
    return arm


@pytest.fixture(scope="session", name="row_of")
def _row_of():
    return row_of


@pytest.fixture(scope="session", name="along_bits")
def _along_bits():
    return along_bits


@pytest.fixture(scope="session", name="by_size")
def _by_size():
    return by_size


@pytest.fixture(scope="session", name="without_contrasts")
def _without_contrasts():
    return without_contrasts


@pytest.fixture(scope="session", name="labelled")
def _labelled():
    return labelled


@pytest.fixture(scope="session")
def curves():
    return CURVES


@pytest.fixture(scope="session")
def planned():
    """random_bits with three seeds."""
    return without_contrasts(make_plan("random_bits", seeds=3))


@pytest.fixture(scope="session")
def competing(competition):
    """The small recipe with controls, with three seeds."""
    return make_plan(competition, scale="smoke", seeds=3)


@pytest.fixture(scope="session")
def explorer(tmp_path_factory):
    """The explorer's page, written once for all test workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    path = shared / "explorer.html"
    with FileLock(shared / "explorer.lock"):
        if not path.exists():
            sup.explore().save(path)
    return path
