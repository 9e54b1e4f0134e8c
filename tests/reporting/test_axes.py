"""No recorded point lies outside the axes that it is drawn in, in any record's figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from suppression.reporting.figures import figure, is_fields, panel_lines
from suppression.reporting.gallery import recorded

EXPERIMENTS = Path(__file__).parent.parent.parent / "experiments"
RECORDS = sorted(path.name.removesuffix(".csv") for path in EXPERIMENTS.glob("*.*.csv"))


@pytest.mark.parametrize("record", RECORDS)
def test_all_recorded_points_and_intervals_lie_within_their_axes(record):
    summary, _ = recorded(EXPERIMENTS, *record.rsplit(".", 1))
    shown = set()
    for ax in figure(summary).axes:
        if ax.get_label() == "<colorbar>":
            continue
        bottom, top = sorted(ax.get_ylim())
        left, right = sorted(ax.get_xlim())
        for x, y in drawn(ax):
            inside = left <= x <= right and bottom <= y <= top
            assert inside, f"{ax.get_title()}: ({x}, {y})"
            shown.add(round(float(y), 6))
    if is_fields(summary):
        return  # fields, which have their values written in
    for line in panel_lines(summary):
        for arm in summary.arms:
            for point in summary.measured(arm, line):
                assert round(point.unit * point.mean, 6) in shown, (arm.label, line, point.x)


@pytest.mark.parametrize("record", RECORDS)
def test_titles_stand_within_the_figure(record):
    made = figure(recorded(EXPERIMENTS, *record.rsplit(".", 1))[0])
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    width, height = canvas.get_width_height()
    titles = [ax.title for ax in made.axes if ax.axison]
    for text in [made._suptitle, *titles]:
        box = text.get_window_extent()
        assert 0 <= box.x0 <= box.x1 <= width, text.get_text()
        assert 0 <= box.y0 <= box.y1 <= height, text.get_text()


def drawn(ax) -> list[tuple[float, float]]:
    """The ends and places of all that is drawn in the units of an axes: points, bars."""
    found = []
    for line in ax.lines:
        if line.get_transform() == ax.transData:
            found += [tuple(each) for each in line.get_xydata()]
    for bars in ax.collections:
        if hasattr(bars, "get_segments"):
            for segment in bars.get_segments():
                found += [tuple(each) for each in segment]
    return [each for each in found if not np.isnan(each).any()]
