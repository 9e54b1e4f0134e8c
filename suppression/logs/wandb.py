"""W&B: a run a cell, in a project; offline where WANDB_MODE=offline says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suppression.errors import UserError
from suppression.logs.base import Cell, Row, needed, scalars, writable
from suppression.writing import replace

DONE = "logged"  # in the folder of a run of which all was logged


class WandB:
    """Logs into a project of W&B, or offline into the folder `wandb` (of WANDB_DIR, if set).

    Runs are called by ids that follow from their cells, so that W&B takes up an interrupted one.

    Args:
        project: Its name.
    """

    def __init__(self, project: str) -> None:
        self.wandb = needed("wandb", "wandb", "wandb")
        self.project, self.runs = project, dict[str, Any]()
        settings = self.wandb.setup().settings
        self.mode = settings.mode
        self.root = writable(f"wandb:{project} ({settings.root_dir})", settings.root_dir)
        if self.mode == "online":
            self.log_in()

    def log_in(self) -> None:
        """UserError where runs could not be sent: before any training, not after it."""
        try:
            self.wandb.login()
        except (self.wandb.Error, OSError) as error:
            raise UserError(
                f"--log wandb:{self.project}: {error} Or WANDB_MODE=offline keeps runs in "
                f"{self.root / 'wandb'}, to be sent by `wandb sync`"
            ) from error

    def begin(self, cell: Cell) -> bool:
        kept = f"*wandb/*run-*-{cell.id}/{DONE}"  # the folder is called .wandb, or wandb
        if next(self.root.glob(kept), None) is not None:
            return False
        self.runs[cell.id] = self.wandb.init(
            project=self.project,
            dir=str(self.root),
            id=cell.id,
            resume="allow" if self.mode == "online" else None,
            name=cell.name,
            group=cell.experiment,
            config={**cell.parameters, "key": cell.key},
            reinit="create_new",  # several are open at a time
            # Output stays where it belongs: it is of all cells.
            settings=self.wandb.Settings(silent=True, console="off"),
        )
        return True

    def log(self, cell: Cell, step: int, values: Mapping[str, float]) -> None:
        self.runs[cell.id].log(dict(values), step=step)

    def end(self, cell: Cell, rows: Sequence[Row] | None) -> None:
        run = self.runs.pop(cell.id)
        run.summary.update(scalars(rows))
        folder = Path(run.dir).parent
        run.finish(exit_code=int(rows is None))
        if rows is not None and folder.is_dir():
            replace(folder / DONE, b"")
