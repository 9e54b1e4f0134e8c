"""A method, a data set, a probe and a remedy from a file outside of the repository.

They are run by the command. All is in the environment: SUPPRESSION_PLUGINS names the file of code,
SUPPRESSION_PATH the folder with a card and a recipe. Training is done in spawned workers.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each is a command of its own

CODE = '''
"""Toys: a data set of gray pictures, a method, a remedy and a probe."""

from dataclasses import dataclass
from typing import ClassVar

import torch

import suppression as sup
from suppression.data import Scenes
from suppression.data.transforms.resample import crop
from suppression.evaluation import Measure, Probe, Shown
from suppression.methods import SimCLR
from suppression.methods.remedies import Remedy


@dataclass(frozen=True)
class Grays(Scenes):
    """Pictures of one gray level each, with a little noise.

    Args:
        canvas: Side of a scene, px.
        levels: How many gray levels there are, 2 to 8.
    """

    canvas: int = 16
    levels: int = 4
    sources: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self):
        if not 2 <= self.levels <= 8:
            raise ValueError(f"levels = {self.levels} is not in 2..8")

    @property
    def features(self):
        return ("level",)

    def factors(self, n, rng, pool):
        level = torch.randint(self.levels, (n,), generator=rng, device=rng.device)
        noise = torch.rand(n, 1, self.canvas, self.canvas, generator=rng, device=rng.device)
        return {"level": level, "noise": noise, "instance": torch.arange(n, device=rng.device)}

    def classes(self, pool):
        return {"level": [str(level) for level in range(self.levels)]}

    def render(self, factors, pool, *, view=None, out=None, visible=None):
        share = (factors["level"] + 1) / (self.levels + 1)
        x = 0.8 * share[:, None, None, None] + 0.1 * factors["noise"]
        if view is None:
            view = torch.tensor([[0.0, 0.0, self.canvas, self.canvas]]).to(x).expand(len(x), 4)
        return crop(x, view, out or self.canvas)


class Pull(SimCLR):
    """SimCLR that also pulls features to a constant.

    Args:
        pull: The constant; any number.
    """

    def __init__(self, encoder, *, pull: float = 0.5, **parameters) -> None:
        super().__init__(encoder, **parameters)
        self.pull = pull

    def forward(self, x1, x2, y, *local):
        towards = (self.encoder(x1) - self.pull).square().mean()
        return super().forward(x1, x2, y, *local) + 0.01 * towards


class Fewer(Remedy):
    """Compares the first projections only.

    Args:
        kept: Share of the projections that are kept, in (0, 1].
    """

    name = "fewer"

    def __init__(self, *, kept: float = 0.5) -> None:
        super().__init__()
        if not 0 < kept <= 1:
            raise ValueError(f"kept = {kept} is not in (0, 1]")
        self.kept = kept

    def embeddings(self, z1, z2, y):
        d = max(1, int(self.kept * z1.shape[1]))
        return z1[:, :d], z2[:, :d]


@dataclass(frozen=True)
class Brightness(Probe):
    """How bright a network's features are.

    Args:
        brightness: Whether to ask; None asks nothing.
    """

    name: ClassVar[str] = "brightness"
    switch: ClassVar[str] = "brightness"
    measures: ClassVar[dict] = {"bright": Measure("mean feature", digits=3)}
    columns: ClassVar[dict] = {"bright": float}
    shown: ClassVar[Shown] = Shown(
        tag="brightness",
        scenes={"held out": "held-out pictures"},
        beside={"features": ("bright",)},
    )

    brightness: bool | None = None

    def subjects(self, features):
        return ["features"]

    def ask(self, asked):
        for layer, x in asked.encode(asked.draw(False), False).items():
            row = {"feature": "features", "scenes": "held out", "layer": layer}
            yield {**row, "probe": self.name, "bright": x.mean().item()}


sup.register("dataset", "grays", Grays)
sup.register("method", "pull", Pull)
sup.register("remedy", "fewer", Fewer)
sup.register("probe", "brightness", Brightness)
'''

CARD = """
title = "Grays"
text = "Pictures of one gray level each."
kind = "grays"

[features]
level = "its gray level"

[scenes]
together = "the picture"

[parameters]
canvas = 16
"""

RECIPE = """
title = "Toys from outside"
claim = "More gray levels are harder to tell apart."
data = "toys"
axis = "levels"
arms = [{ method = "untrained" }, { method = "pull", pull = 0.25 }]

[scale.smoke]
levels = [2, 4]
width = 2
stem = 1
samples = 64
batch = 16
probe = { train = 60, test = 40, brightness = true }
"""


@pytest.fixture
def outside(tmp_path):
    """The environment in which toys are known, and the folder with everything."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toys.py").write_text(CODE)
    for shelf, text in (("datasets", CARD), ("experiments", RECIPE)):
        (tmp_path / "shelf" / shelf).mkdir(parents=True)
        (tmp_path / "shelf" / shelf / "toys.toml").write_text(text)
    environment = {
        **os.environ,
        "SUPPRESSION_PLUGINS": str(tmp_path / "code" / "toys.py"),
        "SUPPRESSION_PATH": str(tmp_path / "shelf"),
        "SUPPRESSION_HOME": str(tmp_path / "home"),
    }
    return environment, tmp_path


