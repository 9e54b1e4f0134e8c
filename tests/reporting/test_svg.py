"""What is said and how large it is written in the figures of all records."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
SVGS = sorted(EXPERIMENTS.glob("*.svg"))
SVG = "{http://www.w3.org/2000/svg}"
PAGE = 830  # px that a figure is wide on a page of GitHub
LEAST = 9  # px of the smallest text there


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_a_recorded_figure_says_what_it_is(path):
    root = ET.parse(path).getroot()
    first, second = root[0], root[1]
    assert (first.tag, second.tag) == (f"{SVG}title", f"{SVG}desc")
    assert "scale:" in first.text
    assert len(second.text) > len("a panel over an axis")


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_the_smallest_text_of_a_recorded_figure_can_be_read_on_a_page(path):
    root = ET.parse(path).getroot()
    width = float(root.get("viewBox").split()[2])
    sizes = []
    for text in root.iter(f"{SVG}text"):
        (size,) = re.findall(r"([\d.]+)px", text.get("style"))
        sizes.append(float(size) * PAGE / width)
    assert sizes
    assert min(sizes) >= LEAST


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_no_sentence_is_turned_but_the_name_of_an_axis(path):
    root = ET.parse(path).getroot()
    for group in root.iter(f"{SVG}g"):
        if not (group.get("id") or "").startswith("axes_"):
            continue
        for child in group:
            if (child.get("id") or "").startswith("text_"):
                turns = [text.get("transform") or "" for text in child.iter(f"{SVG}text")]
                assert not any("rotate(-90" in turn for turn in turns)
