"""SimCLR that goes on: it starts where `start` ended, in encoder and head."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn.functional import cosine_similarity

from suppression.methods import Autoencoder, Continued, MoCo, SimCLR, Supervised, Untrained
from suppression.models.resnet import ResNet

X1, X2 = torch.rand(2, 8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
NO_LABELS = torch.zeros(8, 10)


def small(seed=0):
    torch.manual_seed(seed)
    return ResNet(width=2, stem=1, channels=1)


def some_steps(method, lr=0.1):
    """The method after two steps, with what its batch norms have seen."""
    method.train()
    for _ in range(2):
        method(X1, X2, NO_LABELS).backward()
        with torch.no_grad():
            for weight in method.parameters():
                weight.sub_(lr * weight.grad)
                weight.grad = None
    return method


def going_on_from(start, **parameters):
    """As `build_method` builds it: the encoder has the weights of `start` already."""
    encoder = small(seed=1)
    encoder.load_state_dict(start.encoder.state_dict())
    return Continued(encoder, start, **parameters)


def test_before_its_first_step_it_is_start_to_the_bit():
    start = some_steps(SimCLR(small()))
    method = going_on_from(start)
    assert list(method.state_dict()) == list(start.state_dict())
    for name, value in start.state_dict().items():
        assert torch.equal(method.state_dict()[name], value), name
    start.eval()
    method.eval()
    with torch.no_grad():
        h = method.encoder(X1)
        assert torch.equal(h, start.encoder(X1))
        assert torch.equal(method.project(h), start.project(h))


def test_its_first_loss_is_nt_xent_of_starts_projections_by_a_loop_over_anchors():
    start, tau = some_steps(SimCLR(small())), 0.5
    method = going_on_from(start, tau=tau).train()
    with torch.no_grad():
        z = start.train().embed(torch.cat([X1, X2])).double()
    losses = []
    for i in range(16):
        partner = (i + 8) % 16
        others = [j for j in range(16) if j != i]
        logits = torch.stack([cosine_similarity(z[i], z[j], dim=0) / tau for j in others])
        losses.append(logits.logsumexp(0) - logits[others.index(partner)])
    expected = torch.stack(losses).mean().item()
    assert method(X1, X2, NO_LABELS).item() == pytest.approx(expected, rel=1e-5)


def test_two_trainings_in_one_are_one_training_where_the_optimiser_remembers_nothing():
    both = some_steps(some_steps(SimCLR(small())))
    after = some_steps(going_on_from(some_steps(SimCLR(small()))))
    for name, value in both.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], value, msg=name)


def test_training_on_leaves_start_as_it_is():
    start = some_steps(SimCLR(small()))
    before = copy.deepcopy(start.state_dict())
    some_steps(going_on_from(start))
    for name, value in before.items():
        assert torch.equal(start.state_dict()[name], value), name


def test_the_head_of_any_method_that_projects_is_taken():
    start = MoCo(small(), queue=32, bn_groups=2)
    method = going_on_from(start, head_bn="off")
    assert torch.equal(method.head[0].weight, start.head[0].weight)


@pytest.mark.parametrize(
    "start", [Supervised(small(), (10,)), Untrained(small()), Autoencoder(small())]
)
def test_from_a_network_that_projects_nothing_the_head_is_new(start):
    encoder = small(seed=1)
    torch.manual_seed(5)
    new = SimCLR(encoder).head
    torch.manual_seed(5)
    head = Continued(encoder, start).head
    assert torch.equal(head[0].weight, new[0].weight)


@pytest.mark.parametrize(
    ("of_start", "own", "told"),
    [
        ({}, {"z_dim": 32}, r"its weight 3.weight is \(64, 16\), here it is \(32, 16\)"),
        ({"head_width": 8}, {}, r"its weight 0.weight is \(8, 16\), here it is \(16, 16\)"),
        ({"head_layers": 3}, {}, r"its weight 3.weight is \(16, 16\), here it is \(64, 16\)"),
        ({"head_bn": "off"}, {}, r"its weight 0.bias is \(16,\), here it is missing"),
        ({}, {"head": "identity"}, r"its weight 0.weight is \(16, 16\), here it is missing"),
        ({"head": "identity"}, {}, r"its weight 0.weight is missing, here it is \(16, 16\)"),
    ],
)
def test_a_head_of_other_layers_is_refused_with_the_first_weight_that_differs(of_start, own, told):
    start = SimCLR(small(), **of_start)
    with pytest.raises(ValueError, match=f"the head of start does not fit: {told}; give both"):
        Continued(small(), start, **own)
