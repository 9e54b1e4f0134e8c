"""Losses of projections against loops, closed forms, optimal assignments, other libraries."""

import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from scipy.optimize import linear_sum_assignment
from scipy.stats import kstest
from torch.nn.functional import logsigmoid, one_hot

from suppression.data import DATASETS
from suppression.errors import UserError
from suppression.execution.runner import run_cell
from suppression.experiment.schema import cell_parameters, schema
from suppression.experiment.validation import check_cell
from suppression.losses.contrastive import nt_xent
from suppression.losses.distribution import orthogonal, sample, sliced_wasserstein
from suppression.losses.pairwise import pairwise, semi_hard_negative
from suppression.losses.supcon import sup_con
from suppression.methods import METHODS, SWD, Barlow, Decoupled, SimCLR, SupCon, VICReg
from suppression.training.loop import Training, train

NEW = {"vicreg": VICReg, "barlow": Barlow, "decoupled": Decoupled, "swd": SWD, "supcon": SupCon}


class Flat(torch.nn.Module):
    def __init__(self, h_dim=4):
        super().__init__()
        self.h_dim = h_dim

    def forward(self, x):
        return x.flatten(1)


def projections(n=6, d=4, *, near=0.5, seed=0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    z, noise = torch.randn(2, n, d, generator=rng, dtype=dtype)
    return 2 * z, z + near * noise


def built(name, **parameters):
    """The method on projections as they come: encoder and head are identities."""
    return METHODS[name](Flat(), head="identity", **parameters)


def unit(z):
    return z / z.norm(dim=1, keepdim=True)


# -- VICReg and Barlow Twins


def vicreg_loop(z1, z2, invariance, variance, covariance):
    n, d = z1.shape
    apart = sum((z1[i, j] - z2[i, j]).item() ** 2 for i in range(n) for j in range(d)) / (n * d)
    short = tied = 0.0
    for z in (z1.numpy(), z2.numpy()):
        cov = np.cov(z, rowvar=False)
        short += sum(max(0.0, 1 - math.sqrt(cov[j, j] + 1e-4)) for j in range(d)) / d / 2
        tied += sum(cov[j, k] ** 2 for j in range(d) for k in range(d) if j != k) / d
    return invariance * apart + variance * short + covariance * tied


@pytest.mark.parametrize(
    "weights", [(25.0, 25.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
)
@pytest.mark.parametrize("scale", [0.3, 1.0])  # at 0.3 all coordinates fall short, at 1 some do
def test_vicreg_equals_the_loop_over_coordinates(weights, scale):
    z1, z2 = (scale * z for z in projections())
    method = built(
        "vicreg", **dict(zip(("invariance", "variance", "covariance"), weights, strict=True))
    )
    assert method.pair(z1, z2, z1).item() == pytest.approx(vicreg_loop(z1, z2, *weights), rel=1e-12)


def test_vicreg_of_one_point_is_what_its_standard_deviations_fall_short():
    z = torch.ones(8, 5, dtype=torch.float64)
    assert built("vicreg").pair(z, z, z).item() == pytest.approx(25 * (1 - 0.01))


def test_vicreg_of_uncorrelated_equal_views_that_spread_enough_is_zero():
    z = 2 * torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    assert built("vicreg").pair(z, z, z).item() == 0


def test_vicreg_equals_lightlys():
    lightly = pytest.importorskip("lightly.loss")
    z1, z2 = projections(16, 40)  # fewer samples than dimensions
    assert built("vicreg").pair(z1, z2, z1).item() == pytest.approx(
        lightly.VICRegLoss()(z1, z2).item(), rel=1e-5
    )


@pytest.mark.parametrize("redundancy", [5e-3, 0.0, 1.0])
def test_barlow_equals_the_loop_over_numpys_correlations(redundancy):
    # So wide that 1e-5 beside the variance does not count.
    z1, z2 = (100 * z for z in projections(12))
    total = 0.0
    for j, k in itertools.product(range(4), range(4)):
        c = np.corrcoef(z1[:, j], z2[:, k])[0, 1]
        total += (c - 1) ** 2 if j == k else redundancy * c**2
    assert built("barlow", redundancy=redundancy).pair(z1, z2, z1).item() == pytest.approx(
        total, rel=1e-6
    )


def test_barlow_of_coordinates_that_are_all_the_same_counts_their_pairs():
    column = (
        torch.randn(50, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 100
    )
    z = column.expand(50, 6)
    assert built("barlow").pair(z, z, z).item() == pytest.approx(5e-3 * 6 * 5, rel=1e-6)


def test_barlow_of_collapsed_projections_is_finite_and_has_nothing_in_common():
    z = torch.ones(8, 5, requires_grad=True)
    loss = built("barlow").pair(z, z, z)
    loss.backward()
    assert loss.item() == pytest.approx(5)
    assert torch.isfinite(z.grad).all()


def test_barlow_equals_lightlys():
    lightly = pytest.importorskip("lightly.loss")
    z1, z2 = projections(16, 40)
    assert built("barlow").pair(z1, z2, z1).item() == pytest.approx(
        lightly.BarlowTwinsLoss()(z1, z2).item(), rel=1e-5
    )


# -- alignment plus a distribution


def decoupled_loop(z1, z2, tau, weight, alignment):
    n, d = z1.shape
    z1, z2 = unit(z1), unit(z2)
    align = (
        sum(
            (a - b).item() ** 2 / 2
            for x, y in zip(z1, z2, strict=True)
            for a, b in zip(x, y, strict=True)
        )
        / n
    )
    z = [*z1, *z2]
    spread = sum(
        math.log(sum(math.exp(a.dot(b).item() / tau) for b in z)) - math.log(d) for a in z
    ) / (2 * n)
    return align / (d if alignment == "notebook" else 1) + weight * spread


@pytest.mark.parametrize("alignment", ["notebook", "paper"])
@pytest.mark.parametrize(("tau", "weight"), [(1.0, 0.1), (0.2, 0.7)])
def test_decoupled_equals_the_loop_over_vectors(tau, weight, alignment):
    z1, z2 = projections()
    method = built("decoupled", tau=tau, weight=weight, alignment=alignment)
    assert method.pair(z1, z2, z1).item() == pytest.approx(
        decoupled_loop(z1, z2, tau, weight, alignment), rel=1e-12
    )


@pytest.mark.parametrize("tau", [0.2, 1.0])
def test_decoupled_has_closed_forms_for_equal_and_for_orthogonal_pairs(tau):
    n = 5
    point, axes = torch.ones(n, n, dtype=torch.float64), torch.eye(n, dtype=torch.float64)
    method = built("decoupled", tau=tau, weight=1.0)
    assert method.pair(point, point, point).item() == pytest.approx(
        math.log(2 * n) + 1 / tau - math.log(n)
    )
    assert method.pair(axes, axes, axes).item() == pytest.approx(
        math.log(2 * math.exp(1 / tau) + 2 * n - 2) - math.log(n)
    )


def test_decoupled_in_the_papers_scaling_is_tau_times_nt_xent_but_for_a_constant_and_oneself():
    """With weight = tau, and with each anchor's own similarity taken out of the sum by hand."""
    z1, z2 = projections()
    tau, d = 0.5, 4
    z = unit(torch.cat([z1, z2]))
    full = (z @ z.T / tau).logsumexp(1)
    without = (full.exp() - math.exp(1 / tau)).log()
    expected = (
        tau * nt_xent(z1, z2, tau=tau).item()
        + 1
        + tau * ((full - without).mean().item() - math.log(d))
    )
    assert built("decoupled", tau=tau, weight=tau, alignment="paper").pair(
        z1, z2, z1
    ).item() == pytest.approx(expected)


def test_the_sliced_distance_is_that_of_the_best_assignment_along_each_direction():
    a, b = projections(9, 4)
    directions = torch.randn(4, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    total = 0.0
    for w in directions.T:
        cost = ((a @ w)[:, None] - (b @ w)[None]).square().numpy()
        total += cost[linear_sum_assignment(cost)].mean() / 7
    assert sliced_wasserstein(a, b, directions).item() == pytest.approx(total, rel=1e-12)


def test_the_sliced_distance_of_a_shift_is_its_squared_length_over_d_whatever_the_directions():
    a, _ = projections(9, 5)
    shift = torch.arange(5, dtype=torch.float64)
    w = orthogonal(a, torch.Generator().manual_seed(0))
    assert sliced_wasserstein(a, (a + shift).flip(0), w).item() == pytest.approx(
        shift.square().sum().item() / 5
    )


def test_directions_are_orthogonal_and_uniform():
    like, rng = torch.empty(2, 6, dtype=torch.float64), torch.Generator().manual_seed(0)
    drawn = [orthogonal(like, rng) for _ in range(300)]
    torch.testing.assert_close(drawn[0] @ drawn[0].T, torch.eye(6, dtype=torch.float64))
    # Of a uniform unit vector in 6 dimensions: Beta(5/2, 5/2).
    one_entry = [(w[0, 0].item() + 1) / 2 for w in drawn]
    assert kstest(one_entry, "beta", args=(2.5, 2.5)).pvalue > 0.01


def test_a_prior_is_what_its_name_says():
    like, rng = torch.empty(4000, 3), torch.Generator().manual_seed(0)
    sphere, normal, cube = (sample(prior, like, rng) for prior in ("sphere", "normal", "cube"))
    torch.testing.assert_close(sphere.norm(dim=1), torch.ones(4000))
    # Archimedes: in three dimensions each coordinate is uniform.
    assert kstest(sphere[:, 0], "uniform", args=(-1, 2)).pvalue > 0.01
    assert kstest(normal.flatten(), "norm").pvalue > 0.01
    assert kstest(cube.flatten(), "uniform", args=(-1, 2)).pvalue > 0.01


@pytest.mark.parametrize("alignment", ["notebook", "paper"])
@pytest.mark.parametrize("prior", ["sphere", "normal", "cube"])
def test_swd_is_alignment_plus_the_weighted_distance_to_its_prior(prior, alignment, monkeypatch):
    """With draws of the test's own; n < d."""
    z1, z2 = projections(3, 4)
    target, w = torch.randn(
        2, 6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )[:, :, :4]
    monkeypatch.setattr(
        "suppression.methods.swd.sample", lambda name, like, rng: target if name == prior else None
    )
    monkeypatch.setattr("suppression.methods.swd.orthogonal", lambda like, rng: w[:4])
    found = built("swd", prior=prior, alignment=alignment).pair(z1, z2, z1).item()
    a, b = (z.numpy() for z in ((unit(z1), unit(z2)) if prior == "sphere" else (z1, z2)))
    align = ((a - b) ** 2).sum(1).mean() / (8 if alignment == "notebook" else 2)
    columns = zip(
        (np.concatenate([a, b]) @ w[:4].numpy()).T, (target @ w[:4]).numpy().T, strict=True
    )
    apart = np.mean([(np.sort(x) - np.sort(y)) ** 2 for x, y in columns])
    assert found == pytest.approx(align + 5 * apart, rel=1e-12)


def test_swd_is_small_for_what_is_distributed_like_its_prior_and_large_for_a_point():
    rng = torch.Generator().manual_seed(0)
    for prior in ("sphere", "normal", "cube"):
        method = built("swd", prior=prior, weight=1.0)
        like = sample(prior, torch.empty(2000, 4), rng)
        assert (
            method.spreading(like).item() < 0.01 < method.spreading(like[:1].expand(2000, 4)).item()
        )


def test_swd_draws_anew_each_time_and_the_same_again_from_the_same_state():
    z1, z2 = projections()
    torch.manual_seed(3)
    method = built("swd")
    torch.manual_seed(3)
    other = built("swd")
    first, second = (method.pair(z1, z2, z1).item() for _ in range(2))
    assert first != second
    before = torch.get_rng_state()
    assert other.pair(z1, z2, z1).item() == first
    assert torch.equal(torch.get_rng_state(), before)
    other.load_state_dict(load(save(method.state_dict())))
    assert other.pair(z1, z2, z1).item() == method.pair(z1, z2, z1).item()


class Linear(torch.nn.Sequential):
    h_dim = 8

    def __init__(self):
        super().__init__(Flat(), torch.nn.Linear(4, 8))


class Interrupted(Exception):
    pass


class Keeper:
    """Saves after every step through safetensors, as the store does; interrupts after `until`."""

    def __init__(self, until=None):
        self.until, self.kept, self.losses = until, None, []

    def log(self, row):
        self.losses.append(row["loss"])

    def due(self):
        return True

    def save(self, tensors, step):
        self.kept = save(tensors), step
        if step == self.until:
            raise Interrupted

    def load(self):
        return self.kept and (load(self.kept[0]), self.kept[1])


@pytest.mark.parametrize("name", ["swd", "vicreg", "barlow", "decoupled", "supcon"])
def test_an_interrupted_training_goes_on_and_ends_bit_identical(name):
    def trained(keeper):
        torch.manual_seed(0)
        method = METHODS[name](Linear(), z_dim=6, head_width=8)
        train(
            method,
            draw,
            training=Training(samples=80, batch=10),
            device=torch.device("cpu"),
            keeper=keeper,
        )
        return method.state_dict()

    def draw(step):
        return *torch.rand(
            2, 10, 1, 2, 2, generator=torch.Generator().manual_seed(step)
        ), torch.eye(10)

    whole, broken = Keeper(), Keeper(until=4)
    expected = trained(whole)
    with pytest.raises(Interrupted):
        trained(broken)
    found = trained(broken)
    assert broken.losses == whole.losses
    assert all(torch.equal(found[key], expected[key]) for key in expected)


# -- the losses of SimCLR's table


def pairwise_loop(z1, z2, loss, tau, margin, semi_hard, scaling):
    """Triples, one after the other: Table 2's losses on Python's numbers."""
    n, total = len(z1), 0.0
    views = (unit(z1).tolist(), unit(z2).tolist())

    def dot(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True))

    def logistic(x):
        return math.log(1 + math.exp(-x))

    for v, i in itertools.product(range(2), range(n)):
        s_pos = dot(views[v][i], views[1 - v][i])
        from_views = (1 - v,) if scaling == "notebook" else (0, 1)
        negatives = [dot(views[v][i], views[u][k]) for u in from_views for k in range(n) if k != i]
        if semi_hard:
            easier = [s for s in negatives if s < s_pos]
            negatives = [max(easier) if easier else min(negatives)]
        of_anchor = [
            logistic(s_pos / tau) + logistic(-s / tau)
            if loss == "nt_logistic"
            else max(0.0, s - s_pos + margin)
            for s in negatives
        ]
        total += sum(of_anchor) / len(of_anchor)
    return total / (2 * n if scaling == "algorithm1" else n)


@pytest.mark.parametrize("scaling", ["algorithm1", "repository", "notebook"])
@pytest.mark.parametrize("semi_hard", [False, True])
# At 5 some other view is the least similar of all, and there is no easier negative.
@pytest.mark.parametrize("near", [0.5, 5.0])
@pytest.mark.parametrize("loss", ["nt_logistic", "margin"])
def test_the_losses_of_table_2_equal_the_loop_over_triples(loss, near, semi_hard, scaling):
    z1, z2 = projections(near=near)
    found = pairwise(
        z1, z2, loss=loss, tau=0.3, margin=0.6, semi_hard=semi_hard, scaling=scaling
    ).item()
    assert found == pytest.approx(
        pairwise_loop(z1, z2, loss, 0.3, 0.6, semi_hard, scaling), rel=1e-12
    )


@pytest.mark.parametrize("semi_hard", [False, True])
def test_one_point_has_the_margin_and_the_logistic_of_one(semi_hard):
    z = torch.ones(4, 3, dtype=torch.float64)
    one = torch.tensor(1.0, dtype=torch.float64)
    assert pairwise(z, z, loss="margin", margin=0.4, semi_hard=semi_hard).item() == pytest.approx(
        0.4
    )
    assert pairwise(z, z, loss="nt_logistic", tau=0.5, semi_hard=semi_hard).item() == pytest.approx(
        -(logsigmoid(2 * one) + logsigmoid(-2 * one)).item()
    )


@pytest.mark.parametrize("semi_hard", [False, True])
def test_orthogonal_pairs_are_outside_a_margin_of_less_than_1(semi_hard):
    z = torch.eye(4)
    assert pairwise(z, z, loss="margin", margin=0.9, semi_hard=semi_hard).item() == 0
    assert pairwise(z, z, loss="margin", margin=1.5, semi_hard=semi_hard).item() == pytest.approx(
        0.5
    )


def test_semi_hard_is_the_most_similar_negative_below_the_positive_or_else_the_least_similar():
    # Itself, its other view, three negatives.
    s = torch.tensor(
        [[1.0, 0.5, 0.9, 0.4, 0.1], [1.0, 0.2, 0.9, 0.4, 0.3], [1.0, 0.4, 0.9, 0.4, -0.1]]
    )
    negative = torch.tensor([False, False, True, True, True]).expand(3, 5)
    assert semi_hard_negative(s, s[:, 1:2], negative)[:, 0].tolist() == pytest.approx(
        [0.4, 0.3, -0.1]
    )


@pytest.mark.parametrize("semi_hard", [False, True])
@pytest.mark.parametrize("loss", ["nt_logistic", "margin"])
def test_the_gradients_of_the_table_are_those_of_finite_differences(loss, semi_hard):
    z1, z2 = (z.requires_grad_() for z in projections(3, near=2.0))
    assert torch.autograd.gradcheck(
        lambda a, b: pairwise(a, b, loss=loss, tau=0.5, semi_hard=semi_hard), (z1, z2)
    )


@pytest.mark.parametrize("scaling", ["algorithm1", "notebook"])
@pytest.mark.parametrize("semi_hard", [False, True])
@pytest.mark.parametrize("loss", ["nt_logistic", "margin"])
def test_the_losses_of_the_table_never_wait_for_the_device(loss, semi_hard, scaling, no_host_sync):
    z1, z2 = (z.requires_grad_() for z in projections())
    with no_host_sync():
        pairwise(z1, z2, loss=loss, semi_hard=semi_hard, scaling=scaling).backward()
    assert z1.grad.abs().max() > 0


def test_simclr_hands_its_parameters_to_the_loss_that_is_asked_for():
    z1, z2 = projections()
    semi = built("simclr", tau=0.3, loss="nt_logistic", negatives="semi_hard")
    assert semi.pair(z1, z2, z1).item() == pytest.approx(
        pairwise_loop(z1, z2, "nt_logistic", 0.3, 0, True, "algorithm1")
    )
    margin = built("simclr", loss="margin", margin=0.7, scaling="notebook")
    assert margin.pair(z1, z2, z1).item() == pytest.approx(
        pairwise_loop(z1, z2, "margin", 1, 0.7, False, "notebook")
    )
    assert built("simclr", tau=0.3).pair(z1, z2, z1).item() == pytest.approx(
        nt_xent(z1, z2, tau=0.3).item()
    )


# -- SupCon


def sup_con_loop(z1, z2, classes, tau):
    """L_out of sets of classes: Khosla et al., equation 2."""
    n, z = len(z1), unit(torch.cat([z1, z2])).tolist()
    total = 0.0
    for i in range(2 * n):
        s = {
            a: math.exp(sum(x * y for x, y in zip(z[i], z[a], strict=True)) / tau)
            for a in range(2 * n)
            if a != i
        }
        friends = [p for p in s if p % n == i % n or classes[p % n] & classes[i % n]]
        total -= sum(math.log(s[p] / sum(s.values())) for p in friends) / len(friends)
    return total / (2 * n)


def multi_hot(classes, width):
    return torch.tensor([[float(k in some) for k in range(width)] for some in classes])


SETS = [{0}, {1}, {0, 2}, {2}, {1}, set()]


def test_sup_con_equals_the_loop_over_positives_also_for_pictures_of_several_classes():
    z1, z2 = projections()
    assert sup_con(z1, z2, multi_hot(SETS, 3), tau=0.2).item() == pytest.approx(
        sup_con_loop(z1, z2, SETS, 0.2), rel=1e-12
    )


def test_supcon_is_the_mean_over_labels():
    z1, z2 = projections()
    others = [{0}, {0}, {1}, {1}, {0}, {1}]
    y = torch.cat([multi_hot(SETS, 3), multi_hot(others, 2)], 1)
    expected = (sup_con_loop(z1, z2, SETS, 0.1) + sup_con_loop(z1, z2, others, 0.1)) / 2
    assert SupCon(Flat(), (3, 2), head="identity").pair(z1, z2, y).item() == pytest.approx(expected)


def test_sup_con_of_pictures_that_are_each_a_class_is_nt_xent():
    z1, z2 = projections()
    assert sup_con(z1, z2, torch.eye(6), tau=0.2).item() == pytest.approx(
        nt_xent(z1, z2, tau=0.2).item()
    )


def test_sup_con_of_one_point_is_the_log_of_the_others():
    z = torch.ones(4, 3, dtype=torch.float64)
    assert sup_con(z, z, torch.ones(4, 1), tau=0.1).item() == pytest.approx(math.log(7))


def test_sup_con_equals_that_of_pytorch_metric_learning():
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    z1, z2 = projections(12, 5)
    classes = torch.arange(12) % 4
    theirs = losses.SupConLoss(temperature=0.1)(torch.cat([z1, z2]), torch.cat([classes, classes]))
    assert sup_con(z1, z2, one_hot(classes, 4).float(), tau=0.1).item() == pytest.approx(
        theirs.item(), rel=1e-5
    )


# -- all of them


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: built("vicreg").pair(a, b, a),
        lambda a, b: built("barlow").pair(a, b, a),
        lambda a, b: built("decoupled", tau=0.5, weight=1.0).pair(a, b, a),
        lambda a, b: sliced_wasserstein(a, b, torch.eye(4, dtype=a.dtype)),
        lambda a, b: sup_con(a, b, multi_hot(SETS, 3), tau=0.5),
    ],
    ids=["vicreg", "barlow", "decoupled", "sliced_wasserstein", "sup_con"],
)
def test_the_gradients_are_those_of_finite_differences(loss):
    assert torch.autograd.gradcheck(loss, tuple(z.requires_grad_() for z in projections()))


def test_a_trained_swd_is_found_in_the_store_and_probed_again(cell_with, plan, context):
    cell = cell_with("swd")
    first = run_cell(cell, plan.probe, context)
    again = run_cell(cell, plan.probe.model_copy(update={"layers": ["h", "z"]}), context)
    assert [row["accuracy"] for row in again if row["layer"] == "h"] == [
        row["accuracy"] for row in first if row["layer"] == "h"
    ]
    assert {row["layer"] for row in again} == {"h", "z"}


def test_a_wrong_pair_of_parameters_is_told_before_any_training(cell_with):
    with pytest.raises(UserError, match="negatives = semi_hard is of loss = nt_logistic or margin"):
        check_cell(cell_with("simclr").replace(negatives="semi_hard"))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *((name, {}) for name in NEW),
        ("simclr", {"loss": "nt_logistic"}),
        ("simclr", {"loss": "margin"}),
    ],
)
def test_products_keep_their_precision_under_autocast(name, parameters):
    z1, z2 = projections(32, dtype=torch.float32)
    y = one_hot(torch.arange(32) % 10, 10).float()
    torch.manual_seed(0)
    plain = built(name, **parameters).pair(z1, z2, y).item()
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        assert built(name, **parameters).pair(z1, z2, y).item() == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("name", NEW)
def test_what_is_watched_tells_of_collapse(name):
    method = built(name)
    method.watch = True
    x = torch.ones(8, 4, 1, 1)
    method(x, x, torch.ones(8, 10))
    assert method.metrics["spread"].item() < 1e-3


