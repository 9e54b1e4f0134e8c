"""Remedies that take NT-Xent's place: which loss a method then has, and what is out of range."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from suppression.losses import (
    decoupled_nt_xent,
    dhel,
    hard_nt_xent,
    kcl,
    nt_xent,
    sigmoid_loss,
    spectral_contrastive,
)
from suppression.methods import SimCLR
from suppression.methods.remedies import (
    DCL,
    DCLW,
    DHEL,
    HCL,
    KCL,
    Debiased,
    SigLIP,
    Spectral,
    with_remedies,
)


class Flat(nn.Module):
    """Pixels themselves, (n, c s s)."""

    h_dim = 5

    def forward(self, x):
        return x.flatten(1)


def simclr(**parameters):
    """SimCLR in float64 whose projections are the pixels."""
    return SimCLR(Flat(), head="identity", **parameters).double()


def vectors(n=6):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(2, n, 5, generator=rng, dtype=torch.float64).unbind()


LOSSES = {
    "dhel": (DHEL(), lambda a, b: dhel(a, b, tau=0.3)),
    "kcl": (KCL(t=1.0, gamma=4.0), lambda a, b: kcl(a, b, t=1.0, gamma=4.0)),
    "dcl": (DCL(), lambda a, b: decoupled_nt_xent(a, b, tau=0.3)),
    "dclw": (DCLW(sigma=0.2), lambda a, b: decoupled_nt_xent(a, b, tau=0.3, sigma=0.2)),
    "hcl": (
        HCL(beta=0.5, tau_plus=0.2),
        lambda a, b: hard_nt_xent(a, b, tau=0.3, beta=0.5, tau_plus=0.2),
    ),
    "debiased": (
        Debiased(tau_plus=0.2),
        lambda a, b: hard_nt_xent(a, b, tau=0.3, beta=0.0, tau_plus=0.2),
    ),
    "siglip": (SigLIP(t=5.0, b=-3.0), lambda a, b: sigmoid_loss(a, b, t=5.0, b=-3.0)),
    "spectral": (Spectral(ball=2.0), lambda a, b: spectral_contrastive(a, b, ball=2.0)),
}


@pytest.mark.parametrize(("remedy", "loss"), LOSSES.values(), ids=LOSSES)
def test_the_methods_loss_is_the_remedys_with_its_own_parameters(remedy, loss):
    z1, z2 = vectors()
    method = with_remedies(simclr(tau=0.3), [remedy.double()])
    found = method(z1[:, :, None, None], z2[:, :, None, None], torch.zeros(6, 10))
    assert found.item() == pytest.approx(loss(z1, z2).item(), abs=1e-6)  # projections are float32
    exact = method.remedied_pair(z1, z2, None)
    assert exact.item() == pytest.approx(
        loss(z1, z2).item(), abs=1e-6 if remedy.name == "siglip" else 1e-9
    )


def test_hcl_and_debiased_at_0_are_nt_xent():
    z1, z2 = vectors()
    expected = nt_xent(z1, z2, tau=0.3).item()
    for remedy in (HCL(beta=0.0, tau_plus=0.0), Debiased(tau_plus=0.0)):
        found = with_remedies(simclr(tau=0.3), [remedy]).remedied_pair(z1, z2, None)
        assert found.item() == pytest.approx(expected, abs=1e-9)


def test_siglip_learns_its_factor_and_bias_without_decay():
    remedy = SigLIP()
    assert remedy.log_t.exp().item() == pytest.approx(10)
    assert remedy.b.item() == -10
    method = with_remedies(simclr(), [remedy])
    z1, z2 = vectors()
    method.remedied_pair(z1, z2, None).backward()
    assert remedy.log_t.grad.abs() > 0
    assert remedy.b.grad.abs() > 0
    assert remedy.log_t.ndim == remedy.b.ndim == 0  # vectors and numbers are not decayed


def test_the_defaults_are_the_papers():
    assert (KCL().t, KCL().gamma) == (2.0, 16.0)
    assert DCLW().sigma == 0.5
    assert (HCL().beta, HCL().tau_plus, Debiased().tau_plus) == (1.0, 0.1, 0.1)
    assert Spectral().ball == 1.0


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: KCL(t=0.0), "t = 0.0: the sharpness of a kernel is above 0"),
        (lambda: KCL(t=math.nan), "t = nan"),
        (lambda: KCL(gamma=-1.0), "gamma = -1.0: a weight is 0 or more"),
        (lambda: DCLW(sigma=0.0), "sigma = 0.0: a width is above 0"),
        (lambda: HCL(beta=-0.1), "beta = -0.1 is below 0"),
        (lambda: HCL(beta=math.inf), "beta = inf"),
        (lambda: HCL(tau_plus=1.0), r"tau_plus = 1.0 is not a share in \[0, 1\)"),
        (lambda: Debiased(tau_plus=-0.1), "tau_plus = -0.1"),
        (lambda: SigLIP(t=0.0), "t = 0.0: a factor of cosines is above 0"),
        (lambda: SigLIP(b=math.inf), "b = inf is no finite number"),
        (lambda: Spectral(ball=0.0), "ball = 0.0: a squared length is above 0"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
