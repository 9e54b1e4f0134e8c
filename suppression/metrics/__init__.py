"""Measures of what was learned: retention of a feature, intervals, state of a representation.

    >>> from suppression.metrics import retention
    >>> print(f"{retention(together=0.6, alone=0.9, chance=0.1):.3f}")
    0.625

Those of embeddings (`contrastive_metrics`, `participation_ratio`, `effective_rank`) are imported
when they are first asked for, as they need torch and a table of results does not.
"""

from typing import TYPE_CHECKING, Any

from suppression.metrics.contrasts import (
    Comparison,
    compare,
    detectable,
    equivalence,
    holm,
    letters,
    sign_flip,
)
from suppression.metrics.crossed import Crossed, crossed_interval
from suppression.metrics.intervals import mean_interval, verdict, wilson
from suppression.metrics.letting_go import lets_go
from suppression.metrics.retention import Threshold, incentive, retention, threshold
from suppression.metrics.units import Units

if TYPE_CHECKING:
    from suppression.metrics.representation import (
        contrastive_metrics,
        effective_rank,
        participation_ratio,
    )

__all__ = [
    "Comparison",
    "Crossed",
    "Threshold",
    "Units",
    "compare",
    "contrastive_metrics",
    "crossed_interval",
    "detectable",
    "effective_rank",
    "equivalence",
    "holm",
    "incentive",
    "lets_go",
    "letters",
    "mean_interval",
    "participation_ratio",
    "retention",
    "sign_flip",
    "threshold",
    "verdict",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'suppression.metrics' has no attribute {name!r}")
    from suppression.metrics import representation

    return getattr(representation, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
