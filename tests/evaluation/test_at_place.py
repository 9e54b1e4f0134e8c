"""At its place: maps made by hand, and networks whose cells see one digit alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from suppression.data.digits import TwoDigits
from suppression.data.random_bits import RandomBits
from suppression.errors import UserError
from suppression.evaluation import evaluate
from suppression.evaluation.at_place import at_cells


def test_the_cell_is_the_one_whose_window_has_most_of_the_ink_by_a_loop_over_cells():
    """Cell i stands for the pixels around stride * i, as a padded convolution has it."""
    generator = torch.Generator().manual_seed(0)
    n, side, r = 20, 4, 16
    tap = torch.randn(n, 3, side, side, generator=generator)
    ink = torch.zeros(n, r, r)
    corners = torch.randint(0, r - 3, (n, 2), generator=generator)
    for i, (top, left) in enumerate(corners.tolist()):
        ink[i, top : top + 3, left : left + 3] = torch.rand(3, 3, generator=generator)
    found = at_cells(tap, ink)
    for i in range(n):
        best, most = None, -1.0
        for row in range(side):
            for column in range(side):
                rows = slice(max(4 * row - 2, 0), 4 * row + 3)
                columns = slice(max(4 * column - 2, 0), 4 * column + 3)
                held = float(ink[i, rows, columns].sum())
                if held > most + 1e-6:
                    best, most = tap[i, :, row, column], held
        assert torch.equal(found[i], best)


class Windows(nn.Module):
    """Every cell shows the pixels of its own window: a local network that loses nothing."""

    layers = ("block1", "h")
    h_dim = 1

    def taps(self, x):
        patches = nn.functional.unfold(x, 9, padding=4, stride=4)
        side = -(-x.shape[-1] // 4)
        return {"block1": patches.unflatten(2, (side, side)), "h": avg_pool2d(x, x.shape[-1])[0]}

    def forward(self, x):
        return self.taps(x)["h"]


class Blind(Windows):
    """Maps that show nothing."""

    def taps(self, x):
        return {name: 0 * tap for name, tap in super().taps(x).items()}


def readings(encoder, scenes, probe):
    rows = evaluate(encoder, scenes, at_place=True, layers=["block1"], train=800, test=200)
    found = {}
    for row in rows:
        if row["probe"] == probe:
            found[row["feature"], row["scenes"]] = row["accuracy"]
    return found


def test_a_small_digit_is_read_at_its_cell_where_the_mean_over_places_has_lost_it():
    scenes = TwoDigits(canvas=32, size1=8, size2=20, overlap=0.0, box=20)
    at_place, mean = (readings(Windows(), scenes, probe) for probe in ("at place", "linear"))
    assert set(at_place) == set(mean)
    assert at_place["first", "together"] > mean["first", "together"] + 0.15
    blind = readings(Blind(), scenes, "at place")
    assert max(blind.values()) < 0.2


def test_layers_without_places_and_scenes_without_digits_are_refused():
    scenes = TwoDigits(canvas=32, size1=8, size2=20)
    with pytest.raises(UserError, match="layers that are: block1"):
        evaluate(Windows(), scenes, at_place=True, layers=["h"])
    with pytest.raises(UserError, match="which digit lies where"):
        evaluate(Windows(), RandomBits(), at_place=True, layers=["block1"])
