"""Cells that other machines run: queue/NAME/ in the store, with all that they need to be run.

tasks.json      the cells, their probes and where they are run
jobs            the scheduler's numbers of what was submitted, a line each
I.jsonl         the events of cell number I, as it tells them
I.log           what its process printed
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from suppression.errors import UserError
from suppression.evaluation.spec import ProbeSettings
from suppression.execution.context import Context
from suppression.execution.store import Store
from suppression.execution.traces import read_lines
from suppression.experiment.run import Run
from suppression.writing import make_folders, replace

Asked = tuple[Run, ProbeSettings | None]
Task = tuple[Run, ProbeSettings | None, Context]


class Queue:
    """The cells of one submission.

    Args:
        store: Where they are kept.
        name: The name of their folder.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.store, self.name = store, name
        self.folder = store.root.absolute() / "queue" / name

    @classmethod
    def of(cls, asked: list[Asked], context: Context) -> Queue:
        """Queue cells; a probe of None trains only."""
        queue = cls(Store(context.store), f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns()}")
        tasks = [described(cell, probe) for cell, probe in asked]
        with queue.store.writing():
            make_folders(queue.folder)
            content = json.dumps({"context": place_of(context), "tasks": tasks}, indent=1)
            replace(queue.folder / "tasks.json", content.encode())
        return queue

    @classmethod
    def all(cls, store: Store) -> list[Queue]:
        """Every submission to this store, the newest first."""
        folders = sorted((store.root / "queue").glob("*/tasks.json"), reverse=True)
        return [cls(store, path.parent.name) for path in folders]

    def contents(self) -> dict[str, Any]:
        return json.loads((self.folder / "tasks.json").read_text(encoding="utf-8"))

    def task(self, number: int) -> Task:
        """A cell, its probe, and where it is run.

        Raises:
            UserError: if it was queued by another version of the program.
        """
        contents = self.contents()
        return taken(contents["tasks"][number], contents["context"])

    def tell(self, number: int, event: tuple[Any, ...]) -> None:
        """Append an event of a cell; one process at a time does so."""
        with (
            self.store.writing(),
            (self.folder / f"{number}.jsonl").open("a", encoding="utf-8") as file,
        ):
            file.write(json.dumps(event) + "\n")

    def events(self, number: int) -> list[tuple[Any, ...]]:
        """All events of a cell so far."""
        return [tuple(line) for line in read_lines(self.folder / f"{number}.jsonl")]

    def add_job(self, job: str) -> None:
        with self.store.writing(), (self.folder / "jobs").open("a", encoding="utf-8") as file:
            file.write(job + "\n")

    def jobs(self) -> list[str]:
        path = self.folder / "jobs"
        return path.read_text(encoding="utf-8").split() if path.is_file() else []

    def log(self, number: int, lines: int = 5) -> str:
        """The end of what a cell's process printed."""
        path = self.folder / f"{number}.log"
        if not path.is_file():
            return f"it printed nothing ({path} is not there)"
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        return "\n".join([f"the end of {path}:", *text.splitlines()[-lines:]])


def described(cell: Run, probe: ProbeSettings | None) -> dict[str, Any]:
    """A cell and its probe as JSON."""
    asked = None if probe is None else probe.model_dump_json()
    return {"key": cell.key, "cell": cell.parameters, "probe": asked}


def place_of(context: Context) -> dict[str, Any]:
    """A context as JSON; its folders are named as every machine finds them."""
    root = None if context.root is None else str(context.root.absolute())
    store = Store(context.store.absolute()).place
    return {**asdict(context), "store": store, "root": root}


def taken(task: Mapping[str, Any], place: Mapping[str, Any]) -> Task:
    """A cell, its probe, and where it is run, of what `described` and `place_of` made.

    Raises:
        UserError: if it was sent by another version of the program.
    """
    cell, probe = Run.of(task["cell"]), task["probe"]
    if cell.key != task["key"]:
        raise UserError(f"the cell {task['key']} was sent by another version of the program")
    root = None if place["root"] is None else Path(place["root"])
    context = Context(**{**place, "store": Store(place["store"]).root, "root": root})
    if probe is not None:
        probe = ProbeSettings.model_validate_json(probe)
    return cell, probe, context


def work_of(cell: Run, probe: ProbeSettings | None, context: Context) -> str:
    """All that another machine needs to run a cell, as one line of JSON."""
    mark = Store(context.store).mark()
    work = {"task": described(cell, probe), "place": place_of(context), "mark": mark}
    return json.dumps(work, sort_keys=True)


def received(work: str) -> Task:
    """What `work_of` wrote.

    Raises:
        UserError: if this machine does not see its store, or has another version of the program.
    """
    told = json.loads(work)
    cell, probe, context = taken(told["task"], told["place"])
    if Store(context.store).read_mark() != told["mark"]:
        raise UserError(
            f"{socket.gethostname()} does not see the store {context.store}: name one with --store "
            "on a disk that all machines have at that path"
        )
    return cell, probe, context
