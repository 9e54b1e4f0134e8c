"""What is added to a loss: the covariance term, reconstruction, and the constraint of LTD."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from suppression.methods import Autoencoder, SimCLR
from suppression.methods.remedies import (
    IFM,
    LTD,
    AdversarialMask,
    Covariance,
    DirectCLR,
    Reconstruction,
    TemperatureSchedule,
    Viewmaker,
    with_remedies,
)
from suppression.models import ResNet


def simclr(*remedies, **parameters):
    torch.manual_seed(0)
    encoder = ResNet(width=4, stem=1, channels=2)
    method = SimCLR(encoder, **parameters)
    torch.manual_seed(1)
    return with_remedies(method, remedies)


def batch(n=8):
    x1, x2 = torch.rand(2, n, 2, 16, 16, generator=torch.Generator().manual_seed(0))
    return x1, x2, torch.zeros(n, 10)


@pytest.mark.parametrize("remedy", [Covariance(mu=0.0), Reconstruction(weight_rec=0.0)])
def test_a_weight_of_0_is_the_method_itself(remedy):
    assert simclr(remedy)(*batch()).item() == simclr()(*batch()).item()


def test_the_covariance_term_is_the_loop_over_coordinates():
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(10, 4, generator=rng, dtype=torch.float64)
    total = 0.0
    for view in z.chunk(2):
        rows = (2 * normalize(view, dim=1)).tolist()  # length sqrt(4)
        for i in range(4):
            for j in range(4):
                if i != j:
                    a, b = [row[i] for row in rows], [row[j] for row in rows]
                    centred = [
                        (x - sum(a) / 5) * (y - sum(b) / 5) for x, y in zip(a, b, strict=True)
                    ]
                    total += (sum(centred) / 4) ** 2 / 4
    found = Covariance(mu=0.3).penalty(None, None, z)
    assert found.item() == pytest.approx(0.3 * total, abs=1e-9)


def test_the_covariance_term_does_not_fall_with_the_length_of_projections():
    z = torch.randn(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    remedy = Covariance()
    short = remedy.penalty(None, None, 0.01 * z)
    assert short.item() == pytest.approx(remedy.penalty(None, None, z).item(), abs=1e-9)


def test_reconstruction_is_the_autoencoders_loss_over_that_of_the_mean_picture():
    method = simclr(Reconstruction(weight_rec=2.5))
    (remedy,) = method.remedies
    other = Autoencoder(method.encoder, decoder_width=4)
    own = {key: value for key, value in other.state_dict().items() if not key.startswith("encoder")}
    assert set(own) == set(remedy.state_dict())
    other.load_state_dict(remedy.state_dict(), strict=False)
    x1, x2, y = batch()
    x = torch.cat([x1, x2])
    mean_picture = (x - x.mean(0)).square().mean()
    expected = simclr()(x1, x2, y) + 2.5 * other(x1, x2, y) / mean_picture
    torch.testing.assert_close(method(x1, x2, y), expected)


def test_a_decoder_of_the_mean_picture_explains_nothing_and_a_perfect_one_all():
    remedy = Reconstruction()
    x, _, _ = batch()
    remedy.decode = lambda h, side: x.mean(0).expand_as(x)
    assert remedy.unexplained(x, None).item() == pytest.approx(1)
    remedy.decode = lambda h, side: x
    assert remedy.unexplained(x, None).item() == 0


def test_the_encoder_learns_to_be_drawn_from():
    """With the contrast held back, what is left unexplained falls, planes of bits with it."""
    method = simclr(Reconstruction(weight_rec=100.0, decoder_width=8))
    rng = torch.Generator().manual_seed(0)
    bits = torch.randint(2, (8, 1, 1, 1), generator=rng).float().expand(8, 1, 16, 16)
    x = torch.cat([torch.rand(8, 1, 1, 1, generator=rng).expand(8, 1, 16, 16), bits], 1)
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    shares = []
    for _ in range(60):
        shares.append(method.remedies[0].unexplained(x, method.encoder(x)).item())
        loss = method(x, x, torch.zeros(8, 10))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert shares[0] > 0.9
    assert shares[-1] < 0.1


def test_the_multiplier_of_ltd_is_the_released_ascent():
    """torch's own SGD, maximising, with the momentum and dampening of the released code."""
    remedy = LTD(eta=0.1)
    reference = nn.Parameter(torch.ones(()))
    sgd = torch.optim.SGD([reference], lr=5e-3, momentum=0.9, dampening=0.9, maximize=True)
    ours, theirs = [], []
    for step in range(1000):
        gap = 3.0 if step < 100 else -0.9
        remedy.gap.fill_(gap)
        remedy.after_step(0.5, None)
        reference.grad = torch.tensor(gap)
        if step == 0:  # SGD's first velocity is the gradient, undampened
            reference.grad = torch.tensor(gap * 0.1)
        sgd.step()
        reference.data.clamp_(min=0)
        ours.append(remedy.lam.item())
        theirs.append(reference.item())
    assert ours == pytest.approx(theirs, abs=1e-5)
    assert max(ours) > 2
    assert ours[-1] == 0


def test_ltd_adds_the_multiplier_times_how_far_the_constraint_is_from_met():
    method = simclr(LTD(eta=0.25))
    (remedy,) = method.remedies
    remedy.lam.fill_(1.5)
    x1, x2, y = batch()
    x = torch.cat([x1, x2])
    share = remedy.unexplained(x, method.encoder(x))
    expected = simclr()(x1, x2, y) + 1.5 * (share / 0.25 - 1)
    torch.testing.assert_close(method(x1, x2, y), expected)
    assert remedy.gap.item() == pytest.approx(share.item() / 0.25 - 1, abs=1e-5)
    assert "remedies.0.lam" in method.state_dict()


def test_what_changes_different_things_is_combined_by_adding_up():
    remedies = [IFM(epsilon=0.2), DirectCLR(d0=0.5), Covariance(mu=2.0), TemperatureSchedule()]
    method = simclr(*remedies)
    x1, x2, y = batch()
    found = method(x1, x2, y)
    with torch.no_grad():
        z1, z2 = method.encoder(torch.cat([x1, x2]))[:, :16].chunk(2)
    assert method.tau == 1.0  # the schedule's first
    harder = IFM(epsilon=0.2).loss(z1, z2, y, SimCLR(method.encoder, tau=1.0))
    term = Covariance(mu=2.0).penalty(None, None, torch.cat([z1, z2]))
    torch.testing.assert_close(found.detach(), harder + term)


@pytest.mark.parametrize("remedy", [Reconstruction(), Viewmaker(), AdversarialMask()])
def test_an_encoder_that_does_not_say_its_channels_is_refused(remedy):
    class Flat(nn.Module):
        h_dim = 4

        def forward(self, x):
            return x.flatten(1)

    with pytest.raises(ValueError, match="Flat has no convolution, so it does not say how many"):
        with_remedies(SimCLR(Flat()), [remedy])


def test_two_remedies_that_add_a_penalty_are_refused():
    told = "remedies covariance and reconstruction both change the penalty; give one of them"
    with pytest.raises(ValueError, match=told):
        simclr(Covariance(), Reconstruction())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Covariance(mu=-1.0), "mu = -1.0: a weight is 0 or more"),
        (lambda: Covariance(mu=math.nan), "mu = nan"),
        (lambda: Reconstruction(weight_rec=-1.0), "weight_rec = -1.0: a weight is 0 or more"),
        (lambda: Reconstruction(decoder_width=0), "decoder_width = 0: the decoder needs one"),
        (lambda: LTD(eta=0.0), "eta = 0.0: the share that may be left is above 0"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
