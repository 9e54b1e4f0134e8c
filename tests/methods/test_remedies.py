"""Remedies: what they may change, how they are composed, and IFM against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from suppression.experiment.plan import make_plan
from suppression.losses import nt_xent
from suppression.methods import METHODS, SimCLR, Supervised
from suppression.methods._projection import Projected
from suppression.methods.remedies import HOOKS, IFM, REMEDIES, Remedy, with_remedies
from suppression.methods.remedies.feature_modification import perturbed_nt_xent
from suppression.models import ResNet

SCALINGS = ["algorithm1", "repository", "notebook"]


class Flat(nn.Module):
    """Pixels themselves, (n, c s s)."""

    h_dim = 5

    def forward(self, x):
        return x.flatten(1)


def vectors(n=6, d=5, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(2, n, d, generator=rng, dtype=torch.float64).unbind()


def simclr(**parameters):
    """SimCLR in float64 whose projections are the pixels."""
    return SimCLR(Flat(), head="identity", **parameters).double()


def views(n=6):
    z1, z2 = vectors(n)
    return z1[:, :, None, None], z2[:, :, None, None], torch.zeros(n, 10)


# IFM


def anchors_of(z1, z2, scaling):
    """Each anchor with its positive and its negatives, all of length 1."""
    z1, z2 = normalize(z1, dim=1), normalize(z2, dim=1)
    for own, other in ((z1, z2), (z2, z1)):
        for i in range(len(own)):
            negatives = [other[j] for j in range(len(other)) if j != i]
            if scaling != "notebook":
                negatives += [own[j] for j in range(len(own)) if j != i]
            yield own[i], other[i], negatives


def summed(losses, scaling):
    """The mean over 2n anchors, or the sum of two views' means."""
    return sum(losses) / len(losses) * (1 if scaling == "algorithm1" else 2)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize(("tau", "epsilon"), [(0.2, 0.1), (0.05, 0.2), (1.0, 0.0), (0.5, 1.0)])
def test_ifm_is_the_loop_over_anchors_with_cosines_moved_by_epsilon(scaling, tau, epsilon):
    z1, z2 = vectors()
    plain, hard = [], []
    for anchor, positive, negatives in anchors_of(z1, z2, scaling):
        p = float(anchor @ positive)
        q = [float(anchor @ negative) for negative in negatives]
        for losses, e in ((plain, 0.0), (hard, epsilon)):
            terms = [math.exp((p - e) / tau)] + [math.exp((each + e) / tau) for each in q]
            losses.append(-math.log(terms[0] / sum(terms)))
    expected = (summed(plain, scaling) + summed(hard, scaling)) / 2
    method = with_remedies(simclr(tau=tau, scaling=scaling), [IFM(epsilon=epsilon)])
    assert method.pair(z1, z2, None).item() == pytest.approx(summed(plain, scaling), abs=1e-9)
    assert method.remedied_pair(z1, z2, None).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_ifm_moves_each_sample_by_epsilon_along_the_gradient_of_the_anchors_loss(scaling):
    """The definition: autograd finds the directions, which the closed form never asks for."""
    (z1, z2), tau, epsilon = vectors(), 0.3, 0.15
    losses = []
    for anchor, positive, negatives in anchors_of(z1, z2, scaling):
        samples = torch.stack([positive, *negatives]).clone().requires_grad_()
        loss = -(samples @ anchor / tau).log_softmax(0)[0]
        (gradient,) = torch.autograd.grad(loss, samples)
        moved = samples.detach() + epsilon * normalize(gradient, dim=1)
        losses.append(float(-(moved @ anchor / tau).log_softmax(0)[0]))
        assert losses[-1] > loss.item()
    found = perturbed_nt_xent(z1, z2, tau=tau, epsilon=epsilon, scaling=scaling)
    assert found.item() == pytest.approx(summed(losses, scaling), abs=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_ifm_of_epsilon_0_is_nt_xent_in_value_and_gradient(scaling):
    z1, z2 = vectors()
    results = []
    for remedies in ([], [IFM(epsilon=0.0)]):
        a, b = z1.clone().requires_grad_(), z2.clone().requires_grad_()
        method = with_remedies(simclr(scaling=scaling), remedies)
        loss = method.remedied_pair(a, b, None)
        results.append((loss.detach(), *torch.autograd.grad(loss, (a, b))))
    for plain, remedied in zip(*results, strict=True):
        torch.testing.assert_close(remedied, plain, rtol=1e-10, atol=1e-12)


def test_ifm_where_nothing_can_be_told_apart_has_its_closed_form():
    z, tau, epsilon = torch.ones(4, 3, dtype=torch.float64), 0.2, 0.1
    method = with_remedies(simclr(tau=tau), [IFM(epsilon=epsilon)])
    expected = (math.log(7) + math.log(1 + 6 * math.exp(2 * epsilon / tau))) / 2
    assert method.remedied_pair(z, z, None).item() == pytest.approx(expected, abs=1e-9)


def test_the_gradient_of_ifm_is_that_of_finite_differences():
    z1, z2 = vectors(n=3, d=4)
    method = with_remedies(simclr(tau=0.5), [IFM(epsilon=0.2)])
    hard = [perturbed_nt_xent(z1, z2, tau=0.5, epsilon=e) for e in (0.0, 0.2)]
    assert hard[1] > hard[0]
    z1.requires_grad_()
    assert torch.autograd.gradcheck(lambda a: method.remedied_pair(a, z2, None), (z1,))


def test_ifm_moves_similarities_before_they_are_divided_by_the_temperature():
    """Twice the temperature and twice the epsilon of half as large cosines: not the same loss."""
    z1, z2 = vectors()
    at = {}
    for tau, epsilon in ((0.1, 0.1), (0.2, 0.1)):
        plain = nt_xent(z1, z2, tau=tau)
        at[tau] = float(perturbed_nt_xent(z1, z2, tau=tau, epsilon=epsilon) - plain)
    assert at[0.1] <= 2 * 0.1 / 0.1  # the positive falls by 2 epsilon / tau nats at most
    assert at[0.2] <= 2 * 0.1 / 0.2
    assert at[0.1] > at[0.2] > 0


def test_ifm_takes_local_crops_and_trains():
    encoder = ResNet(width=4, stem=1, channels=1)
    method = with_remedies(SimCLR(encoder), [IFM()])
    x1, x2 = torch.rand(2, 8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    small = torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        z1, z2, z3 = method.embed_views(x1, x2, small)
        terms = [method.remedied_pair(*pair, None) for pair in ((z1, z2), (z1, z3), (z2, z3))]
    loss = method(x1, x2, torch.zeros(8, 10), small)
    torch.testing.assert_close(loss, sum(terms) / 3)
    loss.backward()
    assert encoder.conv1.weight.grad.abs().max() > 0


@pytest.mark.parametrize("epsilon", [-0.01, 1.01, math.nan, math.inf])
def test_an_epsilon_out_of_range_is_refused(epsilon):
    with pytest.raises(ValueError, match=r"epsilon = .* is not in 0 to 1"):
        IFM(epsilon=epsilon)


def test_the_default_is_the_papers():
    assert IFM().epsilon == 0.1


def build(name, **parameters):
    cls = METHODS[name]
    told = ()
    if cls.labelled:
        told = ((10,),)
    elif cls.instanced:
        told = (20,)
    return cls(ResNet(width=4, stem=1, channels=1), *told, **parameters)


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"simclr", "continued"}))
def test_ifm_refuses_methods_of_another_loss_and_names_those_that_go(name):
    told = f"NT-Xent.*which {name} has not; it goes with: simclr, continued$"
    with pytest.raises(ValueError, match=told):
        with_remedies(build(name), [IFM()])


