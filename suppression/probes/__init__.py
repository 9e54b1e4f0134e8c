"""Functions that ask a frozen encoder what it holds; each returns rows, or what rows are made of."""

from collections.abc import Callable
from typing import Any

from suppression.probes.readouts import linear, mlp

READOUTS: dict[str, Callable[..., dict[str, Any]]] = {"linear": linear, "mlp": mlp}

__all__ = ["READOUTS", "linear", "mlp"]
