"""Where cells run, behind one interface: this machine, all of torchrun's processes, or Slurm.

Events, rows and the progress bar are the same everywhere; rows always come from the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from suppression.errors import UserError, unknown
from suppression.evaluation.spec import ProbeSettings
from suppression.execution import executor, slurm, together
from suppression.execution.context import Context
from suppression.execution.executor import Hear
from suppression.execution.runner import Row
from suppression.experiment.run import Run

OPTIONS: Mapping[str, tuple[str, ...]] = {"local": (), "slurm": slurm.OPTIONS}


@dataclass(frozen=True)
class Target:
    """Where cells run.

    Args:
        engine: local, or slurm.
        options: What the engine is told, by name.
        device: What `--device` says; auto is found out by the machine that runs a cell.

    Example:
        >>> Target.named("slurm:partition=gpu,time=1:00:00,array=8").options["array"]
        '8'
    """

    engine: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"

    @classmethod
    def named(cls, text: str, device: str = "auto") -> Target:
        """The target that `--on` names: ENGINE or ENGINE:NAME=VALUE,...

        Raises:
            UserError: for an engine or an option that is not there, with the nearest one.
        """
        engine, _, told = text.partition(":")
        if engine not in OPTIONS:
            raise unknown("--on knows no", engine, OPTIONS)
        options = {}
        for each in told.split(",") if told else []:
            name, equals, value = each.partition("=")
            if name not in OPTIONS[engine]:
                raise unknown(f"--on {engine} has no option", name, OPTIONS[engine])
            if not equals or not value:
                raise UserError(f"--on {text}: {name} has no value; {name}=VALUE is wanted")
            options[name] = value
        if not options.get("array", "1").isdigit() or options.get("array") == "0":
            raise UserError(
                f"--on {text}: array is how many cells run at a time, 1 or more: array=8"
            )
        return cls(engine, options, device)


def run(
    cells: list[Run],
    probe: ProbeSettings,
    context: Context,
    hear: Hear,
    *,
    target: Target | None = None,
    workers: int | None = None,
    unasked: int = 0,
) -> dict[int, list[Row]]:
    """Train and probe cells; arguments, events and rows are those of `executor.run`.

    Args:
        cells: What to run.
        probe: What the trained networks are asked.
        context: Where they are run and kept.
        hear: Told `(index, event)`.
        target: Where they are run; this machine if None.
        workers: How many run side by side on this machine.
        unasked: The first so many cells are trained and not probed.

    Raises:
        UserError: if one of them cannot be run there.
    """
    if target is not None and target.engine == "slurm":
        check_for_cluster(cells, workers)
        there = replace(context, device=target.device)
        return slurm.run(cells, probe, there, hear, options=target.options, unasked=unasked)
    if together.is_launched():
        together.check_cells(cells, context)
        return executor.run_here(cells, probe, context, hear, unasked=unasked)
    return executor.run(cells, probe, context, hear, workers=workers, unasked=unasked)


def check_for_cluster(cells: list[Run], workers: int | None) -> None:
    """Whether cells come out alike on whichever machine takes them.

    Raises:
        UserError: if one leaves its precision to the machine, if a class is known to this process
            alone, or if the number of workers is given, which is the cluster's.
    """
    if workers is not None:
        raise UserError("--workers is of this machine; slurm:array=N says how many run there")
    if together.is_launched():
        raise UserError("--on slurm runs each cell in one process: leave out torchrun")
    for cell in cells:
        if cell.training is not None and cell.training.precision == "auto":
            raise UserError(
                "precision = auto is decided by each machine, and a cluster's differ: "
                "--precision fp32 (or bf16) fixes it"
            )
    if executor.AtHome(cells).indices:
        raise UserError(
            "a class of these cells is defined in a notebook or a script, which no other machine "
            "can import: put it into a module and name that in SUPPRESSION_PLUGINS"
        )
