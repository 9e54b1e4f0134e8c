"""The contract of probes: names of records, what follows from `PROBES`, probes from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from suppression.data import TwoDigits
from suppression.errors import UserError
from suppression.evaluation import (
    AXES,
    BESIDE,
    COLUMNS,
    MEASURES,
    PROBES,
    SCENES,
    Measure,
    Probe,
    ProbeSettings,
    Shown,
    evaluate,
    line_of,
    register,
    subjects,
    unregister,
)
from suppression.evaluation.evaluator import FROM_THE_START, record_name
from suppression.evaluation.spec import SHARED
from suppression.experiment.plan import make_plan
from suppression.experiment.spec import Recipe
from suppression.testing.probes import check_probe

GOLDEN = Path(__file__).parent.parent / "golden"

# Names of records, written down before probes had files of their own, of recipes as they were.
PLANS = {
    ("augmentation_pairs", "smoke"): "probe-fafdb0066cac",
    ("augmentation_pairs", "paper"): "probe-aa7b21a9f906",
    ("byol_targets", "laptop"): "probe-e9cf70b705f4",
    ("digit_size", "smoke"): "probe-dbc538045ec7",
    ("digit_size", "laptop"): "probe-ec3bf8ed7af7",
    ("digit_size", "paper"): "probe-cb535da96719",
    ("distillation", "laptop"): "probe-9ba8e7525798",
    ("h_vs_g", "laptop"): "probe-9835cf048ebb",
    ("heads", "smoke"): "probe-f252a21c5e6c",
    ("layers", "laptop"): "probe-4307b05972d7",
    ("local_features", "smoke"): "probe-1fcd31ac79dc",
    ("local_features", "laptop"): "probe-321089d06cd5",
    ("randbits_mnist", "laptop"): "probe-70b335d70d72",
    ("simsiam_collapse", "laptop"): "probe-e9cf70b705f4",
    ("transfer", "laptop"): "probe-1c9b04d0b14d",
    ("who_suppresses", "laptop"): "probe-ec3bf8ed7af7",
}
EVERYTHING = {
    "layers": ["h", "z"],
    "mlp": 16,
    "C": 1.0,
    "max_iter": 50,
    "train": 5,
    "test": 3,
    "features": ["first"],
    "transformations": ["gray"],
    "clusters": [2, 4],
    "cluster_images": 3,
    "resolution": 32,
    "online": True,
    "contrast": 64,
}


def record_of(name, scale):
    """The name of the record of a recipe as it was."""
    held = GOLDEN / f"{name}.toml"
    return record_name(make_plan(str(held) if held.exists() else name, scale=scale).probe)


@pytest.mark.parametrize(("name", "scale"), PLANS)
def test_records_of_experiments_keep_their_names(name, scale):
    assert record_of(name, scale) == PLANS[name, scale]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "probe-ec3bf8ed7af7"),
        ({"C": 0.1}, "probe-ec3bf8ed7af7"),
        ({"mlp": 128}, "probe-b97304678c02"),
        ({"online": False}, "probe-e741abababaf"),
        (EVERYTHING, "probe-bcd5263a2f99"),
    ],
)
def test_records_of_settings_keep_their_names(settings, name):
    assert record_name(ProbeSettings(**settings)) == name


# --- what follows from PROBES


def test_labels_of_columns_are_those_of_the_tables_of_all_records():
    labels = {column: measure.label for column, measure in MEASURES.items()}
    assert labels == {
        "accuracy": "top-1 accuracy, %",
        "nmi": "normalised mutual information, %",
        "decodable": "bits held",
        "entropy": "entropy, nats",
        "spread": "std of normalised outputs times sqrt(d)",
        "rank": "effective rank",
    }
    assert {column for column, measure in MEASURES.items() if measure.percent} == {
        "accuracy",
        "nmi",
    }
    assert {column for column, measure in MEASURES.items() if measure.digits == 2} == {"spread"}
    assert {column for column, measure in MEASURES.items() if measure.floor == 1} == {
        "spread",
        "rank",
    }
    assert (MEASURES["nmi"].low, MEASURES["nmi"].high) == ("nmi_low", "nmi_high")


def test_columns_axes_and_scenes_are_those_of_all_records():
    scores = "nmi nmi_low nmi_high purity entropy spread rank distance uniformity directions"
    floats = dict.fromkeys(["accuracy", "low", "high", "guess", *scores.split()], float)
    assert floats | {"cases": int, "decodable": int, "seen": int, "k": int} == COLUMNS
    assert AXES == {"layer": "layers", "seen": "curve", "k": "clusters"}
    assert SCENES["views"] == "held-out pictures, each in two of the views of training"
    assert BESIDE["bit"] == ("decodable",)
    assert BESIDE["pairs"] == ("entropy", "spread", "rank")


def test_every_setting_is_one_probes_and_is_described():
    settings = [name for probe in PROBES.values() for name in probe.settings()]
    assert len(settings) == len(set(settings))
    assert {*settings, *SHARED} == set(ProbeSettings.model_fields)
    for probe in PROBES.values():
        for name in probe.settings():
            assert f"\n        {name}: " in probe.__doc__, name


def test_a_layer_trained_along_stands_in_the_line_of_the_linear_probe():
    assert [line_of(name) for name in ("linear", "mlp", "online", "k-means")] == [
        "linear",
        "mlp",
        "linear",
        "k-means",
    ]
    assert line_of("from a record of a probe that is not loaded") == (
        "from a record of a probe that is not loaded"
    )


def test_subjects_are_in_the_order_of_a_table():
    settings = ProbeSettings(
        mlp=8, transformations=["sobel", "gray"], contrast=4, rankme=True, knn=3
    )
    found = subjects(settings, ["class", "bit"])
    assert found == ["class", "bit", "sobel", "gray", "pairs", "representation"]
    assert subjects(ProbeSettings(features=[], clusters=[2]), ["digit"]) == ["mask"]
    assert subjects(ProbeSettings(features=["bit"]), ["class", "bit"]) == ["bit"]


def test_a_setting_that_is_not_there_is_a_fault():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        ProbeSettings(kn=3)


# --- a probe from outside


@dataclass(frozen=True)
class Norm(Probe):
    """How long a feature is.

    Args:
        norm: Whether to ask.
        norm_order: Of the norm; 1 or more.
    """

    name: ClassVar[str] = "norm"
    switch: ClassVar[str] = "norm"
    measures: ClassVar = {"length": Measure("mean length")}
    columns: ClassVar = {"length": float}
    axes: ClassVar = {"order": "norm_order"}
    shown: ClassVar = Shown(scenes={"drawn": "scenes"}, beside={"all": ("length",)})

    norm: bool | None = None
    norm_order: float = 2.0

    def subjects(self, features):
        return ["all"]

    def ask(self, asked):
        for layer, x in asked.encode(asked.draw(False), False).items():
            row = {"feature": "all", "scenes": "drawn", "probe": self.name, "layer": layer}
            yield {**row, "length": x.norm(self.norm_order, dim=1).mean().item()}


@pytest.fixture
def norm():
    yield register(Norm)
    unregister("norm")


def test_a_registered_probe_is_everywhere_and_leaves_names_of_records_alone(norm):
    for name, scale in [("digit_size", "smoke"), ("local_features", "smoke")]:
        assert record_of(name, scale) == PLANS[name, scale]
    assert record_name(ProbeSettings(**EVERYTHING)) == "probe-bcd5263a2f99"
    assert MEASURES["length"].label == "mean length"
    assert (COLUMNS["length"], AXES["order"]) == (float, "norm_order")
    assert SCENES["drawn"] == "scenes"
    base = {"title": "", "claim": "", "data": "", "axis": "", "arms": [{}], "scale": {"smoke": {}}}
    recipe = Recipe(**base, probe={"norm": True, "norm_order": 1})
    assert (recipe.probe.norm, recipe.probe.norm_order) == (True, 1.0)
    scenes = TwoDigits(canvas=8, size1=3, size2=5)
    ones = nn.Flatten()
    settings = {"features": [], "train": 20, "test": 10, "norm": True}
    (row,) = evaluate(ones, scenes, **settings, norm_order=float("inf"))
    assert 0.2 < row["length"] <= 1  # the brightest pixel
    assert (row["probe"], row["feature"], row["layer"]) == ("norm", "all", "h")
    assert evaluate(ones, scenes, **settings)[0]["length"] > row["length"]


def test_a_later_setting_counts_only_where_its_probe_is_on_and_it_is_not_at_its_default(norm):
    off = record_name(ProbeSettings())
    assert record_name(ProbeSettings(norm_order=3.0)) == off
    assert record_name(ProbeSettings(norm=False)) == off
    on = record_name(ProbeSettings(norm=True))
    assert on != off
    assert record_name(ProbeSettings(norm=True, norm_order=2.0)) == on
    assert record_name(ProbeSettings(norm=True, norm_order=3.0)) not in (on, off)


def test_a_probes_version_asks_its_own_networks_anew_and_no_others(norm, monkeypatch):
    off, on = record_name(ProbeSettings()), record_name(ProbeSettings(norm=True))
    monkeypatch.setattr(Norm, "version", 2)
    assert record_name(ProbeSettings()) == off
    assert record_name(ProbeSettings(norm=True)) != on


def test_a_probe_that_is_taken_away_leaves_nothing():
    register(Norm)
    unregister("norm")
    assert "norm" not in PROBES
    assert not {"norm", "norm_order"} & set(ProbeSettings.model_fields)
    assert "length" not in MEASURES
    with pytest.raises(ValidationError):
        ProbeSettings(norm=True)


def test_settings_from_before_a_probe_was_registered_ask_it_nothing():
    settings = ProbeSettings()
    register(Norm)
    try:
        assert record_name(settings) == record_name(ProbeSettings())
    finally:
        unregister("norm")


def test_from_the_start_is_no_setting_that_came_later():
    later = set(ProbeSettings.model_fields) - FROM_THE_START
    assert later == {
        "knn",
        "knn_tau",
        "rankme",
        "named",
        "anew",
        "curve",
        "patterns",
        "at_place",
    }
    assert set(ProbeSettings.model_fields) >= FROM_THE_START


# --- check_probe


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_fulfils_the_contract(name):
    check_probe(PROBES[name])


def test_a_probe_from_outside_fulfils_it_without_being_registered():
    check_probe(Norm)


def toy(**members):
    """The toy probe with other members; None leaves one out."""
    body = dict(vars(Norm))
    for name in ("__dict__", "__weakref__", *[key for key, value in members.items() if not value]):
        body.pop(name, None)
    body |= {key: value for key, value in members.items() if value}
    return type("Toy", (Probe,), body)


def rows(*made):
    return lambda self, asked: iter(made)


GOOD = {"feature": "all", "scenes": "drawn", "probe": "norm", "layer": "h", "length": 1.0}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"name": None}, "Toy has no name"),
        ({"measures": None}, "Toy has no measures"),
        ({"columns": None}, "Toy has no columns"),
        ({"switch": "nrm"}, "Toy has no setting 'nrm', which it names; it has: norm, norm_order"),
        ({"axes": {"p": "order"}}, "Toy has no setting 'order', which it names"),
        ({"columns": {"size": float}}, "Toy has the measure 'length' and no such column"),
        ({"ask": rows()}, "Toy gives no rows"),
        ({"ask": rows({**GOOD, "probe": "norms"})}, "says 'norms' in the column probe"),
        ({"ask": rows({"probe": "norm", "length": 1.0})}, "has no feature, scenes, layer"),
        ({"ask": rows({**GOOD, "size": 3.0})}, "column 'size' is no number in columns"),
        ({"ask": rows({**GOOD, "length": "long"})}, "column 'length' is 'long', and no float"),
        ({"ask": rows({**GOOD, "feature": "some"})}, "feature 'some' is not among its subjects"),
        ({"ask": rows({k: v for k, v in GOOD.items() if k != "length"})}, "none of its measures"),
    ],
)
def test_a_broken_probe_is_told_what_it_lacks(members, told):
    with pytest.raises(AssertionError, match=told):
        check_probe(toy(**members))


def test_a_probe_that_draws_from_a_generator_of_its_own_is_found_out():
    def ask(self, asked):
        yield {**GOOD, "length": torch.rand(()).item()}

    with pytest.raises(AssertionError, match="asked twice, Toy gives other rows"):
        check_probe(toy(ask=ask))


def test_a_class_that_is_no_probe_is_told_so():
    with pytest.raises(AssertionError, match="Flatten is no subclass of"):
        check_probe(nn.Flatten)


def test_a_probe_without_its_question_is_told_so():
    with pytest.raises(AssertionError, match="Toy has no method ask"):
        check_probe(toy(ask=None))


def test_a_probe_is_registered_once_and_with_settings_of_its_own(norm):
    with pytest.raises(UserError, match="there is already a probe 'norm': Norm"):
        register(Norm)
    with pytest.raises(UserError, match="Toy: the setting 'norm' is that of Norm"):
        register(toy(name="other"))
    with pytest.raises(UserError, match="Toy has no measures"):
        register(toy(measures=None))
    assert "other" not in PROBES


def test_a_setting_that_all_probes_share_cannot_be_one_probes():
    @dataclass(frozen=True)
    class Greedy(Norm):
        name: ClassVar[str] = "greedy"
        train: int = 3

    with pytest.raises(UserError, match="the setting 'train' is that of all probes"):
        register(Greedy)
