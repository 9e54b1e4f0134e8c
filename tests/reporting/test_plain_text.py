"""All text of the user's is plain text: tables, figures, progress and HTML show it as it is."""

from __future__ import annotations

import dataclasses
import html
import io
import warnings
import xml.etree.ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from suppression.errors import UserError
from suppression.execution.displays import Terminal
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import with_arms
from suppression.reporting.console import live_table, result_text
from suppression.reporting.figures import figure, saved
from suppression.reporting.result import Result
from suppression.reporting.summary import summarise
from suppression.reporting.tables import markdown

NASTY = st.text(alphabet="[]/$\\{}<>&|*_`\"'%^~# abü漢🙂", min_size=1, max_size=30)
WORST = ["[/]", "[red]x", r"$\frac{1$", "<b>&amp;", "a|b", "$x$", "100 % \\alpha", "]]>", "🙂"]


def titled(plan, text):
    """The plan with this text wherever a recipe has some."""
    recipe = plan.recipe.model_copy(update={"title": text, "axis_label": text, "claim": text})
    card = plan.card.model_copy(update={"title": text, "scenes": {"together": text}})
    return dataclasses.replace(plan, recipe=recipe, card=card)


def answers_of(plan):
    made = []
    for i, cell in enumerate(plan.cells):
        row = {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h"}
        score = {"accuracy": 0.1 + 0.05 * i, "low": 0.05, "high": 0.6, "cases": 90, "guess": 0.1}
        made.append((cell, [{**row, **score, "converged": True}]))
    return made


def texts_in(svg):
    """What is written in an SVG, line by line."""
    root = ET.fromstring(svg)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def check_everywhere(plan, text):
    planned = titled(plan, text)
    result = Result(planned, answers_of(planned), [], {"a cell": f"{text} failed"}, [])
    assert text.strip() in result_text(result, width=200)
    assert html.escape(text) in result._repr_html_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = saved(result.plot(), "svg")
    written = "".join("".join(texts_in(svg)).split())
    assert "".join(text.split()) in written
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True)
    display = Terminal(out, console)
    display.begin(lambda: (0.5, text), lambda: live_table(planned, [], [], width=100), text)
    display.start(0, text)
    display.move(0, 0.5, text)
    console.print(display.rendered())
    display.say(text)
    display.close()
    assert text.strip() in out.getvalue()


@pytest.mark.parametrize("text", WORST)
def test_the_worst_texts_are_shown_as_they_are(plan, text):
    check_everywhere(plan, text)


@given(text=NASTY)
@settings(
    deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_shown_as_it_is(plan, text):
    check_everywhere(plan, f"a{text}b")


@pytest.mark.parametrize("source", ["folder:a$b$c", "folder:[/]", "folder:a_b^c"])
def test_a_folder_may_have_any_name(source):
    plan = make_plan("digits_on_photos", scale="smoke", pins={"photos": [source]})
    rows = []
    for cell in plan.cells[:2]:
        row = {"feature": "digit", "scenes": "together", "probe": "linear", "layer": "h"}
        score = {"accuracy": 0.5, "low": 0.4, "high": 0.6, "cases": 90, "guess": 0.1}
        rows.append({**row, **score, **cell.named_parameters})
    summary = summarise(plan, with_arms(plan, rows))
    assert ET.fromstring(saved(figure(summary), "svg")) is not None
    assert "50.0" in markdown(summary)


def test_control_characters_are_refused_where_they_come_in():
    with pytest.raises(UserError, match="source"):
        make_plan("digit_size", scale="smoke", pins={"source": ["a\x1b[31mb"]})
    with pytest.raises(UserError, match=r"photos = 'folder:a.x00b' is not a word"):
        make_plan("digits_on_photos", scale="smoke", pins={"photos": ["folder:a\x00b"]})


def test_a_fit_that_did_not_converge_is_marked_and_explained(plan):
    answers = answers_of(plan)
    assert "*" not in result_text(Result(plan, answers, [], {}, []), width=80)
    answers[0][1][0]["converged"] = False
    result = Result(plan, answers, [], {}, [])
    told = result_text(result, width=80)
    assert told.count("*") == 2  # the value, and what the mark means
    assert "*: a readout's fit had not converged" in told
    assert markdown(result.summary).count("*") == 1
    assert max(map(len, told.splitlines())) <= 80
