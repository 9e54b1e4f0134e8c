"""Run the benchmarks and print their tables; --write puts each into benchmarks/README.md."""

from __future__ import annotations

import argparse
import inspect
import os
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import challenges
import faults
import gpu
import intervals
import job
import live
import parts
import program
import scenes
import step
import words
from paired import CPU, Found, table

from suppression.execution import environment

README = Path(__file__).parent / "README.md"


class Section(NamedTuple):
    run: Callable[[int], Found]  # its docstring is the README's text
    repetitions: int
    libraries: tuple[str, ...] = ()


SECTIONS = {
    "step": Section(step.step, 9, ("torchvision", "lightly", "pillow")),
    "job": Section(job.job, 5),
    "loss": Section(parts.loss, 5, ("lightly", "pytorch-metric-learning")),
    "views": Section(step.views, 7, ("torchvision", "kornia", "pillow")),
    "scenes": Section(scenes.scenes, 7, ("torchvision", "pillow", "numpy")),
    "probe": Section(parts.probe, 5, ("scikit-learn",)),
    "clusters": Section(parts.clusters, 7, ("faiss-cpu", "scikit-learn")),
    "doors": Section(program.doors, 5, ("pydantic",)),
    "live": Section(live.live, 3, ("rich",)),
    "scaling": Section(program.scaling, 2, ("matplotlib",)),
    "memory": Section(program.memory, 1),
    "challenges": Section(challenges.challenges, 1, ("faiss-cpu", "matplotlib")),
    "gpu": Section(gpu.gpu, 3),
    "statistics": Section(intervals.statistics, 1, ("numpy", "scipy")),
    "words": Section(words.words, 1, ("numpy", "scipy")),
    "faults": Section(faults.faults, 1, ("pillow", "safetensors")),
}


def version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return f"{library} not installed"


def report(name: str, asked: int | None, commit: str | None) -> tuple[str, dict[str, bytes]]:
    """Run one section: its text with table and notes, and its figures.

    Below it stands what numbers need beside them to be believed.
    """
    section, load, began = SECTIONS[name], os.getloadavg()[0], time.monotonic()
    repetitions = asked or section.repetitions
    found, facts = section.run(repetitions), environment.facts(CPU)
    text = [f"## {name}", inspect.getdoc(getattr(section.run, "func", section.run)) or ""]
    if found.rows:
        text.append(table(found.rows))
    text += [f"![{name}]({file})" for file in found.figures]
    text += found.notes
    versions = [f"Python {facts['python']}", version("torch"), *map(version, section.libraries)]
    measured = [
        f"{facts['machine']}, {facts['cores']} cores, load {load:.1f} when begun",
        ", ".join(versions),
        f"commit {commit}",
        facts["date"],
        f"{repetitions} repetition{'s' * (repetitions > 1)}, "
        f"{time.monotonic() - began:.0f} s in all.",
    ]
    text.append("; ".join(measured))
    return "\n\n".join(text), found.figures


def put(name: str, text: str) -> None:
    """Replace the section between its marks, or add it at the end."""
    begin, end = f"<!-- {name}: begin (written by run.py) -->", f"<!-- {name}: end -->"
    whole = README.read_text()
    before, found, rest = whole.partition(begin)
    after = rest.partition(end)[2]
    if not found:
        before, after = f"{whole.rstrip()}\n\n", "\n"
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    names = ", ".join(SECTIONS)
    usual = [name for name in SECTIONS if name != "faults"]  # which takes longer than all others
    add(
        "--only",
        nargs="+",
        choices=SECTIONS,
        default=usual,
        metavar="SECTION",
        help=f"of {names} (default: all but faults)",
    )
    add("--repetitions", type=int, metavar="N", help="of each section (default: each its own)")
    add("--write", action="store_true", help="put tables into benchmarks/README.md, and figures")
    asked, commit = parser.parse_args(), environment.commit()
    for name in asked.only:
        text, figures = report(name, asked.repetitions, commit)
        print(f"{text}\n", flush=True)
        if asked.write:
            put(name, text)
            for file, content in figures.items():
                (README.parent / file).write_bytes(content)


if __name__ == "__main__":
    main()
