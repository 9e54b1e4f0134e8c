"""What several tests need: a tiny cell, its places, and one smoke run that many tests look at."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(1)

from suppression import exp, lab, recipe  # noqa: E402  (after the environment is set)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test touches the user's store."""
    monkeypatch.setenv("SUPPRESSION_HOME", str(tmp_path / "home"))


@pytest.fixture
def plan():
    return recipe.plan("digit_size", scale="smoke", pins={"tau": [0.2]})


@pytest.fixture
def cell(plan):
    """The smallest SimCLR cell of the smoke scale."""
    return next(cell for cell in plan.cells if cell["method"] == "simclr")


@pytest.fixture
def place(tmp_path):
    return lab.Place(store=tmp_path / "store", threads=1)


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory):
    """The store after `digit_size --scale smoke --tau 0.2`, run once through the door, workers and all."""
    store = tmp_path_factory.mktemp("smoke") / "store"
    assert exp.main(["digit_size", "--scale", "smoke", "--tau", "0.2", "--store", str(store)]) == 0
    return store


@pytest.fixture
def smoke(smoke_store, tmp_path):
    """A copy of that store, to be harmed."""
    return Path(shutil.copytree(smoke_store, tmp_path / "smoke"))
