"""Losses and metrics against loops over pairs and closed forms, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize
from torch.utils._python_dispatch import TorchDispatchMode

from suppression.losses import contrastive as losses
from suppression.losses.contrastive import nt_xent
from suppression.metrics.representation import contrastive_metrics

SCALINGS = ("algorithm1", "repository", "notebook")


def projections(n: int = 5, d: int = 4, *, near: float = 1.0) -> tuple[Tensor, Tensor]:
    """Two views' projections, not normalized; the smaller `near`, the more alike they are."""
    rng = torch.Generator().manual_seed(0)
    z1, noise = (torch.randn(n, d, generator=rng, dtype=torch.float64) for _ in range(2))
    return 3 * z1, z1 + near * noise


def cosine(a: Tensor, b: Tensor) -> float:
    a, b = a.tolist(), b.tolist()
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def pair_loss(anchor: Tensor, positive: Tensor, candidates: list[Tensor], tau: float) -> float:
    """l(i, j) of SimCLR, equation 1: the denominator runs over all `candidates`."""
    return -math.log(
        math.exp(cosine(anchor, positive) / tau)
        / sum(math.exp(cosine(anchor, z) / tau) for z in candidates)
    )


def loop(z1: Tensor, z2: Tensor, tau: float, scaling: str) -> float:
    n = len(z1)
    total = 0.0
    for i in range(n):
        if scaling == "notebook":
            total += pair_loss(z1[i], z2[i], list(z2), tau) + pair_loss(z2[i], z1[i], list(z1), tau)
        else:
            others1, others2 = ([z[k] for k in range(n) if k != i] for z in (z1, z2))
            total += pair_loss(z1[i], z2[i], [*others1, *z2], tau) + pair_loss(
                z2[i], z1[i], [*z1, *others2], tau
            )
    return total / (2 * n) if scaling == "algorithm1" else total / n


