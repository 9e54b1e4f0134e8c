"""The untrained network: the floor under every probe (training can push a feature below it)."""

from suppression.methods.base import Method


class Untrained(Method):
    """The encoder as it was initialised; the other methods start from these very weights at the same seed."""

    trains = False
