"""The contrasts of a recipe: which of them stand at a scale, and that pins leave them alone."""

from __future__ import annotations

import pytest

from suppression.experiment.files import names
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import load_recipe


def told(contrast):
    a, b = contrast.a, contrast.b
    return contrast.asked.name, (a.arm.label, a.x), (b.arm.label, b.x)


def test_ends_are_those_of_the_scale_and_places_of_another_scale_are_left_out():
    redrawn, shared = "simclr, tau 0.2, competitor redrawn", "simclr, tau 0.2"
    for scale, first, last in (("laptop", 18, 36), ("evening", 18, 54), ("smoke", 6, 12)):
        found = [told(each) for each in make_plan("digit_size", scale=scale).contrasts]
        assert found[0] == ("redrawn or shared, largest", (redrawn, last), (shared, last))
        assert found[2] == ("largest or equal sizes, shared", (shared, last), (shared, first))
        there = "tau 0.05 or 0.2, beside 27 px" in [name for name, _, _ in found]
        assert there == (scale != "smoke")


@pytest.mark.parametrize("pins", [{"tau": [0.2]}, {"size2": [36]}, {"method": ["supervised"]}])
def test_the_family_is_the_same_whatever_is_asked_for(pins):
    """Else a part of the runs would be told in other words than the whole."""
    whole = make_plan("digit_size").contrasts
    part = make_plan("digit_size", pins=pins).contrasts
    assert list(map(told, part)) == list(map(told, whole))


@pytest.mark.parametrize("name", names("experiments"))
def test_every_contrast_of_every_recipe_stands_at_a_scale(name):
    recipe = load_recipe(name)
    standing = set()
    for scale in recipe.scale:
        plan = make_plan(name, scale=scale)
        standing.update(contrast.asked.name for contrast in plan.contrasts)
        for contrast in plan.contrasts:
            assert {contrast.a.arm, contrast.b.arm} <= set(plan.every_arm)
            assert {contrast.a.x, contrast.b.x} <= set(plan.axis)
            assert contrast.a != contrast.b
    assert standing == {contrast.name for contrast in recipe.contrasts}
