"""Where cells run: in processes of this machine, or all of torchrun's on one cell at a time."""

from __future__ import annotations

from suppression.evaluation.spec import ProbeSettings
from suppression.execution import executor, together
from suppression.execution.context import Context
from suppression.execution.executor import Hear
from suppression.execution.runner import Row
from suppression.experiment.run import Run


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    workers: int | None = None,
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells; arguments, events and rows are those of `executor.run`.

    Raises:
        UserError: if one of them cannot be run there.
    """
    if together.is_launched():
        together.check_cells(cells, context)
        return executor.run_here(cells, probe, context, hear, unasked=unasked)
    return executor.run(cells, probe, context, hear, workers=workers, unasked=unasked)
