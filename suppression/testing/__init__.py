"""Checks of contracts, for those who add to the toolkit: each raises an error that says what lacks.

>>> from suppression.methods import SimCLR
>>> from suppression.testing import check_method
>>> check_method(SimCLR)
"""

from suppression.testing.datasets import check_dataset
from suppression.testing.methods import check_method, check_remedy
from suppression.testing.probes import check_probe

__all__ = ["check_dataset", "check_method", "check_probe", "check_remedy"]
