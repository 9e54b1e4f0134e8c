"""Trifeature: a thousand different pictures, attributes correlated as the parameter says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from scipy.stats import chisquare

from suppression.data import Trifeature
from suppression.data.pool import NOTHING
from suppression.data.trifeature import ATTRIBUTES, COLOURS, TURNS, sprites
from suppression.exp import main
from suppression.seeding import torch_rng

UPRIGHT = TURNS // 2


def factors(
    shape, texture, colour, *, turn=(UPRIGHT, UPRIGHT), top=0.0, left=0.0
) -> dict[str, torch.Tensor]:
    n = len(shape)
    here = {
        "shape": shape,
        "texture": texture,
        "colour": colour,
        "turn": torch.tensor(turn).expand(n, 2),
    }
    return here | {
        "top": torch.full((n, 1), top),
        "left": torch.full((n, 1), left),
        "instance": torch.arange(n),
    }


def test_all_thousand_combinations_are_distinct_pictures_however_they_are_turned():
    every = torch.tensor(list(itertools.product(range(10), repeat=3)))
    for turn in [(UPRIGHT, UPRIGHT), (0, TURNS - 1)]:
        x = Trifeature(canvas=24).render(factors(*every.T, turn=turn), NOTHING).flatten(1)
        assert len(x.unique(dim=0)) == 1000
        apart = torch.cdist(x, x, p=1).fill_diagonal_(math.inf) / x.sum(1)[:, None].clamp(min=1)
        assert (
            apart.min() > 0.03
        )  # and not by a shade: the nearest two differ by 3 % of their light at least


def test_shapes_and_textures_differ_from_all_others_at_every_turn():
    shapes, textures, _ = sprites("cpu")
    for drawn in (shapes, textures):
        x = drawn.view(10, TURNS, -1).float() / 255
        for a, b in itertools.combinations(range(10), 2):
            assert torch.cdist(x[a], x[b], p=1).min() > 0.02 * x.shape[2]  # 2 % of all pixels


def test_an_object_stays_inside_its_box_at_every_turn():
    shapes, _, _ = sprites("cpu")
    y, x = torch.meshgrid(*[(torch.arange(64) - 31.5) / 32] * 2, indexing="ij")
    outside = torch.hypot(x, y) > 1.02
    assert shapes.view(-1, 64, 64)[:, outside].max() == 0
    assert (shapes > 0).float().mean((1, 2)).min() > 0.1


def test_a_square_and_a_triangle_are_those_of_pil():
    """Drawn with PIL at 8 times the size and shrunk; turned counter-clockwise, y down."""
    for name, corners, turn in (
        ("square", [(s * 0.68, t * 0.68) for s, t in ((-1, -1), (1, -1), (1, 1), (-1, 1))], 0),
        ("triangle", None, TURNS - 1),
    ):
        corners = corners or [
            (0.98 * math.sin(a), -0.98 * math.cos(a)) for a in (0, 2 * math.pi / 3, 4 * math.pi / 3)
        ]
        angle = math.radians(-30 + 60 * turn / (TURNS - 1))
        turned = [
            (math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y)
            for x, y in corners
        ]
        large = Image.new("L", (512, 512))
        ImageDraw.Draw(large).polygon(
            [((x + 1) * 256 - 0.5, (y + 1) * 256 - 0.5) for x, y in turned], fill=255
        )
        expected = np.asarray(large.resize((64, 64), Image.Resampling.BOX)).astype(float)
        seen = sprites("cpu")[0][ATTRIBUTES["shape"].index(name) * TURNS + turn].numpy()
        assert np.abs(seen - expected).mean() < 1.5
        assert np.abs(seen - expected).max() < 100


def test_an_object_lies_where_its_factors_say_and_has_its_colour():
    scene = Trifeature(canvas=50, share=0.5)
    drawn = factors(
        torch.full((10,), 1),
        torch.zeros(10, dtype=torch.int64),
        torch.arange(10),
        top=5.0,
        left=20.0,
    )
    x = scene.render(drawn, NOTHING)
    assert x[:, :, :5].max() < 1e-5
    assert x[:, :, 31:].max() < 1e-5
    assert x[:, :, :, :19].max() < 1e-5
    assert x[:, :, :, 46:].max() < 1e-5
    torch.testing.assert_close(x[:, :, 17, 32], torch.tensor(list(COLOURS.values())))
    for drawn in (scene.factors(400, torch_rng("test"), NOTHING),):
        for name in ("top", "left"):
            assert drawn[name].min() == 0
            assert drawn[name].max() == 25


def test_without_correlation_every_combination_is_as_frequent():
    drawn = Trifeature().factors(30_000, torch_rng("test"), NOTHING)
    number = drawn["shape"] * 100 + drawn["texture"] * 10 + drawn["colour"]
    assert chisquare(number.bincount(minlength=1000)).pvalue > 1e-3
    assert chisquare(drawn["turn"].flatten().bincount(minlength=TURNS)).pvalue > 1e-3


@pytest.mark.parametrize("correlation", [0.3, 0.8, 1.0])
def test_the_dial_is_the_share_of_scenes_on_which_an_attribute_goes_with_the_shape(correlation):
    drawn = Trifeature(correlation=correlation).factors(20_000, torch_rng("test"), NOTHING)
    assert chisquare(drawn["shape"].bincount(minlength=10)).pvalue > 1e-3
    found = {
        name: (drawn[name] == drawn["shape"]).float().mean().item()
        for name in ("texture", "colour")
    }
    expected = correlation + (1 - correlation) / 10
    assert found == pytest.approx(
        {"texture": expected, "colour": expected}, abs=0.01 if correlation < 1 else 0
    )
    both = (
        ((drawn["texture"] == drawn["shape"]) & (drawn["colour"] == drawn["shape"]))
        .float()
        .mean()
        .item()
    )
    assert both == pytest.approx(expected**2, abs=0.012)  # independently of one another


def test_it_is_probed_without_correlation_and_its_strength_is_log2_of_10():
    scene = Trifeature(correlation=0.9)
    assert scene.probed() == Trifeature()
    assert scene.shared_bits == pytest.approx(3.3219, abs=1e-4)
    assert scene.questions() == [("together", None, ("shape", "texture", "colour"))]
    assert scene.spaces(NOTHING) == (10, 10, 10)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"correlation": -0.1}, "correlation = -0.1"),
        ({"share": 0.0}, "share = 0.0"),
        ({"share": 1.5}, "share = 1.5"),
    ],
)
def test_scenes_that_cannot_be_drawn_are_refused(parameters, told):
    with pytest.raises(ValueError, match=told):
        Trifeature(**parameters)


@pytest.mark.slow
def test_an_experiment_on_it_runs_and_has_no_source_to_choose(tmp_path, capsys):
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nclaim = "none"\ndata = "trifeature"\naxis = "correlation"\n'
        'arms = [{ method = "untrained" }]\n'
        "[scale.smoke]\ncanvas = 16\ncorrelation = [0.5]\nwidth = 4\n"
        "probe = { train = 60, test = 30 }\n"
    )
    asked = [
        str(tmp_path / "mine.toml"),
        "--scale",
        "smoke",
        "--store",
        str(tmp_path / "store"),
        "--workers",
        "1",
    ]
    assert main(asked) == 0
    assert "source none" in capsys.readouterr().out
    assert main([*asked, "--source", "mnist"]) == 2
    assert "mine has no parameter 'source'" in capsys.readouterr().err
