"""The figure along training shows what was recorded: a panel a network, a line a feature."""

from collections import defaultdict

import numpy as np
import pytest

import suppression
from suppression.reporting.figures import figure


@pytest.fixture(scope="module")
def recorded():
    return suppression.record("learning_curves")


def means_of(rows, feature):
    """Per cent, by arm and the pictures seen, over seeds; the arm by what tells two apart."""
    values = defaultdict(list)
    for row in rows:
        if (row["feature"], row["scenes"], row["probe"]) == (feature, "together", "linear"):
            arm = row["method"], row.get("tau"), row.get("samples")
            values[arm, row["seen"]].append(100 * row["accuracy"])
    return {key: np.mean(found) for key, found in values.items()}


def solid(ax):
    return [line for line in ax.lines if line.get_linestyle() == "-"]


def test_every_network_that_was_trained_has_a_panel_and_its_lines_are_the_means(recorded):
    made = figure(recorded.summary)
    panels = {ax.get_title().replace("\n", " "): ax for ax in made.axes if ax.axison}
    assert len(panels) == 12
    assert not {"untrained", "random_features"} & set(panels)
    asked = {
        "simclr, tau 0.07": ("simclr", 0.07, 9600),
        "supervised": ("supervised", None, 9600),
        "byol, samples 38400": ("byol", None, 38400),
    }
    for feature, number in (("class", 0), ("bit", 1)):
        means = means_of(recorded.rows, feature)
        for title, arm in asked.items():
            line = solid(panels[title])[number]
            expected = {seen: mean for (other, seen), mean in means.items() if other == arm}
            assert len(expected) == 5
            drawn = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
            assert drawn == pytest.approx(expected, abs=1e-6)


def test_floors_and_guessing_are_in_every_panel(recorded):
    made = figure(recorded.summary)
    names = [text.get_text() for text in made.legends[0].get_texts()]
    assert names[2:] == ["untrained", "random_features", "guessing"]
    assert all("band: 95 % interval" in name for name in names[:2])
    floor = means_of(recorded.rows, "class")[("untrained", None, None), 9600]
    for ax in made.axes:
        if ax.axison:
            assert len(ax.lines) == 2 * (1 + 2 + 1)  # two features: itself, two floors, guessing
            assert set(np.round(ax.lines[0].get_ydata(), 6)) == {round(floor, 6)}
