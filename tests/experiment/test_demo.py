"""The demo scale: a minute of training for lessons, with arms of its own."""

from __future__ import annotations

import pytest

from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_recipe

RECIPE = """
title = "Mine"
claim = "Something."
data = "random_bits"
axis = "bits"
arms = [{ method = "untrained" }, { method = "simclr", tau = [0.2, 0.05] }]
controls = [{ method = "pixels" }]

[scale.demo]
arms = [{ method = "simclr", tau = 0.2 }]
bits = [0, 4]

[scale.smoke]
bits = [0, 4]

[[contrasts]]
name = "temperature"
a = { method = "simclr", tau = 0.05 }
b = { method = "simclr", tau = 0.2 }
at = 4
feature = "class"
margin = 3

[published]
source = "somewhere"
axis = [0]
rows = [{ method = "simclr", tau = 0.05, feature = "class", accuracy = [90] }]
"""


def labels(plan):
    return [arm.label for arm in plan.arms]


def planned(tmp_path, *change, scale="demo"):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE.replace(*change) if change else RECIPE)
    return make_plan(str(path), scale=scale)


def test_a_scales_own_arms_stand_in_place_of_the_recipes(tmp_path):
    demo, smoke = planned(tmp_path), planned(tmp_path, scale="smoke")
    assert labels(demo) == ["simclr, tau 0.2"]
    assert (demo.contrasts, demo.recipe.published) == ([], None)
    assert labels(smoke) == ["untrained", "simclr, tau 0.2", "simclr, tau 0.05", "pixels"]
    assert len(smoke.contrasts) == 1
    assert smoke.recipe.published is not None


@pytest.mark.parametrize(
    ("arms", "told"),
    [
        ("3", r"mine: \[scale.demo\].*arms"),
        ("[]", r"mine: \[scale.demo\].*arms"),
        ('["simclr"]', r"mine: \[scale.demo\].*arms\[0\]"),
        ('[{ methd = "simclr" }]', r"mine: arms\[0\] names no method"),
        ('[{ method = "simclr", tua = 1 }]', "has no parameter 'tua'; did you mean 'tau'"),
    ],
)
def test_arms_of_a_scale_that_are_wrong_are_told(tmp_path, arms, told):
    with pytest.raises(UserError, match=told):
        planned(tmp_path, '[{ method = "simclr", tau = 0.2 }]\nbits', f"{arms}\nbits")


def demos():
    return [name for name in files.names("experiments") if "demo" in load_recipe(name).scale]


def test_the_lessons_live_experiments_have_a_demo_scale():
    assert {"random_bits", "temperature", "coloured_digits"} <= set(demos())


@pytest.mark.parametrize("name", demos())
def test_a_demo_trains_for_a_minute(name):
    """On two cores 1,000 pictures of 28 px take a network of width 8 about 1.5 seconds."""
    plan = make_plan(name, scale="demo")
    cells = [cell for cell in plan.cells if cell.training is not None]
    assert len(plan.seeds) == 1
    assert max(cell.encoder.width for cell in cells) <= 8
    assert sum(cell.training.samples for cell in cells) <= 60_000
