"""An encoder as another cell left it: what was learned on one data set, asked the questions of another (transfer)."""

from __future__ import annotations

from torch import nn

from suppression.methods.base import Method


class Frozen(Method):
    """The encoder of `start`, and nothing is trained."""

    trains = False
    builds_on = ("start",)

    def __init__(self, encoder: nn.Module, start: Method | None = None) -> None:
        super().__init__(encoder)
