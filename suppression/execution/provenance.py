"""How a result was made: command, machine, versions, seconds."""

from __future__ import annotations

import time
from typing import Any

from suppression.execution.store import Store
from suppression.experiment.machines import kind_of_machine
from suppression.experiment.plan import Plan

Facts = dict[str, Any]

PLACES = ("--store", "--root", "--out", "--report", "--on")
OF_THE_MACHINE = ("libraries", "python", "device", "machine", "cores", "threads")


def how_made(plan: Plan, store: Store, argv: list[str], *, failed: int, pins: Facts) -> Facts:
    """What the command was, and on what, when and how long its cells were trained.

    Args:
        plan: Its cells.
        store: Where they are.
        argv: The command line.
        failed: How many cells failed.
        pins: The parameters that were pinned, for the record.
    """
    keys = dict.fromkeys([*plan.keys, *plan.before])
    about = [store.about(key) for key in keys if store.has(key)]
    seconds = [each.get("seconds", 0.0) for each in about]
    memory = [each["peak_mb"] for each in about if each.get("peak_mb")]
    return {
        "command": " ".join(["python", "-m", "suppression.exp", *without_places(argv)]),
        "recorded": time.strftime("%Y-%m-%d"),
        "cells": len(about),
        "failed": failed,
        "pins": pins,
        "seeds": plan.seeds,
        "training_seconds": {"sum": round(sum(seconds)), "longest": max(seconds)},
        # Of one worker; a run has one a core, and a parent.
        "peak_mb": max(memory, default=None),
        "sources": sources_of(about),
        "precision": sorted({each.get("precision", "none") for each in about}),
        "commits": sorted({str(each["commit"]) for each in about}),
        **{name: about[0][name] for name in OF_THE_MACHINE},
        **unlike(plan, store, about),
    }


def unlike(plan: Plan, store: Store, about: list[Facts]) -> Facts:
    """All kinds of machines of a mixed record, and what that means; nothing where they are alike.

    Args:
        plan: Its cells.
        store: Where they are.
        about: How each was trained.
    """
    kinds = sorted({kind_of_machine(each) for each in about})
    if len(kinds) == 1:
        return {}
    mixed = mixed_machines(plan, store)
    found: Facts = {"machines": kinds}
    if mixed is not None:
        found["mixed_machines"] = mixed
    return found


def mixed_machines(plan: Plan, store: Store) -> str | None:
    """A note where a paired difference is also one between machines; None where none is.

    Differences between arms are paired by seed: the cells of one seed should come from one kind
    of processor and one set of libraries, or their last digits differ for that reason, too.
    """
    kinds_of: dict[int, dict[str, None]] = {}
    for cell in plan.cells:
        if store.has(cell.key) and cell.training is not None:
            about = store.about(cell.key)
            kinds_of.setdefault(cell.seed, {})[kind_of_machine(about)] = None
    mixed = {seed: kinds for seed, kinds in kinds_of.items() if len(kinds) > 1}
    if not mixed:
        return None
    seeds = ", ".join(str(seed) for seed in sorted(mixed))
    kinds = dict.fromkeys(kind for kinds in mixed.values() for kind in kinds)
    return (
        f"the cells of seed {seeds} were trained on unlike machines ({'; '.join(kinds)}): a paired "
        "difference between them holds that of the machines, too"
    )


def sources_of(about: list[Facts]) -> dict[str, str]:
    """The fingerprints of the sources that cells were trained on, by the sources' names."""
    found: dict[str, str] = {}
    for each in about:
        found |= each.get("sources", {})
    return found


def without_places(argv: list[str]) -> list[str]:
    """The command line without one machine's folders, which change nothing in the numbers."""
    kept: list[str] = []
    words = iter(argv)
    for word in words:
        if word in PLACES:
            next(words, None)
        elif not word.startswith(tuple(f"{place}=" for place in PLACES)):
            kept.append(word)
    return kept
