"""MLflow: a run a cell, in an experiment; in a folder of one's own or on a server."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from suppression.errors import UserError
from suppression.logs.base import Cell, Row, needed, scalars, writable

TAG = "suppression.id"
SECONDS = 2.0  # between two writings: one takes tens of milliseconds, on a server more
AT_ONCE = 900  # metrics; MLflow takes 1000
PARAMETERS = 100  # that MLflow takes at once


class MLflow:
    """Logs into DIR/mlflow.db, or to a tracking server.

    `mlflow ui --backend-store-uri sqlite:///DIR/mlflow.db` shows it. A folder is kept as the
    database that MLflow makes by default: of version 3 on it refuses its own folders of files.

    Args:
        place: DIR, or a tracking URI such as http://localhost:5000.
    """

    def __init__(self, place: str) -> None:
        word = f"mlflow:{place}"
        needed("mlflow", "mlflow", "mlflow")
        tracking = needed("mlflow", "mlflow.tracking", "mlflow")
        self.entities = needed("mlflow", "mlflow.entities", "mlflow")
        uri, self.artifacts = place, None
        if "://" not in place and place != "databricks":
            needed("mlflow", "alembic", "mlflow")  # mlflow-skinny has no databases
            folder = writable(word, place).resolve()
            uri, self.artifacts = f"sqlite:///{folder}/mlflow.db", (folder / "files").as_uri()
        try:
            self.client = tracking.MlflowClient(uri)
            self.client.search_experiments(max_results=1)
        except Exception as error:  # a server that does not answer, of whatever kind
            raise UserError(f"--log {word} cannot be used: {error}") from error
        self.runs: dict[str, str] = {}
        self.waiting: dict[str, list[Any]] = {}
        self.written: dict[str, float] = {}

    def begin(self, cell: Cell) -> bool:
        found = self.client.get_experiment_by_name(cell.experiment)
        if found is not None:
            number = found.experiment_id
            done = f"tags.`{TAG}` = '{cell.id}' and attributes.status = 'FINISHED'"
            if self.client.search_runs([number], done, max_results=1):
                return False
        else:
            number = self.client.create_experiment(cell.experiment, self.artifacts)
        tags = {TAG: cell.id, "suppression.key": cell.key}
        run = self.client.create_run(number, tags=tags, run_name=cell.name)
        self.runs[cell.id], self.waiting[cell.id] = run.info.run_id, []
        self.written[cell.id] = time.monotonic()
        told = [self.entities.Param(name, str(each)) for name, each in cell.parameters.items()]
        for first in range(0, len(told), PARAMETERS):
            self.client.log_batch(run.info.run_id, params=told[first : first + PARAMETERS])
        return True

    def log(self, cell: Cell, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        for name, value in values.items():
            self.waiting[cell.id].append(self.entities.Metric(name, value, now, step))
        if time.monotonic() - self.written[cell.id] > SECONDS:
            self.write(cell)

    def write(self, cell: Cell) -> None:
        waiting = self.waiting[cell.id]
        for first in range(0, len(waiting), AT_ONCE):
            some = waiting[first : first + AT_ONCE]
            self.client.log_batch(self.runs[cell.id], metrics=some)
        self.waiting[cell.id] = []
        self.written[cell.id] = time.monotonic()

    def end(self, cell: Cell, rows: Sequence[Row] | None) -> None:
        self.log(cell, 0, scalars(rows))
        self.write(cell)
        status = "FAILED" if rows is None else "FINISHED"
        self.client.set_terminated(self.runs.pop(cell.id), status)
