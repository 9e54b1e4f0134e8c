"""Probes against data whose answer is known, and encoders that probing must not move."""

from __future__ import annotations

import torch

from suppression.evaluation import linear
from suppression.evaluation.features import features, fingerprint
from suppression.models.resnet import ResNet
from suppression.seeding import torch_rng


def test_a_probe_finds_a_feature_that_is_there_and_none_that_is_not():
    """Pixels that are the class are read out perfectly; pixels that are noise are at chance."""
    rng = torch_rng("oracle")
    labels = torch.randint(10, (1200,), generator=rng)
    told = torch.nn.functional.one_hot(labels, 10).float()
    told += 0.1 * torch.randn(1200, 10, generator=rng)
    noise = torch.randn(1200, 10, generator=rng)
    for x, low, high in ((told, 0.99, 1.0), (noise, 0.04, 0.17)):
        row = linear((x[:800], labels[:800]), (x[800:], labels[800:]), cases=400)
        assert low <= row["accuracy"] <= high
        assert row["converged"]


def test_probing_moves_neither_weights_nor_batch_norm_statistics():
    net = ResNet(width=4, stem=1, channels=1).train()
    before, x = fingerprint(net), torch.rand(8, 1, 16, 16)
    features(net, x)
    assert fingerprint(net) == before
    assert net.training
    net(x)  # a plain pass in training mode does move them, and the fingerprint sees it
    assert fingerprint(net) != before
