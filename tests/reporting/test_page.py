"""The report of a result: one file, whole without JavaScript, and text that stays text."""

from __future__ import annotations

import base64
import csv
import dataclasses
import hashlib
import json
import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path

import pytest

import suppression as sup
from suppression.errors import UserError
from suppression.exp import main
from suppression.experiment.plan import make_plan
from suppression.experiment.rows import with_arms
from suppression.reporting.chart import chart_data, positions
from suppression.reporting.result import Result
from suppression.reporting.summary import summarise

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; ' \u2028 </title></style>",
]


class Parsed(HTMLParser):
    """A page's tags with their attributes, its text, and what its scripts hold."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.scripts = [], "", []
        self.inside = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "script":
            self.scripts[-1] += data
        elif self.inside != "style":
            self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The report of a record with contrasts and several seeds, as text."""
    path = tmp_path_factory.mktemp("report") / "out.html"
    assert sup.record("digit_size").report(path) == path
    return path.read_text(encoding="utf-8")


def means_of_the_record(name, **wanted):
    """Mean accuracies in percent by size2, straight from the csv."""
    values = defaultdict(list)
    with (EXPERIMENTS / f"{name}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if all(row[key] == value for key, value in wanted.items()):
                values[row["size2"]].append(100 * float(row["accuracy"]))
    return {place: sum(each) / len(each) for place, each in values.items()}


# --- what the page has ---------------------------------------------------------------------------


def test_the_chart_has_the_means_of_the_records_csv(recorded):
    data = json.loads(Parsed(recorded).scripts[0])
    reading = data["readings"][0]
    assert reading["name"] == "first, together, named"  # the claim's own comes first
    label = "simclr, tau 0.2, competitor redrawn"
    number = [arm["label"] for arm in data["arms"]].index(label)
    shown = {}
    for point in reading["points"]:
        if point["arm"] == number:
            shown[data["places"][point["place"]]] = point["mean"]
    wanted = {
        "feature": "first",
        "scenes": "together",
        "probe": "named",
        "redraw": "1.0",
        "tau": "0.2",
    }
    expected = means_of_the_record("digit_size.laptop", method="simclr", **wanted)
    assert shown == pytest.approx(expected)
    assert len(shown) == 2


def test_verdict_contrasts_table_recipe_and_provenance_are_there_without_javascript(recorded):
    result, page = sup.record("digit_size"), Parsed(recorded)
    assert result.verdict() in page.text
    for contrast in result.contrasts():
        assert contrast["name"] in page.text
        assert contrast["word"] in page.text
    (mean,) = [
        value
        for place, value in means_of_the_record(
            "digit_size.laptop",
            method="supervised",
            feature="first",
            scenes="together",
            probe="named",
        ).items()
        if place == "36"
    ]
    assert f"{mean:.1f} [" in page.text
    assert 'title = "Digit size"' in page.text
    made = json.loads((EXPERIMENTS / "digit_size.laptop.json").read_text(encoding="utf-8"))
    runs = made if isinstance(made, list) else [made]
    for run in runs:
        assert run["command"] in page.text
        assert run["machine"] in page.text
        assert run["commits"][0] in page.text
    (picture,) = page.of("img")
    drawn = base64.b64decode(picture["src"].removeprefix("data:image/svg+xml;base64,"))
    assert b"<svg" in drawn
    assert picture["alt"]


def test_it_says_what_it_does_not_show(recorded):
    limits = re.findall("<li>(.*?)</li>", recorded)
    contrasts = sup.record("digit_size").contrasts()
    told = []
    for start in ("“Cannot tell” is not “equal”: ", "Registered, and not measured here: "):
        found = set()  # no such line where there is nothing to tell
        for line in limits:
            if line.startswith(start):
                found |= set(line.removeprefix(start).rstrip(".").split("; "))
        told.append(found)
    unsure, missing = told
    measured = [each for each in contrasts if each["seeds"]]
    assert missing == {each["name"] for each in contrasts if not each["seeds"]}
    assert unsure == {each["name"] for each in measured if each["word"] == "cannot tell"}
    assert "laptop scale" in limits[0]


def test_every_line_of_a_table_names_its_arm(recorded):
    heads = re.findall('<th scope="row">(.*?)</th>', recorded)
    assert len(heads) > 40
    assert all(heads)


def test_nothing_is_asked_of_the_network_and_no_other_script_may_run(recorded):
    page = Parsed(recorded)
    for name in ("link", "iframe", "object", "embed", "base", "form"):
        assert page.of(name) == []
    for _, attributes in page.tags:
        assert not set(attributes) & {"href", "srcset", "onclick", "onload", "onerror"}
        assert attributes.get("src", "data:").startswith("data:")
    assert "url(" not in recorded
    assert "@import" not in recorded
    data, script = page.scripts
    assert page.of("script")[0] == {"id": "data", "type": "application/json"}
    policy = next(each["content"] for each in page.of("meta") if "http-equiv" in each)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert json.loads(data)["name"] == "digit_size"


# --- hostile text --------------------------------------------------------------------------------


def row_at(cell, **more):
    row = {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h"}
    score = {"accuracy": 0.4, "low": 0.3, "high": 0.5, "cases": 90, "guess": 0.1}
    return {**row, **score, "converged": True, **more}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_wherever_it_stands(plan, tmp_path, text, recorded):
    recipe = plan.recipe.model_copy(update={"title": text, "axis_label": text, "claim": text})
    card = plan.card.model_copy(update={"title": text, "scenes": {"together": text}})
    planned = dataclasses.replace(plan, recipe=recipe, card=card)
    answers = [(cell, [row_at(cell)]) for cell in planned.cells]
    made = [{"command": text, "machine": text, "libraries": {text: text}}]
    result = Result(planned, answers, [], {text: f"{text} failed\nTraceback"}, [], made=made)
    page = Parsed(result.report(tmp_path / "page.html").read_text(encoding="utf-8"))
    usual = Parsed(recorded)
    assert len(page.scripts) == 2
    assert page.scripts[1] == usual.scripts[1]  # the page's own, to the letter
    assert len(page.of("img")) == 1
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in usual.tags} | {"h2", "ul", "li"}
    assert page.text.count(text) >= 8 or " ".join(text.split()) in page.text
    data = json.loads(page.scripts[0])
    assert data["title"] == text
    assert data["axis_label"] == text
    assert data["readings"][0]["about"] == text


# --- poor results --------------------------------------------------------------------------------


def test_one_seed_and_a_failed_arm_are_told(plan, tmp_path):
    lost = [cell for cell in plan.cells if cell.method == "supervised"]
    there = [cell for cell in plan.cells if cell.method != "supervised"]
    answers = [(cell, [row_at(cell)]) for cell in there]
    failed = {plan.cell_name(cell): "no memory" for cell in lost}
    result = Result(plan, answers, [], failed, lost)
    page = Parsed(result.report(tmp_path / "page.html").read_text(encoding="utf-8"))
    for name in failed:
        assert f"{name}: no memory" in page.text
    limits = page.text.split("What this does not show")[1]
    assert "another seed may read another value" in limits
    assert f"{len(lost)} cells failed" in limits
    assert "Nothing is known of how it was made" in page.text
    shown = json.loads(page.scripts[0])
    points = shown["readings"][0]["points"]
    assert {tuple(point["seeds"]) for point in points} == {("0",)}
    assert {shown["intervals"][point["interval"]] for point in points} == {"instances"}


def test_where_nothing_was_measured_there_is_a_page_without_a_figure(plan, tmp_path):
    failed = {plan.cell_name(cell): "no memory" for cell in plan.cells}
    result = Result(plan, [], [], failed, list(plan.cells))
    page = Parsed(result.report(tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "Nothing was measured." in page.text
    assert page.scripts == []
    assert page.of("img") == []


@pytest.mark.parametrize("name", ["augmentation_pairs", "h_vs_g", "local_features", "trifeature"])
def test_every_point_that_is_drawn_is_one_of_the_table(name):
    """Axes of words and of layers, matrices, and measures that are no percentages."""
    summary = sup.record(name).summary
    data = chart_data(summary)
    json.dumps(data, allow_nan=False)
    measured = [point for point in summary.points if point.n]
    drawn = [point for reading in data["readings"] for point in reading["points"]]
    assert len(drawn) == len(measured)
    assert min(data["positions"]) == 0
    assert max(data["positions"]) == 1
    for reading in data["readings"]:
        for point in reading["points"]:
            assert 0 <= point["mean"] <= reading["top"]


@pytest.mark.parametrize("name", ["who_suppresses", "heads", "batch_epochs", "masking"])
def test_no_two_arms_look_alike(name):
    data = chart_data(sup.record(name).summary)
    looks = [(arm["colour"], arm["marker"], arm["line"]) for arm in data["arms"]]
    assert len(set(looks)) == len(looks) > 8


def test_one_place_stands_in_the_middle_of_its_axis():
    assert positions([8], log=True) == [0.5]


def test_a_measure_that_is_no_number_is_left_empty(row_of):
    plan = make_plan("random_bits", seeds=1)
    cell = next(cell for cell in plan.cells if cell.method == "simclr")
    row = row_of(cell, 0.5, low=None, high=None)
    (reading,) = chart_data(summarise(plan, with_arms(plan, [row])))["readings"]
    (point,) = reading["points"]
    assert point["low"] is None
    assert point["mean"] == 50


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_a_report_of_a_run_with_its_own_command(smoke, capsys, tmp_path):
    path = tmp_path / "out.html"
    words = ["digit_size", "--scale", "smoke", "--tau", "0.2", "--store", str(smoke)]
    assert main([*words, "--report", str(path)]) == 0
    told = capsys.readouterr()
    assert f"report: {path}" in told.err
    page = Parsed(path.read_text(encoding="utf-8"))
    assert "python -m suppression.exp digit_size --scale smoke --tau 0.2" in page.text
    assert str(smoke) not in page.text  # one machine's folders change nothing in the numbers
    assert "supervised" in page.text


def test_the_command_writes_a_report_of_a_record(capsys, tmp_path, recorded):
    path = tmp_path / "out.html"
    assert main(["digit_size", "--recorded", "--report", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == recorded  # equal rows, equal bytes
    assert main(["digit_size", "--recorded", "--report", str(path)]) == 0  # replaced


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("out.pdf", "has to end in .html"),
        (".", "is a folder: name a page in it, as"),
        ("no/out.html", "there is no folder"),
    ],
)
@pytest.mark.parametrize("recorded_too", [[], ["--recorded"]])
def test_a_report_that_cannot_be_is_told_before_any_work(
    capsys, tmp_path, monkeypatch, name, why, recorded_too
):
    monkeypatch.setattr("suppression.running.work_of", lambda *_: pytest.fail("work was begun"))
    where = tmp_path / name
    assert main(["digit_size", *recorded_too, "--report", str(where)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"error: --report .*" + re.escape(why) + r".*\n", told.err)
    with pytest.raises(UserError, match=re.escape(why)):
        sup.record("digit_size").report(where)
