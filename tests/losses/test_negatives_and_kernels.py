"""Losses of remedies against loops over pairs, and against the values that theory gives."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from suppression.errors import UserError
from suppression.losses import (
    decoupled_nt_xent,
    dhel,
    hard_nt_xent,
    kcl,
    nt_xent,
    sigmoid_loss,
    spectral_contrastive,
)

N, D = 5, 6
EQUAL = torch.ones(N, D, dtype=torch.float64)
ALONE = torch.eye(N, D, dtype=torch.float64)  # aligned pairs on axes of their own


def vectors(n=N, d=D, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(2, n, d, generator=rng, dtype=torch.float64).unbind()


def units(z):
    return normalize(z, dim=1).tolist()


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def anchors(z1, z2):
    """The cosine of each of 2n anchors' positive, and those of its negatives."""
    z1, z2 = units(z1), units(z2)
    for own, other in ((z1, z2), (z2, z1)):
        for i in range(len(own)):
            positive = dot(own[i], other[i])
            negatives = []
            for j in range(len(own)):
                if j != i:
                    negatives += [dot(own[i], own[j]), dot(own[i], other[j])]
            yield i, positive, negatives


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def close(value):
    return pytest.approx(value, abs=1e-9)


# DHEL and KCL


def test_dhel_is_the_loop_over_pairs():
    z1, z2 = vectors()
    a, b = units(z1), units(z2)
    losses = []
    for i in range(N):
        apart = 0.0
        for view in (a, b):
            apart += math.log(sum(math.exp(dot(view[i], view[j]) / 0.3) for j in others(i)))
        losses.append(apart - dot(a[i], b[i]) / 0.3)
    assert dhel(z1, z2, tau=0.3).item() == close(mean(losses))


def others(i):
    return [j for j in range(N) if j != i]


def test_kcl_is_the_loop_over_pairs():
    z1, z2 = vectors()
    a, b = units(z1), units(z2)

    def k(x, y):
        return math.exp(-3 * sum((s - t) ** 2 for s, t in zip(x, y, strict=True)))

    together = mean(k(a[i], b[i]) for i in range(N))
    apart = 0.0
    for view in (a, b):
        apart += mean(k(view[i], view[j]) for i in range(N) for j in others(i))
    assert kcl(z1, z2, t=3.0, gamma=5.0).item() == close(5 * apart - 2 * together)


@pytest.mark.parametrize("tau", [0.1, 0.3, 1.0])
def test_dhel_where_nothing_or_everything_can_be_told_apart(tau):
    assert dhel(EQUAL, EQUAL, tau=tau).item() == close(1 / tau + 2 * math.log(N - 1))
    assert dhel(ALONE, ALONE, tau=tau).item() == close(-1 / tau + 2 * math.log(N - 1))


@pytest.mark.parametrize(("t", "gamma"), [(2.0, 16.0), (0.5, 3.0)])
def test_kcl_where_nothing_or_everything_can_be_told_apart(t, gamma):
    assert kcl(EQUAL, EQUAL, t=t, gamma=gamma).item() == close(-2 + 2 * gamma)
    alone = -2 + 2 * gamma * math.exp(-2 * t)
    assert kcl(ALONE, ALONE, t=t, gamma=gamma).item() == close(alone)


def test_the_expectation_of_kcl_does_not_depend_on_the_size_of_the_batch():
    """The mean over all pairs of a set is the mean over its batches of two; NT-Xent's is not."""
    z1, z2 = vectors(n=6)
    halves = []
    for i in range(6):
        for j in range(i):
            halves.append([i, j])
    of_kcl = mean(kcl(z1[two], z2[two]).item() for two in halves)
    of_nt_xent = mean(nt_xent(z1[two], z2[two], tau=0.5).item() for two in halves)
    assert of_kcl == close(kcl(z1, z2).item())
    assert abs(of_nt_xent - nt_xent(z1, z2, tau=0.5).item()) > 0.1


# DCL and DCLW


@pytest.mark.parametrize("sigma", [None, 0.5, 0.1])
def test_dcl_and_dclw_are_the_loop_over_anchors(sigma):
    z1, z2 = vectors()
    tau = 0.2
    p = [dot(a, b) for a, b in zip(units(z1), units(z2), strict=True)]
    w = [1.0] * N
    if sigma is not None:
        total = sum(math.exp(each / sigma) for each in p)
        w = [2 - N * math.exp(each / sigma) / total for each in p]
    losses = []
    for i, positive, negatives in anchors(z1, z2):
        apart = math.log(sum(math.exp(q / tau) for q in negatives))
        losses.append(apart - w[i] * positive / tau)
    assert decoupled_nt_xent(z1, z2, tau=tau, sigma=sigma).item() == close(mean(losses))


