"""What a run tells of the time it has left, against a clock that the test moves."""

from __future__ import annotations

import pytest

from suppression.execution import progress
from suppression.execution.context import Context
from suppression.execution.progress import Progress
from suppression.experiment.plan import make_plan

SECONDS = {"simclr": 10.0, "cpc": 40.0}


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is told; `clock[0]` is the time in seconds."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def bar(clock, tmp_path):
    plan = make_plan("digit_size", scale="smoke", seeds=3, pins={"method": list(SECONDS), "tau": [0.2]})
    return Progress(plan, {}, list(range(len(plan.cells))), Context(store=tmp_path), [])


def minutes(bar):
    return float(bar.left().split()[1])


def index(bar, method, number):
    return [i for i, cell in enumerate(bar.cells) if cell["method"] == method][number]


def run(bar, clock, i):
    bar.hear(i, ("start",))
    clock[0] += SECONDS[bar.cells[i]["method"]]
    bar.hear(i, ("done", []))


def test_nothing_is_told_before_the_pace_is_known(bar):
    assert bar.left() == "time left not known yet"


def test_a_slow_method_is_expected_at_its_own_pace_however_many_quick_cells_came_before(bar, clock):
    run(bar, clock, index(bar, "cpc", 0))
    for number in range(4):
        run(bar, clock, index(bar, "simclr", number))
    assert minutes(bar) == pytest.approx((2 * 10 + 5 * 40) / 60, abs=0.051)


def test_a_method_that_was_not_seen_yet_is_expected_at_the_pace_of_the_others(bar, clock):
    for number in range(3):
        run(bar, clock, index(bar, "simclr", number))
    assert minutes(bar) == pytest.approx((3 + 6) * 10 / 60, abs=0.051)


def test_two_side_by_side_take_half_the_time_but_for_the_last_one(bar, clock):
    for number in range(5):
        pair = [index(bar, method, number) for method in SECONDS]
        for i in pair:
            bar.hear(i, ("start",))
        clock[0] += 10
        bar.hear(pair[0], ("done", []))
        clock[0] += 30
        bar.hear(pair[1], ("done", []))
        if number == 2:
            assert minutes(bar) == pytest.approx(3 * (10 + 40) / 2 / 60, abs=0.051)
    assert minutes(bar) == pytest.approx(40 / 60, abs=0.051)  # 25 seconds of work a core, and one cell that takes 40


def test_a_cell_that_failed_at_once_does_not_make_the_others_quick(bar, clock):
    run(bar, clock, index(bar, "simclr", 0))
    bar.hear(index(bar, "simclr", 1), ("start",))
    bar.hear(index(bar, "simclr", 1), ("failed", "for a reason"))
    assert minutes(bar) == pytest.approx((4 + 6) * 10 / 60, abs=0.051)
