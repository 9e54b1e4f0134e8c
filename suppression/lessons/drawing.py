"""Pictures of one message: a panel whose lines bear their names, strips of scenes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from torch import Tensor
from torch.nn.functional import normalize

from suppression import api
from suppression.data.plain import plain_words
from suppression.data.sample import Sample
from suppression.data.sheet import Sheet, draw_picture
from suppression.errors import UserError, unknown
from suppression.experiment import files
from suppression.experiment.arms import Arm
from suppression.lessons.reading import line_for
from suppression.reporting.axis import Axis, are_columns
from suppression.reporting.labels import spread, tidy
from suppression.reporting.panel import draw_points
from suppression.reporting.result import Result
from suppression.reporting.styles import styles
from suppression.reporting.summary import Line, Summary

WIDE, HIGH = 7.6, 3.8  # inches
FONT = 11
LETTERS = 48  # of an axis's label in a line
APART = 0.055  # of the height, between two names
DARK = "#222222"
GRAY = "#767676"
COLOURS = ("#D55E00", "#0072B2", "#304000", "#702070", "#767676")


@plain_words()
def panel(
    result: Result,
    feature: str,
    *,
    scenes: str = "together",
    probe: str = "linear",
    measure: str | None = None,
    layer: str | None = None,
    arms: Sequence[str] | None = None,
    top: float | None = None,
    title: str = "",
) -> Sheet:
    """Draw what is read of one feature along the axis, each line with its name at its end.

    Args:
        result: Of which experiment.
        feature: What is read.
        scenes: On which scenes.
        probe: By which readout.
        measure: Which column; the recipe's if None.
        layer: Of which layer; the first one that was probed if None.
        arms: The labels of the arms that are drawn; all if None.
        top: Where the vertical axis ends, so that several panels can be compared.
        title: What the picture says, in one sentence.

    Returns:
        A figure, which a notebook shows.

    Raises:
        UserError: for an arm or a feature that is not there.

    Example:
        >>> import suppression as sup
        >>> sheet = sup.lessons.panel(sup.record("random_bits"), "class")
        >>> sheet.axes[0].get_xlabel()
        'bits that the two views share'
    """
    summary = result.summary
    line = line_for(result, feature, scenes, probe, measure, layer)
    shown = chosen(summary, arms)
    sheet = Sheet(figsize=(WIDE, HIGH), layout="constrained")
    ax = sheet.subplots()
    axis, look = Axis.of(summary), styles(summary.plan.every_arm)
    names: list[tuple[float, str, str]] = []
    for i, arm in enumerate(shown):
        points = summary.measured(arm, line)
        if points:
            style = look[arm.label]
            if are_columns(summary.plan):
                style = style._replace(line="none")
            draw_points(ax, axis, points, i - (len(shown) - 1) / 2, style, label=arm.label)
            names.append((points[-1].unit * points[-1].mean, arm.label, style.colour))
    if not names:
        raise UserError(f"{feature} ({scenes}) was read of none of these arms")
    guess = summary.guess(feature, probe, line.measure) if line.of.guess else math.nan
    if not math.isnan(guess):
        ax.axhline(100 * guess, color=GRAY, linewidth=1, linestyle=(0, (1, 3)))
        names.append((100 * guess, "guessing", GRAY))
    set_axis(ax, axis, summary, line)
    ax.set_ylim(top=top)
    write_names(ax, names)
    if title:
        ax.set_title(title, fontsize=FONT + 1, loc="left", wrap=True)
    return sheet


def chosen(summary: Summary, labels: Sequence[str] | None) -> list[Arm]:
    """The arms of these labels, in their order."""
    there = {arm.label: arm for arm in summary.arms}
    if labels is None:
        return list(there.values())
    found = []
    for label in labels:
        if label not in there:
            raise unknown("there is no arm", label, there)
        found.append(there[label])
    return found


def set_axis(ax: Axes, axis: Axis, summary: Summary, line: Line) -> None:
    """Ticks at the places, from 0 to 100 where percentages are shown."""
    if axis.is_log:
        ax.set_xscale("log")
    ax.set_xticks(list(axis.where.values()), list(axis.labels.values()), fontsize=FONT)
    ax.minorticks_off()
    if are_columns(summary.plan):
        ax.set_xlim(-0.5, 1.5)
    label = summary.plan.recipe.axis_label or summary.plan.recipe.axis
    ax.set_xlabel(fill(label, LETTERS), fontsize=FONT)
    ax.set_ylabel(line.of.label, fontsize=FONT)
    ax.tick_params(axis="y", labelsize=FONT)
    if line.of.guess:
        ax.set_ylim(-3, 104)
    else:
        ax.set_ylim(bottom=0)
    tidy(ax)


def write_names(ax: Axes, names: list[tuple[float, str, str]]) -> None:
    """The names of lines to the right of their ends, moved apart where they would touch."""
    low, high = ax.get_ylim()
    ordered = sorted(names)
    wanted = [(y - low) / (high - low) for y, _, _ in ordered]
    at = spread(wanted, [APART] * len(wanted))
    look: dict[str, Any] = {"xycoords": "axes fraction", "fontsize": FONT - 1, "va": "center"}
    for y, (_, text, colour) in zip(at, ordered, strict=True):
        ax.annotate(text, (1.02, y), color=colour, **look)


@plain_words()
def bit_strip(sample: Sample, title: str = "") -> Sheet:
    """Draw scenes of random_bits, under each its bits as black and white squares.

    Args:
        sample: Of a generator with bits, e.g. `dataset("random_bits", bits=8).sample(8)`.
        title: What is written above.

    Raises:
        UserError: if the scenes have no bits.

    Example:
        >>> import suppression as sup
        >>> len(sup.lessons.bit_strip(sup.dataset("random_bits", bits=8).sample(8)).axes)
        16
    """
    bits = sample.factors.get("bits")
    if bits is None or not bits.numel():
        raise UserError(f"{sample.name} has no bits here: ask for bits=8")
    n = len(sample)
    sheet = Sheet(figsize=(1.1 * n, 2.0), layout="constrained")
    rows = sheet.subplots(2, n, squeeze=False, height_ratios=(5, 1))
    pictures = sample.x[:, : sample.x.shape[1] - sample.planes]
    for i in range(n):
        draw_picture(rows[0][i], pictures[i].cpu())
        rows[1][i].pcolormesh(
            bits[i : i + 1].cpu().numpy(), cmap="gray", vmin=0, vmax=1, edgecolors=GRAY, linewidth=1
        )
        rows[1][i].set_xticks([])
        rows[1][i].set_yticks([])
    if title:
        sheet.suptitle(title, fontsize=FONT + 1)
    return sheet


@plain_words()
def ladder(name: str, *, seed: int = 0, n: int = 1, title: str = "", **parameters: Any) -> Sheet:
    """Draw scenes of one data set as one of its parameters goes through several values.

    Args:
        name: A card's name.
        seed: Of what is drawn.
        n: Scenes of each value, one below the other.
        title: What is written above.
        **parameters: Of the generator; one of them is a list.

    Raises:
        UserError: if none or several of the parameters are lists.

    Example:
        >>> import suppression as sup
        >>> len(sup.lessons.ladder("two_digits", canvas=64, size1=18, size2=[18, 36]).axes)
        2
    """
    lists = [each for each, value in parameters.items() if isinstance(value, list)]
    if len(lists) != 1:
        raise UserError(f"ladder goes through one list of values, and {len(lists)} are given")
    (along,) = lists
    values = parameters[along]
    sheet = Sheet(figsize=(1.7 * len(values), 1.7 * n + 0.3), layout="constrained")
    axes = sheet.subplots(n, len(values), squeeze=False)
    for column, value in enumerate(values):
        sample = api.dataset(name, **{**parameters, along: value}).sample(n, seed=seed)
        for row in range(n):
            draw_picture(axes[row][column], sample.x[row].cpu())
        axes[0][column].set_title(f"{along} {value}", fontsize=FONT)
    if title:
        sheet.suptitle(title, fontsize=FONT + 1)
    return sheet


@plain_words()
def softmax_strip(
    sample: Sample, z1: Tensor, z2: Tensor, *, taus: Sequence[float], anchor: int = 0
) -> Sheet:
    """Draw one anchor's softmax over the second views, a row of bars for each temperature.

    Args:
        sample: The scenes.
        z1: What stands for their first views, (n, d).
        z2: What stands for their second views, (n, d).
        taus: The temperatures.
        anchor: Whose first view is the anchor.

    Example:
        >>> import suppression as sup
        >>> sample = sup.dataset("random_bits", bits=0).sample(4)
        >>> z1, z2 = (view.flatten(1) for view in sample.views)
        >>> len(sup.lessons.softmax_strip(sample, z1, z2, taus=[0.1, 1.0]).axes)
        7
    """
    n, z1, z2 = len(sample), z1.detach(), z2.detach()
    cosine = normalize(z1.float(), dim=1)[anchor] @ normalize(z2.float(), dim=1).T  # (n,)
    sheet = Sheet(figsize=(1.05 * (n + 1), 1.4 + len(taus)), layout="constrained")
    grid = sheet.add_gridspec(1 + len(taus), n + 1)
    first, second = [view[:, : view.shape[1] - sample.planes].cpu() for view in sample.views]
    ax = sheet.add_subplot(grid[0, 0])
    draw_picture(ax, first[anchor])
    ax.set_title("anchor", fontsize=FONT)
    for i in range(n):
        ax = sheet.add_subplot(grid[0, i + 1])
        draw_picture(ax, second[i])
        ax.set_title(f"cos {cosine[i]:.2f}", fontsize=FONT - 1)
        if i == anchor:
            for spine in ax.spines.values():
                spine.set(edgecolor=COLOURS[0], linewidth=3)
    for row, tau in enumerate(taus):
        ax = sheet.add_subplot(grid[row + 1, 1:])
        share = (cosine / tau).softmax(0)
        colours = [COLOURS[0] if i == anchor else GRAY for i in range(n)]
        bars = ax.bar(range(n), share.tolist(), color=colours)
        ax.bar_label(bars, [f"{each:.0%}" for each in share.tolist()], fontsize=FONT - 1)
        ax.set_ylim(0, 1.2)
        ax.set_xlim(-0.5, n - 0.5)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_ylabel(f"tau {tau:g}", fontsize=FONT)
    return sheet


@plain_words()
def curve(
    x: Sequence[float], lines: Mapping[str, Sequence[float]], *, x_label: str, y_label: str
) -> Sheet:
    """Draw functions of x, each with its name at its end.

    Example:
        >>> import suppression as sup
        >>> sheet = sup.lessons.curve([0, 1], {"y": [0, 2]}, x_label="x", y_label="y")
        >>> sheet.axes[0].get_ylabel()
        'y'
    """
    sheet = Sheet(figsize=(WIDE, HIGH), layout="constrained")
    ax = sheet.subplots()
    names = []
    for i, (name, y) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        ax.plot(x, y, color=colour, linewidth=2)
        names.append((float(y[-1]), name, colour))
    ax.set_xlabel(x_label, fontsize=FONT)
    ax.set_ylabel(y_label, fontsize=FONT)
    ax.tick_params(labelsize=FONT)
    ax.set_ylim(bottom=0)
    tidy(ax)
    write_names(ax, names)
    return sheet


def traces(encoders: Mapping[str, Any], column: str = "loss") -> Sheet:
    """Draw what training logged of several encoders, as `fit` returns them.

    Raises:
        UserError: for a column that was not logged, with the nearest one.

    Example:
        >>> import suppression as sup
        >>> scenes = sup.datasets.RandomBits(canvas=8, bits=0)
        >>> encoder = sup.fit(scenes, steps=2, batch=8, width=2, progress=False)
        >>> sup.lessons.traces({"simclr": encoder}).axes[0].get_xlabel()
        'step'
    """
    lines, steps = {}, []
    for name, encoder in encoders.items():
        logged = [row for row in encoder.trace if column in row]
        if not logged:
            there = dict.fromkeys(key for row in encoder.trace for key in row)
            raise unknown(f"training of {name} logged no", column, there)
        steps = [row["step"] for row in logged]
        lines[name] = [row[column] for row in logged]
    return curve(steps, lines, x_label="step", y_label=column)


@dataclass(frozen=True)
class Recorded:
    """A picture that was recorded, as a notebook shows it."""

    path: Path

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()


def clusters(name: str = "local_features", scale: str = "laptop") -> Recorded:
    """The recorded picture of an experiment's clusters.

    Raises:
        UserError: if the experiment has none.

    Example:
        >>> import suppression as sup
        >>> len(sup.lessons.clusters()._repr_png_()) > 10_000
        True
    """
    path = files.find("experiments", name).with_suffix(f".{scale}.pictures.png")
    if not path.is_file():
        raise UserError(f"{name} has no recorded picture of clusters at the {scale} scale")
    return Recorded(path)
