"""Oracle groups: what a batch shares, what a shared column does to a loss, and bad input."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

import suppression as sup
from suppression.data import SOURCES, RandomBits, Trifeature, TwoDigits
from suppression.errors import UserError
from suppression.execution.batches import load_pools, training_batches
from suppression.experiment.builders import build_method
from suppression.experiment.validation import check_cell
from suppression.methods.remedies import SharedFeature, Stream

CPU = torch.device("cpu")
POOL = SOURCES["digits"](train=True)


def stream(scenes, step=0):
    return Stream(scenes, POOL, torch.Generator().manual_seed(step), seed=0, step=step)


def test_scenes_of_a_batch_share_all_bits_and_batches_differ():
    scenes = RandomBits(bits=4)
    seen = set()
    for step in range(8):
        drawn = SharedFeature().sample(stream(scenes, step), 16)
        (bits,) = drawn["bits"].unique(dim=0).tolist()
        assert len(drawn["instance"]) == 16
        assert len(drawn["instance"].unique()) > 1
        seen.add(tuple(bits))
    assert len(seen) > 3


def test_only_the_features_that_are_named_are_shared():
    drawn = SharedFeature(group_by=("bit2", "bit4")).sample(stream(RandomBits(bits=4)), 32)
    distinct = [len(drawn["bits"][:, i].unique()) for i in range(4)]
    assert distinct == [2, 1, 2, 1]


@pytest.mark.parametrize(
    ("scenes", "shared", "other"),
    [
        (TwoDigits(canvas=32, size1=8, size2=16), "second", "first"),
        (Trifeature(canvas=32), "colour", "shape"),
    ],
)
def test_the_competitor_is_what_is_shared_where_nothing_is_named(scenes, shared, other):
    labels = scenes.labels(SharedFeature().sample(stream(scenes), 32))
    assert len(labels[shared].unique()) == 1
    assert len(labels[other].unique()) > 1


def test_groups_come_as_often_as_they_do_without_the_remedy():
    """A uniform choice among 4 groups would give the rare one 250 of 1,000 batches."""
    labels = torch.tensor([0] * 8 + [1] + [2] + [3] * 2)

    class Uneven(RandomBits):
        def factors(self, n, rng, pool):
            drawn = torch.randint(len(labels), (n,), generator=rng)
            return {"instance": drawn, "class": labels[drawn], "bits": drawn[:, None]}

    counts = torch.zeros(4)
    for step in range(400):
        drawn = SharedFeature(group_by=("class",)).sample(stream(Uneven(bits=1), step), 4)
        counts[drawn["class"].unique()] += 1
    expected = 400 * torch.tensor([8, 1, 1, 2]) / 12
    assert counts.sum() == 400
    assert ((counts - expected).abs() < 4 * expected.sqrt()).all()


def test_a_column_that_a_batch_shares_leaves_the_softmax_of_inner_products_as_it_is():
    """Why it is an oracle: what is constant in a batch adds one number to all logits."""
    rng = torch.Generator().manual_seed(0)
    z1, z2 = torch.randn(2, 8, 5, generator=rng, dtype=torch.float64)
    own = torch.arange(8)
    shared = torch.full((8, 1), 3.0, dtype=torch.float64)
    without = cross_entropy(z1 @ z2.T, own)
    beside = cross_entropy(torch.cat([z1, shared], 1) @ torch.cat([z2, shared], 1).T, own)
    assert beside.item() == pytest.approx(without.item(), abs=1e-12)


def test_the_batches_of_a_cell_are_grouped_and_depend_on_the_step_alone(cell, context):
    cell = cell.replace(remedy="groups")
    method, pool = build_method(cell), load_pools(cell, context, CPU)[True]
    draw = training_batches(cell, pool, CPU, method)
    first = draw(3)
    draw(0)
    again = training_batches(cell, pool, CPU, build_method(cell))(3)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    digits = first[2]  # multi-hot over both digits: the shared one is in every row
    assert digits.min(0).values.max() == 1
    plain = training_batches(cell.replace(remedy=None), pool, CPU)(3)[2]
    assert plain.min(0).values.max() == 0


@pytest.mark.parametrize(
    ("scenes", "given", "told"),
    [
        (RandomBits(bits=3), ("bit4",), "RandomBits has no feature 'bit4'; its features: class"),
        (TwoDigits(), ("colour",), "has no feature 'colour'; its features: first, second"),
        (RandomBits(bits=0), None, "RandomBits has no competitor, or it is blank; give group_by"),
        (TwoDigits(blank=True), None, "TwoDigits has no competitor, or it is blank"),
        (
            RandomBits(bits=24),
            None,
            "make 16,777,216 groups, most of one member; the most is 4,096",
        ),
    ],
)
def test_scenes_that_lack_the_factor_or_have_groups_of_one_are_refused(scenes, given, told):
    with pytest.raises(ValueError, match=told):
        SharedFeature(group_by=given).check_scenes(scenes)


@pytest.mark.parametrize("name", ["moco", "byol", "swav", "instdisc"])
def test_negatives_from_elsewhere_or_none_are_refused_with_the_methods_that_go(name, cell_with):
    told = (
        f"remedy groups needs pictures that are compared with others of their batch, which {name} "
        "has not; it goes with: simclr, cpc, "
    )
    with pytest.raises(UserError, match=told):
        build_method(cell_with(name).replace(remedy="groups"))


def test_a_cell_is_refused_before_it_is_trained(cell):
    with pytest.raises(UserError, match="has no feature 'colour'"):
        check_cell(cell.replace(remedy="groups", group_by=["colour"]))
    with pytest.raises(UserError, match="chooses among scenes that are drawn anew; images = 256"):
        check_cell(cell.replace(remedy="groups", images=256))
    scenes = RandomBits(canvas=16, bits=20)
    with pytest.raises(UserError, match="1,048,576 groups, most of one member"):
        sup.fit(scenes, remedy="groups", steps=1, batch=4, width=4, progress=False)


def test_a_group_that_stays_of_one_member_ends_with_how_many_there_were():
    class Alone(RandomBits):
        def factors(self, n, rng, pool):
            drawn = super().factors(n, rng, pool)
            drawn["class"] = torch.randint(2**40, (n,), generator=rng)
            return drawn

    with pytest.raises(
        UserError, match="among 32,768 scenes 1 share class with a first one, and a"
    ):
        SharedFeature(group_by=("class",)).sample(stream(Alone(bits=1)), 2)
