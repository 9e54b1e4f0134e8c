"""Names that share a table or a row are apart."""

from __future__ import annotations

from suppression.data import DATASETS
from suppression.evaluation.probes import COLUMNS
from suppression.experiment.rows import INSIDE
from suppression.experiment.schema import schema
from suppression.methods import METHODS


def test_no_method_is_called_as_a_parameter_is():
    """A scale's table names methods and parameters side by side."""
    assert [(kind, name) for kind in DATASETS for name in METHODS if name in schema(kind)] == []


def test_no_score_of_a_row_is_called_as_a_parameter_is():
    """A row has both: its cell's parameter would stand where the score was."""
    scores = {*COLUMNS, *INSIDE}
    assert {"accuracy", "guess", "cases", "decodable", "k", "nmi", "rank"} < scores
    assert [(kind, name) for kind in DATASETS for name in scores if name in schema(kind)] == []
