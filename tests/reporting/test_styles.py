"""Colours: one for an arm in all recipes, told apart by deuteranopes, readable on white."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from suppression.experiment.arms import Arm
from suppression.experiment.plan import make_plan
from suppression.reporting.styles import FLOORS, PALETTE, colours, identity, styles

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
RECIPES = sorted(path.stem for path in EXPERIMENTS.glob("*.toml"))
APART = 20.0  # of CIE 1976 L*a*b*; 2.3 are just noticeable
LEAST_CONTRAST = 3.0  # WCAG 2.1, 1.4.11, for what is drawn
MOST_COLOURS = len(PALETTE) + len(FLOORS)

# Machado, Oliveira and Fernandes 2009, deuteranopia (severity 1), for linear RGB.
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
# IEC 61966-2-1 (sRGB) to CIE XYZ, and its white.
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of linear RGB."""
    ratio = TO_XYZ @ rgb / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str) -> float:
    """How far two colours are apart for a deuteranope."""
    seen = [lab(np.clip(DEUTERANOPIA @ linear(each), 0, 1)) for each in (one, other)]
    return float(np.linalg.norm(seen[0] - seen[1]))


def test_the_oracle_knows_a_pair_that_deuteranopes_confuse():
    assert lab(linear("#FF0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert apart("#009E73", "#8C8C8C") < APART < apart("#D55E00", "#0072B2")


def test_all_colours_are_told_apart_by_deuteranopes_and_stand_out_from_white():
    every = [style.colour for style in [*PALETTE, *FLOORS.values()]]
    for one, other in itertools.combinations(every, 2):
        assert apart(one, other) >= APART, (one, other)
    for colour in every:
        contrast = 1.05 / (TO_XYZ[1] @ linear(colour) + 0.05)
        assert contrast >= LEAST_CONTRAST, colour


@pytest.mark.parametrize("recipe", RECIPES)
def test_arms_of_a_figure_that_are_not_the_same_have_different_colours(recipe):
    every = make_plan(recipe).every_arm
    if colours(every) > MOST_COLOURS:
        return  # fields, without colours
    owner: dict[str, Arm] = {}
    look = styles(every)
    for arm in every:
        if arm.method in FLOORS:  # a wider one differs in its marker
            continue
        first = owner.setdefault(look[arm.label].colour, identity(arm))
        assert first == identity(arm), (first.label, arm.label)


def test_an_arm_has_one_colour_in_all_recipes():
    seen: dict[str, dict[str, list[str]]] = {}
    for recipe in RECIPES:
        every = make_plan(recipe).every_arm
        if colours(every) > MOST_COLOURS:
            continue
        for arm in every:
            colour = styles(every)[arm.label].colour
            kind = identity(arm).label
            seen.setdefault(kind, {}).setdefault(colour, []).append(recipe)
    assert {kind: found for kind, found in seen.items() if len(found) > 1} == {}


def test_arms_with_bits_and_without_are_a_pair_of_one_colour():
    look = styles(make_plan("heads").every_arm)
    without, beside = look["simclr, head mlp, bits 0"], look["simclr, head mlp, bits 4"]
    assert (without.colour, without.marker) == (beside.colour, beside.marker)
    assert without.line != beside.line


def test_a_control_has_the_colour_of_what_it_is_the_control_of():
    look = styles(make_plan("digit_size").every_arm)
    arm, control = look["simclr, tau 0.05"], look["simclr, tau 0.05, competitor redrawn"]
    assert arm.colour == control.colour
    assert arm.marker != control.marker