def test_ifm_goes_with_simclr_that_goes_on():
    assert len(with_remedies(build("continued"), [IFM()]).remedies) == 1


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"loss": "margin"}, "this simclr has loss = margin: it goes with simclr without a loss"),
        ({"loss": "nt_logistic"}, "this simclr has loss = nt_logistic"),
        ({"norm": "off"}, "this simclr compares inner products .norm = off."),
    ],
)
def test_ifm_refuses_simclr_with_another_loss(parameters, told):
    with pytest.raises(ValueError, match=told):
        with_remedies(build("simclr", **parameters), [IFM()])


def test_ifm_goes_with_a_method_from_outside_that_has_simclrs_loss():
    class Wider(SimCLR):
        """The same loss."""

    class Other(SimCLR):
        """Another loss."""

        def pair(self, z1, z2, y):
            return (z1 - z2).square().mean()

    assert IFM.goes_with(Wider)
    with_remedies(Wider(Flat()), [IFM()])
    with pytest.raises(ValueError, match="which Other has not; it goes with: simclr"):
        with_remedies(Other(Flat()), [IFM()])


# Composition


def toy(name, **hooks):
    return type(name.title(), (Remedy,), {"name": name, **hooks})()


def test_every_remedy_stands_under_its_own_name():
    assert {cls.name for cls in REMEDIES.values()} == set(REMEDIES)
    for name, cls in REMEDIES.items():
        assert cls.name == name


def test_without_remedies_a_method_has_the_keys_of_a_state_dict_that_it_had():
    torch.manual_seed(0)
    method = build("simclr")
    keys = [f"encoder.{key}" for key in method.encoder.state_dict()]
    keys += [f"head.{key}" for key in method.head.state_dict()]
    assert list(method.state_dict()) == keys
    stored = {key: value.clone() for key, value in method.state_dict().items()}
    composed = with_remedies(build("simclr"), [IFM()])
    composed.load_state_dict(stored)  # IFM has no weights: what was stored loads here, too
    assert list(composed.state_dict()) == keys


