"""`evaluate`: what any network holds, and the networks and data sets that it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from suppression.data import DigitsOnPhotos, RandomBits, TwoDigits
from suppression.data.loader import load_pool
from suppression.errors import UserError
from suppression.evaluation import evaluate
from suppression.evaluation.evaluator import ask
from suppression.evaluation.features import fingerprint
from suppression.evaluation.spec import ProbeSettings
from suppression.methods import Method, SimCLR
from suppression.metrics.units import without_units
from suppression.models.resnet import ResNet

CPU = torch.device("cpu")
SCENES = TwoDigits(canvas=16, size1=4, size2=12)
FEW = {"train": 120, "test": 60}


def flat(x):
    return x.flatten(1)


def test_pixels_tell_the_large_digit_and_one_constant_tells_nothing():
    rows = evaluate(flat, SCENES, train=400, test=200)
    held = {(row["feature"], row["scenes"]): row for row in rows}
    assert set(held) == {(f, s) for f in ("first", "second") for s in ("alone", "together")}
    assert held["second", "alone"]["low"] > held["second", "alone"]["guess"] + 0.1
    for row in evaluate(lambda x: torch.ones(len(x), 2), SCENES, **FEW):
        assert row["accuracy"] == row["guess"]
    assert {row["frozen"] for row in rows} == {True}


def test_rows_are_those_of_the_evaluator_that_experiments_use():
    torch.manual_seed(0)
    method = SimCLR(ResNet(width=2, stem=1, channels=1))
    pools = {train: load_pool(SCENES, "digits", train=train) for train in (True, False)}
    layers = ["h", "z", "block1"]
    rows = ask(SCENES, ProbeSettings(layers=layers, **FEW), method, pools, CPU)
    told = [without_units(row) for row in rows]
    assert evaluate(method, SCENES, layers=layers, **FEW) == told
    own = [row for row in rows if row["layer"] != "z"]
    found = evaluate(method.encoder, SCENES, layers=["h", "block1"], **FEW)
    keys = ("feature", "scenes", "probe", "layer", "accuracy", "low", "high", "guess", "cases")
    assert [[row[key] for key in keys] for row in found] == [
        [row[key] for key in keys] for row in own
    ]


@pytest.mark.slow
def test_a_torchvision_network_is_asked_at_its_layers_and_left_as_it_was():
    net = resnet18(weights=None).train()
    net.layer1.eval()
    modes, before = [module.training for module in net.modules()], fingerprint(net)
    rows = evaluate(net, SCENES, layers=["layer2", "h"], features=["second"], knn=3, **FEW)
    assert {row["layer"] for row in rows} == {"layer2", "h"}
    assert {row["probe"] for row in rows} == {"linear", "knn"}
    assert {row["feature"] for row in rows} == {"second"}
    assert [module.training for module in net.modules()] == modes
    assert fingerprint(net) == before


def test_a_seed_draws_other_scenes_and_seed_0_those_of_every_experiment():
    rows = [evaluate(flat, SCENES, seed=seed, **FEW) for seed in (0, 0, 1, 1)]
    assert rows[0] == rows[1]
    assert rows[2] == rows[3]
    assert rows[0] != rows[2]


def test_the_contrastive_task_can_be_put_to_any_network():
    (row,) = evaluate(flat, SCENES, features=[], contrast=20)
    assert row["feature"] == "pairs"
    assert row["guess"] == pytest.approx(1 / 39)


def test_clusters_and_photographs_go_with_an_encoder():
    scenes = DigitsOnPhotos(canvas=32, share=0.25)
    net = ResNet(width=2, stem=1)
    rows = evaluate(net, scenes, layers=["block1"], features=[], clusters=[2], cluster_images=4)
    assert {row["layer"] for row in rows} == {"block1", "rgb"}


# --- what is refused


class Moving(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1))

    def forward(self, x):
        self.seen += 1
        return x.flatten(1)


class Counting:
    """It moves, and has no weights that show it."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return x.flatten(1) + self.calls