@pytest.mark.parametrize("tau", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("n", [2, 5])
def test_nt_xent_equals_the_loop_over_pairs(n, scaling, tau):
    z1, z2 = projections(n)
    assert nt_xent(z1, z2, tau=tau, scaling=scaling).item() == pytest.approx(
        loop(z1, z2, tau, scaling), rel=1e-12
    )


def test_the_scaling_is_that_of_algorithm_1_unless_told():
    z1, z2 = projections()
    assert nt_xent(z1, z2, tau=0.3).item() == pytest.approx(
        loop(z1, z2, 0.3, "algorithm1"), rel=1e-12
    )


@pytest.mark.parametrize("n", [2, 7, 64])
def test_equal_projections_give_log_2n_minus_1(n):
    z = torch.ones(n, 3, dtype=torch.float64)
    assert nt_xent(z, z, tau=0.1).item() == pytest.approx(math.log(2 * n - 1))
    assert nt_xent(z, z, tau=0.1, scaling="repository").item() == pytest.approx(
        2 * math.log(2 * n - 1)
    )
    assert nt_xent(z, z, tau=0.1, scaling="notebook").item() == pytest.approx(2 * math.log(n))


@pytest.mark.parametrize("tau", [0.1, 0.7])
def test_orthogonal_pairs_have_a_closed_form(tau):
    z, n = torch.eye(6, dtype=torch.float64), 6
    assert nt_xent(z, z, tau=tau).item() == pytest.approx(
        math.log(1 + (2 * n - 2) * math.exp(-1 / tau))
    )
    assert nt_xent(z, z, tau=tau, scaling="notebook").item() == pytest.approx(
        2 * math.log(1 + (n - 1) * math.exp(-1 / tau))
    )


def test_the_repositorys_loss_is_twice_that_of_algorithm_1_and_the_notebooks_is_another():
    z1, z2 = projections()
    one, two, three = (nt_xent(z1, z2, tau=0.5, scaling=scaling).item() for scaling in SCALINGS)
    assert two == pytest.approx(2 * one)
    assert abs(three - one) > 0.1
    assert abs(three - two) > 0.1


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_gradient_of_nt_xent_is_that_of_finite_differences(scaling):
    z1, z2 = (z.requires_grad_() for z in projections(3, 4))
    assert torch.autograd.gradcheck(lambda a, b: nt_xent(a, b, tau=0.5, scaling=scaling), (z1, z2))


@pytest.mark.parametrize("block", [1, 11, 40, 10**6])  # a row at a time, uneven blocks, all at once
@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_loss_in_blocks_equals_autograd_through_the_whole_matrix(scaling, block, monkeypatch):
    monkeypatch.setattr(losses, "BLOCK", block)
    z1, z2 = (z.requires_grad_() for z in projections(7))
    n, z = 7, normalize(torch.cat([z1, z2]), dim=1)
    if scaling == "notebook":
        logits, target = normalize(z1, dim=1) @ normalize(z2, dim=1).T / 0.2, torch.arange(n)
        whole = cross_entropy(logits, target) + cross_entropy(logits.T, target)
    else:
        logits = (z @ z.T / 0.2).masked_fill(torch.eye(2 * n, dtype=torch.bool), -torch.inf)
        whole = cross_entropy(logits, torch.arange(2 * n).roll(n)) * (
            2 if scaling == "repository" else 1
        )
    ours = nt_xent(z1, z2, tau=0.2, scaling=scaling)
    assert ours.item() == pytest.approx(whole.item(), rel=1e-12)
    expected, found = (
        torch.autograd.grad(3 * whole, (z1, z2)),
        torch.autograd.grad(3 * ours, (z1, z2)),
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_no_more_than_a_block_of_similarities_is_held(monkeypatch):
    """4096 pairs would be a matrix of 8192 x 8192."""
    largest = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            largest = max(largest, out.numel() if isinstance(out, Tensor) else 0)
            return out

    z1, z2 = (torch.randn(512, 16, requires_grad=True) for _ in range(2))
    monkeypatch.setattr(losses, "BLOCK", 2**16)
    with Watch():
        nt_xent(z1, z2, tau=0.2).backward()
        contrastive_metrics(z1, z2, tau=0.2)
    assert 2 * z1.numel() < largest <= 2**16


def test_similarities_keep_their_precision_under_autocast():
    """In bf16 they would be off by up to 0.004, which tau = 0.05 makes 0.08 nats."""
    z1, z2 = (z.float() for z in projections(64, 16))
    with torch.autocast("cpu", torch.bfloat16):
        assert nt_xent(z1, z2, tau=0.05).item() == pytest.approx(
            nt_xent(z1.double(), z2.double(), tau=0.05).item(), rel=1e-5
        )
        metrics = contrastive_metrics(z1, z2, tau=0.05)
    assert metrics["contrast_entropy"].item() == pytest.approx(
        contrastive_metrics(z1, z2, tau=0.05)["contrast_entropy"].item(), rel=1e-5
    )


@pytest.mark.parametrize("tau", [0.01, 0.02])
def test_a_temperature_near_0_neither_overflows_nor_loses_the_gradient(tau):
    z1, z2 = (z.float().requires_grad_() for z in projections(16, 8))
    loss = nt_xent(z1, z2, tau=tau)
    loss.backward()
    assert loss.item() == pytest.approx(nt_xent(z1.double(), z2.double(), tau=tau).item(), rel=1e-5)
    assert torch.isfinite(z1.grad).all()
    assert z1.grad.abs().max() > 0


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_length_of_a_projection_does_not_count(scaling):
    z1, z2 = projections()
    stretched = z1 * torch.arange(1, 6, dtype=torch.float64)[:, None]
    assert nt_xent(stretched, 0.01 * z2, tau=0.5, scaling=scaling).item() == pytest.approx(
        loop(z1, z2, 0.5, scaling)
    )


@pytest.mark.parametrize("tau", [0.1, 0.5])
@pytest.mark.parametrize("near", [0.8, 1.5])
def test_the_metrics_equal_their_loops_over_anchors(near, tau):
    z1, z2 = projections(6, near=near)
    n, z = 6, [*z1, *z2]
    found, entropy, uniform = 0, 0.0, 0.0
    for i in range(2 * n):
        others = [j for j in range(2 * n) if j != i]
        near_to = {j: cosine(z[i], z[j]) for j in others}
        found += max(others, key=near_to.__getitem__) == (i + n) % (2 * n)
        total = sum(math.exp(near_to[j] / tau) for j in others)
        p = [math.exp(near_to[j] / tau) / total for j in others]
        entropy -= sum(q * math.log(q) for q in p) / (2 * n)
        uniform += sum(
            math.exp(
                -2
                * sum(
                    (x - y) ** 2
                    for x, y in zip(normalize(z[i], dim=0), normalize(z[j], dim=0), strict=True)
                )
            )
            for j in others
        )
    metrics = contrastive_metrics(z1, z2, tau=tau)
    assert 0 < found < 2 * n  # neither all nor none, or the accuracy would be told by little
    assert metrics["contrast_accuracy"].item() == pytest.approx(found / (2 * n))
    assert metrics["contrast_entropy"].item() == pytest.approx(entropy, rel=1e-4)
    assert metrics["alignment"].item() == pytest.approx(
        sum(2 - 2 * cosine(a, b) for a, b in zip(z1, z2, strict=True)) / n, rel=1e-4
    )
    assert metrics["uniformity"].item() == pytest.approx(
        math.log(uniform / (2 * n * (2 * n - 1))), rel=1e-4
    )


def test_spread_is_about_1_for_random_projections_and_0_for_collapsed_ones():
    rng = torch.Generator().manual_seed(0)
    z1, z2 = (torch.randn(500, 32, generator=rng) for _ in range(2))
    assert contrastive_metrics(z1, z2, tau=0.2)["spread"].item() == pytest.approx(1, abs=0.02)
    point = torch.randn(32, generator=rng).expand(500, 32)
    assert contrastive_metrics(point, 2 * point, tau=0.2)["spread"].item() == pytest.approx(
        0, abs=1e-5
    )


def test_collapsed_projections_have_the_entropy_of_a_guess_and_no_distance():
    metrics = contrastive_metrics(torch.ones(8, 4), torch.ones(8, 4), tau=0.2)
    assert metrics["contrast_entropy"].item() == pytest.approx(math.log(15), rel=1e-5)
    assert metrics["alignment"].item() == pytest.approx(0, abs=1e-6)
    assert metrics["uniformity"].item() == pytest.approx(0, abs=1e-5)


def test_pairs_on_axes_of_their_own_are_all_found():
    z = torch.eye(8)
    metrics = contrastive_metrics(z, z, tau=0.05)
    assert metrics["contrast_accuracy"].item() == 1
    assert metrics["contrast_entropy"].item() == pytest.approx(0, abs=1e-5)
    # d^2 is 0 once and 2 fourteen times.
    assert metrics["uniformity"].item() == pytest.approx(
        math.log((1 + 14 * math.exp(-4)) / 15), rel=1e-5
    )


def test_metrics_have_no_gradient():
    z1, z2 = (z.requires_grad_() for z in projections())
    assert not any(value.requires_grad for value in contrastive_metrics(z1, z2, tau=0.2).values())
