"""A training under way, in work/KEY/ of a store: its trace as it grows and its last checkpoint."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from suppression.execution.traces import as_lines, before, read_trace
from suppression.experiment.keys import Record, dumps
from suppression.writing import make_folders, replace, sha256

if TYPE_CHECKING:
    from torch import Tensor

    from suppression.execution.store import Store

CHECKPOINT_SECONDS = 20.0
KEPT = "kept."  # before the names of snapshots in a checkpoint


class Workplace:
    """A training under way: its trace as it grows and its last checkpoint (a `train.Keeper`)."""

    def __init__(self, store: Store, key: str, sources: Record) -> None:
        self.store, self.folder = store, store.root / "work" / key
        self.sources = sources
        self.saved = time.monotonic()
        self.trace: list[Record] = []
        self.damaged: str | None = None
        self.resumed_at = 0
        self.kept: dict[str, Tensor] = {}  # STEP.NAME, along training
        with store.writing():
            make_folders(self.folder)

    def log(self, row: Record) -> None:
        self.trace.append(row)
        with (
            self.store.writing(),
            (self.folder / "trace.jsonl").open("a", encoding="utf-8") as file,
        ):
            file.write(dumps(row) + "\n")

    def keep(self, weights: dict[str, Tensor], step: int) -> None:
        """They lie in the next checkpoint, too: a training that is resumed still has them."""
        self.kept |= {f"{step}.{name}": value for name, value in weights.items()}

    def due(self) -> bool:
        return time.monotonic() - self.saved > CHECKPOINT_SECONDS

    def save(self, tensors: dict[str, Tensor], step: int) -> None:
        """Replace the checkpoint.

        Its file holds the sha256, a line feed, then safetensors with the step and the sources in
        the metadata.
        """
        from safetensors.torch import save

        metadata = {"step": str(step), "sources": dumps(self.sources)}
        metadata["trace"] = sha256(as_lines(before(self.trace, step)))
        kept = {f"{KEPT}{name}": value for name, value in self.kept.items()}
        content = save({**tensors, **kept}, metadata=metadata)
        with self.store.writing():
            with (self.folder / "trace.jsonl").open("ab") as file:
                os.fsync(file.fileno())  # the checkpoint tells its checksum
            replace(self.folder / "checkpoint", sha256(content).encode() + b"\n" + content)
        self.saved = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], int] | None:
        """The last checkpoint and its step; the trace is cut back to it.

        None if there is none that is whole; `damaged` then says why.
        """
        logged = read_trace(self.folder / "trace.jsonl")
        checkpoint = self.read_checkpoint(logged)
        step = 0 if checkpoint is None else checkpoint[1]
        self.trace = before(logged, step)
        with self.store.writing():
            replace(self.folder / "trace.jsonl", as_lines(self.trace))
        self.resumed_at = step
        if checkpoint is None:
            return None
        tensors = checkpoint[0]
        for name in [name for name in tensors if name.startswith(KEPT)]:
            self.kept[name.removeprefix(KEPT)] = tensors.pop(name)
        return tensors, step

    def read_checkpoint(self, logged: list[Record]) -> tuple[dict[str, Tensor], int] | None:
        from safetensors.torch import load

        path = self.folder / "checkpoint"
        if not path.is_file():
            return None
        digest, _, content = path.read_bytes().partition(b"\n")
        if sha256(content) != digest.decode(errors="replace"):
            self.damaged = (
                f"{path} is not what was written (its checksum differs); the cell starts anew"
            )
            return None
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        told = header["__metadata__"]
        if told.get("sources", dumps(self.sources)) != dumps(self.sources):
            self.damaged = f"{path} is of other pictures than those there now; the cell starts anew"
            return None
        step = int(told["step"])
        # Checkpoints of older versions do not say what their trace was.
        if told.get("trace") not in (None, sha256(as_lines(before(logged, step)))):
            self.damaged = (
                f"{self.folder / 'trace.jsonl'} is not what was written (its checksum differs); "
                "the cell starts anew"
            )
            return None
        return load(content), step


def by_step(kept: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Tensors that are named STEP.NAME, by step and name, in the order of steps."""
    found: dict[int, dict[str, Tensor]] = {}
    for name in sorted(kept, key=lambda name: int(name.partition(".")[0])):
        step, _, tensor = name.partition(".")
        found.setdefault(int(step), {})[tensor] = kept[name]
    return found
