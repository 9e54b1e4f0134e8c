"""Arithmetic is counted: against the closed form of a convolution, and in known multiples."""

from __future__ import annotations

from pathlib import Path

import pytest

from suppression.execution.context import Context
from suppression.execution.flops import flops_of_arms, training_flops
from suppression.experiment.plan import make_plan

CONTEXT = Context(store=Path(), device="cpu")


@pytest.fixture(scope="module")
def flops():
    plan = make_plan("remedies", scale="smoke", seeds=1)
    wanted = ("simclr, tau 0.2", "continued, start base, tau 0.2", "simclr, tau 0.2, remedy groups")
    found = {}
    for run in plan.cells:
        if run.arm.label in (*wanted, "untrained") and run.parameters["bits"] == 3:
            found[run.arm.label] = training_flops(run, plan.before, CONTEXT)
    return found


def test_what_goes_on_for_as_long_again_costs_twice(flops):
    assert flops["continued, start base, tau 0.2"] == 2 * flops["simclr, tau 0.2"]


def test_choosing_scenes_by_their_factors_costs_hardly_any_arithmetic(flops):
    plain = flops["simclr, tau 0.2"]
    assert plain <= flops["simclr, tau 0.2, remedy groups"] < 1.02 * plain


def test_what_is_not_trained_costs_nothing(flops):
    assert flops["untrained"] == 0


def test_cost_is_in_proportion_to_the_number_of_steps():
    short, long = (
        make_plan("random_bits", scale="smoke", pins={"samples": [n], "method": ["simclr"]})
        for n in (256, 768)
    )
    one = training_flops(short.cells[0], {}, CONTEXT)
    assert training_flops(long.cells[0], {}, CONTEXT) == 3 * one


def test_a_linear_readout_is_counted_by_its_closed_form():
    """Of a head of two layers, doubling its width adds what the two products of matrices need."""
    pins = {"method": ["simclr"], "tau": [0.2]}
    narrow, wide = (
        make_plan("random_bits", scale="smoke", pins={**pins, "head_width": [width]})
        for width in (32, 64)
    )
    run = narrow.cells[0]
    difference = training_flops(wide.cells[0], {}, CONTEXT) - training_flops(run, {}, CONTEXT)
    views, inside, out = 2 * run.training.batch, 8 * run.encoder.width, run.parameters["z_dim"]
    forward = 2 * views * 32 * (inside + out)
    assert difference == 3 * forward * run.training.steps  # and two products as large backward


def test_every_arm_has_one_number():
    plan = make_plan("random_bits", scale="smoke", pins={"method": ["simclr", "untrained"]})
    assert set(flops_of_arms(plan, CONTEXT)) == {arm.label for arm in plan.arms}