@pytest.mark.parametrize("name", NEW)
def test_local_crops_count_as_pairs_with_each_global_view(name):
    if name == "swd":
        pytest.skip("each pair meets other directions")
    x1, x2, small = torch.rand(3, 6, 4, 1, 1, generator=torch.Generator().manual_seed(0))
    y = one_hot(torch.arange(6), 10).float()
    method = built(name)
    pairs = [
        method.pair(a.flatten(1), b.flatten(1), y).item()
        for a, b in ((x1, x2), (x1, small), (x2, small))
    ]
    assert method(x1, x2, y, small).item() == pytest.approx(sum(pairs) / 3)


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("vicreg", {"invariance": -1.0}, "invariance = -1.0 is below 0"),
        ("vicreg", {"variance": -1.0}, "variance = -1.0 is below 0"),
        ("vicreg", {"covariance": -1.0}, "covariance = -1.0 is below 0"),
        ("barlow", {"redundancy": -0.1}, "redundancy = -0.1 is below 0"),
        ("decoupled", {"tau": 0.0}, "tau = 0.0: a temperature is above 0"),
        ("decoupled", {"weight": -0.1}, "weight = -0.1 is below 0"),
        ("swd", {"weight": -0.1}, "weight = -0.1 is below 0"),
        ("supcon", {"tau": -1.0}, "tau = -1.0: a temperature is above 0"),
        (
            "simclr",
            {"negatives": "semi_hard"},
            "negatives = semi_hard is of loss = nt_logistic or margin",
        ),
        ("simclr", {"margin": 0.4}, "margin = 0.4 is of loss = margin; the loss is NT-Xent"),
        (
            "simclr",
            {"loss": "nt_logistic", "margin": 0.4},
            "margin = 0.4 is of loss = margin; the loss is nt_logistic",
        ),
        ("simclr", {"loss": "margin", "margin": -0.4}, "margin = -0.4 is below 0"),
    ],
)
def test_a_parameter_out_of_range_is_told_with_its_name_and_range(name, parameters, told):
    with pytest.raises(ValueError, match=told):
        built(name, **parameters)


def test_the_papers_values_are_the_defaults():
    defaults = {
        name: {
            parameter.name: parameter.default
            for parameter in cell_parameters("two_digits", name).values()
        }
        for name in [*NEW, "simclr"]
    }
    assert [
        defaults["vicreg"][parameter]
        for parameter in ("invariance", "variance", "covariance", "head_layers")
    ] == [25, 25, 1, 3]
    assert defaults["barlow"]["redundancy"] == 5e-3
    assert (
        defaults["decoupled"]["tau"],
        defaults["decoupled"]["weight"],
        defaults["swd"]["weight"],
    ) == (1.0, 0.1, 5.0)
    assert defaults["supcon"]["tau"] == 0.1
    # So that no stored cell gets another key.
    assert [defaults["simclr"][parameter] for parameter in ("loss", "negatives", "margin")] == [
        None
    ] * 3
    assert all(schema(kind) for kind in DATASETS)
    assert SimCLR.version == 2
