"""Remedies that take the head's place: what z is, and what the loss moves of h."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from suppression.losses import nt_xent
from suppression.methods import BYOL, SimCLR
from suppression.methods.remedies import DirectCLR, HeadWeights, with_remedies
from suppression.models import ResNet


class Free(nn.Module):
    """h is a parameter, whatever the pictures are."""

    h_dim = 10

    def __init__(self):
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.h = nn.Parameter(torch.randn(8, 10, generator=rng, dtype=torch.float64))

    def forward(self, x):
        return self.h


def batch(n=4):
    return torch.rand(n, 1, 4, 4), torch.rand(n, 1, 4, 4), torch.zeros(n, 10)


@pytest.mark.parametrize("remedy", [HeadWeights(kappa=1.0), DirectCLR(d0=1.0)])
def test_without_weights_or_cut_z_is_h(remedy):
    method = with_remedies(SimCLR(Free()), [remedy])
    h = method.encoder.h
    torch.testing.assert_close(method.project(h), h, rtol=0, atol=0)
    torch.manual_seed(0)
    plain = SimCLR(Free(), head="identity")
    assert method(*batch()).item() == plain(*batch()).item()


def test_weights_fall_by_kappa_from_one_coordinate_to_the_next():
    method = with_remedies(SimCLR(Free()), [HeadWeights(kappa=1.05)])
    z = method.project(method.encoder.h)
    for i in range(10):
        expected = method.encoder.h[:, i] / 1.05**i
        torch.testing.assert_close(z[:, i], expected, rtol=1e-9, atol=0)


def test_weights_are_exact_also_where_h_is_in_bf16():
    z = HeadWeights(kappa=1.01).head(torch.ones(1, 128, dtype=torch.bfloat16), None)
    assert z.dtype == torch.float32
    assert z[0, -1].item() == pytest.approx(1.01**-127, rel=1e-5)


@pytest.mark.parametrize(("kappa", "last"), [(1.01, 0.28), (1.05, 0.002)])
def test_the_last_weight_at_the_width_of_our_networks_is_that_of_the_card(kappa, last):
    z = HeadWeights(kappa=kappa).head(torch.ones(1, 128), None)
    assert z[0, -1].item() == pytest.approx(last, rel=0.05)


def test_directclr_gives_the_rest_of_h_no_gradient_through_the_head():
    method = with_remedies(SimCLR(Free(), tau=0.1), [DirectCLR(d0=0.3)])
    loss = method(*batch())
    loss.backward()
    gradient = method.encoder.h.grad
    assert gradient[:, 3:].abs().max() == 0
    assert gradient[:, :3].abs().min(0).values.max() > 0
    z1, z2 = method.encoder.h.detach()[:, :3].float().chunk(2)
    torch.testing.assert_close(loss.detach(), nt_xent(z1, z2, tau=0.1))


@pytest.mark.parametrize(("d0", "width"), [(0.176, 6), (0.001, 1), (0.5, 16), (1.0, 32)])
def test_directclr_keeps_its_share_of_h_and_one_coordinate_at_least(d0, width):
    method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [DirectCLR(d0=d0)])
    assert method.project(torch.rand(3, 32)).shape == (3, width)


@pytest.mark.parametrize("remedy", [HeadWeights(), DirectCLR()])
def test_the_head_that_is_not_used_is_not_trained(remedy):
    method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [remedy])
    x1, x2, y = torch.rand(8, 1, 16, 16), torch.rand(8, 1, 16, 16), torch.zeros(8, 10)
    method(x1, x2, y, torch.rand(8, 1, 8, 8)).backward()
    assert not any(weight.requires_grad for weight in method.head.parameters())
    assert all(weight.grad is not None for weight in method.encoder.parameters())


def test_a_method_whose_predictor_stands_on_the_head_is_refused():
    told = "remedy directclr needs a head that nothing else depends on, which byol has not; it"
    with pytest.raises(ValueError, match=told):
        with_remedies(BYOL(ResNet(width=4, stem=1, channels=1)), [DirectCLR()])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: HeadWeights(kappa=0.99), "kappa = 0.99 is not in 1 to 2"),
        (lambda: HeadWeights(kappa=float("nan")), "kappa = nan"),
        (lambda: DirectCLR(d0=0.0), r"d0 = 0.0 is not a share in \(0, 1\]"),
        (lambda: DirectCLR(d0=1.1), "d0 = 1.1"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