def test_dcl_of_equal_features_and_its_distance_from_nt_xent():
    tau = 0.2
    found = decoupled_nt_xent(EQUAL, EQUAL, tau=tau).item()
    assert found == close(math.log(2 * N - 2))
    z1, z2 = vectors()
    between = []
    for _, positive, negatives in anchors(z1, z2):
        apart = math.log(sum(math.exp(q / tau) for q in negatives))
        between.append(math.log1p(math.exp(positive / tau - apart)))
    gap = nt_xent(z1, z2, tau=tau) - decoupled_nt_xent(z1, z2, tau=tau)
    assert gap.item() == close(mean(between))


def test_dclw_with_a_large_sigma_or_equal_positives_is_dcl():
    z1, z2 = vectors()
    plain = decoupled_nt_xent(z1, z2, tau=0.2).item()
    assert decoupled_nt_xent(z1, z2, tau=0.2, sigma=1e12).item() == close(plain)
    aligned = decoupled_nt_xent(z1, z1, tau=0.2, sigma=0.5).item()
    assert aligned == close(decoupled_nt_xent(z1, z1, tau=0.2).item())
    assert abs(decoupled_nt_xent(z1, z2, tau=0.2, sigma=0.5).item() - plain) > 0.01


# HCL and the debiased loss


@pytest.mark.parametrize(("beta", "tau_plus"), [(1.0, 0.1), (0.0, 0.1), (2.0, 0.0), (0.5, 0.4)])
@pytest.mark.parametrize("tau", [0.2, 0.5])
def test_hcl_is_the_loop_over_anchors_as_it_was_released(beta, tau_plus, tau):
    z1, z2 = vectors()
    losses = []
    floors = 0
    for _, positive, negatives in anchors(z1, z2):
        p = math.exp(positive / tau)
        q = [math.exp(each / tau) for each in negatives]
        weights = [each**beta for each in q]
        weighed = sum(w * each for w, each in zip(weights, q, strict=True)) / mean(weights)
        n = len(q)
        less = (weighed - tau_plus * n * p) / (1 - tau_plus)
        floor = n * math.exp(-1 / tau)
        floors += less < floor
        losses.append(-math.log(p / (p + max(less, floor))))
    found = hard_nt_xent(z1, z2, tau=tau, beta=beta, tau_plus=tau_plus)
    assert found.item() == close(mean(losses))
    assert floors < 2 * N


def test_hcl_without_weights_and_false_negatives_is_nt_xent_in_value_and_gradient():
    results = []
    for loss in (nt_xent, lambda a, b, tau: hard_nt_xent(a, b, tau=tau, beta=0.0, tau_plus=0.0)):
        a, b = (z.clone().requires_grad_() for z in vectors())
        value = loss(a, b, tau=0.2)
        results.append((value.detach(), *torch.autograd.grad(value, (a, b))))
    for plain, found in zip(*results, strict=True):
        torch.testing.assert_close(found, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("beta", "tau_plus"), [(0.0, 0.0), (1.0, 0.1), (30.0, 0.9)])
def test_hcl_of_equal_features_is_log_2n_minus_1(beta, tau_plus):
    found = hard_nt_xent(EQUAL, EQUAL, tau=0.5, beta=beta, tau_plus=tau_plus)
    assert found.item() == close(math.log(2 * N - 1))


def test_hcl_of_a_large_beta_sees_the_hardest_negative_alone_and_does_not_overflow():
    z1, z2 = vectors()
    tau, n = 0.05, 2 * N - 2
    losses = []
    for _, positive, negatives in anchors(z1, z2):
        margin = math.log(n) + (max(negatives) - positive) / tau
        losses.append(max(margin, 0) + math.log1p(math.exp(-abs(margin))))
    found = hard_nt_xent(z1, z2, tau=tau, beta=1e4, tau_plus=0.0)
    assert found.item() == close(mean(losses))
    assert math.isfinite(hard_nt_xent(z1.float(), z2.float(), tau=tau, beta=1e3).item())


def test_aligned_views_with_all_negatives_false_meet_the_floor_alone():
    z1, _ = vectors()
    z1.requires_grad_()
    tau, n = 0.5, 2 * N - 2
    found = hard_nt_xent(z1, z1, tau=tau, beta=0.0, tau_plus=1 - 1e-9)
    assert found.item() == close(math.log1p(n * math.exp(-2 / tau)))
    (gradient,) = torch.autograd.grad(found, z1)
    assert gradient.isfinite().all()


# The sigmoid loss and the spectral one


