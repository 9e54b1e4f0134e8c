"""Optimizers against by-hand loops and closed forms; the learning rate against torch's own."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR

from suppression.methods import Method
from suppression.training.loop import Training, make_optimizer, schedule, train
from suppression.training.optimizers import LARS, Muon, orthogonal


def lars_by_hand(
    weights: list[float],
    gradients: list[list[float]],
    *,
    rates: list[float],
    decay: float,
    adapted: bool,
) -> list[float]:
    """SimCLR's released LARS with momentum 0.9 and trust 0.001, number by number."""
    velocity = [0.0] * len(weights)
    for gradient, lr in zip(gradients, rates, strict=True):
        update = [g + decay * w for g, w in zip(gradient, weights, strict=True)]
        w_norm, u_norm = (math.sqrt(sum(x * x for x in xs)) for xs in (weights, update))
        rate = 0.001 * w_norm / u_norm if adapted and w_norm > 0 and u_norm > 0 else 1.0
        velocity = [0.9 * v + lr * rate * u for v, u in zip(velocity, update, strict=True)]
        weights = [w - v for w, v in zip(weights, velocity, strict=True)]
    return weights


@pytest.mark.parametrize(
    ("shape", "decay"), [((3, 4), 0.0), ((3, 4), 0.1), ((2, 3, 2, 2), 0.01), ((5,), 0.0)]
)
def test_lars_equals_the_loop_by_hand(shape, decay):
    rng = torch.Generator().manual_seed(0)
    p = nn.Parameter(torch.randn(shape, generator=rng, dtype=torch.float64))
    gradients = torch.randn(4, *shape, generator=rng, dtype=torch.float64)
    rates = [2.0, 3.0, 1.0, 0.1]  # as a schedule changes them
    expected = lars_by_hand(
        p.flatten().tolist(),
        gradients.flatten(1).tolist(),
        rates=rates,
        decay=decay,
        adapted=len(shape) > 1,
    )
    optimiser = LARS([{"params": [p], "weight_decay": decay}], lr=2.0)
    for gradient, lr in zip(gradients, rates, strict=True):
        optimiser.param_groups[0]["lr"] = lr
        p.grad = gradient.clone()
        optimiser.step()
    torch.testing.assert_close(p.detach().flatten(), torch.tensor(expected, dtype=torch.float64))


def test_lars_takes_the_plain_gradient_where_the_weights_are_zero():
    p = nn.Parameter(torch.zeros(2, 2))
    p.grad = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    LARS([p], lr=0.5).step()
    torch.testing.assert_close(p.detach(), torch.tensor([[-0.5, -1.0], [-1.5, 2.0]]))


def test_lars_stays_where_the_gradient_is_zero_and_passes_over_parameters_without_one():
    still, without = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    still.grad = torch.zeros(2, 2)
    LARS([still, without], lr=0.5).step()
    assert torch.equal(still, torch.ones(2, 2))
    assert torch.equal(without, torch.ones(2, 2))


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (8, 8)])
def test_muon_on_matrices_is_torchs(shape):
    """torch's iterates in bf16 whatever it is given, so they agree to what bf16 can tell."""
    rng = torch.Generator().manual_seed(0)
    ours, theirs = (
        [
            nn.Parameter(w.clone())
            for w in torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))
        ]
        for _ in range(2)
    )
    optimisers = [
        Muon([{"params": ours, "weight_decay": 0.1}], lr=0.3),
        torch.optim.Muon(
            theirs, lr=0.3, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"
        ),
    ]
    before = ours[0].detach().clone()
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn(shape, generator=rng)
            q.grad = p.grad.clone()
        for optimiser in optimisers:
            optimiser.step()
    assert (ours[0] - before).abs().max() > 0.1
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0.02)


@pytest.mark.parametrize("shape", [(3, 12, 100), (2, 40, 10), (1, 7, 7)])
def test_orthogonal_is_the_iteration_as_it_is_published(shape):
    g = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = g / g.norm(dim=(1, 2), keepdim=True)
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * (x @ x.mT @ x) + 2.0315 * (x @ x.mT @ x @ x.mT @ x)
    torch.testing.assert_close(orthogonal(g), x)
    torch.testing.assert_close(orthogonal(g.float()), x.float(), rtol=0, atol=1e-4)