def command(outside, *argv, module="exp"):
    environment, folder = outside
    line = [sys.executable, "-m", f"suppression.{module}", *argv]
    return subprocess.run(line, env=environment, cwd=folder, capture_output=True, text=True)


def test_toys_from_outside_are_run_by_the_command(outside):
    _, folder = outside
    done = command(outside, "toys", "--scale", "smoke", "--json", "--out", "record")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["method"] for row in rows} == {"untrained", "pull"}
    assert {row["feature"] for row in rows} == {"level", "features"}
    assert {row["levels"] for row in rows} == {2, 4}
    assert {row["pull"] for row in rows if row["method"] == "pull"} == {0.25}
    bright = [row["bright"] for row in rows if row["probe"] == "brightness"]
    assert len(bright) == 4  # two methods at two places
    assert len(set(bright)) == 4
    accuracy = [row["accuracy"] for row in rows if row["feature"] == "level"]
    assert all(0 <= value <= 1 for value in accuracy)
    with open(folder / "record" / "toys.smoke.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["bright"] for row in read] == [str(row.get("bright") or "") for row in rows]
    assert (folder / "record" / "toys.smoke.svg").read_text().startswith("<?xml")

    # A second run answers from the store, with the table and a verdict for people.
    again = command(outside, "toys", "--scale", "smoke")
    assert again.returncode == 0, again.stderr
    assert "pull, pull 0.25" in again.stdout
    assert "\nverdict: " in again.stdout


def test_a_remedy_from_outside_goes_with_our_methods_and_with_another_one_from_outside(outside):
    argv = ("toys", "--scale", "smoke", "--method", "simclr", "pull", "--levels", "4")
    argv += ("--remedy", "fewer", "--kept", "0.25")
    done = command(outside, *argv, "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["method"], row["remedy"], row["kept"]) for row in rows} == {
        ("simclr", "fewer", 0.25),
        ("pull", "fewer", 0.25),
    }
    without = command(outside, *argv[:8], "--json")
    assert without.returncode == 0, without.stderr
    bare = [json.loads(line) for line in without.stdout.splitlines()]
    assert {(row["method"], row.get("remedy")) for row in bare} == {
        ("simclr", None),
        ("pull", None),
    }

    def features(found):
        return [row["bright"] for row in found if row["probe"] == "brightness"]

    assert features(rows) != features(bare)  # the remedy did something


def test_help_and_lists_know_what_came_from_outside(outside):
    text = command(outside, "toys", "--scale", "smoke", "--help").stdout
    told = " ".join(text.split())
    assert "How many gray levels there are, 2 to 8. (a whole number; default 4) here: 4, 2" in told
    assert "--pull The constant; any number. (a number; default 0.5) here: 0.25" in told
    assert "Toys from outside" in command(outside).stdout
    assert "Grays" in command(outside, module="show").stdout


def test_a_sheet_of_a_data_set_from_outside_is_drawn(outside):
    _, folder = outside
    done = command(outside, "toys", "--levels", "8", "--out", "sheet.png", module="show")
    assert done.returncode == 0, done.stderr
    assert (folder / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert "feature level: its gray level" in done.stdout


MISTAKES = [
    (("--levels", "9"), "levels = 9 is not in 2..8"),
    (("--puul", "1"), "toys has no parameter 'puul'; did you mean 'pull'?"),
    (("--method", "simclr", "--remedy", "fewer", "--kept", "2"), "kept = 2.0 is not in (0, 1]"),
    (("--method", "simclr", "--remedy", "fewr"), "did you mean 'fewer'?"),
]


@pytest.mark.parametrize(("argv", "told"), MISTAKES, ids=[" ".join(argv) for argv, _ in MISTAKES])
def test_mistakes_are_told_of_toys_as_of_our_own(argv, told, outside):
    done = command(outside, "toys", "--scale", "smoke", *argv)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path(outside[0]["SUPPRESSION_HOME"]).exists()


def test_the_toys_keep_the_contracts_that_are_checked_for_everybody(outside):
    code = (
        "from suppression import plugins, testing\n"
        "from suppression.data import DATASETS\n"
        "from suppression.evaluation import PROBES\n"
        "from suppression.methods import METHODS\n"
        "from suppression.methods.remedies import REMEDIES\n"
        "plugins.load()\n"
        "testing.check_dataset(DATASETS['grays'])\n"
        "testing.check_method(METHODS['pull'])\n"
        "testing.check_remedy(REMEDIES['fewer'])\n"
        "testing.check_probe(PROBES['brightness'])\n"
        "print('kept')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=outside[0], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "kept\n"
