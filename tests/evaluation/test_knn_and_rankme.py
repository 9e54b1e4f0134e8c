"""kNN accuracy by loops and against scikit-learn; RankMe against known singular values."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from suppression.data.random_bits import RandomBits
from suppression.errors import UserError
from suppression.evaluation import ProbeSettings, evaluate, knn, rankme
from suppression.evaluation.evaluator import check
from suppression.execution.runner import run_cell
from suppression.metrics.intervals import wilson
from suppression.models.resnet import ResNet
from suppression.seeding import torch_rng

CLASSES = 3


def data(n, *names):
    """Vectors of three overlapping classes, of all lengths."""
    rng = torch_rng("knn", *names)
    labels = torch.randint(CLASSES, (n,), generator=rng)
    x = torch.eye(4)[labels] + 0.7 * torch.randn(n, 4, generator=rng)
    return x * torch.rand(n, 1, generator=rng).add(0.1), labels


def by_loops(train, test, k, tau):
    """The accuracy, neighbour by neighbour."""
    (known, labels), (asked, truth) = train, test
    right = 0
    for x, label in zip(asked, truth, strict=True):
        cosines = []
        for other, name in zip(known, labels, strict=True):
            cosine = (x @ other / (x.norm() * other.norm())).item()
            cosines.append((cosine, int(name)))
        votes = [0.0] * CLASSES
        for cosine, name in sorted(cosines, reverse=True)[:k]:
            votes[name] += 1.0 if tau is None else math.exp(cosine / tau)
        right += votes.index(max(votes)) == label
    return right / len(truth)


@pytest.mark.parametrize("tau", [None, 0.07, 1.0])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_knn_equals_the_loop_over_neighbours(k, tau):
    train, test = data(60, "train"), data(40, "test")
    row = knn(train, test, cases=40, k=k, tau=tau)
    assert row["accuracy"] == by_loops(train, test, k, tau)
    assert (row["low"], row["high"]) == wilson(row["accuracy"], 40)
    most = train[1].bincount().argmax()
    assert row["guess"] == pytest.approx((test[1] == most).float().mean().item())
    assert row["cases"] == 40


@pytest.mark.parametrize("weights", ["uniform", "exp"])
def test_knn_equals_scikit_learn_past_one_block_of_pictures(weights):
    train, test = data(500, "train"), data(2300, "test")
    votes = (
        weights
        if weights == "uniform"
        else lambda distance: torch.tensor(1 - distance).div(0.1).exp().numpy()
    )
    model = KNeighborsClassifier(7, metric="cosine", algorithm="brute", weights=votes)
    model.fit(train[0].numpy(), train[1].numpy())
    score = model.score(test[0].numpy(), test[1].numpy())
    tau = None if weights == "uniform" else 0.1
    assert knn(train, test, cases=9, k=7, tau=tau)["accuracy"] == pytest.approx(score, abs=1e-3)


def test_knn_forgets_how_long_vectors_are():
    train, test = data(60, "train"), data(40, "test")
    longer = test[0] * torch.linspace(0.1, 50, 40)[:, None], test[1]
    assert knn(train, test, cases=9, k=5) == knn(train, longer, cases=9, k=5)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"knn": 201}, "knn = 201: of 200 neighbours 1 to all can vote"),
        ({"knn": -1}, "knn = -1"),
        ({"knn": 3, "knn_tau": 0.0}, "knn_tau = 0.0 is not above 0"),
    ],
)
def test_votes_that_cannot_be_are_told_before_anything_is_trained(settings, told):
    with pytest.raises(UserError, match=told):
        check("random_bits", RandomBits(), ProbeSettings(train=200, **settings), ResNet(width=1))


# --- RankMe


def with_singular_values(values, n=30, d=8):
    rng = torch_rng("rankme")
    left = torch.linalg.qr(torch.randn(n, len(values), generator=rng, dtype=torch.float64))[0]
    right = torch.linalg.qr(torch.randn(d, len(values), generator=rng, dtype=torch.float64))[0]
    return left @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ right.T


@pytest.mark.parametrize(
    "values", [[1.0] * 8, [5.0], [3.0, 1.0], [8.0, 4.0, 2.0, 1.0], [1.0, 1e-12]]
)
def test_rankme_is_the_exponential_of_the_entropy_of_known_singular_values(values):
    shares = [value / sum(values) for value in values]
    expected = math.exp(-sum(share * math.log(share) for share in shares))
    assert rankme(with_singular_values(values)) == pytest.approx(expected, rel=1e-6)
    assert rankme(7 * with_singular_values(values)) == pytest.approx(expected, rel=1e-6)


def test_vectors_that_are_all_zero_have_the_least_rank():
    assert rankme(torch.zeros(5, 3)) == 1


def test_rankme_of_a_picture_of_bits_is_how_many_bits_there_are():
    """Bits as +-1 are next to orthogonal over many scenes."""
    scenes = RandomBits(canvas=8, bits=5)
    bits = {"features": [], "train": 10, "test": 1000, "rankme": True}
    (row,) = evaluate(lambda x: 2 * x[:, 1:, 0, 0] - 1, scenes, **bits)
    assert row["rank"] == pytest.approx(5, abs=0.05)
    (still,) = evaluate(lambda x: x[:, 1:2, 0, 0].expand(-1, 4), scenes, **bits)
    assert still["rank"] == pytest.approx(1)
    named = {name: row[name] for name in ("feature", "scenes", "probe", "layer", "cases")}
    assert named == {
        "feature": "representation",
        "scenes": "held out",
        "probe": "rankme",
        "layer": "h",
        "cases": 1000,
    }


# --- in an experiment


def test_a_cell_is_asked_both_beside_the_linear_probe(cell, context):
    both = {"layers": ["h", "z"], "train": 60, "test": 30}
    linear = ProbeSettings(**both)
    first = run_cell(cell, linear, context)
    assert {row["probe"] for row in first} == {"linear"}
    rows = run_cell(cell, linear.model_copy(update={"knn": 3, "rankme": True}), context)
    assert [row for row in rows if row["probe"] == "linear"] == first
    of_knn = [row for row in rows if row["probe"] == "knn"]
    keys = ("feature", "scenes", "layer", "cases")
    assert [[row[key] for key in keys] for row in of_knn] == [
        [row[key] for key in keys] for row in first
    ]
    ranks = {row["layer"]: row["rank"] for row in rows if row["probe"] == "rankme"}
    assert list(ranks) == ["h", "z"]
    assert all(1 <= rank <= 30 for rank in ranks.values())
