"""A screening chooses by its rule, and the boards have what it chose."""

from __future__ import annotations

import math

import pytest

import suppression as sup
from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.plan import make_plan
from suppression.reporting.screening import chosen

BOARDS = {"screening_colour": "remedies", "screening_bits": "remedies_bits"}


def by_hand(rows, victim):
    """The setting of the greatest mean of victim and bits, by a loop over the rows."""
    sums = {}
    for row in rows:
        if row["scenes"] == "together" and row["feature"] in (victim, "bit") and row["remedy"]:
            weight = 1 / (2 * 3)  # two features, three seeds
            sums[row["arm"]] = sums.get(row["arm"], 0.0) + weight * row["accuracy"]
    best = {}
    for arm, mean in sums.items():
        name = arm.split("remedy ")[1].split(",")[0]
        if mean > best.get(name, ("", -1.0))[1] + 1e-12:
            best[name] = (arm, mean)
    return {name: arm for name, (arm, _) in best.items()}


@pytest.mark.parametrize(("screening", "board"), BOARDS.items())
def test_the_board_has_the_settings_that_the_record_of_its_screening_chooses(screening, board):
    record = sup.record(screening)
    found = {name: arm.label for name, arm in chosen(record.summary).items()}
    assert len(found) == 18
    on_board = []
    for arm in make_plan(board, scale="laptop", seeds=1).arms:
        if arm.get("remedy") not in (None, "groups") and "redraw" not in arm:
            on_board.append(arm.label)
    assert sorted(on_board) == sorted(found.values())


@pytest.mark.parametrize(
    ("screening", "victim"), [("screening_colour", "digit"), ("screening_bits", "class")]
)
def test_the_choice_is_that_of_a_loop_over_the_rows(screening, victim):
    record = sup.record(screening)
    found = {name: arm.label for name, arm in chosen(record.summary).items()}
    assert found == by_hand(record.rows, victim)
    assert found["ifm"] in record.verdict()


def test_seeds_of_the_screening_are_none_of_the_boards():
    for screening, board in BOARDS.items():
        tried = {row["seed"] for row in sup.record(screening).rows}
        assert tried == {100, 101, 102}
        assert not tried & set(make_plan(board).seeds)


def test_what_was_not_measured_on_all_seeds_is_not_chosen():
    record = sup.record("screening_colour")
    (best,) = [arm for name, arm in chosen(record.summary).items() if name == "ltd"]
    kept = []
    for row in record.rows:
        if row["arm"] != best.label or row["seed"] != 101:
            kept.append(row)
    summary = type(record.summary)(record.plan, kept)
    (other,) = [arm for name, arm in chosen(summary).items() if name == "ltd"]
    assert other.label != best.label
    assert not math.isnan(other.settings["eta"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("random_bits", r"screens: random_bits has no \[board\]"),
        ("remedeis", r"screens: .*did you mean 'remedies'"),
    ],
)
def test_a_recipe_that_screens_for_what_has_no_board_is_refused(name, message, tmp_path):
    content = files.find("experiments", "screening_bits").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(content.replace('screens = "remedies_bits"', f'screens = "{name}"'))
    with pytest.raises(UserError, match=message):
        make_plan(str(path), scale="smoke")
