"""Controls: arms that stand at the two ends of the axis, whatever else is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suppression.experiment.arms import Arm
from suppression.experiment.plan import make_plan

GOLDEN = Path(__file__).parent.parent / "golden"
ENDS, EVERYWHERE = {6, 12}, {6, 8, 10, 12}


@pytest.fixture(name="planned")
def _planned(competition):
    """`planned(tau=[0.2])`: the small recipe with these pins."""

    def of(seeds=None, end_seeds=None, **pins):
        return make_plan(competition, scale="smoke", seeds=seeds, end_seeds=end_seeds, pins=pins)

    return of


def places(plan, seed=0):
    """Arm -> where it stands, and that it has one cell a place."""
    found = {}
    for cell in plan.cells:
        if cell.seed == seed:
            found.setdefault(cell.arm.label, []).append(cell.parameters["size2"])
    for where in found.values():
        assert len(set(where)) == len(where)
    return {label: set(where) for label, where in found.items()}


# --- where they stand ----------------------------------------------------------------------------


def test_controls_stand_at_both_ends_and_arms_at_every_place(planned):
    plan = planned()
    assert places(plan) == {
        "simclr, tau 0.2": EVERYWHERE,
        "simclr, tau 0.05": EVERYWHERE,
        "simclr, tau 0.2, competitor redrawn": ENDS,
        "simclr, tau 0.05, competitor redrawn": ENDS,
        "supervised": ENDS,
        "untrained": ENDS,
    }
    assert [arm.label for arm in plan.controls] == list(places(plan))[2:]
    assert plan.unasked == []


def test_a_blank_competitor_is_not_redrawn(planned):
    plan = planned(tau=[0.2], blank=[True])
    assert set(places(plan)) == {"simclr, tau 0.2", "supervised", "untrained"}
    assert all(cell.get("blank") for cell in plan.cells)


@pytest.mark.parametrize("tau", [0.2, 0.05, 0.7])
def test_a_temperature_that_is_pinned_is_that_of_an_arm_and_of_its_control(planned, tau):
    """Also one that the recipe has not."""
    plan = planned(tau=[tau])
    assert places(plan) == {
        f"simclr, tau {tau}": EVERYWHERE,
        f"simclr, tau {tau}, competitor redrawn": ENDS,
        "supervised": ENDS,
        "untrained": ENDS,
    }
    asked = [arm.label for arm in plan.controls if arm in plan.arms]
    assert asked == [f"simclr, tau {tau}, competitor redrawn", "supervised", "untrained"]


def test_what_no_arm_sets_makes_controls_of_a_control(planned):
    assert places(planned(tau=[0.2], width=[4, 8])) == {
        "simclr, tau 0.2, width 4": EVERYWHERE,
        "simclr, tau 0.2, width 8": EVERYWHERE,
        "simclr, tau 0.2, competitor redrawn, width 4": ENDS,
        "simclr, tau 0.2, competitor redrawn, width 8": ENDS,
        "supervised, width 4": ENDS,
        "supervised, width 8": ENDS,
        "untrained, width 4": ENDS,
        "untrained, width 8": ENDS,
    }


def test_every_seed_has_its_controls(planned):
    plan = planned(seeds=3, tau=[0.2])
    assert len(plan.cells) == 3 * (4 + 3 * 2)
    for seed in range(3):
        assert places(plan, seed) == places(planned(tau=[0.2]))


def test_seeds_of_the_ends_only_are_those_of_controls_too(planned):
    plan = planned(seeds=1, end_seeds=3, tau=[0.2])
    assert places(plan, 0) == places(planned(tau=[0.2]))
    for seed in (1, 2):
        assert set(map(frozenset, places(plan, seed).values())) == {frozenset(ENDS)}
        assert len(places(plan, seed)) == 4


@pytest.mark.parametrize(
    ("axis", "ends"), [([8], {8}), ([6, 12], {6, 12}), ([6, 8, 10], {6, 10}), ([10, 6, 8], {10, 8})]
)
def test_the_ends_are_those_of_the_axis_that_is_asked_for(planned, axis, ends):
    found = places(planned(size2=axis))
    assert found["simclr, tau 0.2"] == set(axis)
    for label in ("simclr, tau 0.2, competitor redrawn", "supervised", "untrained"):
        assert found[label] == ends


def test_a_method_that_is_asked_for_brings_its_own_controls_and_the_others_are_not_asked(planned):
    plan = planned(method=["simclr"], tau=[0.2])
    assert places(plan) == {
        "simclr, tau 0.2": EVERYWHERE,
        "simclr, tau 0.2, competitor redrawn": ENDS,
    }
    assert {"supervised", "untrained"} <= {arm.label for arm in plan.unasked}
    where = {c.parameters["size2"] for c in plan.other_cells if c.method == "supervised"}
    assert where == ENDS


# --- the competitor redrawn ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({"tau": 0.2, "redraw": 1.0}, "simclr, tau 0.2, competitor redrawn"),
        ({"redraw": 1}, "simclr, competitor redrawn"),
        ({"redraw": 0.5}, "simclr, redraw 0.5"),
        ({"redraw": 0.0}, "simclr, redraw 0.0"),
        ({"blank": True}, "simclr, competitor blank"),
        ({"blank": None}, "simclr"),
        ({"tau": 1.0, "replace": True}, "simclr, tau 1.0, replace"),
    ],
)
def test_an_arm_says_what_is_done_to_the_competitor(settings, label):
    assert Arm({"method": "simclr", **settings}).label == label


@pytest.mark.parametrize("redraw", [["0", "1"], ["1", "0"], [0.0, 1.0]])
def test_a_redraw_of_0_and_of_1_is_the_arm_and_its_control(planned, redraw):
    plan = planned(redraw=redraw, method=["simclr", "untrained"])
    usual = planned(method=["simclr", "untrained"])
    assert places(plan) == places(usual)
    assert {cell.key for cell in plan.cells} == {cell.key for cell in usual.cells}
    labels = [arm.label for arm in plan.arms]
    assert sorted(labels) == sorted(arm.label for arm in usual.arms)
    assert labels.count("untrained") == 1  # it has no second view
    for cell in plan.cells:
        if cell.method == "simclr":
            is_control = "competitor redrawn" in cell.arm.label
            assert cell.parameters["redraw"] == (1.0 if is_control else 0.0)


def test_a_redraw_of_0_asks_for_no_control(planned):
    assert places(planned(redraw=[0], tau=[0.2])) == {
        "simclr, tau 0.2": EVERYWHERE,
        "supervised": ENDS,
        "untrained": ENDS,
    }


def test_what_is_redrawn_now_and_then_is_an_arm_like_any_other(planned):
    plan = planned(redraw=[0.5], method=["simclr"], tau=[0.2])
    assert places(plan) == {"simclr, tau 0.2, redraw 0.5": EVERYWHERE}
    assert not [arm for arm in plan.arms if arm in plan.controls]


# --- keys ----------------------------------------------------------------------------------------


def test_an_untrained_network_has_no_second_view_to_redraw(planned):
    has = {cell.method: "redraw" in cell.parameters for cell in planned().cells}
    assert has == {"simclr": True, "supervised": True, "untrained": False}


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_controls_that_a_recipe_is_given_leave_the_keys_of_its_arms_as_they_were(tmp_path, scale):
    text = (GOLDEN / "digit_size.toml").read_text()
    control = 'controls = [{ method = "simclr", tau = [0.2, 0.05], redraw = 1.0 }]\n'
    (tmp_path / "digit_size.toml").write_text(text.replace("retention =", f"{control}retention ="))
    plan = make_plan(str(tmp_path / "digit_size.toml"), scale=scale)
    before = json.loads((GOLDEN / "keys.json").read_text())["plans"][f"digit_size.{scale}"]
    arms = [cell for cell in plan.cells if cell.arm not in plan.controls]
    assert [cell.key[:10] for cell in arms] == before["cells"].split()
    assert len(plan.cells) == len(arms) + 2 * 2
    assert len(set(plan.keys)) == len(plan.cells)
