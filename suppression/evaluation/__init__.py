"""Functions that ask a frozen encoder what it holds; each returns rows, or what rows are made of."""

from suppression.evaluation.linear import READOUTS, linear, mlp

__all__ = ["READOUTS", "linear", "mlp"]
