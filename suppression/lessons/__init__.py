"""What the lessons in notebooks/ use: exercises that are checked, and pictures of one message.

    sup.lessons.check("05.2", answer)     # right, or a hint
    sup.lessons.panel(result, "class")    # one panel, each line with its name
    sup.lessons.result("random_bits", live=True)    # trained here, else the record

`python -m suppression.lessons prepare` trains what lessons show live.
"""

from suppression.lessons.checking import Checked, check
from suppression.lessons.drawing import (
    bit_strip,
    clusters,
    curve,
    ladder,
    panel,
    softmax_strip,
    traces,
)
from suppression.lessons.reading import percent, ranking, result

__all__ = [
    "Checked",
    "bit_strip",
    "check",
    "clusters",
    "curve",
    "ladder",
    "panel",
    "percent",
    "ranking",
    "result",
    "softmax_strip",
    "traces",
]