@pytest.mark.parametrize(("t", "b"), [(10.0, -10.0), (3.0, 0.5)])
def test_the_sigmoid_loss_is_the_loop_over_pairs(t, b):
    z1, z2 = vectors()
    total = 0.0
    for i, first in enumerate(units(z1)):
        for j, second in enumerate(units(z2)):
            y = 1 if i == j else -1
            total += math.log1p(math.exp(-y * (t * dot(first, second) + b)))
    assert sigmoid_loss(z1, z2, t=t, b=b).item() == close(total / N)


def test_the_sigmoid_loss_at_its_known_values():
    z1, z2 = vectors()
    assert sigmoid_loss(z1, z2, t=0.0, b=0.0).item() == close(N * math.log(2))
    start = math.log(2) + (N - 1) * math.log1p(math.exp(-10))
    assert sigmoid_loss(ALONE, ALONE, t=10.0, b=-10.0).item() == close(start)


@pytest.mark.parametrize("ball", [1.0, 3.0, 100.0])
def test_the_spectral_loss_is_the_loop_over_pairs(ball):
    z1, z2 = vectors()

    def cut(z):
        rows = []
        for row in z.tolist():
            length = math.sqrt(dot(row, row))
            factor = min(1.0, math.sqrt(ball) / length)
            rows.append([factor * x for x in row])
        return rows

    a, b = cut(z1), cut(z2)
    together = mean(dot(x, y) for x, y in zip(a, b, strict=True))
    apart = mean(dot(a[i], b[j]) ** 2 for i in range(N) for j in others(i))
    found = spectral_contrastive(z1, z2, ball=ball)
    assert found.item() == close((apart - 2 * together) / ball)


def test_the_spectral_loss_at_its_known_values():
    equal = normalize(EQUAL, dim=1)
    assert spectral_contrastive(equal, equal).item() == close(-1)
    assert spectral_contrastive(ALONE, ALONE).item() == close(-2)
    short = 0.1 * ALONE  # within the ball, lengths are left as they are
    assert spectral_contrastive(short, short).item() == close(-0.02)


# All of them

ALL = {
    "dhel": lambda a, b: dhel(a, b, tau=0.3),
    "kcl": kcl,
    "dcl": lambda a, b: decoupled_nt_xent(a, b, tau=0.3),
    "dclw": lambda a, b: decoupled_nt_xent(a, b, tau=0.3, sigma=0.5),
    "hcl": lambda a, b: hard_nt_xent(a, b, tau=0.3),
    "sigmoid": lambda a, b: sigmoid_loss(a, b, t=10.0, b=-10.0),
    "spectral": lambda a, b: spectral_contrastive(a, b, ball=2.0),
}


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_the_gradient_is_that_of_finite_differences(loss):
    z1, z2 = vectors(n=3, d=4)
    assert torch.autograd.gradcheck(loss, (z1.requires_grad_(), z2.requires_grad_()))


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_products_keep_their_precision_under_autocast(loss):
    z1, z2 = (z.float() for z in vectors(n=16, d=32))
    exact = loss(z1, z2)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(z1, z2), exact)


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
def test_no_loss_waits_for_the_device(loss, no_host_sync):
    z1, z2 = (z.float().requires_grad_() for z in vectors())
    with no_host_sync():
        loss(z1, z2).backward()


@pytest.mark.parametrize("loss", ALL.values(), ids=ALL)
@pytest.mark.parametrize(
    ("z1", "z2", "told"),
    [
        (torch.rand(1, 3), torch.rand(1, 3), "n >= 2"),
        (torch.rand(4, 3), torch.rand(5, 3), "same shape"),
        (torch.rand(4, 3).long(), torch.rand(4, 3), "z1 is int64"),
        ([[1.0]], torch.rand(4, 3), "z1 is a list"),
    ],
)
def test_what_is_no_pair_of_views_is_refused(loss, z1, z2, told):
    with pytest.raises(UserError, match=told):
        loss(z1, z2)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda a, b: dhel(a, b, tau=0), "dhel: tau = 0"),
        (lambda a, b: kcl(a, b, t=0), "kcl: t = 0"),
        (lambda a, b: kcl(a, b, gamma=-1), "kcl: gamma = -1"),
        (lambda a, b: decoupled_nt_xent(a, b, tau=-1), "tau = -1"),
        (lambda a, b: decoupled_nt_xent(a, b, tau=1, sigma=0), "sigma = 0"),
        (lambda a, b: hard_nt_xent(a, b, tau=1, beta=-1), "beta = -1"),
        (
            lambda a, b: hard_nt_xent(a, b, tau=1, tau_plus=1.0),
            r"tau_plus = 1.0 is not in \[0, 1\)",
        ),
        (lambda a, b: spectral_contrastive(a, b, ball=0), "ball = 0"),
    ],
)
def test_a_parameter_out_of_range_is_refused(call, told):
    with pytest.raises(UserError, match=told):
        call(*vectors())
