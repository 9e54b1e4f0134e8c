"""Probes: what a frozen encoder holds, asked by one file a question; `PROBES` lists them.

To add one, write a subclass of `Probe` (base.py; `Readout` where it tells labels from features) in
a file and a line in `PROBES` (probes.py), or call `register` from outside the package.
"""

from suppression.evaluation.adapters import as_encoder
from suppression.evaluation.base import Asked, Measure, Probe, Shown
from suppression.evaluation.evaluate import evaluate
from suppression.evaluation.knn import knn
from suppression.evaluation.linear import linear
from suppression.evaluation.mlp import mlp
from suppression.evaluation.probes import (
    AXES,
    BESIDE,
    COLUMNS,
    MEASURES,
    PROBES,
    SCENES,
    line_of,
    register,
    subjects,
    switched_on,
    unregister,
)
from suppression.evaluation.rankme import rankme
from suppression.evaluation.readouts import Readout
from suppression.evaluation.spec import ProbeSettings

__all__ = [
    "AXES",
    "BESIDE",
    "COLUMNS",
    "MEASURES",
    "PROBES",
    "SCENES",
    "Asked",
    "Measure",
    "Probe",
    "ProbeSettings",
    "Readout",
    "Shown",
    "as_encoder",
    "evaluate",
    "knn",
    "line_of",
    "linear",
    "mlp",
    "rankme",
    "register",
    "subjects",
    "switched_on",
    "unregister",
]
