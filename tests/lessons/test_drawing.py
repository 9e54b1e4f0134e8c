"""Pictures of one message say what the records say, and tell what cannot be drawn."""

from __future__ import annotations

import csv
import math
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest
import torch

import suppression as sup
from suppression.lessons import drawing

RECORD = Path(__file__).parent.parent.parent / "experiments" / "random_bits.laptop.csv"


def from_the_file(method, bits, tau=""):
    """Mean accuracy in percent, from the csv itself."""
    values = []
    with open(RECORD, newline="") as file:
        for row in csv.DictReader(file):
            same = (row["method"], row["tau"], row["bits"]) == (method, tau, str(bits))
            if same and (row["feature"], row["scenes"], row["probe"]) == (
                "class",
                "together",
                "linear",
            ):
                values.append(float(row["accuracy"]))
    return 100 * mean(values)


@pytest.fixture(scope="module")
def record():
    return sup.record("random_bits")


def test_a_panel_shows_the_means_of_the_record(record):
    sheet = sup.lessons.panel(record, "class", arms=["simclr, tau 0.2", "supervised"])
    drawn = {}
    for container in sheet.axes[0].containers:
        drawn[container.get_label()] = container.lines[0].get_ydata()
    for label, method, tau in (
        ("simclr, tau 0.2", "simclr", "0.2"),
        ("supervised", "supervised", ""),
    ):
        wanted = [from_the_file(method, bits, tau) for bits in (0, 2, 4, 6, 8)]
        assert list(drawn[label]) == pytest.approx(wanted)


def test_names_stand_beside_their_lines_and_do_not_touch(record):
    sheet = sup.lessons.panel(record, "class")
    names = {text.get_text(): text.xy[1] for text in sheet.axes[0].texts}
    assert {"supervised", "guessing", "simclr, tau 0.05"} <= set(names)
    heights = sorted(names.values())
    apart = [b - a for a, b in pairwise(heights)]
    assert min(apart) > 0.99 * drawing.APART
    assert heights[0] > 0
    assert heights[-1] < 1.001
    assert names["supervised"] == max(heights)


def test_names_that_crowd_at_the_top_leave_those_below_where_they_are():
    sheet = sup.lessons.curve([0, 1], {"a": [0, 1], "b": [0, 1], "c": [0, 0.2]}, **LABELS)
    names = {text.get_text(): text.xy[1] for text in sheet.axes[0].texts}
    high = sheet.axes[0].get_ylim()[1]
    assert names["c"] == pytest.approx(0.2 / high)
    assert abs(names["a"] - names["b"]) > 0.99 * drawing.APART
    assert max(names.values()) <= 1


LABELS = {"x_label": "x", "y_label": "y"}


def test_a_panel_of_what_is_not_there_is_told(record):
    with pytest.raises(
        sup.UserError, match=r"no arm 'simclr, tau 0\.3'; did you mean 'simclr, tau"
    ):
        sup.lessons.panel(record, "class", arms=["simclr, tau 0.3"])
    with pytest.raises(sup.UserError, match=r"clas \(together, linear\) was not read; there are"):
        sup.lessons.panel(record, "clas")
    with pytest.raises(sup.UserError, match=r"linear, z\) was not read"):
        sup.lessons.panel(record, "class", layer="z")


def test_a_ranking_is_of_the_record_and_told_where_nothing_was_measured(record):
    rows = sup.lessons.ranking(record, "class", at=8)
    by_arm = {row["arm"]: row["percent"] for row in rows}
    assert by_arm["supervised"] == pytest.approx(from_the_file("supervised", 8), abs=0.051)
    assert [row["percent"] for row in rows] == sorted(by_arm.values(), reverse=True)
    with pytest.raises(sup.UserError, match="nothing was measured at bits 7; there are: 0, 2, 4"):
        sup.lessons.ranking(record, "class", at=7)


def test_percent_of_no_rows_is_told():
    with pytest.raises(sup.UserError, match="no row has accuracy"):
        sup.lessons.percent([])


def test_the_softmax_strip_is_the_softmax_of_cosines():
    sample = sup.dataset("random_bits", bits=0).sample(3)
    z1, z2 = torch.eye(3), torch.tensor([[2.0, 0, 0], [1, 1, 0], [0, 0, 5]])
    sheet = sup.lessons.softmax_strip(sample, z1, z2, taus=[0.5])
    weights = [math.exp(cosine / 0.5) for cosine in (1, 0.5**0.5, 0)]
    heights = [bar.get_height() for bar in sheet.axes[-1].patches]
    assert heights == pytest.approx([weight / sum(weights) for weight in weights], rel=1e-5)


def test_bits_are_drawn_as_they_were_drawn():
    sample = sup.dataset("random_bits", bits=5).sample(4)
    sheet = sup.lessons.bit_strip(sample)
    captions = [caption.split("\n")[1] for caption in sample.captions]
    for ax, caption in zip(sheet.axes[4:], captions, strict=True):
        assert [int(bit) for bit in ax.collections[0].get_array().ravel()] == [*map(int, caption)]
    with pytest.raises(sup.UserError, match="has no bits here: ask for bits=8"):
        sup.lessons.bit_strip(sup.dataset("random_bits", bits=0).sample(2))


def test_a_ladder_goes_through_one_list():
    with pytest.raises(sup.UserError, match="one list of values, and 0 are given"):
        sup.lessons.ladder("two_digits", size2=18)
    with pytest.raises(sup.UserError, match="no parameter 'sise2'; did you mean 'size2'"):
        sup.lessons.ladder("two_digits", sise2=[18, 36])


def test_a_trace_that_was_not_logged_is_told_with_the_nearest():
    encoder = torch.nn.Identity()
    encoder.trace = [{"step": 0, "loss": 1.0, "spread": 0.5}]
    with pytest.raises(sup.UserError, match="logged no 'spred'; did you mean 'spread'"):
        sup.lessons.traces({"mine": encoder}, "spred")


def test_pictures_of_clusters_that_were_not_recorded_are_told():
    with pytest.raises(sup.UserError, match="digit_size has no recorded picture of clusters"):
        sup.lessons.clusters("digit_size")
