"""Batches of one cluster: which scenes meet, that none is dropped, and bad input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from suppression.data import Scenes
from suppression.data.pool import NOTHING
from suppression.errors import UserError
from suppression.methods import Continued, SimCLR
from suppression.methods.remedies import Clusters, Stream, with_remedies
from suppression.methods.remedies.clusters import DEALT, chain
from suppression.models import ResNet


@dataclass(frozen=True)
class Levels(Scenes):
    """Pictures of two numbers: a level, uneven in how often it comes, and one that is not seen."""

    canvas: int = 4
    often: tuple[float, ...] = (0.5, 0.3, 0.15, 0.05)
    sources: ClassVar[tuple[str, ...]] = ()

    @property
    def features(self):
        return ("level",)

    def factors(self, n, rng, pool):
        level = torch.multinomial(torch.tensor(self.often), n, replacement=True, generator=rng)
        return {"level": level, "number": torch.rand(n, generator=rng)}

    def classes(self, pool):
        return {"level": tuple("abcd")}

    def render(self, factors, pool, *, view=None, out=None, visible=None):
        angle = 0.4 * factors["level"] + 0.01 * factors["number"]
        return angle[:, None, None, None].expand(-1, 1, 4, 4)


class Angle(nn.Module):
    """h is the direction of a picture's gray level."""

    h_dim = 2

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.seen = 0

    def forward(self, x):
        self.seen += len(x)
        angle = x.mean((1, 2, 3))
        return torch.stack([angle.cos(), angle.sin()], 1)


def clusters(k=4):
    return with_remedies(Continued(Angle()), [Clusters(clusters=k)]).remedies[0]


def stream(step, scenes=None, seed=0):
    rng = torch.Generator().manual_seed(step)
    return Stream(scenes or Levels(), NOTHING, rng, seed=seed, step=step)


def test_batches_are_of_one_cluster_but_where_two_meet():
    remedy, mixed, levels = clusters(), 0, []
    for step in range(DEALT):
        drawn = remedy.sample(stream(step), 16)
        found = drawn["level"].unique()
        mixed += len(found) > 1
        levels.append(drawn["level"])
    assert mixed <= 3  # borders between four clusters
    share = torch.cat(levels).bincount() / (DEALT * 16)
    assert share.tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.05)


def test_no_scene_of_a_round_is_dropped_or_seen_twice_also_of_clusters_below_a_batch():
    scenes = Levels(often=(0.97, 0.01, 0.01, 0.01))
    remedy = clusters()
    numbers = [remedy.sample(stream(step, scenes), 64)["number"] for step in range(DEALT)]
    levels = [remedy.sample(stream(step, scenes), 64)["level"] for step in range(DEALT)]
    seen = torch.cat(numbers)
    drawn = scenes.factors(DEALT * 64, stream(0).named_rng("clusters", 0), None)
    assert torch.equal(seen.sort().values, drawn["number"].sort().values)
    assert torch.cat(levels).bincount().min() > 0
    # 64 scenes a cluster, more or less: what is left over meets the next one
    assert sum(len(level.unique()) > 1 for level in levels) <= 4


def test_a_step_has_the_same_scenes_wherever_a_training_begins():
    whole = clusters()
    drawn = [whole.sample(stream(step), 8) for step in (0, 150, 101)]
    late = clusters().sample(stream(101), 8)
    assert torch.equal(late["number"], drawn[2]["number"])
    assert not torch.equal(drawn[1]["number"], drawn[2]["number"])
    other = clusters().sample(stream(101, seed=1), 8)
    assert not torch.equal(other["number"], late["number"])


def test_the_clusters_are_stored_and_not_made_anew():
    remedy = clusters()
    remedy.sample(stream(0), 8)
    again = clusters()
    again.load_state_dict(remedy.state_dict())
    before = again.before.seen
    again.sample(stream(0), 8)
    assert again.before.seen - before == DEALT * 8  # the round alone
    assert torch.equal(again.centres, remedy.centres)
    found = remedy.centres / remedy.centres.norm(dim=1, keepdim=True)
    angles = torch.atan2(found[:, 1], found[:, 0]).sort().values
    assert angles.tolist() == pytest.approx([0.005, 0.405, 0.805, 1.205], abs=0.002)


def test_one_cluster_is_batches_as_they_are_drawn():
    remedy = clusters(1)
    batches = [remedy.sample(stream(step), 8)["number"] for step in range(DEALT)]
    drawn = Levels().factors(DEALT * 8, stream(0).named_rng("clusters", 0), None)["number"]
    chunks = drawn.view(DEALT, 8).tolist()
    assert sorted(batch.tolist() for batch in batches) == sorted(chunks)


def test_the_network_before_stays_as_it_was():
    start = SimCLR(ResNet(width=4, stem=1, channels=1))
    method = with_remedies(Continued(start.encoder, start), [Clusters()]).train()
    (remedy,) = method.remedies
    kept = {key: value.clone() for key, value in remedy.before.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], lr=0.5)
    x1, x2 = torch.rand(2, 8, 1, 16, 16)
    method(x1, x2, torch.zeros(8, 10)).backward()
    optimizer.step()
    assert not remedy.before.training
    assert all(torch.equal(kept[key], value) for key, value in remedy.before.state_dict().items())
    assert not torch.equal(remedy.before.conv1.weight, method.encoder.conv1.weight)


def test_it_goes_with_what_starts_from_another_network_alone():
    told = (
        "clusters needs a network to start from .*, which simclr has not; it goes with: continued"
    )
    with pytest.raises(ValueError, match=told):
        with_remedies(SimCLR(Angle()), [Clusters()])


@pytest.mark.parametrize("k", [0, -1, 2049])
def test_more_clusters_than_pictures_and_none_are_refused(k):
    with pytest.raises(ValueError, match=f"clusters = {k}: they are made of 2,048 pictures"):
        Clusters(clusters=k)


def test_more_clusters_than_different_pictures_are_refused_with_how_many_there_are():
    @dataclass(frozen=True)
    class Two(Levels):
        def render(self, factors, pool, **how):
            return super().render(factors | {"number": 0 * factors["number"]}, pool, **how)

    told = "clusters = 5: the network tells only 4 pictures apart among 2,048; give fewer"
    with pytest.raises(UserError, match=told):
        clusters(5).sample(stream(0, Two()), 8)


def test_a_chain_of_centres_goes_to_the_nearest_one_left():
    centres = torch.tensor([[0.0, 0.0], [3.0, 0.0], [1.0, 0.0], [0.0, 1.5]])
    assert chain(centres) == [0, 2, 3, 1]
