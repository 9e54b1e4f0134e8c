"""Recorded results: read and written to the same byte, each row with the arm that it is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from suppression.experiment.plan import make_plan
from suppression.experiment.rows import from_csv, to_csv, with_arms
from suppression.experiment.schema import schema
from suppression.experiment.spec import load_recipe

FOLDER = Path(__file__).parent.parent.parent / "experiments"
RECORDS = sorted(FOLDER.glob("*.*.csv"))


def named(path):
    return path.name.removesuffix(".csv")


def recorded(path):
    name, scale = named(path).split(".")
    plan = make_plan(name, scale=scale)
    return plan, from_csv(path.read_text(), schema(plan.card.kind))


def sizes_of_arms(plan, row):
    """How much each arm or control sets that agrees with a row, read off the TOML alone."""
    found, recipe = [], load_recipe(plan.name)
    for arm in recipe.scale[plan.scale].get("arms", recipe.every_arm):
        if all(agrees(row.get(name), value) for name, value in arm.items()):
            found.append(len(arm))
    return found


def agrees(value, given):
    """Whether a row's value is what an arm gives, or one of several; a switch that is off is none.

    Numbers are equal whether they have a point or not.
    """
    choices = given if isinstance(given, list) else [given]
    return any(value == choice or (value is None and choice is False) for choice in choices)


def test_there_are_records():
    assert len(RECORDS) >= 20


@pytest.mark.parametrize("path", RECORDS, ids=named)
def test_a_record_is_written_as_it_was_read_to_the_byte(path):
    plan, rows = recorded(path)
    text = path.read_text()
    assert to_csv(rows) == text
    assert to_csv(with_arms(plan, rows)) == text  # the arm is no column


@pytest.mark.parametrize("path", RECORDS, ids=named)
def test_every_row_has_the_arm_that_the_recipe_says(path):
    plan, rows = recorded(path)
    by_label = {arm.label: arm for arm in plan.every_arm}
    in_arms = sorted({name for arm in plan.recipe.every_arm for name in arm})
    seen = {}
    for row in with_arms(plan, rows):
        settings = tuple(row.get(name) for name in in_arms)
        if settings in seen:
            assert row["arm"] == seen[settings]
            continue
        seen[settings] = row["arm"]
        arm = by_label[row["arm"]]
        assert all(row.get(name) == value for name, value in arm.settings.items())
        assert len(arm.settings) == max(
            sizes_of_arms(plan, row)
        )  # of several the one that sets most
    assert len(seen) >= len(set(seen.values())) > 1


def test_rows_come_back_from_a_csv_as_they_were_lists_and_scores_too():
    planned = make_plan("multidigits", scale="smoke")
    rows = []
    for cell in planned.cells:
        named = dict.fromkeys(("experiment", "probe", "layer", "scenes"), "x")
        scores = {"feature": "digit", "accuracy": 0.5, "nmi": None, "k": 4, "converged": True}
        rows.append({**named, **scores, **cell.parameters, "sizes": [12, 8]})
    back = from_csv(to_csv(rows), schema("multi_digits"))
    for read, row in zip(back, rows, strict=True):
        assert without_nothing(read) == without_nothing(row)


def without_nothing(row):
    return {name: value for name, value in row.items() if value is not None}
