"""Batch-norm statistics taken anew: those of the pictures shown, in a copy of the network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from suppression.data import ColouredDigits, TwoDigits
from suppression.errors import UserError
from suppression.evaluation import ProbeSettings, evaluate
from suppression.evaluation.anew import statistics_anew
from suppression.evaluation.evaluator import record_name
from suppression.evaluation.features import fingerprint
from suppression.methods import METHODS
from suppression.models.resnet import ResNet

SMALL = TwoDigits(canvas=16, size1=6, size2=12)


def resnet():
    torch.manual_seed(0)
    return ResNet(width=4, stem=1, channels=1)


def pictures(n=3, batch=20):
    x = torch.rand(n, batch, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    return list(3 * x + 1)


def anew(net, x):
    return statistics_anew(net, x, lambda net, batch: net(batch))


def test_the_first_layers_statistics_are_those_of_its_inputs_over_all_pictures():
    net, x = resnet(), pictures()
    other = anew(net, x)
    maps = [net.conv1(batch) for batch in x]
    mean = torch.cat(maps).mean((0, 2, 3))
    variance = torch.stack([some.var((0, 2, 3)) for some in maps]).mean(0)
    assert torch.allclose(other.bn1.running_mean, mean, atol=1e-5)
    assert torch.allclose(other.bn1.running_var, variance, rtol=1e-4)


def test_the_network_itself_stays_and_the_copy_has_its_weights():
    net = resnet()
    before = fingerprint(net)
    other = anew(net, pictures())
    assert fingerprint(net) == before != fingerprint(other)
    for one, copied in zip(net.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, copied)
        assert one is not copied
    assert not any(part.training for part in other.modules())
    norms = [part for part in other.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [norm.momentum for norm in norms] == [0.1] * len(norms)
    assert len(norms) > 10


def test_taken_twice_they_are_the_same():
    once = anew(resnet(), pictures())
    twice = anew(once, pictures())
    assert fingerprint(once) == fingerprint(twice)


# --- the probe


def rows_of(encoder, scenes=SMALL, **settings):
    given = {"train": 150, "test": 100, "anew": True, **settings}
    rows = evaluate(encoder, scenes, **given)
    return [[row for row in rows if row["probe"] == kind] for kind in ("linear", "anew")]


def test_the_second_reading_stands_beside_the_first_one_where_digits_are_alone():
    torch.manual_seed(0)
    method = METHODS["simclr"](ResNet(width=4, stem=1, channels=1))
    usual, again = rows_of(method, layers=["h", "z"])
    found = [(row["feature"], row["layer"]) for row in again]
    assert found == [(name, layer) for name in ("first", "second") for layer in ("h", "z")]
    assert {row["scenes"] for row in again} == {"alone"}
    same = {(row["feature"], row["layer"]): row for row in usual if row["scenes"] == "alone"}
    for row in again:
        other = same[row["feature"], row["layer"]]
        for column in ("cases", "guess", "encoder", "frozen"):
            assert row[column] == other[column]
    assert [row["accuracy"] for row in again] != [row["accuracy"] for row in same.values()]
    assert rows_of(method, layers=["h", "z"], anew=None) == [usual, []]


class Shifted(nn.Module):
    """A batch norm whose statistics are of pictures far from those that are shown."""

    def __init__(self, saturates):
        super().__init__()
        self.norm = nn.BatchNorm1d(256)
        self.norm.running_mean.fill_(saturates)
        self.norm.running_var.fill_(1e-2)

    def forward(self, x):
        return self.norm(x.flatten(1)).clamp(-1, 1)


def test_what_only_wrong_statistics_hide_is_read_and_what_needs_none_is_read_alike():
    """Far below their mean all pixels are -1: nothing is left, until statistics are right."""
    filling = TwoDigits(canvas=16, size1=6, size2=16)
    asked = {"features": ["second"], "train": 400}
    (one, *_), (again, *_) = rows_of(Shifted(100.0), filling, **asked)
    assert one["accuracy"] == pytest.approx(one["guess"], abs=0.02)
    assert again["accuracy"] > 0.7
    once = rows_of(Shifted(0.0), filling, **asked)[1]
    assert once[0]["accuracy"] == again["accuracy"]


def test_bits_alone_have_their_mean():
    _, again = rows_of(ResNet(width=2, stem=1, channels=3), ColouredDigits(canvas=16, bits=2))
    assert [row["feature"] for row in again] == ["digit", "bit1", "bit2", "bit"]


def test_a_network_without_batch_norms_and_scenes_without_features_alone_have_no_rows():
    assert rows_of(nn.Flatten())[1] == []
    assert rows_of(ResNet(width=2, stem=1, channels=3), ColouredDigits(canvas=16, bits=0))[1] == []


def test_a_rest_of_one_picture_takes_no_part_and_one_scene_is_refused():
    rows_of(ResNet(width=2, stem=1, channels=1), train=251, test=20, features=["first"])
    with pytest.raises(UserError, match="statistics want two scenes at least"):
        rows_of(ResNet(width=2, stem=1, channels=1), train=1)


def test_a_probe_that_takes_nothing_anew_leaves_the_records_name_alone():
    assert record_name(ProbeSettings(anew=None)) == record_name(ProbeSettings())
    assert record_name(ProbeSettings(anew=True)) != record_name(ProbeSettings())
