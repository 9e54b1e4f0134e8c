"""The explorer's page: every record on it, as it stands in the csv, and scenes along the axis."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import suppression as sup
from suppression import api, explore
from suppression.errors import UserError
from suppression.evaluation.probes import line_of
from suppression.experiment.files import names
from suppression.reporting.explorer import GAP, SCENES, Shelf, run_at, scenes_along
from suppression.reporting.result import Result

EXPERIMENTS = Path(sup.__file__).parent.parent / "experiments"
MOST_BYTES = 1_500_000


def data_of(page):
    return json.loads(re.search('type="application/json">(.*?)</script>', page, re.S).group(1))


@pytest.fixture(scope="module")
def told(explorer):
    return data_of(explorer.read_text(encoding="utf-8"))


@pytest.fixture
def two_records(monkeypatch):
    """Only two records are there: the page is then made in a moment."""
    there = {}
    for name in ("losses", "multi_crop"):
        there[f"{name}.laptop"] = sup.record(name).summary
    monkeypatch.setattr(api, "recorded_summaries", lambda: there)


# --- what is on it -------------------------------------------------------------------------------


def test_it_is_one_small_file_with_every_record(explorer, told):
    assert explorer.stat().st_size <= MOST_BYTES
    recorded = {path.name.removesuffix(".csv") for path in EXPERIMENTS.glob("*.*.csv")}
    assert {entry["choice"] for entry in told["entries"]} == recorded
    page = explorer.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"'](?!data:)", page.split("<script")[0])
    assert "default-src &#39;none&#39;" in page


def values_of_the_csv(entry, reading):
    """Of the rows of one reading, in percent, sorted."""
    wanted = {"feature": reading["feature"], "scenes": reading["scenes"]}
    if entry["axis"] != "layer":
        wanted["layer"] = reading["layer"] or "output"
    found = []
    with (EXPERIMENTS / f"{entry['choice']}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            same = all(row[name] == value for name, value in wanted.items())
            if row["accuracy"] and same and line_of(row["probe"]) == reading["probe"]:
                found.append(100 * float(row["accuracy"]))
    return sorted(found)


def test_every_value_of_every_seed_is_that_of_the_csv(told):
    """A reading has the value of each of its rows, at every place that such a row has one of.

    What is the same at all places, as an untrained network is, stands at each.
    """
    compared = 0
    for entry in told["entries"]:
        for reading in entry["readings"]:
            written = values_of_the_csv(entry, reading)
            if "accuracy" not in reading["measure"] or not written:
                continue
            drawn = []
            for point in reading["points"]:
                drawn += point["seeds"].values()
            same = np.isclose(np.array(drawn)[:, None], written, rtol=0, atol=1e-3)
            where = (entry["choice"], reading["name"])
            assert same.any(0).all(), where
            assert same.any(1).all(), where
            assert len(drawn) >= len(written)
            compared += len(drawn)
    assert compared > 3000


def test_there_is_a_verdict_for_those_without_javascript(explorer, told):
    page = explorer.read_text(encoding="utf-8")
    spare = html.unescape(page.split("<noscript>")[1].split("</noscript>")[0])
    for entry in told["entries"]:
        assert entry["verdict"] in spare
        assert entry["choice"] in spare


# --- scenes along the axis -----------------------------------------------------------------------


def picture_of(told, scenes):
    uri = told["pictures"][scenes["picture"]]
    return np.asarray(Image.open(io.BytesIO(b64decode(uri.partition(",")[2]))).convert("L"))


def entry_of(told, choice):
    (entry,) = [each for each in told["entries"] if each["choice"] == choice]
    return entry


def test_the_second_digit_grows_along_the_axis(told):
    entry = entry_of(told, "digit_size.laptop")
    assert len(entry["scenes"]) == len(entry["places"])
    ink = []
    for scenes in entry["scenes"]:
        picture = picture_of(told, scenes)
        side = 64 + GAP
        assert picture.shape == (3 * side, SCENES * side)  # scenes, and both views of each
        ink.append((picture[: side - GAP] > 100).mean())
        assert len(scenes["captions"]) == SCENES
    assert ink == sorted(ink)


def test_bits_are_told_and_their_number_is_the_place(told):
    entry = entry_of(told, "random_bits.laptop")
    for place, scenes in zip(entry["places"], entry["scenes"], strict=True):
        for caption in scenes["captions"]:
            _, _, bits = caption.partition(" ")
            assert len(bits) == int(place)


def test_equal_scenes_are_drawn_once_and_one_picture_serves_an_axis_that_changes_none(told):
    assert len(set(told["pictures"])) == len(told["pictures"])
    assert len(entry_of(told, "temperature.laptop")["scenes"]) == 1
    same = entry_of(told, "who_suppresses.laptop")["scenes"]
    assert entry_of(told, "random_bits.laptop")["scenes"][0] == same[0]


def test_no_scenes_are_shown_of_a_source_that_is_not_the_records(told):
    """CIFAR-10 does not come with the package."""
    assert entry_of(told, "augmentation_pairs.laptop")["scenes"] == []


def test_scenes_are_those_of_no_control(competing):
    for x in competing.axis:
        run = run_at(competing, x)
        assert run.parameters["size2"] == x
        assert "redraw" not in run.arm
        assert run.method not in ("supervised", "untrained")


# --- the function and the command ----------------------------------------------------------------


def test_a_notebook_shows_the_page_itself(two_records):
    shown = sup.explore()
    frame = re.fullmatch('<iframe srcdoc="([^"]*)" .*</iframe>', shown._repr_html_(), re.S)
    assert html.unescape(frame.group(1)) == shown.page
    assert re.match(r"the explorer, one page of 0\.\d MB", repr(shown))


def test_the_command_the_function_and_the_module_are_one(two_records, tmp_path, capsys):
    assert sup.explore is explore
    path = tmp_path / "page.html"
    assert explore.main(["multi_crop", "--out", str(path)]) == 0
    assert f"explorer: {path}" in capsys.readouterr().out
    page = path.read_text(encoding="utf-8")
    assert page == sup.explore("multi_crop").page
    assert data_of(page)["first"] == "multi_crop.laptop"


def test_ones_own_result_stands_first_with_one_seed_and_a_failed_arm(two_records, plan):
    row = {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h"}
    row |= {"accuracy": 0.4, "low": 0.3, "high": 0.5, "cases": 90, "guess": 0.1}
    lost = [cell for cell in plan.cells if cell.method == "supervised"]
    answers = [(cell, [row]) for cell in plan.cells if cell not in lost]
    failed = {plan.cell_name(cell): "no memory" for cell in lost}
    told = data_of(sup.explore(results=[Result(plan, answers, [], failed, lost)]).page)
    first = told["entries"][0]
    assert told["first"] == first["choice"] == "yours, 1: digit_size.smoke"
    assert "cells failed" in first["verdict"]
    assert "supervised" not in {arm["label"] for arm in first["arms"]}
    assert len(first["scenes"]) == len(first["places"])
    nothing = Result(plan, [], [], failed, list(plan.cells))
    told = data_of(sup.explore(results=[nothing]).page)
    assert [entry["choice"] for entry in told["entries"]] == ["losses.laptop", "multi_crop.laptop"]


def test_a_damaged_record_is_left_out_and_told(monkeypatch, capsys):
    damaged = ("losses", "multi_crop")
    there = [name for name in names("experiments") if name in (*damaged, "masking")]
    monkeypatch.setattr(api.files, "names", lambda _: there)
    whole = api.record

    def record(name, *, scale):
        if name in damaged:
            raise UserError(f"{name}.csv is not what was written")
        return whole(name, scale=scale)

    monkeypatch.setattr(api, "record", record)
    assert list(api.recorded_summaries()) == ["masking.laptop"]
    told = capsys.readouterr().err
    for name in damaged:
        assert f"note: left out: {name}.csv is not what was written\n" in told


def test_where_nothing_is_recorded_it_says_so(monkeypatch):
    monkeypatch.setattr(api, "recorded_summaries", dict)
    with pytest.raises(UserError, match="nothing to explore"):
        sup.explore()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["digit_sise"], "there is no recipe 'digit_sise'; did you mean 'digit_size'?"),
        (["--out", "page.pdf"], "has to end in .html"),
        (["--stored", "--store", "none"], "none has no results of the recipes"),
        (["--wat"], "wat"),
    ],
)
def test_mistakes_are_told_before_the_page_is_made(words, why, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(api, "recorded_summaries", lambda: pytest.fail("it was begun"))
    assert explore.main(words) == 2
    assert why in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_without_a_record_says_how_to_run_it(tmp_path, monkeypatch, competition):
    with pytest.raises(UserError, match="has no record"):
        sup.explore(competition)


def test_a_result_without_scenes_that_can_be_drawn_has_none():
    summary = sup.record("h_vs_g").summary
    assert scenes_along(summary, Shelf()) == []


@pytest.mark.slow
def test_what_a_store_has_stands_before_the_records(smoke, tmp_path, monkeypatch):
    monkeypatch.setattr(api, "recorded_summaries", dict)
    out = tmp_path / "page.html"
    assert explore.main(["--stored", "--store", str(smoke), "--out", str(out)]) == 0
    assert "yours, 1: digit_size.smoke" in out.read_text(encoding="utf-8")
