"""Adversarial views and masks: their sizes, whom a step helps, and what chance they take."""

from __future__ import annotations

import copy

import pytest
import torch

from suppression.methods import SimCLR
from suppression.methods.remedies import AdversarialMask, Viewmaker, with_remedies
from suppression.methods.remedies._adversary import reversed_gradient
from suppression.models import ResNet


def simclr(*remedies):
    torch.manual_seed(0)
    method = SimCLR(ResNet(width=4, stem=1, channels=2))
    torch.manual_seed(1)
    return with_remedies(method, remedies)


def batch(n=8, side=16):
    x1, x2 = torch.rand(2, n, 2, side, side, generator=torch.Generator().manual_seed(0))
    return x1, x2, torch.zeros(n, 10)


def test_a_reversed_gradient_leaves_values_alone():
    x = torch.tensor([1.0, -2.0], requires_grad=True)
    reversed_gradient(x).square().sum().backward()
    assert torch.equal(reversed_gradient(x), x)
    assert x.grad.tolist() == [-2.0, 4.0]


def test_a_budget_of_0_is_simclr_bit_for_bit():
    method, plain = simclr(Viewmaker(budget=0.0)), simclr()
    losses = []
    for each in (method, plain):
        loss = each(*batch())
        loss.backward()
        losses.append(loss.item())
    assert losses[0] == losses[1]
    pairs = zip(method.encoder.parameters(), plain.encoder.parameters(), strict=True)
    assert all(torch.equal(a.grad, b.grad) for a, b in pairs)


@pytest.mark.parametrize("side", [16, 15, 8])
def test_the_mean_change_of_a_pixel_is_the_budget(side):
    method = simclr(Viewmaker(budget=0.05))
    x, _, _ = batch(side=side)
    delta = method.remedies[0].delta(x)
    assert delta.shape == x.shape
    assert delta.abs().mean((1, 2, 3)).tolist() == pytest.approx([0.05] * 8, abs=1e-6)
    changed = method.remedies[0].perturbed(x)
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (changed - x).abs().mean() > 0.03


@pytest.mark.parametrize("remedy", [Viewmaker(budget=0.1), AdversarialMask()])
def test_a_step_of_the_adversary_raises_the_loss_and_one_of_the_encoder_lowers_it(remedy):
    method = simclr(copy.deepcopy(remedy)).double()
    x1, x2, y = (each.double() for each in batch())
    before = method(x1, x2, y)
    before.backward()
    for module, raises in ((method.remedies[0], True), (method.encoder, False)):
        other = copy.deepcopy(method)
        moved = other.remedies[0] if raises else other.encoder
        for weight, with_gradient in zip(moved.parameters(), module.parameters(), strict=True):
            weight.data.sub_(with_gradient.grad, alpha=1e-3)  # as any optimiser does
        assert (other(x1, x2, y) > before).item() is raises


def test_masks_sum_to_1_at_each_pixel_and_one_is_hidden():
    method = simclr(AdversarialMask(masks=4))
    (remedy,) = method.remedies
    x1, x2, y = batch()
    masks = remedy.soft_masks(x2)
    assert masks.shape == (8, 4, 16, 16)
    torch.testing.assert_close(masks.sum(1), torch.ones(8, 16, 16))
    seen1, seen2, _ = remedy.views(x1, x2, y)
    assert torch.equal(seen1, x1)
    hidden = [torch.allclose(seen2, x2 * (1 - masks[:, i : i + 1])) for i in range(4)]
    assert sum(hidden) == 1


def test_a_mask_that_hides_nothing_is_simclr():
    method = simclr(AdversarialMask())
    method.remedies[0].soft_masks = lambda x: torch.zeros(8, 6, 16, 16)
    assert method(*batch()).item() == simclr()(*batch()).item()


def test_all_masks_have_their_turn_in_a_training():
    remedy = simclr(AdversarialMask(masks=3)).remedies[0]
    x1, _, y = batch()
    ones = torch.ones(8, 2, 16, 16)
    remedy.soft_masks = lambda x: torch.arange(3.0).view(1, 3, 1, 1).expand(8, 3, 16, 16)
    seen = []
    for step in range(60):
        remedy.after_step(step / 60, None)
        seen.append(1 - remedy.views(x1, ones, y)[1][0, 0, 0, 0].item())
    assert [seen.count(number) > 8 for number in (0.0, 1.0, 2.0)] == [True] * 3


@pytest.mark.parametrize("remedy", [Viewmaker(), AdversarialMask()])
def test_chance_is_of_the_progress_alone(remedy):
    method = simclr(copy.deepcopy(remedy))
    losses = []
    for progress in (0.2, 0.6, 0.2):
        method.after_step(progress)
        torch.rand(5)  # torch's own random numbers have no part in it
        losses.append(method(*batch()).item())
    assert losses[0] == losses[2]
    again = simclr(copy.deepcopy(remedy))
    again.load_state_dict(method.state_dict())
    assert again(*batch()).item() == losses[2]


def test_noise_makes_another_view_of_the_same_picture():
    remedy = simclr(Viewmaker()).remedies[0]
    x, _, _ = batch()
    one = remedy.delta(x[:1].expand(2, 2, 16, 16))
    assert not torch.equal(one[0], one[1])


def test_local_crops_are_changed_by_the_viewmaker_and_left_by_masks():
    crop = torch.rand(8, 2, 8, 8)
    for remedy, changes in ((Viewmaker(), True), (AdversarialMask(), False)):
        method = simclr(remedy)
        *_, seen = method.remedies[0].views(*batch(), crop)
        assert torch.equal(seen, crop) is not changes


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Viewmaker(budget=-0.1), "budget = -0.1 is not in 0 to 1"),
        (lambda: Viewmaker(budget=float("nan")), "budget = nan"),
        (lambda: Viewmaker(viewmaker_width=0), "viewmaker_width = 0: it needs one channel"),
        (lambda: AdversarialMask(masks=1), "masks = 1: one mask would hide everything"),
        (lambda: AdversarialMask(mask_width=0), "mask_width = 0: the network needs one channel"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
