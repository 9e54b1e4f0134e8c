"""How a result was made: command, machine, versions, seconds."""

from __future__ import annotations

import json
import time
from typing import Any

from suppression.execution.store import Store
from suppression.experiment.keys import full_key
from suppression.experiment.plan import Plan

Facts = dict[str, Any]


def how_made(plan: Plan, store: Store, argv: list[str], *, failed: int, pins: Facts) -> Facts:
    """What the command was, and on what, when and how long its cells were trained."""
    used = [key for key, cell in plan.before.items() if cell not in plan.cells]
    about = [store.about(key) for key in dict.fromkeys([*map(full_key, plan.cells), *used]) if store.has(key)]
    seconds = [each.get("seconds", 0.0) for each in about]
    return {
        "command": " ".join(["python", "-m", "suppression.exp", *without_places(argv)]),
        "recorded": time.strftime("%Y-%m-%d"),
        "cells": len(about),
        "failed": failed,
        "pins": pins,
        "seeds": plan.seeds,
        "training_seconds": {"sum": round(sum(seconds)), "longest": max(seconds)},
        "peak_mb": max((each["peak_mb"] for each in about if each.get("peak_mb")), default=None),  # of a worker; a run has one a core, and a parent
        "precision": sorted({each.get("precision", "none") for each in about}),
        "commits": sorted({str(each["commit"]) for each in about}),
        **{key: about[0][key] for key in ("libraries", "python", "device", "machine", "cores", "threads")},
    }


def as_json(made: Facts | list[Facts]) -> bytes:
    return (json.dumps(made, indent=1) + "\n").encode()


def without_places(argv: list[str]) -> list[str]:
    """The command line without the folders of one machine, which change nothing in what is computed."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word in ("--store", "--root", "--out"):
            next(words, None)
        elif not word.startswith(("--store=", "--root=", "--out=")):
            kept.append(word)
    return kept
