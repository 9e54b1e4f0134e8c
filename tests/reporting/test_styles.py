"""What every figure keeps: all points inside, one colour an arm, legible, told in words."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from suppression.experiment.plan import make_plan
from suppression.reporting.figures import figure, saved
from suppression.reporting.gallery import recorded
from suppression.reporting.styles import FIXED, OTHERS, styles

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RECORDS = sorted(path.name.removesuffix(".csv") for path in EXPERIMENTS.glob("*.csv"))
ON_A_PAGE, LEAST_PX, LEAST_CONTRAST, LEAST_APART = 830, 9, 3, 8

# Machado, Oliveira and Fernandes 2009, deuteranopia, on linear RGB.
DEUTERANOPE = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def shown(linear_rgb):
    kept = np.clip(linear_rgb, 0, 1)
    return np.where(kept <= 0.0031308, 12.92 * kept, 1.055 * kept ** (1 / 2.4) - 0.055)


def contrast_on_white(colour):
    """WCAG 2.2's, 1 to 21."""
    luminance = linear(np.array(to_rgb(colour))) @ [0.2126, 0.7152, 0.0722]
    return 1.05 / (luminance + 0.05)


def apart_for_deuteranopes(one, other):
    labs = []
    for colour in (one, other):
        seen = shown(DEUTERANOPE @ linear(np.array(to_rgb(colour))))
        labs.append(rgb2lab(seen[None, None])[0, 0])
    return float(deltaE_ciede2000(*labs))


@pytest.fixture(scope="module", params=RECORDS)
def drawn(request):
    summary, _ = recorded(EXPERIMENTS, *request.param.split("."))
    return summary, figure(summary)


def test_no_recorded_point_lies_outside_its_axes(drawn):
    for ax in drawn[1].axes:
        (left, right), (bottom, top) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
        for line in ax.lines:
            points = np.array(line.get_xydata(), float)
            for x, y in points[np.isfinite(points).all(1)]:
                if line.get_transform() == ax.transData:  # not one across all of the axes
                    assert left <= x <= right
                    assert bottom <= y <= top or line.get_gid()


def test_text_is_legible_on_a_page_and_no_sentence_is_turned(drawn):
    made = drawn[1]
    scale = ON_A_PAGE / (made.get_figwidth() * 72)  # px of the page a point of the figure
    for ax in (ax for ax in made.axes if ax.axison):
        labels = [*ax.get_xticklabels(), *ax.get_yticklabels()]
        for text in [*ax.texts, ax.title, ax.xaxis.label, ax.yaxis.label, *labels]:
            if text.get_text():
                assert text.get_fontsize() * scale >= LEAST_PX, text.get_text()
        assert all(text.get_rotation() == 0 for text in ax.texts)


def test_a_svg_says_in_words_what_it_shows(drawn):
    root = ET.fromstring(saved(drawn[1], "svg"))
    spaces = {"svg": "http://www.w3.org/2000/svg"}
    assert drawn[0].plan.recipe.title in root.find("svg:title", spaces).text
    told = root.find("svg:desc", spaces).text
    for ax in drawn[1].axes:
        assert " ".join(ax.get_title().split()) in told
    assert not re.search(r"[0-9]{7}", told)


def test_colours_are_seen_on_white():
    for style in [*FIXED.values(), *OTHERS]:
        assert contrast_on_white(style.colour) >= LEAST_CONTRAST, style


def test_an_arm_has_one_colour_in_all_figures_that_fix_it():
    for record in RECORDS:
        look = styles(make_plan(record.split(".")[0]).every_arm)
        for label, style in look.items():
            if label in FIXED:
                assert style == FIXED[label]


@pytest.mark.parametrize("name", sorted({record.split(".")[0] for record in RECORDS}))
def test_neighbours_can_be_told_apart_by_deuteranopes_or_by_marker_and_line(name):
    plan = make_plan(name)
    look = styles(plan.every_arm)
    for one, other in itertools.pairwise(plan.every_arm):
        mine, theirs = look[one.label], look[other.label]
        assert mine != theirs
        if mine.colour != theirs.colour:
            is_far = apart_for_deuteranopes(mine.colour, theirs.colour) >= LEAST_APART
            assert is_far or mine.line != theirs.line, (one.label, other.label)


def test_an_arm_beside_bits_has_the_colour_of_the_one_without():
    look = styles(make_plan("heads").every_arm)
    for label, style in look.items():
        if label.endswith("bits 0"):
            beside = look[label.replace("bits 0", "bits 4")]
            assert beside.colour == style.colour
            assert beside.marker == style.marker
            assert (style.is_filled, beside.is_filled) == (True, False)
