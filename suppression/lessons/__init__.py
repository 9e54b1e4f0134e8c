"""What the lessons in notebooks/ use: exercises that are checked, and pictures of one message.

    sup.lessons.check("05.2", answer)     # right, or a hint
    sup.lessons.panel(result, "class")    # one panel, each line with its name
    sup.lessons.result("random_bits", live=True)    # trained here, else the record
    sup.lessons.sliders("two_digits", size1=12, size2=(12, 32))    # scenes under one's hands

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
from suppression.lessons.moving import Sliders, sliders
from suppression.lessons.reading import percent, ranking, result

__all__ = [
    "Checked",
    "Sliders",
    "bit_strip",
    "check",
    "clusters",
    "curve",
    "ladder",
    "panel",
    "percent",
    "ranking",
    "result",
    "sliders",
    "softmax_strip",
    "traces",
]
