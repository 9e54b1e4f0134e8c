"""What a run leaves behind: its figure and csv in the store, and, on request, a record of them with how they were made."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from suppression.errors import UserError
from suppression.knobs import full_key
from suppression.machine import Place
from suppression.recipe import Plan
from suppression.rows import to_csv
from suppression.store import Store

Row = dict[str, Any]


def leave(plan: Plan, rows: list[Row], shown: list[Row], store: Store, place: Place) -> Path:
    """NAME.SCALE.png, .svg (of all rows shown) and .csv (of the rows asked for) in the store's results, and .pictures.png where local features were clustered;
    drawn only if the rows are not those drawn last."""
    name = f"{plan.name}.{plan.scale}"
    digest = hashlib.sha256(json.dumps([shown, plan.axis, plan.arms], sort_keys=True).encode()).hexdigest()
    if store.result_digest(name) != digest:
        from suppression.figures import figure, saved

        drawn = figure(plan, shown)
        for kind in ("png", "svg"):
            store.put_result(f"{name}.{kind}", saved(drawn, kind))
        if plan.probe.clusters:
            from suppression.pictures import cluster_sheet, lighter

            if (sheet := cluster_sheet(plan, store, place)) is not None:
                store.put_result(f"{name}.pictures.png", lighter(saved(sheet, "png")))
        store.put_result(f"{name}.csv", to_csv(rows).encode())
        store.put_result(f"{name}.sha256", digest.encode())
    return store.root / "results" / f"{name}.png"


def record(plan: Plan, store: Store, out: Path, argv: list[str], *, failed: int) -> list[str]:
    """Copy the csv, the svg and the pictures to `out`, with a .json that tells the command, the machine, the versions and the seconds they took; returns what
    kinds were written."""
    name = f"{plan.name}.{plan.scale}"
    used = [key for key, cell in plan.before.items() if cell not in plan.cells]
    about = [store.about(key) for key in [*map(full_key, plan.cells), *used] if store.has(key)]
    seconds = [each.get("seconds", 0.0) for each in about]
    facts = {
        "command": " ".join(["python", "-m", "suppression.exp", *without_places(argv)]),
        "recorded": time.strftime("%Y-%m-%d"),
        "cells": len(about),
        "failed": failed,
        "seeds": plan.seeds,
        "training_seconds": {"sum": round(sum(seconds)), "longest": max(seconds)},
        "peak_mb": max((each["peak_mb"] for each in about if each.get("peak_mb")), default=None),  # of a worker; a run has one a core, and a parent
        "precision": sorted({each.get("precision", "none") for each in about}),
        "commits": sorted({str(each["commit"]) for each in about}),
        **{key: about[0][key] for key in ("libraries", "python", "device", "machine", "cores", "threads")},
    }
    kinds = ["csv", "svg", *(["pictures.png"] if plan.probe.clusters else [])]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for kind in kinds:
            (out / f"{name}.{kind}").write_bytes((store.root / "results" / f"{name}.{kind}").read_bytes())
        (out / f"{name}.json").write_text(json.dumps(facts, indent=1) + "\n")
    except OSError as error:
        raise UserError(f"--out {out} cannot be written: {error.strerror}") from error
    return [*kinds, "json"]


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
