"""Run the benchmarks, print their tables and, with --write, put each into its place in benchmarks/README.md."""

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
import gpu
import parts
import program
import scenes
import step
from paired import CPU, Found, table

from suppression.execution import environment

README = Path(__file__).parent / "README.md"


class Section(NamedTuple):
    run: Callable[[int], Found]  # its docstring is the README's text
    repetitions: int
    libraries: tuple[str, ...] = ()


SECTIONS = {
    "step": Section(step.step, 9, ("torchvision", "lightly", "pillow")),
    "loss": Section(parts.loss, 5, ("lightly", "pytorch-metric-learning")),
    "views": Section(step.views, 7, ("torchvision", "kornia", "pillow")),
    "scenes": Section(scenes.scenes, 7, ("torchvision", "pillow", "numpy")),
    "probe": Section(parts.probe, 5, ("scikit-learn",)),
    "clusters": Section(parts.clusters, 7, ("faiss-cpu", "scikit-learn")),
    "doors": Section(program.doors, 5),
    "scaling": Section(program.scaling, 2, ("matplotlib",)),
    "memory": Section(program.memory, 1),
    "challenges": Section(challenges.challenges, 1, ("faiss-cpu", "matplotlib")),
    "gpu": Section(gpu.gpu, 3),
}


def version(library: str) -> str:
    try:
        return f"{library} {metadata.version(library)}"
    except metadata.PackageNotFoundError:
        return f"{library} not installed"


def report(name: str, asked: int | None, commit: str | None) -> tuple[str, dict[str, bytes]]:
    """Run one section: its text, table, notes and figures, and what they need beside them to be believed."""
    section, load, began = SECTIONS[name], os.getloadavg()[0], time.monotonic()
    repetitions = asked or section.repetitions
    found, facts = section.run(repetitions), environment.facts(CPU)
    where = f"{facts['machine']}, {facts['cores']} cores, load {load:.1f} when begun"
    libraries = ", ".join([f"Python {facts['python']}", *map(version, ("torch", *section.libraries))])
    measured = (
        f"{where}; {libraries}; commit {commit}; {facts['date']}; {repetitions} repetition{'s' * (repetitions > 1)}, {time.monotonic() - began:.0f} s in all."
    )
    shown = [f"![{name}]({file})" for file in found.figures]
    text = [f"## {name}", inspect.getdoc(section.run) or "", *([table(found.rows)] if found.rows else []), *shown, *found.notes, measured]
    return "\n\n".join(text), found.figures


def put(name: str, text: str) -> None:
    """Replace the section between its marks, or add it at the end."""
    begin, end = f"<!-- {name}: begin (written by run.py) -->", f"<!-- {name}: end -->"
    whole = README.read_text()
    before, found, rest = whole.partition(begin)
    after = rest.partition(end)[2] if found else "\n"
    before = before if found else f"{whole.rstrip()}\n\n"
    README.write_text(f"{before}{begin}\n{text}\n{end}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of each section (default: each its own)")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md, and scaling's figure beside it")
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
