"""The board of remedies says what rows say: gains, words, costs and controls, by a loop by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suppression.errors import UserError
from suppression.experiment import files
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import long_rows
from suppression.reporting import records
from suppression.reporting.board_figure import MARKERS, board_figure, undominated
from suppression.reporting.leaderboard import joined, leaderboard, reach_of
from suppression.reporting.leaderboard_text import markdown, text
from suppression.reporting.result import Result
from suppression.reporting.summary import summarise

NOISE = (0.0, 0.004, -0.004, 0.002)  # by seed, on what an arm gains
BASE = {3: 0.60, 6: 0.40}  # the digit beside the colour, by place


def gain(arm):
    """What each arm gains of the digit, by its label; 0 for all others."""
    if arm.get("remedy") == "dhel":
        return 0.20
    if arm.get("redraw") == 1 and "remedy" not in arm:
        return 0.30
    if arm.get("remedy") == "groups":
        return 0.25
    return -0.10 if arm.get("remedy") == "spectral" else 0.0


def rows_of(plan, *, oracles=True):
    answers = []
    for run in plan.cells:
        place = run.parameters["bits"]
        gained = gain(run.arm)
        if not oracles and ("redraw" in run.arm or run.arm.get("remedy") == "groups"):
            gained = 0.0
        if run.arm.get("remedy") and run.arm.get("redraw") == 1:
            gained = 0.40 if run.arm.get("remedy") == "hcl" else 0.30
        noise = NOISE[run.seed] * (1 if run.arm.get("remedy") else 0.5)
        if "redraw" in run.arm and "remedy" not in run.arm:
            noise /= 2
        digit = {"feature": "digit", "accuracy": BASE[place] + gained + noise}
        bit = {"feature": "bit", "accuracy": 0.9 - (0.2 if gained == 0.20 else 0) + noise}
        rows = []
        for each in (digit, bit):
            rows.append(
                {
                    **run.parameters,
                    **each,
                    "probe": "linear",
                    "layer": "h",
                    "scenes": "together",
                    "guess": 0.1,
                    "cases": 100,
                    "low": 0.0,
                    "high": 1.0,
                    "converged": True,
                    "encoder": run.key,
                }
            )
        answers.append((run, rows))
    return answers


@pytest.fixture(scope="module")
def board():
    plan = make_plan("remedies", scale="smoke", seeds=4)
    flops = {"simclr, tau 0.2": 100, "simclr, tau 0.1, remedy dhel": 120}
    return leaderboard(summarise(plan, long_rows(plan, rows_of(plan)), flops=flops))


def entry(board, word):
    (found,) = [each for each in board.entries if word in each.arm.label]
    return found


def test_a_gain_is_the_mean_over_places_and_seeds_less_that_of_the_baseline(board):
    dhel = entry(board, "dhel")
    by_hand = []
    for noise in NOISE:
        arm = [BASE[place] + 0.20 + noise for place in (3, 6)]
        base = [BASE[place] + 0.5 * noise for place in (3, 6)]
        by_hand.append(100 * (sum(arm) / 2 - sum(base) / 2))
    assert dhel.gain.differences == pytest.approx(by_hand)
    assert dhel.accuracy == pytest.approx(70.0 + 100 * sum(NOISE) / 4)
    assert dhel.word == "higher"
    assert dhel.cost == pytest.approx(1.2)
    assert board.entries[0].gain.mean == max(each.gain.mean for each in board.entries)


def test_what_goes_on_is_held_against_the_same_training_going_on(board):
    assert entry(board, "clusters").baseline.method == "continued"
    assert entry(board, "dhel").baseline.method == "simclr"


def test_every_arm_is_of_one_kind_and_floors_and_controls_are_none(board):
    labels = [each.arm.label for each in board.entries]
    assert not any(each.arm.method in ("untrained", "supervised") for each in board.entries)
    assert not any("remedy" in label and "redrawn" in label for label in labels)
    assert entry(board, "groups").kind == "oracle"
    assert entry(board, "competitor redrawn").kind == "oracle"
    assert entry(board, "samples").kind == "setting"
    assert board.oracles_win


def test_holms_family_is_all_remedies_and_settings(board):
    assert board.family == len(board.of_kind("remedy", "setting"))
    smallest = min(each.gain.p for each in board.of_kind("remedy", "setting"))
    (first,) = [e for e in board.of_kind("remedy", "setting") if e.gain.p == smallest]
    assert first.gain.p_holm == pytest.approx(min(1, smallest * board.family))


def test_a_feature_that_falls_is_a_cost_and_a_gain_where_redrawn_is_better_training(board):
    assert list(entry(board, "dhel").costs) == ["bit"]
    assert not entry(board, "spectral").costs
    assert entry(board, "hcl").is_better_training
    assert not entry(board, "dhel").is_better_training
    assert "costs 'bit'" in text(board)
    assert "| dhel, tau 0.1 | remedy | yes |" in markdown(board)
    assert "points is told in four of five such boards" in markdown(board)


def test_a_benchmark_whose_oracles_do_not_win_says_so():
    plan = make_plan("remedies", scale="smoke", seeds=4)
    board = leaderboard(summarise(plan, long_rows(plan, rows_of(plan, oracles=False))))
    assert not board.oracles_win
    assert "this benchmark does not show suppression" in text(board)


def test_views_do_not_reach_bits_that_are_appended_behind_them():
    for name, reach in (("remedies", "partly"), ("remedies_bits", "no")):
        plan = make_plan(name, scale="smoke", seeds=1)
        (arm,) = [a for a in plan.arms if a.get("remedy") == "viewmaker" and "redraw" not in a]
        assert reach_of(summarise(plan, []), arm) == reach


def own_run(**pins):
    plan = make_plan("remedies", scale="smoke", seeds=3, pins=pins)
    answers = rows_of(plan)
    for _, rows in answers:
        for row in rows:
            row["source"] = "digits"
    return Result(plan, answers)


def test_a_remedy_that_is_named_is_held_against_one_baseline_with_its_control():
    plan = make_plan("remedies", scale="smoke", seeds=1, pins={"remedy": ["ifm"], "tau": [0.1]})
    told = {arm.label for arm in plan.arms if not arm.is_floor}
    assert told == {
        "simclr, tau 0.2",
        "simclr, tau 0.2, competitor redrawn",
        "simclr, tau 0.1",
        "simclr, tau 0.1, competitor redrawn",
        "simclr, tau 0.1, remedy ifm",
        "simclr, tau 0.1, competitor redrawn, remedy ifm",
        "supervised",
    }
    going_on = make_plan(
        "remedies", scale="smoke", seeds=1, pins={"remedy": ["ifm"], "method": ["continued"]}
    )
    assert "continued, start base, tau 0.2" in {arm.label for arm in going_on.arms}


def test_a_remedy_of_a_method_without_baseline_is_refused():
    with pytest.raises(UserError, match=r"no baseline of the method byol.*simclr, continued"):
        make_plan("remedies", scale="smoke", pins={"remedy": ["ifm"], "method": ["byol"]})


def test_an_arm_that_the_recipe_has_not_is_marked_as_theirs():
    marked = {row["arm"]: row["theirs"] for row in own_run(remedy=["ifm"]).leaderboard()}
    assert marked["simclr, tau 0.2, competitor redrawn"] is False
    assert marked["simclr, tau 0.2, remedy ifm"] is True
    table = own_run(remedy=["ifm"]).table()
    assert "ifm (yours)" in table
    assert max(map(len, table.splitlines())) <= 80


def test_a_run_of_ones_own_joins_the_record_and_its_words_are_corrected_for_all(board):
    mine = leaderboard(own_run(remedy=["dhel"]).summary)
    both = joined(mine, board)
    assert both.family == board.family + 1
    (own,) = [each for each in both.entries if each.theirs]
    (alone,) = [each for each in mine.entries if each.theirs]
    assert own.gain.differences == alone.gain.differences
    labels = [each.arm.label for each in both.entries]
    assert len(labels) == len(set(labels)) == len(board.entries) + 1
    gains = [each.gain.mean for each in both.entries]
    assert gains == sorted(gains, reverse=True)
    ps = sorted(each.gain.p for each in both.of_kind("remedy", "setting"))
    smallest = [e for e in both.of_kind("remedy", "setting") if e.gain.p == ps[0]]
    assert smallest[0].gain.p_holm == pytest.approx(min(1, ps[0] * both.family))


def test_what_changes_every_arm_does_not_join_the_record(monkeypatch):
    asked = []
    monkeypatch.setattr(records, "recorded_summary", asked.append)
    own_run(remedy=["ifm"]).leaderboard()
    assert len(asked) == 1
    own_run(remedy=["ifm"], width=[6]).leaderboard()
    assert len(asked) == 1


def test_the_figure_shows_every_gain_and_change_where_it_is(board):
    made = board_figure(board, "a title", 8.3)
    gains, changes, costs = made.axes
    drawn = []
    for line in gains.lines:
        if line.get_marker() in MARKERS.values():
            drawn.append((float(line.get_ydata()[0]), float(line.get_xdata()[0])))
    assert sorted(drawn) == [(i, each.gain.mean) for i, each in enumerate(board.entries)]
    fields = changes.images[0].get_array()
    for row, each in enumerate(board.entries):
        wanted = [each.gain.mean, each.others["bit"].mean, each.redrawn.mean]
        assert fields[row].filled(math.nan) == pytest.approx(wanted, nan_ok=True)
    assert len([line for line in costs.lines if line.get_marker() in MARKERS.values()]) == 1


def entry_of(cost, gain, kind="remedy"):
    gained = SimpleNamespace(mean=gain)
    return SimpleNamespace(cost=cost, gain=gained, kind=kind)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-3, 3)), max_size=12))
def test_what_is_named_is_what_nothing_gains_more_than_for_less(pairs):
    entries = [entry_of(cost, gain) for cost, gain in pairs]
    found = {(each.cost, each.gain.mean) for each in undominated(entries)}
    by_hand = set()
    for cost, gain in pairs:
        better = [o for o in pairs if o[0] <= cost and o[1] >= gain and o != (cost, gain)]
        if not better and gain > 0:
            by_hand.add((cost, gain))
    assert found == by_hand
    assert undominated([entry_of(1, 9, "oracle")]) == []


def test_the_slide_says_how_many_help_and_draws_each():
    made = own_run(remedy=["dhel"]).plot(style="slide")
    assert "1 of 1 remedies and settings help 'digit'; most: dhel (yours), +20 points" in (
        " ".join(made.get_suptitle().split())
    )
    other = own_run(remedy=["dhel"]).plot(style="slide", feature="bit")
    assert "bit" in other.get_suptitle()


def test_a_recipe_without_a_board_has_no_leaderboard():
    plan = make_plan("random_bits", scale="smoke")
    with pytest.raises(UserError, match=r"random_bits has no leaderboard.*remedies has one"):
        Result(plan, []).leaderboard()


def test_a_baseline_that_the_recipe_has_not_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    content = files.find("experiments", "remedies").read_text()
    path.write_text(content.replace('victim = "digit"', 'victim = "digt"'))
    with pytest.raises(UserError, match=r"board\.victim: there is no feature 'digt'.*'digit'"):
        make_plan(str(path), scale="smoke")
    old = '    { method = "simclr", tau = 0.2 },\n    { method = "continued", start = "base"'
    head, _, tail = content.partition("[board]")
    path.write_text(f"{head}[board]{tail.replace(old, old.replace('0.2 }', '0.7 }'))}")
    with pytest.raises(UserError, match=r"board\.baselines\[0\]: there is no arm"):
        make_plan(str(path), scale="smoke")
