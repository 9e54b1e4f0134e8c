"""A result: how it prints, what it hands out, and what it says of cells that failed."""

from __future__ import annotations

import html
import re
import sys
from xml.etree import ElementTree

import pytest

from suppression.errors import UserError
from suppression.experiment.plan import make_plan
from suppression.reporting.result import Result


@pytest.fixture
def plan():
    return make_plan("digit_size", scale="smoke", pins={"tau": [0.2]})


def answers_of(cells):
    """Rows as a probe gives them, of both features."""
    found = []
    for number, cell in enumerate(cells):
        rows = []
        for feature in ("first", "second"):
            value = 0.3 + number / 10
            row = {"feature": feature, "scenes": "alone", "probe": "linear", "layer": "h"}
            scores = {"accuracy": value, "low": value - 0.1, "high": value + 0.1}
            rows.append({**row, **scores, "guess": 0.1, "cases": 100})
        found.append((cell, rows))
    return found


@pytest.fixture
def result(plan):
    return Result(plan, answers_of(plan.cells))


@pytest.fixture
def with_failures(plan):
    """A run in which two cells failed, one of them with a message that looks like HTML."""
    lost = plan.cells[:2]
    why = {
        plan.cell_name(lost[0]): "loss is <nan> & worse\nTraceback ...",
        plan.cell_name(lost[1]): "ended without a word",
    }
    return Result(plan, answers_of(plan.cells[2:]), failed=why, failed_cells=list(lost))


def test_rows_are_long_and_bear_their_cells_parameters_and_their_arm(result, plan):
    assert len(result.rows) == 2 * len(plan.cells)
    first = result.rows[0]
    assert list(first)[:3] == ["experiment", "method", "seed"]
    assert first["arm"] == plan.cells[0].arm.label
    assert first["size2"] == plan.cells[0].parameters["size2"]
    assert first["experiment"] == "digit_size"
    assert result.rows is result.rows  # made once


def test_select_takes_rows_by_their_values(result):
    chosen = result.select(feature="first", method="simclr")
    assert {(row["feature"], row["method"]) for row in chosen} == {("first", "simclr")}
    assert len(chosen) == 4
    assert [row["redraw"] for row in chosen] == [0.0, 0.0, 1.0, 1.0]
    assert result.select(feature="first", method="simclr", redraw=0.0) == chosen[:2]
    assert result.select(feature="third") == []


def test_a_result_prints_title_table_and_verdict(result, plan):
    text = repr(result)
    assert text.startswith(f"Digit size, smoke scale: {len(plan.cells)} cells\n\n")
    assert result.table() in text
    assert text.endswith(result.verdict())
    assert max(map(len, result.table().splitlines())) <= 80
    assert "±" in result.table()
    assert "±" not in result.table(intervals=True)
    assert "seeds 0" in result.caption()


def test_the_html_has_table_verdict_and_a_figure(result):
    page = result._repr_html_()
    assert f"<h4>{html.escape(result.title)}</h4>" in page
    assert html.escape(result.verdict()) in page
    assert html.escape(result.table(width=100)) in page
    picture = page[page.index("<svg") : page.index("</svg>") + len("</svg>")]
    assert ElementTree.fromstring(picture).tag.endswith("svg")
    assert "<?xml" not in page  # which a page in HTML cannot hold
    assert "<!DOCTYPE" not in page


def test_what_comes_from_outside_is_escaped_in_html(with_failures, plan):
    page = with_failures._repr_html_()
    before = page[: page.index("<svg")]
    assert "loss is &lt;nan&gt; &amp; worse" in before
    assert "<nan>" not in page
    title = plan.recipe.model_copy(update={"title": "<script>alert(1)</script>"})
    from dataclasses import replace

    odd = Result(replace(plan, recipe=title), answers_of(plan.cells))
    assert "<script>" not in odd._repr_html_()
    assert "&lt;script&gt;" in odd._repr_html_()


def test_failed_cells_are_named_and_the_rest_is_plotted(with_failures, plan):
    text = repr(with_failures)
    for cell, why in zip(
        plan.cells[:2], ["loss is <nan> & worse", "ended without a word"], strict=True
    ):
        assert f"failed: {plan.cell_name(cell)}: {why}" in text
    assert "Traceback" not in text
    assert with_failures.table().count("failed") == 4  # two cells, two features
    assert with_failures.verdict().endswith("2 cells failed.")
    drawn = set()
    for ax in with_failures.plot().axes:
        drawn.update(container.get_label() for container in ax.containers)
    assert drawn == {cell.arm.label for cell in plan.cells[2:]}


def test_where_every_cell_failed_there_is_nothing_to_draw_and_it_says_so(plan):
    name = plan.cell_name(plan.cells[0])
    result = Result(plan, [], failed={name: "no memory"}, failed_cells=list(plan.cells))
    with pytest.raises(UserError, match=re.escape(f"nothing to draw: failed: {name}: no memory")):
        result.plot()
    assert "no memory" in repr(result)
    assert "no memory" in result._repr_html_()
    assert "<svg" not in result._repr_html_()
    assert result.verdict() == "Nothing was measured."


def test_what_was_stored_beside_is_shown_and_is_not_among_the_rows(plan):
    whole = make_plan("digit_size", scale="smoke", pins={"tau": [0.2], "method": ["simclr"]})
    others = answers_of(whole.other_cells)
    result = Result(whole, answers_of(whole.cells), beside=others)
    assert {row["method"] for row in result.rows} == {"simclr"}
    assert {row["method"] for row in result.shown_rows} > {"simclr"}
    assert "supervised" in result.table()


def test_rows_as_a_data_frame(result):
    pandas = pytest.importorskip("pandas")
    frame = result.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(result.rows)
    assert list(frame["accuracy"]) == [row["accuracy"] for row in result.rows]
    by_method = frame[frame.feature == "first"].groupby("method").accuracy.mean()
    values = [row["accuracy"] for row in result.select(feature="first", method="simclr")]
    assert by_method["simclr"] == pytest.approx(sum(values) / len(values))


def test_without_pandas_it_says_what_to_install(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="pip install pandas"):
        result.to_pandas()


def test_the_figure_is_one_of_matplotlib(result, plan):
    from matplotlib.figure import Figure

    made = result.plot()
    assert isinstance(made, Figure)
    (container,) = [
        each for each in made.axes[0].containers if each.get_label() == "simclr, tau 0.2"
    ]
    heights = container.lines[0].get_ydata()
    rows = result.select(feature="first", method="simclr", redraw=0.0)
    values = [100 * row["accuracy"] for row in rows]
    assert sorted(heights) == pytest.approx(sorted(values))