@pytest.mark.parametrize("name", [name for name in METHODS if issubclass(METHODS[name], Projected)])
def test_no_remedies_and_one_that_changes_nothing_leave_every_bit_of_the_loss(name):
    batch = 16
    x1, x2 = torch.rand(2, batch, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    y = torch.eye(10)[torch.arange(batch) % 10]
    if METHODS[name].instanced:
        y = torch.arange(batch)
    losses = []
    for remedies in (None, [], [Remedy()]):
        torch.manual_seed(0)
        method = build(name)
        if remedies is not None:
            assert with_remedies(method, remedies) is method
        loss = method(x1, x2, y)
        method.after_step(0.5)
        losses.append((loss.item(), method(x1, x2, y).item()))
    assert losses[0] == losses[1] == losses[2]


def test_the_hooks_are_called_in_their_order_with_what_the_one_before_left():
    seen = []

    def batch(self, x1, x2, y, *local):
        seen.append("batch")
        return tuple(each[:4] for each in (x1, x2, y, *local))

    def brighter(self, x1, x2, y, *local):
        seen.append(("views", len(x1)))
        return 2 * x1, x2, y, *local

    def embeddings(self, z1, z2, y):
        seen.append(("embeddings", z1.shape[1]))
        return z1[:, :3], z2[:, :3]

    def loss(self, z1, z2, y, method):
        seen.append(("loss", z1.shape[1]))
        return 10 * method.pair(z1, z2, y)

    def after_step(self, progress, method):
        seen.append(("after_step", progress))
        method.tau = 0.5

    remedies = [
        toy("harder", loss=loss, after_step=after_step),
        toy("narrow", embeddings=embeddings),
        toy("few", batch=batch),
        toy("bright", views=brighter),
    ]
    method = with_remedies(simclr(), remedies)
    x1, x2, y = views()
    found = method(x1, x2, y)
    method.after_step(0.25)
    assert seen == ["batch", ("views", 4), ("embeddings", 5), ("loss", 3), ("after_step", 0.25)]
    z1, z2 = 2 * x1[:4].flatten(1)[:, :3].float(), x2[:4].flatten(1)[:, :3].float()
    torch.testing.assert_close(found, 10 * nt_xent(z1, z2, tau=0.2))
    assert method.tau == 0.5
    assert len(y) == 6


@pytest.mark.parametrize("hook", HOOKS)
def test_two_remedies_that_change_the_same_hook_are_refused_by_their_names(hook):
    def same(self, *args):
        return getattr(Remedy, hook)(self, *args)

    one, two = toy("one", **{hook: same}), toy("two", **{hook: same})
    with pytest.raises(ValueError, match=f"remedies one and two both change the {hook}; give one"):
        with_remedies(simclr(), [one, two])
    method = with_remedies(simclr(), [one])
    with pytest.raises(ValueError, match=f"remedies one and two both change the {hook}"):
        with_remedies(method, [two])  # also where they come one after another
    assert [remedy.name for remedy in method.remedies] == ["one"]


def test_what_changes_different_hooks_can_be_combined():
    method = with_remedies(simclr(), [IFM(), toy("narrow", embeddings=Remedy.embeddings)])
    assert [remedy.name for remedy in method.remedies] == ["ifm", "narrow"]


def test_a_method_without_a_projection_or_without_that_hook_is_refused():
    def loss(self, z1, z2, y, method):
        return method.pair(z1, z2, y)

    with pytest.raises(ValueError, match="needs a projection, which supervised has not; it goes"):
        with_remedies(Supervised(Flat(), (10,)), [toy("bright", views=lambda self, *b: b)])
    with pytest.raises(ValueError, match=r"which swav has not; it goes with: simclr, decoupled,"):
        with_remedies(build("swav"), [toy("harder", loss=loss)])
    assert with_remedies(Supervised(Flat(), (10,)), []).labelled


def test_what_is_no_remedy_is_refused():
    with pytest.raises(TypeError, match="'ifm' is not a Remedy"):
        with_remedies(simclr(), ["ifm"])


def test_the_weights_of_a_remedy_are_trained_and_stored_with_the_method():
    class Scaled(Remedy):
        name = "scaled"

        def __init__(self):
            super().__init__()
            self.gain = nn.Parameter(torch.ones(()))

        def loss(self, z1, z2, y, method):
            return self.gain * method.pair(z1, z2, y)

    method = with_remedies(simclr(), [Scaled()])
    assert "remedies.0.gain" in dict(method.named_parameters())
    assert "remedies.0.gain" in method.state_dict()
    loss = method(*views())
    loss.backward()
    assert method.remedies[0].gain.grad.item() == pytest.approx(loss.item())


def test_a_recipe_may_have_remedies_that_do_not_go_together():
    """`hcl` and `debiased` share the name of a parameter, and stand in arms of their own."""
    plan = make_plan("screening_bits", scale="smoke", seeds=1)
    found = {run.parameters.get("remedy"): run.parameters for run in plan.cells}
    assert found["debiased"]["tau_plus"] in (0.05, 0.1, 0.2)
    assert found["hcl"]["tau_plus"] == 0.1
    assert "tau_plus" not in found["ifm"]
