"""Records from before a parameter was there: they are read, and they grow."""

from __future__ import annotations

import json

import pytest

from suppression.experiment.plan import make_plan
from suppression.experiment.rows import to_csv
from suppression.reporting.records import grown, read_record, record_to_grow

SCORES = {"feature": "first", "scenes": "alone", "probe": "linear", "layer": "h", "accuracy": 0.5}
LATER = ("redraw", "blank")


@pytest.fixture
def plan():
    """None of its cells has the later parameters on."""
    return make_plan("digit_size_replace", scale="smoke")


def rows_of(plan):
    return [{"experiment": plan.name, **SCORES, **cell.named_parameters} for cell in plan.cells]


def before(rows):
    """The rows as they were before there were the later parameters."""
    return [{name: row[name] for name in row if name not in LATER} for row in rows]


def recorded(folder, plan, rows):
    name = f"{plan.name}.{plan.scale}"
    (folder / f"{name}.csv").write_text(to_csv(rows))
    (folder / f"{name}.json").write_text(json.dumps({}))


def test_a_row_has_later_parameters_at_their_defaults(plan, tmp_path):
    recorded(tmp_path, plan, before(rows_of(plan)))
    rows, _ = read_record(tmp_path, plan)
    trained = [row for row in rows if row["method"] != "untrained"]
    assert {row["redraw"] for row in trained} == {0.0}
    assert not any(row.get("blank") for row in rows)
    # An untrained network has no augmentation and no second view, and gets none.
    untrained = [row for row in rows if row["method"] == "untrained"]
    assert {(row.get("jitter"), row.get("redraw")) for row in untrained} == {(None, None)}


@pytest.mark.parametrize("cut", [0, 3])
def test_a_record_from_before_a_parameter_grows_and_its_cells_are_replaced(plan, tmp_path, cut):
    """Also one that has grown once: its first rows are empty where later ones have a value."""
    new = rows_of(plan)
    recorded(tmp_path, plan, [*before(new[cut:]), *new[:cut]])
    known, _ = record_to_grow(plan, plan, tmp_path, {})
    parameters = set().union(*(cell.named_parameters for cell in plan.cells))
    assert len(grown(known, new, parameters)) == len(new)
