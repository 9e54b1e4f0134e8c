"""The temperature schedule: its curve, which loss a step has, and what a resumed one has."""

from __future__ import annotations

import math

import pytest
import torch

from suppression.losses import nt_xent
from suppression.methods import SimCLR
from suppression.methods.remedies import TemperatureSchedule, with_remedies
from suppression.models import ResNet


def method_with(**parameters):
    torch.manual_seed(0)
    encoder = ResNet(width=4, stem=1, channels=1)
    return with_remedies(SimCLR(encoder), [TemperatureSchedule(**parameters)])


def batch():
    x1, x2 = torch.rand(2, 8, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    return x1, x2, torch.zeros(8, 10)


def test_the_curve_is_the_released_cosine():
    """tau = low + (high - low) (1 + cos(pi epoch / t_max)) / 2, t_max = 200 of 2,000 epochs."""
    schedule = TemperatureSchedule()
    for epoch in range(0, 2001, 40):
        released = 0.1 + 0.5 * (1.0 - 0.1) * (1 + math.cos(math.pi * epoch / 200))
        assert schedule.tau_at(epoch / 2000) == pytest.approx(released, abs=1e-9)


def test_the_mean_over_a_period_is_that_of_both_ends():
    schedule = TemperatureSchedule(tau_low=0.1, tau_high=0.7, periods=4)
    values = [schedule.tau_at(i / 400) for i in range(100)]
    assert sum(values) / 100 == pytest.approx(0.4, abs=1e-9)
    assert (min(values), max(values)) == pytest.approx((0.1, 0.7), abs=1e-9)


def test_each_step_has_the_temperature_of_its_progress():
    method = method_with(tau_low=0.1, tau_high=0.5, periods=1)
    x1, x2, y = batch()
    for progress, tau in ((0.0, 0.5), (0.25, 0.3), (0.5, 0.1), (1.0, 0.5)):
        if progress:
            method.after_step(progress)
        found = method(x1, x2, y)
        with torch.no_grad():
            z1, z2 = method.embed_views(x1, x2)
        assert method.tau == pytest.approx(tau, abs=1e-9)
        torch.testing.assert_close(found.detach(), nt_xent(z1, z2, tau=tau))


def test_equal_ends_are_nt_xent_at_that_temperature():
    method = method_with(tau_low=0.2, tau_high=0.2)
    torch.manual_seed(0)
    plain = SimCLR(ResNet(width=4, stem=1, channels=1), tau=0.2)
    method.after_step(0.3)
    assert method(*batch()).item() == plain(*batch()).item()


def test_a_method_that_takes_the_state_over_goes_on_with_that_temperature():
    method = method_with()
    method.after_step(0.07)
    again = method_with()
    again.load_state_dict(method.state_dict())
    assert again(*batch()).item() == method(*batch()).item()
    assert again.tau == method.tau != 1.0


def test_it_goes_with_whatever_loss_there_is_but_one_without_a_temperature():
    method = SimCLR(ResNet(width=4, stem=1, channels=1), loss="margin")
    with pytest.raises(ValueError, match="needs a temperature tau, which loss = margin has not"):
        with_remedies(method, [TemperatureSchedule()])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"tau_low": 0.0}, "tau_low = 0.0, tau_high = 1.0: temperatures are above 0"),
        ({"tau_low": 0.5, "tau_high": 0.2}, "the low one not above the high one"),
        ({"tau_high": math.inf}, "tau_high = inf"),
        ({"periods": 0.0}, "periods = 0.0 is not above 0"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(parameters, told):
    with pytest.raises(ValueError, match=told):
        TemperatureSchedule(**parameters)