def test_orthogonal_brings_all_singular_values_near_1_and_keeps_the_singular_vectors():
    g = torch.randn(4, 12, 30, generator=torch.Generator().manual_seed(0))
    u, _, vt = torch.linalg.svd(g, full_matrices=False)
    found = orthogonal(g)
    values = torch.linalg.svdvals(found)
    assert 0.6 < values.min() <= values.max() < 1.3
    between = u.mT @ found @ vt.mT  # diagonal if the singular vectors are those of g
    assert (between - torch.diag_embed(between.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4


def test_muon_takes_a_convolution_as_a_matrix_of_a_row_a_kernel_and_normalises_a_vector():
    kernel, flat, vector = (
        nn.Parameter(torch.ones(4, 2, 3, 3)),
        nn.Parameter(torch.ones(4, 18)),
        nn.Parameter(torch.zeros(16)),
    )
    kernel.grad = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    flat.grad, vector.grad = kernel.grad.reshape(4, 18), torch.arange(16.0)
    Muon([kernel, flat, vector], lr=0.1).step()
    torch.testing.assert_close(kernel.detach().reshape(4, 18), flat.detach())
    # The step's root mean square is 0.2 lr, along the gradient.
    torch.testing.assert_close(
        vector.detach(), -0.1 * 0.2 * 16**0.5 * torch.arange(16.0) / torch.arange(16.0).norm()
    )


def test_muon_moves_a_number_by_itself_as_a_vector_of_one():
    number, vector = nn.Parameter(torch.tensor(3.0)), nn.Parameter(torch.tensor([3.0]))
    number.grad, vector.grad = torch.tensor(-5.0), torch.tensor([-5.0])
    Muon([number, vector], lr=0.1).step()
    assert number.item() == pytest.approx(3.0 + 0.1 * 0.2)
    assert number.item() == vector.item()


@pytest.mark.parametrize(
    # kept: the share of a matrix that the first step leaves where only weight decay acts, at lr 0.1
    # and decay 0.01
    ("name", "kept"),
    [
        ("adamw", 1 - 0.1 * 0.01),
        ("sgd", 1 - 0.1 * (1 + 0.9) * 0.01),
        ("lars", 1 - 0.1 * 0.001),
        ("muon", 1 - 0.1 * 0.01),
    ],
)
def test_matrices_are_decayed_and_norms_and_biases_are_not(name, kept):
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3, 4))
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.5)  # no parameter is zero, or decay would not show
    before = {key: p.detach().clone() for key, p in net.named_parameters()}
    optimiser = make_optimizer(net, Training(optimiser=name, lr=0.1, weight_decay=0.01))
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimiser.step()
    after = dict(net.named_parameters())
    for key in ("0.weight", "3.weight"):
        torch.testing.assert_close(after[key].detach(), before[key] * kept, rtol=2e-7, atol=0)
    for key in ("0.bias", "1.weight", "1.bias", "3.bias"):
        assert torch.equal(after[key], before[key])


def test_frozen_parameters_are_not_handed_to_the_optimiser():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[0].requires_grad_(False)
    optimiser = make_optimizer(net, Training())
    assert [id(p) for group in optimiser.param_groups for p in group["params"]] == [
        id(net[1].weight),
        id(net[1].bias),
    ]


@pytest.mark.parametrize(
    ("steps", "warmup", "ramp"),
    [(100, 0.1, 10), (100, 0.0, 0), (37, 0.05, 2), (1, 0.5, 1), (10, 0.99, 10)],
)
def test_the_schedule_rises_linearly_and_falls_as_torchs_cosine(steps, warmup, ramp):
    parameter = nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    cosine = CosineAnnealingLR(optimiser, T_max=max(1, steps - ramp))
    expected = [(step + 1) / ramp for step in range(ramp)]
    while len(expected) < steps:
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        cosine.step()
    assert [schedule(step, steps, warmup) for step in range(steps)] == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize(("steps", "warmup", "ramp"), [(600, 0.0, 0), (100, 0.1, 10), (1, 0.0, 0)])
def test_a_linear_schedule_falls_by_the_same_step_each_time_and_would_be_0_after_the_last(
    steps, warmup, ramp
):
    expected = [(step + 1) / ramp for step in range(ramp)] + [
        (steps - step) / (steps - ramp) for step in range(ramp, steps)
    ]
    assert [schedule(step, steps, warmup, linear=True) for step in range(steps)] == pytest.approx(
        expected, abs=1e-12
    )


def test_training_uses_the_schedule_that_it_is_told():
    class Rates:
        rows: ClassVar[list] = []
        due, load = staticmethod(lambda: False), staticmethod(lambda: None)
        log = staticmethod(rows.append)

    class Still(Method):
        def forward(self, x1, x2, y):
            return self.encoder(x1).sum()

    x = torch.ones(2, 1)
    training = Training(
        samples=20, batch=2, lr=1e-3, warmup=0.0, schedule="linear", optimiser="adam"
    )
    train(
        Still(nn.Linear(1, 1)),
        lambda step: (x, x, x),
        training=training,
        device=torch.device("cpu"),
        keeper=Rates(),
    )
    assert [row["lr"] for row in Rates.rows] == pytest.approx(
        [1e-3 * (1 - step / 10) for step in range(10)]
    )


def test_adam_is_kingmas_with_kerass_epsilon_by_hand():
    net, training = (
        nn.Linear(1, 1, bias=False),
        Training(optimiser="adam", lr=0.1, weight_decay=0.0),
    )
    optimiser, w, m, v = make_optimizer(net, training), net.weight.item(), 0.0, 0.0
    # As small as epsilon, or it could not be told.
    for step, gradient in enumerate([1e-7, -3e-7, 2e-7], 1):
        net.weight.grad = torch.full((1, 1), gradient)
        optimiser.step()
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        w -= 0.1 * (m / (1 - 0.9**step)) / ((v / (1 - 0.999**step)) ** 0.5 + 1e-7)
        assert net.weight.item() == pytest.approx(w, rel=1e-4)


def test_the_schedule_passes_through_its_peak_its_middle_and_almost_ends_at_0():
    rates = [schedule(step, 1000, 0.2) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 200)
    assert rates[199] == rates[200] == max(rates) == 1
    assert rates[600] == pytest.approx(0.5)
    # 1 - cos(x) is x^2 / 2 near 0.
    assert rates[-1] == pytest.approx((math.pi / 2 / 800) ** 2, rel=1e-3)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch": 1}, "batch = 1"),
        ({"samples": 10, "batch": 64}, "samples = 10"),
        ({"lr": 0.0}, "lr = 0.0"),
        ({"lr": math.inf}, "lr = inf"),
        ({"lr": math.nan}, "lr = nan"),
        ({"weight_decay": -1e-4}, "weight_decay = -0.0001"),
        ({"warmup": 1.0}, "warmup = 1.0"),
        ({"warmup": -0.1}, "warmup = -0.1"),
    ],
)
def test_training_that_cannot_be_done_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        Training(**parameters)


def test_the_number_of_steps_is_that_of_whole_batches():
    assert Training(samples=640, batch=64).steps == 10
    assert Training(samples=703, batch=64).steps == 10
