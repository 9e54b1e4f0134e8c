"""Probes against encoders whose features are known: what is there is read, no more."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import nn

from suppression.data import DigitsOnPhotos, MultiDigits, TwoDigits, photographs
from suppression.data.loader import load_pool
from suppression.data.random_bits import RandomBits
from suppression.data.transforms.augmentation import Augmentation
from suppression.errors import UserError
from suppression.evaluation import linear, mlp
from suppression.evaluation.contrastive_task import pairs
from suppression.evaluation.evaluator import ask, check
from suppression.evaluation.readouts import Readout, answers
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.runner import run_cell
from suppression.experiment.plan import make_plan
from suppression.methods import Method
from suppression.metrics.representation import effective_rank
from suppression.seeding import torch_rng

CPU = torch.device("cpu")


class Known(nn.Module):
    """An "encoder" whose only layer is what `see` makes of the pictures."""

    layers = ("h",)

    def __init__(self, see):
        super().__init__()
        self.see = see
        self.register_buffer("moved", torch.zeros(1))

    def taps(self, x):
        return {"h": self.see(x).flatten(1)}


def pools_of(scenes):
    return {train: load_pool(scenes, train=train) for train in (True, False)}


def asked(see, scenes, **probe):
    settings = ProbeSettings(train=400, test=200, **probe)
    return ask(scenes, settings, Method(Known(see)), pools_of(scenes), CPU)


PHOTOS = RandomBits(canvas=16, source="colour_photos", bits=0)


def coloured(x):
    return ((x.amax(1) - x.amin(1)).mean((1, 2)) > 1e-3).float()[:, None]


def flattest(x):
    """How much the flatter neighbours differ: little in a photograph, never so in noise."""
    return x.diff(dim=-1).abs().flatten(1).quantile(0.3, dim=1)[:, None]


def test_gray_is_read_off_whether_there_is_colour_and_rotation_is_not():
    rows = {
        row["feature"]: row
        for row in asked(
            coloured,
            PHOTOS,
            features=[],
            transformations=["gray", "rotation"],
        )
    }
    assert list(rows) == ["gray", "rotation"]
    assert rows["gray"]["accuracy"] > 0.97
    assert rows["rotation"]["accuracy"] == pytest.approx(0.25, abs=0.1)
    assert {row["scenes"] for row in rows.values()} == {"transformed"}


def test_the_guesses_of_the_transformations_are_the_published_ones():
    rows = asked(
        coloured,
        PHOTOS,
        features=[],
        transformations=["gray", "rotation", "noise", "sobel"],
    )
    assert [row["guess"] for row in rows] == pytest.approx([0.8, 0.25, 0.5, 0.5], abs=0.08)


def test_noise_is_read_off_how_much_neighbouring_pixels_differ_at_the_least():
    (row,) = asked(flattest, PHOTOS, features=[], transformations=["noise"])
    assert row["accuracy"] > 0.75 > row["guess"] + 0.1


def test_bits_are_all_read_off_their_planes_and_none_off_the_picture():
    scenes = RandomBits(canvas=16, bits=5)
    held = {
        row["feature"]: row
        for row in asked(lambda x: x[:, 1:, 0, 0], scenes)
        if row["scenes"] == "together"
    }
    assert held["bit"]["decodable"] == 5
    assert held["bit"]["accuracy"] == 1
    none = {
        row["feature"]: row
        for row in asked(lambda x: x[:, :1].mean((2, 3)), scenes)
        if row["scenes"] == "together"
    }
    assert none["bit"]["decodable"] == 0
    assert none["bit"]["accuracy"] == pytest.approx(
        sum(none[f"bit{i}"]["accuracy"] for i in range(1, 6)) / 5
    )


def test_an_exclusive_or_is_hidden_from_a_linear_readout_and_read_by_an_mlp():
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(2, (1200, 2), generator=rng)
    data = [
        (x[part].float() + 0.1 * torch.randn(len(x[part]), 2, generator=rng), x[part].sum(1) % 2)
        for part in (slice(800), slice(800, None))
    ]
    assert linear(*data, cases=400)["accuracy"] < 0.65
    assert mlp(*data, cases=400, hidden=32)["accuracy"] > 0.95


def test_the_guess_is_that_of_the_class_most_frequent_where_the_probe_is_fitted():
    x = torch.randn(100, 3)
    fit, test = torch.tensor([1] * 60 + [0] * 40), torch.tensor([1] * 20 + [0] * 80)
    assert linear((x, fit), (x, test), cases=100)["guess"] == 0.2


def test_an_encoder_that_moves_while_it_is_probed_is_no_result():
    def see(x):
        moving.encoder.moved += 1
        return x.mean((2, 3))

    moving = Method(Known(see))
    pools = pools_of(RandomBits(canvas=16, bits=0))
    with pytest.raises(RuntimeError, match="changed while it was probed"):
        ask(RandomBits(canvas=16, bits=0), ProbeSettings(train=100, test=50), moving, pools, CPU)


def test_a_transformation_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(UserError, match="'rotate'; did you mean 'rotation'"):
        check("random_bits", PHOTOS, ProbeSettings(transformations=["rotate"]), Known(coloured))


def test_the_effective_rank_is_that_of_known_vectors():
    """k orthogonal directions, equally often: k; one: 1; two of which one is rarer: by hand."""
    assert effective_rank(torch.eye(5).repeat(4, 1)) == pytest.approx(5)
    assert effective_rank(torch.randn(7, 1) * torch.randn(1, 4)) == pytest.approx(1)
    a, b = 9**0.5, 1.0  # singular values of nine vectors along one axis and one along the other
    p = torch.tensor([a, b]) / (a + b)
    assert effective_rank(
        torch.cat([torch.eye(2)[:1].expand(9, 2), torch.eye(2)[1:]])
    ) == pytest.approx(torch.exp(-(p * p.log()).sum()).item())


def test_the_contrastive_task_is_solved_by_what_both_views_share_and_not_by_noise():
    shared = torch.eye(20)
    row = pairs(shared, shared + 0.1 * torch.randn(20, 20, generator=torch_rng("pairs")), cases=20)
    assert row["accuracy"] == 1
    assert "entropy" not in row
    assert row["guess"] == pytest.approx(1 / 39)
    noise = torch.randn(2, 400, 8, generator=torch_rng("noise"))
    assert pairs(*noise, cases=400)["accuracy"] < 0.02
    still = torch.ones(20, 4) + 1e-6 * torch.randn(20, 4)
    assert pairs(still, still, cases=20)["spread"] < 1e-3


def test_pairs_are_asked_at_the_output_of_a_trained_network_and_not_of_an_untrained_one(context):
    plan = make_plan("temperature", scale="smoke")
    found = {}
    for method in ("untrained", "simclr"):
        cell = next(cell for cell in plan.cells if cell.method == method)
        found[method] = [
            row for row in run_cell(cell, plan.probe, context) if row["feature"] == "pairs"
        ]
    assert found["untrained"] == []
    (row,) = found["simclr"]
    assert row["layer"] == "output"
    assert (
        0 <= row["entropy"] <= torch.tensor(63.0).log() + 1e-4
    )  # of 32 pairs, each anchor has 63 others
    assert 1 <= row["rank"] <= 64


def test_no_picture_is_its_own_negative_where_scenes_are_instances():
    """An encoder that knows the picture solves the task.

    Were instances drawn with replacement, a third would have a twin.
    """
    scenes = RandomBits(canvas=8, source="digits", bits=0)
    pools = pools_of(scenes)
    still = Augmentation(area_min=1.0, aspect=1.0)
    (row,) = ask(
        scenes,
        ProbeSettings(features=[], contrast=256),
        Method(Known(lambda x: x - x.mean((2, 3), keepdim=True))),
        pools,
        CPU,
        views=still,
    )
    assert row["cases"] == 256
    assert row["accuracy"] > 0.99


# --- the correctness behind an accuracy -----------------------------------------------------------


def middle(x):
    """A few numbers that hold a little of everything."""
    return torch.nn.functional.adaptive_avg_pool2d(x, 3)


def accuracy_of(units):
    return float(units.right.sum() / units.counts.sum())


EVERY_READOUT = {"knn": 5, "mlp": 4, "transformations": ["rotation"]}


@pytest.mark.parametrize(
    ("scenes", "settings"),
    [
        (RandomBits(canvas=16, bits=2), EVERY_READOUT),
        (TwoDigits(canvas=24, size1=8, size2=12), {"named": True, "anew": True}),
        (MultiDigits(canvas=24, count=3, sizes=(8,)), {"named": True}),
    ],
)
def test_every_accuracy_has_the_correctness_that_it_is_the_share_of(scenes, settings):
    rows = asked(middle, scenes, **settings)
    assert {"linear"} < {row["probe"] for row in rows}
    for row in rows:
        units = row["units"]
        assert accuracy_of(units) == pytest.approx(row["accuracy"])
        assert len(units.instances) == row["cases"]
        digits_a_picture = 3 if isinstance(scenes, MultiDigits) and row["probe"] == "named" else 1
        questions = 2 if row["feature"] == "bit" else digits_a_picture
        assert units.counts.sum() == 200 * questions


def test_units_are_those_of_the_pictures_that_were_told_rightly():
    """By a loop over the scenes that the probe draws, with a readout that is known."""
    scenes = RandomBits(canvas=16, bits=0)
    (row,) = asked(middle, scenes)
    pools = pools_of(scenes)
    drawn = {
        train: scenes.factors(400 if train else 200, torch_rng("probe", train), pools[train])
        for train in (True, False)
    }
    held = {
        train: (middle(scenes.render(some, pools[train])).flatten(1), some["class"])
        for train, some in drawn.items()
    }
    scaler = StandardScaler().fit(held[True][0])
    model = LogisticRegression(C=0.1, max_iter=300).fit(
        scaler.transform(held[True][0]), held[True][1]
    )
    told = model.predict(scaler.transform(held[False][0]))
    right = {}
    for number, label, name in zip(
        drawn[False]["instance"].tolist(), held[False][1].tolist(), told.tolist(), strict=True
    ):
        right[number] = right.get(number, 0) + (label == name)
    units = row["units"]
    found = dict(zip(units.instances.tolist(), units.right.tolist(), strict=True))
    assert found == right


def test_windows_of_one_photograph_are_one_case():
    (row,) = asked(middle, RandomBits(canvas=16, source="photos", bits=0))
    assert row["cases"] == 20
    assert row["units"].counts.sum() == 200
    scenes = DigitsOnPhotos(canvas=32, share=0.25)
    cases = {row["feature"]: row["cases"] for row in asked(middle, scenes)}
    assert cases["scene"] == 20
    assert cases["digit"] > 100
    pool = photographs("photos", False, side=16)
    assert pool.first(50).original(torch.arange(50)).equal(pool.labels[:50])
    assert pool.only(torch.tensor([7, 3])).original(torch.tensor([1])).equal(pool.labels[[3]])


def test_a_readout_from_outside_that_tells_no_units_has_none():
    class Guess(Readout):
        name = "guess"

        def read(self, train, test, *, cases):
            return {"accuracy": 0.5, "low": 0.4, "high": 0.6, "cases": cases, "guess": 0.5}

    x = torch.zeros(4, 1)
    held = {True: {"h": x}, False: {"h": x}}
    labels = {True: torch.arange(4), False: torch.arange(4)}
    asked = SimpleNamespace(layers=["h"], told_apart=lambda labels, names, **_: names)
    (row,) = answers([Guess()], asked, "class", held, labels, np.arange(4))
    assert "units" not in row
    assert row["cases"] == 4