def poisoned(value, where):
    def model(x):
        h = x.flatten(1).clone()
        h[where] = value
        return h

    return model


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (
            poisoned(torch.nan, (2, 0)),
            "gives NaN, infinity or numbers beyond 1e[+]15 at h for 1 of 120",
        ),
        (poisoned(1e16, 3), "gives NaN, infinity or numbers beyond 1e[+]15 at h for 1 of 120"),
        (poisoned(torch.inf, 3), "gives NaN, infinity or numbers beyond 1e[+]15 at h for 1 of 120"),
        (lambda x: x.flatten(1)[:1], r"gives \(1, 256\) at h for 120 pictures; \(120, d\) is"),
        (lambda x: x.reshape(2 * len(x), -1), r"gives \(240, 128\) at h for 120 pictures"),
        (lambda x: x.sum(), r"gives \(\); \(n, d\)"),
        (Moving(), "Moving moved while it was probed"),
        (Counting(), "Counting moved while it was probed: the same pictures have other features"),
        (nn.Linear(3, 3), r"Linear does not take pictures of \(4, 1, 16, 16\): "),
        (3, "int is no encoder: it cannot be called with pictures"),
    ],
)
def test_an_encoder_that_cannot_be_believed_is_refused(model, told):
    with pytest.raises(UserError, match=told):
        evaluate(model, SCENES, **FEW)


class NoFactors:
    canvas = 16
    features = ("class",)

    def factor(self):
        """Nearly."""


class OnlyTensors:
    pass


@pytest.mark.parametrize(
    ("scenes", "told"),
    [
        (NoFactors(), r"no 'factors' \(did you mean 'factor'\?\)"),
        (OnlyTensors(), "OnlyTensors is no data set with factors: it has no 'factors'; supp"),
        (torch.rand(3), "Tensor is no data set with factors: it has no 'factors'"),
        (TwoDigits, r"TwoDigits is a class: make a data set of it, TwoDigits\(\)"),
    ],
)
def test_a_data_set_without_factors_is_told_what_it_lacks(scenes, told):
    with pytest.raises(UserError, match=told):
        evaluate(flat, scenes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"features": ["frist"]}, "TwoDigits has no feature 'frist'; did you mean 'first'"),
        ({"mpl": 3}, "no probe has the setting 'mpl'; did you mean 'mlp'"),
        ({"mlp": "many"}, "mlp = 'many' is no whole number"),
        ({"layers": ["z"]}, "z is the output of a method's projection head"),
        ({"layers": ["early"]}, "flat is no module, so it has no layer 'early' but h"),
        ({"source": "minst"}, "minst"),
        ({"knn": 500, "train": 100}, "knn = 500: of 100 neighbours"),
        ({"train": 0}, "train = 0 is too small; the least is 1"),
        ({"test": -1}, "test = -1 is too small; the least is 1"),
        ({"C": 0.0}, "C = 0.0 is not above 0"),
        ({"max_iter": 0}, "max_iter = 0: one step is the least"),
        ({"mlp": -3}, "mlp = -3: one hidden unit is the least"),
        ({"contrast": 1}, "contrast = 1: two scenes are the least"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_why(given, told):
    with pytest.raises(UserError, match=told):
        evaluate(flat, SCENES, **given)


def test_a_layer_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(UserError, match="ResNet has no layer 'layr1'; did you mean 'layer1'"):
        evaluate(resnet18(), SCENES, layers=["layr1"])


def test_bits_of_an_encoder_with_planes_are_read():
    scenes = RandomBits(canvas=8, bits=2)
    rows = evaluate(
        lambda x: 2 * x[:, 1:, 0, 0] - 1, scenes, features=["bit1", "bit2"], knn=1, **FEW
    )
    held = [row for row in rows if row["feature"] == "bit" and row["scenes"] == "together"]
    assert [(row["probe"], row["decodable"], row["accuracy"]) for row in held] == [
        ("linear", 2, 1.0),
        ("knn", 2, 1.0),
    ]


def test_a_method_without_a_head_has_no_z():
    rows = evaluate(Method(ResNet(width=2, stem=1, channels=1)), SCENES, layers=["h", "z"], **FEW)
    assert {row["layer"] for row in rows} == {"h"}
