"""See and measure feature suppression in contrastive learning.

Contrastive learning pulls two views of one picture together. When the views share several
features, the easy one (a large digit, a colour, a few shared bits) can keep the others from
being learned. Here pictures are made whose features are known, compact networks are trained on
them, and frozen probes tell which features survived, each result beside the published one.

In a notebook:

    import suppression as sup

    sup.experiments()                                # what there is
    result = sup.run("digit_size", scale="smoke", tau=0.2)     # trains what is missing
    result                                           # table, verdict, figure
    result.rows, result.to_pandas()                  # long-form rows
    result.report("out.html")                        # one page to hand on
    sup.record("digit_size")                         # what was recorded; nothing is trained
    sup.explore()                                    # all that was recorded, to move through

    sup.dataset("two_digits").sample(8).show()       # any card: the scenes, and both views
    scenes = sup.datasets.TwoDigits(canvas=40, size1=9, size2=32)
    encoder = sup.fit(scenes, method="simclr", tau=0.2, steps=200)
    sup.evaluate(encoder, scenes)                    # any module or callable: accuracy by feature
    sup.audit("timm:resnet18.a1_in1k", "digit_size") # a network that others trained
    sup.save_encoder(encoder, "mine.safetensors")    # sup.load_encoder, sup.to_onnx
    sup.lessons.check("05.2", answer)                # an exercise of notebooks/: right, or a hint

On the command line: `python -m suppression.exp` lists the experiments,
`python -m suppression.exp digit_size --tau 0.2` runs one, `NAME --help` names its parameters.

Parts: `datasets`, `methods`, `probes`, `losses`, `metrics`. Add your own with `register`, or name
modules in SUPPRESSION_PLUGINS; `testing` checks that they keep the contract.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suppression import audit, lessons, losses, methods, metrics, testing
    from suppression import data as datasets
    from suppression import evaluation as probes
    from suppression.api import (
        dataset,
        evaluate,
        experiments,
        explore,
        fit,
        leaderboard,
        plan,
        record,
        register,
        run,
    )
    from suppression.errors import UserError
    from suppression.evaluation.shared import shared_information
    from suppression.execution.trained import encoder
    from suppression.models import load_encoder, save_encoder, to_onnx
    from suppression.reporting.result import Result

__version__ = "0.1.0"

__all__ = [
    "Result",
    "UserError",
    "audit",
    "dataset",
    "datasets",
    "encoder",
    "evaluate",
    "experiments",
    "explore",
    "fit",
    "leaderboard",
    "lessons",
    "load_encoder",
    "losses",
    "methods",
    "metrics",
    "plan",
    "probes",
    "record",
    "register",
    "run",
    "save_encoder",
    "shared_information",
    "testing",
    "to_onnx",
]

# Looked up when they are first asked for: `import suppression` alone does not import torch.
MODULES = {
    "datasets": "suppression.data",
    "audit": "suppression.audit",
    "explore": "suppression.explore",
    "lessons": "suppression.lessons",
    "losses": "suppression.losses",
    "methods": "suppression.methods",
    "metrics": "suppression.metrics",
    "probes": "suppression.evaluation",
    "testing": "suppression.testing",
}
NAMES = {
    "Result": "suppression.reporting.result",
    "UserError": "suppression.errors",
    "dataset": "suppression.api",
    "encoder": "suppression.execution.trained",
    "evaluate": "suppression.api",
    "experiments": "suppression.api",
    "fit": "suppression.api",
    "leaderboard": "suppression.api",
    "load_encoder": "suppression.models",
    "plan": "suppression.api",
    "record": "suppression.api",
    "register": "suppression.api",
    "run": "suppression.api",
    "save_encoder": "suppression.models",
    "shared_information": "suppression.evaluation.shared",
    "to_onnx": "suppression.models",
}


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return importlib.import_module(MODULES[name])
    if name in NAMES:
        return getattr(importlib.import_module(NAMES[name]), name)
    raise AttributeError(f"module 'suppression' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
