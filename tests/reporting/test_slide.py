"""Slides: their size, one panel, names that can be read, and a message that is the verdict's."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

import suppression as sup
from suppression.errors import UserError
from suppression.experiment.plan import make_plan
from suppression.reporting.labels import spread
from suppression.reporting.result import Result
from suppression.reporting.slide import slide
from suppression.reporting.summary import summarise

EXPERIMENTS = Path(sup.__file__).parent.parent / "experiments"
SMALLEST = 14  # px, of any letter


def drawn(name, **how):
    return sup.record(name).plot(style="slide", **how)


def texts_of(made):
    """Every text with its box in px, from the slide's upper edge down."""
    found = []
    renderer = FigureCanvasAgg(made).get_renderer()
    (ax,) = made.axes
    ticks = [*ax.get_xticklabels(), *ax.get_yticklabels()]
    for text in [*made.texts, *ax.texts, ax.xaxis.label, ax.yaxis.label, *ticks]:
        if text.get_text() and text.get_visible():
            found.append((text, text.get_window_extent(renderer)))
    return found


def title_of(made):
    return " ".join(made.get_suptitle().split())


def percent(name, **wanted):
    """The mean of a record's rows in percent, straight from the csv."""
    values = []
    with (EXPERIMENTS / f"{name}.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if all(row[key] == value for key, value in wanted.items()):
                values.append(100 * float(row["accuracy"]))
    return round(sum(values) / len(values))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("digit_size", {}),
        ("random_bits", {}),
        ("who_suppresses", {}),
        ("h_vs_g", {"feature": "rotation"}),
        ("trifeature", {}),
        ("simsiam_collapse", {}),
        ("augmentation_pairs", {}),
        ("layers", {}),
    ],
)
def test_a_slide_is_1280_by_720_with_one_panel_and_words_that_do_not_overlap(name, how):
    made = drawn(name, **how)
    out = io.BytesIO()
    made.savefig(out)
    assert Image.open(out).size == (1280, 720)
    assert len(made.axes) == 1
    texts = texts_of(made)
    for text, box in texts:
        assert text.get_fontsize() * made.dpi / 72 >= SMALLEST, text
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= 1280, text
        assert box.y1 <= 720, text
    for i, (text, box) in enumerate(texts):
        for other, its in texts[i + 1 :]:
            across = min(box.x1, its.x1) - max(box.x0, its.x0)
            down = min(box.y1, its.y1) - max(box.y0, its.y0)
            assert min(across, down) <= 4, (text.get_text(), other.get_text())


def test_every_arm_is_named_once_in_its_colour():
    result = sup.record("random_bits")
    (ax,) = result.plot(style="slide").axes
    labels = [" ".join(text.get_text().split()) for text in ax.texts]
    for arm in result.summary.arms:
        own = [each for each in labels if re.fullmatch(rf"{arm.label} \d+ %", each)]
        assert len(own) == 1, arm.label
    assert ax.get_legend() is None


def test_the_message_is_of_the_numbers_of_the_record():
    wanted = {"feature": "first", "scenes": "together", "probe": "named", "tau": "0.2"}
    wanted |= {"method": "simclr"}
    shared = [
        percent("digit_size.laptop", redraw="0.0", size2=size, **wanted) for size in ("18", "36")
    ]
    redrawn = percent("digit_size.laptop", redraw="1.0", size2="36", **wanted)
    assert title_of(drawn("digit_size")) == (
        f"'first' falls from {shared[0]} % to {shared[1]} % (simclr, tau 0.2; size2 18 to 36); "
        f"{redrawn} % where the competitor is not shared"
    )


def test_where_the_verdict_cannot_tell_the_slide_cannot_either():
    evening = sup.record("digit_size", scale="evening")
    assert "cannot tell whether that is more" in evening.verdict()
    assert title_of(evening.plot(style="slide")).endswith(": cannot tell whether that is more")
    trifeature = sup.record("trifeature")
    assert "The control does not hold" in trifeature.verdict()
    assert "the control does not hold: supervised" in title_of(trifeature.plot(style="slide"))
    assert title_of(drawn("augmentation_pairs")).startswith("Cannot tell whether 'class'")


def test_many_arms_are_rows_in_order_at_the_place_where_they_differ_most():
    made = drawn("who_suppresses")
    (ax,) = made.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert len(names) == len(sup.record("who_suppresses").summary.arms)
    wanted = {"feature": "class", "scenes": "together", "probe": "linear", "bits": "8"}
    wanted |= {"layer": "h"}
    values = []
    for name in names:
        values.append(percent("who_suppresses.laptop", method=name, **wanted))
    assert values == sorted(values)
    assert title_of(made) == (
        f"At bits 8 'class' is read from {values[0]} % ({names[0]}) to {values[-1]} % ({names[-1]})"
    )


def test_one_seed_is_hollow_and_said(plan):
    row = {"feature": "first", "scenes": "together", "probe": "linear", "layer": "h"}
    row |= {"accuracy": 0.4, "low": 0.3, "high": 0.5, "cases": 90, "guess": 0.1}
    made = Result(plan, [(cell, [row]) for cell in plan.cells]).plot(style="slide")
    assert "hollow: one seed" in made.texts[-1].get_text()


def test_a_message_of_ones_own_is_written_as_it_is():
    said = "A $larger$ digit \\ <wins>"
    made = drawn("multi_crop", title=said)
    assert title_of(made) == said
    made.savefig(io.BytesIO())


def test_a_long_message_stays_above_the_panel():
    for made in (
        sup.record("digit_size", scale="evening").plot(style="slide"),
        drawn("multi_crop", title="one word after another " * 40),
    ):
        renderer = FigureCanvasAgg(made).get_renderer()
        title, about, _ = (
            made.texts if made._suptitle in made.texts else (made._suptitle, *made.texts)
        )
        low = title.get_window_extent(renderer).y0
        assert low >= about.get_window_extent(renderer).y1 - 1
        assert title.get_window_extent(renderer).x1 <= 1280
    assert made.get_suptitle().endswith("…")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"style": "slides"}, "there is no style 'slides'; did you mean 'slide'?"),
        ({"style": "slide", "feature": "frist"}, "did you mean 'first'?"),
        ({"feature": "first"}, "feature and title are of a slide"),
        ({"title": "so"}, "feature and title are of a slide"),
    ],
)
def test_mistakes_are_told(how, why):
    with pytest.raises(UserError, match=re.escape(why)):
        sup.record("digit_size").plot(**how)


def test_nothing_measured_is_told(plan):
    nothing = Result(plan, [], failed={"a cell": "no memory"})
    with pytest.raises(UserError, match="nothing to draw"):
        nothing.plot(style="slide")
    with pytest.raises(UserError, match="nothing was measured"):
        slide(summarise(make_plan("local_features"), []))


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0.01, 0.1)),
        min_size=1,
        max_size=9,
    )
)
def test_names_never_overlap_and_keep_their_order(asked):
    wanted, heights = zip(*sorted(asked), strict=True)
    found = spread(list(wanted), list(heights))
    tops = [y + height / 2 for y, height in zip(found, heights, strict=True)]
    bottoms = [y - height / 2 for y, height in zip(found, heights, strict=True)]
    for top, bottom in zip(tops, bottoms[1:], strict=False):
        assert top <= bottom + 1e-9
    if len(asked) == 1:
        assert found == pytest.approx(wanted)
