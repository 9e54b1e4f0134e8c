"""Sliders, without a browser: values are set, and what is shown is held against the scenes."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

import suppression as sup
from suppression.lessons import moving

TWO = {"canvas": 40, "size1": 12, "overlap": 0.0}


def picture(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def top_row(png, rows):
    shown = picture(png)
    return shown[: shown.shape[0] // rows]


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as a kernel would get it."""
    display = pytest.importorskip("IPython.display", reason="IPython is not installed")
    found = []
    monkeypatch.setattr(display, "display", found.append)
    return found


def test_a_larger_digit_puts_more_ink_on_the_scenes():
    scenes = sup.lessons.sliders("two_digits", size2=(12, 28), n=4, **TWO)
    ink = []
    for size in (12, 20, 28):
        ink.append((top_row(scenes.draw(size2=size).png, rows=3) > 100).sum())
    assert ink == sorted(set(ink))


def test_redrawing_shows_the_scene_again_with_the_first_digit_kept():
    scenes = sup.lessons.sliders("two_digits", size2=24, redraw=(0.0, 1.0), n=4, **TWO)
    as_it_is, again = scenes.draw(redraw=0.0), scenes.draw(redraw=1.0)
    assert "as the second view sees them" not in as_it_is.text
    assert "as the second view sees them" in again.text
    rows = [picture(drawn.png).shape[0] for drawn in (as_it_is, again)]
    assert 3 * rows[1] == 4 * rows[0]


def test_an_encoder_that_sees_ink_alone_groups_by_the_number_of_bits_that_are_on():
    """The oracle: of two features the encoder is given one, exactly, and none of the other."""

    def colour(x):
        return x.amax((2, 3)) - 0.7  # (n, 3), without the digit's shape

    scenes = sup.lessons.sliders("coloured_digits", bits=(3, 6), n=4, encoder=colour)
    told = scenes.draw(bits=3).text
    share = float(told.split("bits ")[1].split("%")[0])
    digit = float(told.split("digit ")[1].split("%")[0])
    assert share > 95
    assert digit < 30
    assert "by chance 1" in told


def test_a_slider_begins_where_it_is_told_and_a_still_picture_shows_that():
    moved = sup.lessons.sliders("two_digits", canvas=40, size1=12, size2=(12, 32, 24), n=3)
    (size, _) = moved.widgets(pytest.importorskip("ipywidgets")).children[:2]
    assert (size.min, size.value, size.max) == (12, 24, 32)
    fixed = sup.lessons.sliders("two_digits", canvas=40, size1=12, size2=(24, 32), n=3)
    assert moved._repr_png_() == fixed._repr_png_()


def test_widgets_move_the_picture_and_say_what_cannot_be_drawn():
    ipywidgets = pytest.importorskip("ipywidgets", reason="the extra `notebooks` has ipywidgets")
    scenes = sup.lessons.sliders("two_digits", size2=(12, 60), redraw=(0.0, 1.0), n=3, **TWO)
    box = scenes.widgets(ipywidgets)
    size, redraw, draw, shown, text = box.children
    assert [each.description for each in (size, redraw, draw)] == ["size2", "redraw", "draw"]
    assert (size.min, size.max, size.value) == (12, 60, 12)
    first = shown.value
    assert first[:4] == b"\x89PNG"
    size.value = 24
    second = shown.value
    assert second != first
    assert second == scenes.draw().png
    draw.value = 1
    assert shown.value not in (first, second)
    size.value = 60  # larger than the canvas
    assert "60" in text.value
    assert "canvas" in text.value


def test_in_a_kernel_widgets_are_shown(shown, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets", reason="the extra `notebooks` has ipywidgets")
    monkeypatch.setattr(moving, "is_notebook", lambda: True)
    sup.lessons.sliders("two_digits", size2=(12, 28), n=2, **TWO)._ipython_display_()
    assert isinstance(shown[0], ipywidgets.VBox)


def test_without_ipywidgets_it_says_what_to_install_and_shows_a_picture(shown, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    scenes = sup.lessons.sliders("two_digits", size2=(12, 28), n=2, **TWO)
    scenes._ipython_display_()
    assert "pip install ipywidgets" in capsys.readouterr().out
    assert shown[0].data == scenes._repr_png_()


def test_without_a_kernel_it_says_where_sliders_are_and_shows_a_picture(shown):
    scenes = sup.lessons.sliders("two_digits", size2=(12, 28), n=2, **TWO)
    assert repr(scenes) == (
        "sliders over size2 of two_digits: they need a notebook with ipywidgets, which "
        "`pip install ipywidgets` brings"
    )
    scenes._ipython_display_()
    assert shown[0].data[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"size2": 20}, "no parameter has a slider"),
        ({"size2": (28, 12)}, r"size2 = \(28, 12\): a slider goes from one number to a larger"),
        ({"size2": (12, 28, 30)}, r"size2 = \(12, 28, 30\): the slider begins between its ends"),
        ({"size2": (12, 28, 20, 24)}, r"a slider goes from one number to a larger"),
        ({"size2": ("a", "b")}, "a slider goes from"),
        ({"sise2": (12, 28)}, "did you mean 'size2'"),
        ({"size2": (12, 28), "n": 0}, "n = 0"),
    ],
)
def test_mistakes_are_told_when_sliders_are_made(given, why):
    with pytest.raises(sup.UserError, match=why):
        sup.lessons.sliders("two_digits", **TWO, **given)
