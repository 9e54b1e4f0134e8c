"""A temperature that goes up and down (Kukleva et al. 2023)."""

from __future__ import annotations

import math
from inspect import signature
from typing import Any

from suppression.methods import Method
from suppression.methods.remedies.base import Clocked


class TemperatureSchedule(Clocked):
    """The temperature goes from `tau_high` to `tau_low` and back, several times in a training.

    `tau = tau_low + (tau_high - tau_low) (1 + cos(2 pi periods progress)) / 2`. A high temperature
    tells groups apart, a low one single pictures, so that both kinds of features are wanted in
    turn. The released schedule is stepped by epochs, with a period of 400 of 2,000; here the
    clock is the share of training that is done.

    Args:
        tau_low: The lowest temperature, above 0.
        tau_high: The highest one, which training begins with, `tau_low` or more.
        periods: How often it goes down and up again, above 0.

    Raises:
        ValueError: A parameter is out of range.

    Source:
        Kukleva et al. 2023, "Temperature Schedules for Self-Supervised Contrastive Methods on
        Long-Tail Data", and its code, 0.1 to 1.

    Example:
        >>> from suppression.methods import SimCLR
        >>> from suppression.methods.remedies import TemperatureSchedule, with_remedies
        >>> from suppression.models import ResNet
        >>> schedule = TemperatureSchedule(tau_low=0.1, tau_high=0.5, periods=1)
        >>> method = with_remedies(SimCLR(ResNet(width=4, stem=1, channels=1)), [schedule])
        >>> [round(schedule.tau_at(progress), 3) for progress in (0, 0.25, 0.5, 1)]
        [0.5, 0.3, 0.1, 0.5]
    """

    name = "tau_schedule"
    needs = "a temperature tau"
    idle = ("tau",)

    def __init__(
        self, *, tau_low: float = 0.1, tau_high: float = 1.0, periods: float = 5.0
    ) -> None:
        if not 0 < tau_low <= tau_high < math.inf:
            raise ValueError(
                f"tau_low = {tau_low}, tau_high = {tau_high}: temperatures are above 0, the low "
                "one not above the high one"
            )
        if not 0 < periods < math.inf:
            raise ValueError(f"periods = {periods} is not above 0")
        super().__init__()
        self.tau_low, self.tau_high, self.periods = tau_low, tau_high, periods

    @classmethod
    def goes_with(cls, kind: type[Method]) -> bool:
        return super().goes_with(kind) and has_temperature(kind)

    def check(self, method: Method) -> None:
        super().check(method)
        if getattr(method, "loss", None) == "margin":
            raise ValueError(f"remedy {self.name} needs {self.needs}, which loss = margin has not")

    def tau_at(self, progress: float) -> float:
        """The temperature where this share of training is done."""
        swing = (1 + math.cos(2 * math.pi * self.periods * progress)) / 2
        return self.tau_low + (self.tau_high - self.tau_low) * swing

    def before_step(self, method: Any) -> None:
        method.tau = self.tau_at(self.progress)


def has_temperature(kind: type[Method]) -> bool:
    """Whether a method has the parameter tau."""
    for cls in kind.__mro__:
        if "__init__" in cls.__dict__ and "tau" in signature(cls.__init__).parameters:  # type: ignore[misc]
            return True
    return False
