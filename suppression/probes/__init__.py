"""Functions that ask a frozen encoder what it holds; each returns long-form rows."""

from suppression.probes.linear import linear

PROBES = {"linear": linear}

__all__ = ["PROBES", "linear"]
